"""What the guest's clocks really show, and what was published, recorded side by side."""
import bisect
import fcntl
import math
import os
import statistics
import struct
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from system.lib.shm import ShmObserver

TAI_UTC_NS = 37 * 10**9  # The master's PHC shows TAI.
PARAMETERS = Path("/sys/module/phcpair/parameters")
_PHC_CLOCKFD = 3

# struct ptp_sys_offset_extended, _IOWR('=', 9, ...): n_samples, clockid, 2 reserved,
# then 25 times system, PHC, system, each s64 s, u32 ns, u32 reserved.
_EXTENDED_SIZE = 16 + 25 * 3 * 16
_EXTENDED = 3 << 30 | _EXTENDED_SIZE << 16 | ord("=") << 8 | 9


@dataclass(frozen=True)
class Point:
    """All clocks at one instant, ns."""
    real: int
    raw: int
    master: int | None  # The master's PHC, TAI. None: unplugged.
    slave: int | None

    @property
    def system_error(self):
        """CLOCK_REALTIME against UTC as the master's PHC has it."""
        return self.real - (self.master - TAI_UTC_NS)

    @property
    def phc_error(self):
        return self.slave - self.master


def exact():
    """phcpair's own word: no reading error."""
    with open(PARAMETERS / "truth") as file:
        real, raw, *phcs = map(int, file.read().split())
    return Point(real, raw, *(phc or None for phc in phcs))


def read_phc(fd):
    """(CLOCK_REALTIME, PHC), ns: the reading with the shortest window of ten."""
    buffer = bytearray(_EXTENDED_SIZE)
    struct.pack_into("=I", buffer, 0, 10)
    fcntl.ioctl(fd, _EXTENDED, buffer)
    stamps = [s * 10**9 + ns for s, ns, _ in struct.iter_unpack("=qII", buffer[16:16 + 30 * 16])]
    before, phc, after = min(zip(*[iter(stamps)] * 3), key=lambda t: t[2] - t[0])
    return (before + after) // 2, phc


def slot_of(side):
    """Where the device of an end is plugged in, as long as it is (tests/vm/lab)."""
    if PARAMETERS.exists():
        return Path("/sys/devices/platform", {"far": "phcpair.0", "near": "phcpair.1"}[side])
    return Path("/sys/bus/pci/devices", {"far": "0000:01:00.0", "near": "0000:02:00.0"}[side])


class _Device:
    """A PHC, whatever its number is just now; the number of one that is gone is not held."""

    def __init__(self, side):
        self._directory = slot_of(side) / "ptp"
        self._file = None

    def read(self):
        """(CLOCK_REALTIME, PHC), ns; None while it is gone."""
        try:
            self._file = self._file or open(Path("/dev", os.listdir(self._directory)[0]), "rb", buffering=0)
            return read_phc(self._file)
        except OSError:
            self._file = None
            return None


class _Devices:
    """Of any driver: half a microsecond of reading error, more with slow registers."""

    def __init__(self):
        self._devices = [_Device("far"), _Device("near")]

    def __call__(self):
        raw, real = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW), time.clock_gettime_ns(time.CLOCK_REALTIME)
        readings = (device.read() for device in self._devices)
        return Point(real, raw, *(read and read[1] - (read[0] - real) for read in readings))


class Recorder:
    """Records from the start of the `with` block to its end, in a thread: all clocks
    20 times a second, and every new sample of the SHM units."""

    def __init__(self, units=(2,), every=0.01):
        self._read = exact if PARAMETERS.exists() else _Devices()
        self._observers = {unit: ShmObserver(unit) for unit in units}
        self._every = every
        self._stop = threading.Event()
        self._error = None
        self.points = []
        self.samples = {unit: [] for unit in units}
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        for observer in self._observers.values():
            observer.forget()
        self.points.append(self._read())
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        self.points.append(self._read())
        for observer in self._observers.values():
            observer.detach()
        if self._error:
            raise self._error

    def _run(self):
        try:
            turn = 0
            while not self._stop.wait(self._every):
                turn += 1
                if turn * self._every >= 0.05:
                    turn = 0
                    self.points.append(self._read())
                for unit, observer in self._observers.items():
                    sample = observer.poll()
                    if sample:
                        self.samples[unit].append(sample)
        except BaseException as error:
            self._error = error

    def first(self, unit=2):
        """When the first sample was seen, CLOCK_REALTIME s; None before."""
        return self.samples[unit][0].seen if self.samples[unit] else None

    def errors(self, unit=2, since=0.0, until=math.inf):
        """Published minus true offset, ns, of the samples seen in that time
        (CLOCK_REALTIME, s), after the `with` block. The system clock must not have
        been stepped during the record."""
        real = [p.real for p in self.points]
        found = []
        for sample in self.samples[unit]:
            if not since <= sample.seen < until:
                continue
            at = sample.receive * 1e9
            i = bisect.bisect_right(real, at)
            assert 0 < i < len(real), f"sample of {sample.receive} is outside the record"
            a, b = self.points[i - 1], self.points[i]
            slope = (b.system_error - a.system_error) / (b.real - a.real)
            found.append(sample.offset_ns + a.system_error + slope * (at - a.real))
        return found

    def since(self, raw_ns):
        return [p for p in self.points if p.raw >= raw_ns]


def rms(values):
    return math.sqrt(statistics.fmean(v * v for v in values))


def percentile(values, p):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, math.ceil(p * len(ordered)) - 1)]


def largest(values):
    return max(map(abs, values))


def set_phc(index, ns):
    """Sets /dev/ptpN to that time now."""
    fd = os.open(f"/dev/ptp{index}", os.O_RDWR)
    time.clock_settime_ns(~fd << 3 | _PHC_CLOCKFD, ns)
    os.close(fd)


def step_system_clock(ns):
    """In a guest: the system clock is its own."""
    time.clock_settime_ns(time.CLOCK_REALTIME, time.clock_gettime_ns(time.CLOCK_REALTIME) + ns)
