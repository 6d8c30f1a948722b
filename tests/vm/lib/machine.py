"""The host's side: boots a guest (tests/vm/lab) for a command."""
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
LAB = ROOT / "tests/vm/lab"
UNAVAILABLE = 77  # Exit status of the lab: packages cannot be had.


@dataclass(frozen=True)
class Machine:
    """What cannot be changed once a guest has booted."""
    nic: str = "pair"
    cross: bool = False  # phcpair offers PTP_SYS_OFFSET_PRECISE.

    def __str__(self):
        return self.nic + (" with cross timestamps" if self.cross else "")

    def options(self):
        args = ["--args", f"cross={int(self.cross)}"] if self.nic == "pair" else []
        return ["--nic", self.nic, *args]


def prepare():
    """None, or why there can be no guest (as the lab says it). Exits on failure."""
    result = subprocess.run([LAB, "--prepare"], stderr=subprocess.PIPE, text=True)
    if result.returncode == 0:
        return None
    if result.returncode == UNAVAILABLE:
        return result.stderr.strip()
    sys.exit(f"{result.stderr}tests/vm/lab --prepare: exit {result.returncode}")


def boot(machine, argv, seconds, on_line):
    """Runs argv in a guest with instruction-counted time; on_line gets each line it
    prints. The exit status (see lab). {share} in argv is a directory the guest may
    write to; it is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="refclockd-vm-") as share:
        guest = subprocess.Popen(
            [LAB, "--icount", *machine.options(), "--share", share, "--timeout", str(seconds), "--",
             *(str(a).format(share=share) for a in argv)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        try:
            for line in guest.stdout:
                on_line(line.rstrip("\r\n"))
        finally:
            guest.terminate()
            guest.wait()
        return guest.returncode
