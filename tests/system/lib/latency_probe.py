"""The probe program of ebpf/ and the PTP messages it is to see."""
import ctypes
import errno
import fcntl
import json
import os
import socket
import struct
import sys
import time
from pathlib import Path

from . import peers
from .cable import FAR_IF, NEAR_IF, wait_until
from .kit import Skip

TRAFFIC = Path(__file__).with_name("ptp_traffic.py")

# bpf(2) answers with an errno, from a filter of ours; then the program proper.
REFUSE_BPF = """
import ctypes, os, platform, struct, sys
number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
code = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (6, 0, 0, 0x50000 | int(sys.argv[1])), (6, 0, 0, 0x7fff0000)]
filter = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *c) for c in code))
program = ctypes.create_string_buffer(struct.pack("=H6xQ", len(code), ctypes.addressof(filter)))
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0 and libc.prctl(22, 2, program) == 0
os.execv(sys.argv[2], sys.argv[2:])
"""


def without_bpf_call(error):
    return [sys.executable, "-c", REFUSE_BPF, error]


HIDE_BTF = ["unshare", "-m", "sh", "-c",
            'mount -t tmpfs none /mnt && mount --bind /mnt /sys/kernel/btf && exec "$@"', "sh"]


def without_tracepoints(cable, *names):
    """A kernel too old for these: its BTF, bind-mounted, calls them something else."""
    types = Path("/sys/kernel/btf/vmlinux").read_bytes()
    for name in names:
        symbol = f"\0btf_trace_{name}\0".encode()
        assert types.count(symbol) == 1, name
        types = types.replace(symbol, symbol[:-2] + b"X\0")
    file = cable.dir / "vmlinux.btf"
    file.write_bytes(types)
    return ["unshare", "-m", "sh", "-c", f'mount --bind {file} /sys/kernel/btf/vmlinux && exec "$@"', "sh"]


def set_offload(cable, side, command, on):
    """An ETHTOOL_S... command of linux/ethtool.h on that side's interface."""
    value = ctypes.create_string_buffer(struct.pack("=II", command, on))
    request = struct.pack("=16sQ16x", (NEAR_IF if side == "near" else FAR_IF).encode(), ctypes.addressof(value))
    with cable.network(side), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, 0x8946, request)  # SIOCETHTOOL


def newest_hooks():
    """What the tests count on: tcx is of Linux 6.6, the youngest tracepoint of 6.3."""
    version = tuple(int(number) for number in os.uname().release.split("-")[0].split(".")[:2])
    if version < (6, 6) or not os.path.exists("/sys/kernel/btf/vmlinux"):
        raise Skip("needs Linux 6.6 with BTF")


class LatencyProbe:
    """latency_probe on the near side; `before` is put before its command line and may
    have BPF refused."""

    def __init__(self, cable, *arguments, interface=NEAR_IF, before=()):
        newest_hooks()
        program = peers.BIN / "latency_probe"
        self.process = cable.near("latency_probe", [*before, program, *arguments, interface])
        wait_until(lambda: '"tier"' in self.process.log() or not self.process.running(), 20, "the tier")
        self.head = json.loads(self.process.log().splitlines()[0])
        if "built without" in self.process.log():
            raise Skip("built without eBPF")
        refused = self.refusals().get("none", {"errno": 0})
        if not before and refused["errno"] in (errno.EPERM, errno.ENOSYS):
            raise Skip(refused["text"])  # A container's, say.

    def demand(self, tier):
        assert self.head["tier"] == tier, self.head

    def refusals(self):
        return {r["tier"]: r for r in self.head["refusals"]}

    def finish(self):
        """(records received, records sent, counters)."""
        time.sleep(0.3)  # For readers that lag.
        assert self.process.stop() == 0, self.process.tail()
        *records, last = map(json.loads, self.process.log().splitlines()[1:])
        received = [r for r in records if r["direction"] == "rx"]
        return received, [r for r in records if r["direction"] == "tx"], last["counters"]


class Sender:
    def __init__(self, cable, side, transport, *arguments, interface=None, count=1000):
        self.count = count
        self.process = cable.start(side, f"sender-{side}", [
            sys.executable, TRAFFIC, "send", f"--interface={interface or (NEAR_IF if side == 'near' else FAR_IF)}",
            f"--transport={transport}", f"--count={count}", *arguments])

    def wait(self):
        assert self.process.exit_code(60) == 0, self.process.tail()
        return json.loads(self.process.log())


class Receiver:
    def __init__(self, cable, transport, interface=NEAR_IF, name="receiver"):
        self.process = cable.near(name, [sys.executable, TRAFFIC, "receive", f"--interface={interface}",
                                         f"--transport={transport}"])
        self.process.wait_for("receiving")

    def received(self):
        self.process.stop()
        return json.loads(self.process.log().splitlines()[-1])["received"]
