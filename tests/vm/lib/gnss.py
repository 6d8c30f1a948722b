"""GNSS in a guest: a receiver behind a real gpsd, and what its pulses tell the NTP daemon, which
is the truth."""
import threading
import time

from system.lib.gnss import Receiver
from system.lib.shm import ShmWriter

from . import truth


class Gnss:
    """unit: the SHM unit that is fed 4 times a second while there is a fix; without, none is."""

    def __init__(self, guest, side, unit=None):
        self._receiver = Receiver(guest, side, name=f"{side}-gpsd").start()
        if unit is not None:
            threading.Thread(target=self._pulse, args=[ShmWriter(unit)], daemon=True).start()

    @property
    def fix(self):
        return self._receiver.fix

    @fix.setter
    def fix(self, fix):
        self._receiver.fix = fix

    def _pulse(self, segment):
        while True:
            if self.fix:
                now = truth.exact()
                segment.write(now.master - truth.TAI_UTC_NS, now.real)
            time.sleep(0.25)
