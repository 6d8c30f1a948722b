"""The programs on the cable: ptp4l, chronyd, ntpd, and refclockd itself."""
import glob
import itertools
import json
import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .cable import FAR_IF, NEAR_IF, HarnessError, wait_until

ROOT = Path(__file__).resolve().parents[3]
PEERS = Path(os.environ.get("REFCLOCKD_PEERS", ROOT / "build/peers"))
BIN = Path(os.environ.get("REFCLOCKD_BIN", ROOT / "build/bin"))

NETWORK = {"l2": "L2", "udp4": "UDPv4", "udp6": "UDPv6"}


def peer(path):
    """The path of an unpacked program, e.g. peer("chrony/usr/sbin/chronyd")."""
    program = PEERS / path
    if not program.exists():
        raise HarnessError(f"{program} is missing: tests/run fetches it")
    return program


def peer_env():
    """Lets unpacked programs find unpacked libraries and modules."""
    env = dict(os.environ)
    libraries = glob.glob(f"{PEERS}/lib/usr/lib/*-linux-gnu*") + glob.glob(f"{PEERS}/lib/lib/*-linux-gnu*")
    libraries += [f"{directory}/ntp" for directory in libraries]
    env["LD_LIBRARY_PATH"] = ":".join(libraries)
    env["PYTHONPATH"] = ":".join([f"{PEERS}/lib/usr/lib/python3/dist-packages", *glob.glob(f"{PEERS}/lib/usr/lib/python3.*")])
    return env


def ptp4l_settings(transport, delay, cable, name, settings):
    lines = {"time_stamping": "software", "network_transport": NETWORK[transport],
             "delay_mechanism": delay.upper(), "uds_address": cable.dir / f"{name}.uds"}
    lines.update(settings)
    return "[global]\n" + "".join(f"{k} {v}\n" for k, v in lines.items())


class Ptp4lMaster:
    """ptp4l as grandmaster with software stamps: it announces ptpTimescale 0 and its
    stamps are UTC. free_running: it does not even read the clock's frequency."""

    def __init__(self, cable, transport="l2", delay="e2e", sync=-3, announce=0, name="master", interface=FAR_IF,
                 **settings):
        self._cable = cable
        self._name = name
        self._interface = interface
        self._config = cable.dir / f"{name}.conf"
        self._config.write_text(ptp4l_settings(transport, delay, cable, name, {
            "free_running": 1, "clockClass": 6, "priority1": 10, "logSyncInterval": sync,
            "logAnnounceInterval": announce, "logMinDelayReqInterval": min(sync, 0),
            "logMinPdelayReqInterval": min(sync, 0), **settings}))
        self.process = None

    def start(self):
        self.process = self._cable.far(
            self._name, [peer("linuxptp/usr/sbin/ptp4l"), "-f", self._config, "-i", self._interface, "-m", "-q"],
            peer_env())
        since = len(self.process.log())
        self.process.wait_for("assuming the grand master role", 30, since)
        return self

    def stop(self):
        self.process.stop()

    def kill(self):
        self.process.kill()


# Where each linuxptp is unpacked.
LINUXPTP = {"3.1.1": "linuxptp", "4.2": "linuxptp-4"}


def has_linuxptp(version):
    return (PEERS / LINUXPTP[version] / "usr/sbin/ptp4l").exists()


