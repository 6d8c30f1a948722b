"""GNSS receivers that are not there: what they say is made up and played to a real gpsd,
by gpsfake or by the test itself; and the probe that follows gpsd as refclockd does."""
import datetime
import errno
import json
import os
import struct
import sys
import threading
import time
import tty
from pathlib import Path

from . import peers

PORT = 2947


def sentence(body):
    checksum = 0
    for character in body:
        checksum ^= ord(character)
    return f"${body}*{checksum:02X}\r\n"


def epoch(seconds, fix):
    """What a receiver says in a second of 2026-11-21: five sentences."""
    time = f"{seconds // 3600:02d}{seconds // 60 % 60:02d}{seconds % 60:02d}.00"
    if fix:
        bodies = [f"GPGGA,{time},4629.8800,N,00734.0800,E,1,08,0.9,1342.0,M,48.0,M,,",
                  f"GPRMC,{time},A,4629.8800,N,00734.0800,E,0.0,10.0,211126,,,A",
                  "GPGSA,A,3,01,02,03,04,05,06,07,08,,,,,1.5,0.9,1.2"]
    else:
        bodies = [f"GPGGA,{time},,,,,0,00,99.9,,,,,,",
                  f"GPRMC,{time},V,,,,,,,211126,,,N",
                  "GPGSA,A,1,,,,,,,,,,,,,99.9,99.9,99.9"]
    for part in (0, 1):
        seen = ",".join(f"{4 * part + i + 1:02d},45,{90 * i:03d},{40 if fix else 20}" for i in range(4))
        bodies.append(f"GPGSV,2,{part + 1},08,{seen}")
    return "".join(map(sentence, bodies))


def receiver_log(*spells):
    """spells: (seconds, fix)."""
    noon, text = 12 * 3600, ""
    for seconds, fix in spells:
        text += "".join(epoch(noon + i, fix) for i in range(seconds))
        noon += seconds
    return text


_NOON = datetime.datetime(2026, 11, 21, 12) - datetime.datetime(1980, 1, 6)


def gps_time(seconds, leap_seconds):
    """u-blox's NAV-TIMEGPS for that second after noon: what NMEA has no word for, GPS-UTC."""
    gps = int(_NOON.total_seconds()) + seconds + leap_seconds
    body = b"\x01\x20" + struct.pack("<HIihbBI", 16, gps % 604800 * 1000, 0, gps // 604800, leap_seconds, 7, 20)
    a = b = 0
    for octet in body:
        a = (a + octet) % 256
        b = (b + a) % 256
    return b"\xb5\x62" + body + bytes((a, b))


class Receiver:
    """A u-blox on a pseudo terminal, second by second, and gpsd beside it. The test says at
    any moment whether it has a fix, what it thinks of GPS-UTC (None: says nothing), and
    kills and restarts gpsd."""

    def __init__(self, cable, side="near", fix=True, leap_seconds=18, name="gpsd"):
        self.fix = fix
        self.leap_seconds = leap_seconds
        self._cable, self._side, self._name = cable, side, name
        self._ours, self._its = os.openpty()
        tty.setraw(self._its)
        os.set_blocking(self._ours, False)
        self._device = os.ttyname(self._its)
        os.chmod(self._device, 0o666)  # gpsd gives up root before it opens it.
        self.process = None
        threading.Thread(target=self._talk, daemon=True).start()

    def _talk(self):
        second = 0
        while True:
            words = epoch(12 * 3600 + second, self.fix).encode()
            if self.leap_seconds is not None:
                words = gps_time(second, self.leap_seconds) + words
            try:
                os.write(self._ours, words)
                while os.read(self._ours, 4096):  # Its settings, which nobody needs.
                    pass
            except OSError as error:
                if error.errno != errno.EAGAIN:  # Also: nobody listens, and the line is full.
                    raise
            second += 1
            time.sleep(1)

    def start(self):
        # gpsd changes its user, which ends what --kill-child asked for: so the first process
        # of its PID namespace is a shell, and all others go with that.
        self.process = self._cable.start(
            self._side, self._name,
            ["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", '"$@"; exit $?', "sh",
             peers.peer("gpsd/usr/sbin/gpsd"), "-N", "-n", "-S", PORT, self._device], peers.peer_env())
        return self

    def kill(self):
        self.process.kill()


class Gpsfake:
    """gpsfake and its gpsd, in a PID namespace, as a gpsd that changed its user outlives
    its parent else. No SHM unit is fed: gpsd feeds none from a pseudo terminal."""

    def __init__(self, cable, log, sentence_seconds, name="gpsfake", side="near"):
        self._cable, self._side, self._name = cable, side, name
        self._pause = sentence_seconds
        self._log = cable.dir / f"{name}.nmea"
        self._log.write_text(log)
        self.process = None

    def start(self):
        gpsd = peers.peer("gpsd/usr/sbin/gpsd")
        env = peers.peer_env()
        env.update(GPSD_HOME=str(gpsd.parent), TMPDIR=str(self._cable.dir))
        self.process = self._cable.start(
            self._side, self._name,
            ["unshare", "--pid", "--fork", "--kill-child", sys.executable, peers.peer("gpsd/usr/bin/gpsfake"), "-1",
             "-q", "-c", self._pause, "-P", PORT, self._log], env)
        return self

    def kill(self):
        self.process.kill()


class FakeGpsd:
    """Good GNSS and pulses (fake_gpsd.py), without end; by them the system clock is `ahead`."""

    def __init__(self, cable, side="far", name="fake-gpsd"):
        self._cable, self._side, self._name = cable, side, name
        self._ahead = cable.dir / f"{name}.ahead"
        self.clock_is_ahead(0)
        self.process = None

    def clock_is_ahead(self, seconds):
        new = self._ahead.with_suffix(".new")
        new.write_text(str(seconds))
        new.rename(self._ahead)

    def start(self):
        self.process = self._cable.start(
            self._side, self._name, [sys.executable, Path(__file__).parent / "fake_gpsd.py", self._ahead, PORT])
        return self


class GnssProbe:
    """gnss_probe, and what it has printed."""

    def __init__(self, cable, max_age=8, settle=3, max_jump=60):
        self.process = cable.near(
            "probe", [peers.program("gnss_probe"), f"localhost:{PORT}", f"{max_age}s", f"{settle}s", f"{max_jump}s"])

    def seen(self):
        return [json.loads(line) for line in self.process.log().splitlines(keepends=True) if line.endswith("\n")]

    def states(self):
        """[(state, first reason)], one for each stretch of a state."""
        found = []
        for line in self.seen():
            if not found or found[-1][0] != line["state"]:
                found.append((line["state"], line["reason"]))
        return found
