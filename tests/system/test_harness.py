"""The harness itself: nothing of the machine can be reached from the cable, and the
scripted master is a master to somebody else, too."""
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from lib.cable import NEAR_IF, HarnessError
from lib.kit import near_truth
from lib.peers import Ptp4lClient, ScriptedMaster
from lib.shm import ShmObserver, median_ns


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


def test_ptp4l_follows_the_scripted_master(cable):
    master = ScriptedMaster(cable).start()
    Ptp4lClient(cable).start()
    shm = ShmObserver()
    near_truth(shm.wait_for_samples(20, 30, "ptp4l publishes"))
    master.set(error_ns=5_000_000)
    time.sleep(2)  # What was measured before is filtered with what came after.
    fast = median_ns(shm.collect(seconds=2))
    assert abs(fast - 5_000_000) < 100_000, f"{fast} ns from a master that is 5 ms fast"
    sent = master.mute()
    time.sleep(1)
    assert master.sent() == sent, "not mute"


def test_the_scripted_master_refuses_what_does_not_fit(cable):
    master = ScriptedMaster(cable).start()
    for fields in ({"colour": 1}, {"clock_class": 256}, {"leap61": 1}, {"current_utc_offset": 2**15}):
        try:
            master.set(**fields)
        except HarnessError:
            continue
        raise AssertionError(f"took {fields}")


def test_a_standstill_is_seen(cable):
    child = subprocess.Popen(
        [sys.executable, "-c", "import time; from lib.standstill import Watch; watch = Watch(); since = time.monotonic(); "
                               "print('begun', flush=True); input(); print(watch.longest(since), watch.longest(time.monotonic()))"],
        cwd=Path(__file__).parent, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "begun\n"
    child.send_signal(signal.SIGSTOP)
    time.sleep(1)
    child.send_signal(signal.SIGCONT)
    time.sleep(0.5)  # More than a beat.
    stood, since_then = map(float, child.communicate("\n", timeout=10)[0].split())
    assert stood >= 0.9 and since_then == 0, f"{stood} s, and then {since_then} s"