class Ptp4lSlave:
    """ptp4l with software stamps on the near side, for a companion to stand beside: its
    sockets are where it makes them unless told otherwise (/run is the near side's own).
    It has to lock its servo, or its port never gets to SLAVE (with free_running 1 it does
    not). The clock it would steer is out of its reach (Cable), so that it gets one that
    only says yes (unadjusted.c). The constants make it lock after three Syncs
    instead of 16 s."""

    def __init__(self, cable, version="3.1.1", name="ptp4l", interface=NEAR_IF, transport="l2", delay="e2e",
                 prefix=(), **settings):
        self._cable = cable
        self._name = name
        self._config = cable.dir / f"{name}.conf"
        self._config.write_text(ptp4l_settings(transport, delay, cable, name, {
            "slaveOnly": 1, "pi_proportional_const": 0.7, "pi_integral_const": 0.3, "first_step_threshold": 0,
            "sanity_freq_limit": 0, "summary_interval": 1, "uds_address": "/var/run/ptp4l", **settings}))
        self._argv = [*prefix, peer(f"{LINUXPTP[version]}/usr/sbin/ptp4l"), "-f", self._config, "-i", interface,
                      "-m", "-q"]
        unadjusted = cable.dir / "unadjusted.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", unadjusted, Path(__file__).parent / "unadjusted.c"], check=True)
        self._env = dict(peer_env(), LD_PRELOAD=str(unadjusted))
        self.process = None

    def start(self):
        self.process = self._cable.near(self._name, self._argv, self._env)
        return self

    def stop(self):
        return self.process.stop()

    def kill(self):
        self.process.kill()


class ScriptedMaster:
    """The grandmaster of scripted_master.py, whose every word can be changed while it
    runs. Its settings are the fields of Settings there; the default is honest."""

    def __init__(self, cable, name="scripted", **settings):
        self._cable = cable
        self._name = name
        self._control = cable.dir / f"{name}.control"
        self._settings = settings
        self._numbers = itertools.count()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(cable.dir / f"{name}.asks"))
        self._socket.settimeout(10)
        self.process = None

    def start(self):
        self.process = self._cable.far(
            self._name, [sys.executable, Path(__file__).parent / "scripted_master.py", f"--interface={FAR_IF}",
                         f"--control={self._control}", json.dumps(self._settings)])
        self.process.wait_for("sending", 10)
        return self

    def set(self, **fields):
        """Changes settings; when this returns, everything sent obeys. How many messages
        of each kind have been sent until then."""
        number = next(self._numbers)
        self._socket.sendto(json.dumps({"id": number, "set": fields}).encode(), str(self._control))
        while True:
            answer = json.loads(self._socket.recv(8192))
            if answer["id"] == number or answer["error"]:
                break
        if answer["error"]:
            raise HarnessError(f"scripted master: {answer['error']}")
        return answer["sent"]

    def sent(self):
        return self.set()

    def mute(self):
        """Its death, as far as anybody can hear."""
        return self.set(mute=True)

    def stop(self):
        self.process.stop()
        self._socket.close()


class Ptp4lClient:
    """ptp4l feeding NTP SHM (`clock_servo ntpshm`): the chain refclockd is measured
    against, and its stand-in where a test of the harness needs one."""

    kind = "ptp4l"

    def __init__(self, cable, transport="l2", delay="e2e", unit=2, sock=None, name="client", **_):
        if sock:
            raise HarnessError("ptp4l 3.1.1 has no SOCK output")
        self._cable = cable
        self._name = name
        self._config = cable.dir / f"{name}.conf"
        self._config.write_text(ptp4l_settings(transport, delay, cable, name, {
            "slaveOnly": 1, "clock_servo": "ntpshm", "ntpshm_segment": unit,
            # Of its own, so that it may run beside another client of the interface.
            "clockIdentity": "020000.fffe.000001"}))
        self.process = None

    def start(self):
        self.process = self._cable.near(
            self._name, [peer("linuxptp/usr/sbin/ptp4l"), "-f", self._config, "-i", NEAR_IF, "-m", "-q"],
            peer_env())
        return self

    def stop(self):
        return self.process.stop()

    def kill(self):
        self.process.kill()


