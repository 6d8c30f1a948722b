"""Reads an NTP SHM segment without consuming: attached read-only, valid left alone."""
import ctypes
import os
import statistics
import struct
import threading
import time
from dataclasses import dataclass

_libc = ctypes.CDLL(None, use_errno=True)
_libc.shmat.restype = ctypes.c_void_p
_libc.shmat.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
_libc.shmdt.argtypes = (ctypes.c_void_p,)
_SHM_RDONLY = 0o10000
_KEY = 0x4E545030
_SIZE = 96
# LP64: mode count | clock s us | receive s us leap precision nsamples valid | clock ns receive ns
_LAYOUT = struct.Struct("=iiqi4xqiiiiiII32x4x")


@dataclass(frozen=True)
class Sample:
    seen: float        # CLOCK_REALTIME when first seen, s
    offset_ns: int     # clock - receive: what the segment says the system clock is slow by
    receive: float     # s
    leap: int
    precision: int

    @property
    def age(self):
        return self.seen - self.receive


class ShmObserver:
    """Call Cable.join_ipc() first."""

    def __init__(self, unit=2):
        self._unit = unit
        self._at = None
        self._last = None

    def attach(self):
        """True when the segment exists (created by whoever writes or reads it)."""
        if self._at is None:
            ident = _libc.shmget(_KEY + self._unit, _SIZE, 0)
            if ident < 0:
                return False
            at = _libc.shmat(ident, None, _SHM_RDONLY)
            if at == ctypes.c_void_p(-1).value:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            self._at = at
        return True

    def detach(self):
        if self._at is not None:
            _libc.shmdt(self._at)
        self._at = self._last = None

    def _fields(self):
        """A consistent copy of the segment, or None in the middle of a write."""
        before = ctypes.string_at(self._at, _SIZE)
        after = ctypes.string_at(self._at, _SIZE)
        fields = _LAYOUT.unpack(before)
        same = before[4:8] == after[4:8] and before[8:48] == after[8:48]
        return fields if same and fields[1] % 2 == 0 else None

    def valid(self):
        if not self.attach():
            return False
        return struct.unpack_from("=i", ctypes.string_at(self._at, _SIZE), 48)[0] != 0

    def poll(self):
        """A sample not seen before, or None."""
        if not self.attach():
            return None
        now = time.time()
        fields = self._fields()
        if fields is None:
            return None
        _, _, cs, cus, rs, rus, leap, precision, _, _, cns, rns = fields
        key = (rs, rns, cs, cns)
        if rs == 0 or key == self._last:
            return None
        assert cns // 1000 == cus and rns // 1000 == rus, f"USec is not NSec truncated: {fields}"
        self._last = key
        return Sample(now, (cs - rs) * 10**9 + cns - rns, rs + rns * 1e-9, leap, precision)

    def forget(self):
        """What is in the segment now does not count as new."""
        self.poll()

    def collect(self, seconds=None, count=None, every=0.005):
        """Samples for that long, or until there are that many."""
        end = None if seconds is None else time.monotonic() + seconds
        samples = []
        while (end is None or time.monotonic() < end) and (count is None or len(samples) < count):
            sample = self.poll()
            if sample:
                samples.append(sample)
            time.sleep(every)
        return samples

    def wait_for_samples(self, count=1, seconds=20, what="samples in SHM"):
        samples = self.collect(seconds=seconds, count=count)
        assert len(samples) >= count, f"not within {seconds:g} s: {what} ({len(samples)} of {count})"
        return samples


class ShmWriter:
    """Another refclock driver's segment, for a root's NTP daemon."""

    _IPC_CREAT = 0o1000

    def __init__(self, unit):
        ident = _libc.shmget(_KEY + unit, _SIZE, self._IPC_CREAT | 0o600)
        self._at = ident if ident < 0 else _libc.shmat(ident, None, 0)
        if self._at in (-1, ctypes.c_void_p(-1).value):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        self._count = 0

    def write(self, clock, receive):
        """ns: the true time, when the system clock showed `receive`."""
        (cs, cns), (rs, rns) = divmod(clock, 10**9), divmod(receive, 10**9)
        self._count += 2
        # The reader refuses what has a count that is odd, or changes meanwhile.
        ctypes.memmove(self._at + 4, struct.pack("=i", self._count - 1), 4)
        ctypes.memmove(self._at, _LAYOUT.pack(1, self._count - 1, cs, cns // 1000, rs, rns // 1000, 0, -30, 0, 0, cns,
                                              rns), _SIZE)
        ctypes.memmove(self._at + 4, struct.pack("=i", self._count), 4)
        ctypes.memmove(self._at + 48, struct.pack("=i", 1), 4)


class ShmWatch:
    """Sees everything that happens in a segment, in a thread, from now on. For a unit
    that nobody consumes."""

    def __init__(self, unit):
        self._observer = ShmObserver(unit)
        self._samples = []
        self._validity = []  # (CLOCK_REALTIME, valid), the changes.
        self._error = None
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        try:
            while True:
                time.sleep(0.01)
                valid = self._observer.valid()
                if not self._validity or self._validity[-1][1] != valid:
                    self._validity.append((time.time(), valid))
                sample = self._observer.poll()
                if sample:
                    self._samples.append(sample)
        except BaseException as error:
            self._error = error

    def _watched(self, what):
        if self._error:
            raise self._error
        return list(what)

    def samples(self, since=0.0):
        """Those first seen after that time (CLOCK_REALTIME, s)."""
        return [s for s in self._watched(self._samples) if s.seen > since]

    def valid(self):
        return bool(self._watched(self._validity)) and self._validity[-1][1]

    def invalid_since(self):
        """When valid fell, or None while it is set."""
        return None if self.valid() else self._watched(self._validity)[-1][0]


def median_ns(samples):
    return statistics.median(s.offset_ns for s in samples)
