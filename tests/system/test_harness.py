"""The harness itself: nothing of the machine can be reached from the cable."""
import os

from lib.cable import NEAR_IF


def test_the_clock_cannot_be_set(cable):
    for side in ("near", "far"):
        lines = cable.shell(side, "grep Cap /proc/self/status").splitlines()
        assert len(lines) == 5
        for line in lines:
            name, mask = line.split()
            assert not int(mask, 16) >> 25 & 1, f"CAP_SYS_TIME in {name}"


def test_shared_memory_and_network_are_private(cable):
    for kind in ("ipc", "net", "mnt"):
        inside = cable.shell("near", f"readlink /proc/self/ns/{kind}").strip()
        # Of the process that started this one: the test itself has joined the IPC namespace.
        assert inside != os.readlink(f"/proc/{os.getppid()}/ns/{kind}"), kind
    assert NEAR_IF in cable.shell("near", "ls /sys/class/net")
    assert cable.shell("near", "ls /run") == ""