class Refclockd:
    """refclockd on the near side. ptp4l's software-stamped Announce says
    ptpTimescale 0, so the configuration says what it carries; arbitrary=None leaves
    that out. ptp and utc are further lines of those tables."""

    kind = "refclockd"

    def __init__(self, cable, transport="l2", delay="e2e", unit=2, sock=None, rate=16,
                 interface=NEAR_IF, name="client", extra="", arguments=(), arbitrary="utc", ptp="", utc="",
                 timestamping="software"):
        self._cable = cable
        self._name = name
        self._prefix = ()
        self._arguments = arguments
        self.config = cable.dir / f"{name}.toml"
        self.status_socket = cable.dir / f"{name}.status"
        text = (f'[ptp]\ninterface = "{interface}"\ntransport = "{transport}"\ndelay = "{delay}"\n'
                f'timestamping = "{timestamping}"\n{ptp}\n[utc]\n{utc}\n' +
                (f'arbitrary_timescale = "{arbitrary}"\n' if arbitrary else "") +
                f'[output]\nrate = {rate}\n[status]\nsocket = "{self.status_socket}"\n')
        if unit is not None:
            text += f"[[output.shm]]\nunit = {unit}\n"
        if sock:
            text += f'[[output.sock]]\npath = "{sock}"\n'
        self.config.write_text(text + extra)
        self.process = None

    def start(self):
        self.process = self._cable.near(self._name, [*self._prefix, program("refclockd"),
                                                      f"--config={self.config}", *self._arguments])
        return self

    def stop(self):
        return self.process.stop()

    def kill(self):
        self.process.kill()

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def status(self):
        """`refclockctl status --json` as a dict, or None while nothing answers."""
        return status(self._cable, self.status_socket)


class Companion(Refclockd):
    """refclockd beside a ptp4l. Without a socket it looks in the usual places."""

    kind = "companion"

    def __init__(self, cable, socket=None, unit=2, rate=16, name="companion", extra="", arguments=(),
                 arbitrary="utc", ptp="", utc="", prefix=()):
        self._cable = cable
        self._name = name
        self._prefix = prefix
        self._arguments = arguments
        self.config = cable.dir / f"{name}.toml"
        self.status_socket = cable.dir / f"{name}.status"
        self.config.write_text(
            f'role = "companion"\n[ptp]\n{ptp}\n' + (f'[companion]\nsocket = "{socket}"\n' if socket else "") +
            f"[utc]\n{utc}\n" + (f'arbitrary_timescale = "{arbitrary}"\n' if arbitrary else "") +
            f'[output]\nrate = {rate}\n[status]\nsocket = "{self.status_socket}"\n' +
            (f"[[output.shm]]\nunit = {unit}\n" if unit is not None else "") + extra)
        self.process = None


def program(name):
    path = BIN / name
    if not path.exists():
        raise HarnessError(f"{path} is not built")
    return path


def sanitized():
    """Whether refclockd is a build with ASan, which keeps what was freed for a while."""
    return b"__asan_init" in program("refclockd").read_bytes()


def status(cable, socket):
    result = cable.run("near", [program("refclockctl"), "status", "--json", f"--socket={socket}"])
    return json.loads(result.stdout) if result.returncode == 0 else None


@dataclass(frozen=True)
class ChronySample:
    when: str
    leap: str        # "N", "+", "-", "?"
    raw: float       # s, what the driver delivered: reference minus system clock.
    cooked: float    # s, the other sign, corrections of the clock applied.


class Chronyd:
    """chronyd -x: computes everything and sets nothing. With both drivers, SHM is
    called PTP and SOCK is called PSK; else the one there is is PTP. dpoll: SHM is read
    every 2^dpoll s, and four samples make one of 2^poll s. steer: for a guest, it sets the
    clock."""

    def __init__(self, cable, shm=None, sock=None, poll=2, dpoll=0, name="chronyd", refclock=None, steer=False):
        self._cable = cable
        self._options = [] if steer else ["-x"]
        self._name = name
        self._command_socket = cable.dir / f"{name}.cmd"
        drivers = ([f"SHM {shm} refid PTP dpoll {dpoll}"] if shm is not None else []) + (
            [f"SOCK {sock} refid {'PTP' if shm is None else 'PSK'}"] if sock else [])
        self._config = cable.dir / f"{name}.conf"
        self._config.write_text(
            (refclock or "".join(f"refclock {driver} poll {poll} precision 1e-7\n" for driver in drivers)) +
            f"cmdport 0\nport 0\nbindcmdaddress {self._command_socket}\n"
            f"pidfile {cable.dir}/{name}.pid\nlocal stratum 10\n"
            f"logdir {cable.dir / f'{name}.logs'}\nlog refclocks\n")
        self.process = None

    def start(self):
        self.process = self._cable.near(
            self._name, [peer("chrony/usr/sbin/chronyd"), *self._options, "-d", "-u", "root", "-L", "0",
                         "-f", self._config], peer_env())
        self.process.wait_for("chronyd version", 10)
        return self

    def stop(self):
        self.process.stop()

    def ask(self, *command):
        """What chronyc prints for a command, e.g. ask("-n", "sources")."""
        return self._cable.run("near", [peer("chrony/usr/bin/chronyc"), "-h", self._command_socket,
                                        *command], peer_env()).stdout

    def sources(self):
        return self.ask("-n", "sources")

    def selected(self):
        return re.search(r"^#\* (PTP|PSK) ", self.sources(), re.M) is not None

    def _source(self):
        """Of the one reference clock: mode, state, name, stratum, poll, reach, seconds
        since the last sample, its offset adjusted and as measured, error; as text."""
        def words():
            found = self.ask("-c", "-n", "sources").strip().split(",")
            return found if len(found) == 10 else None
        return wait_until(words, 10, "chronyc names its source")

    def reach(self):
        """Whether each of the last eight polls had a sample, the newest in bit 0."""
        return int(self._source()[5], 8)

    def offset(self):
        """The last sample as measured, s; None before the first."""
        words = self._source()
        return float(words[8]) if int(words[5], 8) else None

    def leap_status(self):
        """Normal, "Insert second", "Delete second" or "Not synchronised"."""
        return self.ask("-c", "tracking").strip().split(",")[-1]

    def samples(self):
        """Every sample it has taken from the reference clock, from its own log, which is
        complete once it has stopped."""
        log = self._cable.dir / f"{self._name}.logs/refclocks.log"
        found = []
        for line in log.read_text().splitlines() if log.exists() else ():
            # Date, time, refid, DP, leap, PP, raw offset, cooked offset, dispersion.
            words = line.split()
            if len(words) == 9 and words[3].isdigit():
                found.append(ChronySample(" ".join(words[:2]), words[4], float(words[6]), float(words[7])))
        return found


class Ntpd:
    """ntpsec's ntpd with `disable ntp`; Cable has taken CAP_SYS_TIME from it, as
    it would still call ntp_adjtime once at start. steer: for a guest, it sets the clock."""

    def __init__(self, cable, shm=2, name="ntpd", refclock=None, steer=False):
        self._cable = cable
        self._name = name
        self._config = cable.dir / f"{name}.conf"
        self._config.write_text(
            ("" if steer else "disable ntp\ndisable kernel\n") +
            (refclock or f"refclock shm unit {shm} refid PTP minpoll 4 maxpoll 4\n") +
            "restrict default nomodify\nrestrict 127.0.0.1\n")
        self.process = None

    def start(self):
        self.process = self._cable.near(
            self._name, [peer("ntpsec/usr/sbin/ntpd"), "-n", "-c", self._config,
                         "-p", self._cable.dir / f"{self._name}.pid"], peer_env())
        return self

    def stop(self):
        self.process.stop()

    def peers(self):
        result = self._cable.run("near", ["/usr/bin/python3", peer("ntpsec/usr/bin/ntpq"), "-pn",
                                          "127.0.0.1"], peer_env())
        return result.stdout + result.stderr

    def selected(self):
        return re.search(r"^\*\S*SHM\(\d+\)|^\*127\.127\.28\.", self.peers(), re.M) is not None
