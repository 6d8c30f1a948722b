"""The cable of the system tests with hardware clocks at its ends, inside a guest.

far0 (was eth0, /dev/ptp0) is the master's end, near0 (eth1, /dev/ptp1) the
client's, so the programs of tests/system/lib run on it as they are. Here they may
set the system clock: the guest has one of its own.
"""
import contextlib
import ctypes
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

from system.lib import leap_list, peers
from system.lib.cable import FAR_IF, NEAR_IF, Cable, wait_until

from . import truth

SIDES = {"far": ("eth0", FAR_IF, 1), "near": ("eth1", NEAR_IF, 2)}
QUIET = {"delay": "1000,1000", "drift": "0,0", "jitter": "0", "loss": "0,0", "txloss": "0,0", "txlate": "0,0",
         "reading": "0", "onestep": "0", "borrow": "0", "seed": "1"}


def is_pair():
    return truth.PARAMETERS.exists()


def adjust_nic(**parameters):
    """Parameters of phcpair, from now on: a number, or a pair for far and near."""
    for name, value in parameters.items():
        text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
        (truth.PARAMETERS / name).write_text(text)


def system_frequency():
    """What the guest's system clock is dialled to, ppm."""
    timex = ctypes.create_string_buffer(512)
    ctypes.CDLL(None).adjtimex(timex)
    return struct.unpack_from("=q", timex, 16)[0] / 65536


def keep_in_memory():
    """Touches what the tests start, which copies it from the host into the overlay's RAM.
    While a guest waits for the host it is idle, and its idle time is skipped: each file
    opened on the host would cost it an unknown time."""
    commands = [shutil.which(c) for c in ("env", "ip", "ipcrm", "setpriv", "sh")] + [sys.executable]
    commands += [path for path in (*peers.PEERS.glob("*/usr/*bin/*"), *peers.BIN.glob("refclock*")) if
                 path.name in ("ptp4l", "phc2sys", "phc_ctl", "chronyd", "chronyc", "ntpd", "refclockd", "refclockctl")]
    commands += [*peers.BIN.glob("latency_probe"), *peers.PEERS.glob("gpsd/usr/sbin/gpsd"), shutil.which("unshare")]
    linked = subprocess.run(["ldd", *commands], env=peers.peer_env(), stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL, text=True).stdout
    files = [*commands, *re.findall(r"(/\S+) \(0x", linked), "/etc/ld.so.cache", "/etc/passwd", "/etc/group",
             "/etc/nsswitch.conf", "/etc/services", "/etc/protocols", "/etc/localtime"]
    for file in {os.path.realpath(f) for f in files}:
        if os.path.exists(file):
            os.utime(file)


class Guest(Cable):
    """with Guest() as guest: ...; the namespaces stay for the next, everything else
    begins anew: no noise, no drift, the master's PHC on TAI, the slave's 1 ms off."""

    def __enter__(self):
        if not os.path.exists("/run/netns/near"):
            keep_in_memory()
            for side, names in SIDES.items():
                subprocess.run(["ip", "netns", "add", side], check=True)
                self.shell(side, "ip link set lo up")
                self._place(side, names[0])
        # igb's link takes seconds; its clock is reset when it comes.
        wait_until(lambda: all("LOWER_UP" in self.shell(side, f"ip -br link show dev {names[1]}")
                               for side, names in SIDES.items()), 20, "link")
        if is_pair():
            adjust_nic(**QUIET)
        for clock in ("/dev/ptp0", "/dev/ptp1", "CLOCK_REALTIME"):
            self._clock_ctl(clock, "freq", 0)
        now = time.time_ns() + truth.TAI_UTC_NS
        truth.set_phc(0, now)
        truth.set_phc(1, now + 1_000_000)
        self.leap_file = self.dir / "leap-seconds.list"
        self.leap_file.write_text(leap_list.GOOD)
        return self

    def __exit__(self, *_):
        for process in reversed(self._started):
            with contextlib.suppress(Exception):
                process.stop(3)
        for side, (_, interface, _) in SIDES.items():
            self.shell(side, f"ip link set {interface} up; ip -br link show type vlan | "
                             "while IFS=@ read -r name _; do ip link del $name; done")
        # With its old number, which those hold who have just ended.
        for side, (_, _, host) in SIDES.items():
            if not (truth.slot_of(side) / f"ptp/ptp{host - 1}").exists():
                self.unplug(side)
                self.plug(side)
        subprocess.run(["ipcrm", "--all=shm"], check=True)
        if not self._keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def _place(self, side, device):
        """A device that has just come, at its end."""
        _, interface, host = SIDES[side]
        subprocess.run(["ip", "link", "set", device, "netns", side, "name", interface], check=True)
        self.shell(side, f"""
            echo 0 > /proc/sys/net/ipv6/conf/{interface}/accept_dad
            ip addr add 192.0.2.{host}/24 dev {interface}
            ip link set {interface} up""")

    def unplug(self, side):
        """As when a card is pulled out: the interface is gone, and its PHC."""
        if is_pair():
            adjust_nic(plugged=tuple(int(end != side) for end in SIDES))
        else:
            (truth.slot_of(side) / "remove").write_text("1")

    def plug(self, side):
        """It is back, with an interface of another index. Its PHC has the lowest number that
        nobody holds open."""
        if is_pair():
            adjust_nic(plugged=(1, 1))
        else:
            Path("/sys/bus/pci/rescan").write_text("1")
        net = truth.slot_of(side) / "net"
        device = wait_until(lambda: net.exists() and os.listdir(net), 10, "the device")[0]
        self._place(side, device)

    def _namespace(self, side, kind):
        return f"/run/netns/{side}"

    def enter(self, side):
        return ["ip", "netns", "exec", side, "setpriv", "--pdeathsig", "KILL", "--"]

    def run(self, side, argv, env=None, timeout=600):
        """The limit is generous: see keep_in_memory()."""
        return super().run(side, argv, env, timeout)

    def add_vlan(self, number, sides=tuple(SIDES)):
        """Names of the VLAN interfaces, far and near."""
        for side in sides:
            _, interface, host = SIDES[side]
            name = f"{interface}.{number}"
            self.shell(side, f"""
                ip link add link {interface} name {name} type vlan id {number}
                echo 0 > /proc/sys/net/ipv6/conf/{name}/accept_dad
                ip addr add 198.51.100.{host}/24 dev {name}
                ip link set {name} up""")
        return f"{FAR_IF}.{number}", f"{NEAR_IF}.{number}"

    def phc_ctl(self, index, *command):
        """linuxptp's phc_ctl on a PHC: 0 is the master's."""
        self._clock_ctl(f"/dev/ptp{index}", *command)

    def _clock_ctl(self, clock, *command):
        argv = [peers.peer("linuxptp/usr/sbin/phc_ctl"), "-q", "--", clock, *map(str, command)]
        subprocess.run(argv, env=peers.peer_env(), check=True, stdout=subprocess.DEVNULL)


def master(guest, transport="l2", delay="e2e", sync=-3, **settings):
    """ptp4l as grandmaster on the far PHC, which it does not steer."""
    return peers.Ptp4lMaster(guest, transport, delay, sync, **{"time_stamping": "hardware", **settings}).start()


class Ptp4l:
    """Debian's ptp4l on the near PHC, which it steers."""

    def __init__(self, guest, transport="l2", delay="e2e", interface=NEAR_IF, name="chain-ptp4l", version="3.1.1",
                 **settings):
        self.guest, self.interface, self.version = guest, interface, version
        self.uds = guest.dir / f"{name}.uds"
        self.uds_ro = guest.dir / f"{name}.uds_ro"
        self._name = name
        self._config = guest.dir / f"{name}.conf"
        read_only = {} if version == "3.1.1" else {"uds_ro_address": self.uds_ro}
        self._config.write_text(peers.ptp4l_settings(transport, delay, guest, name, {
            "slaveOnly": 1, "time_stamping": "hardware", "uds_address": self.uds, **read_only, **settings}))
        self.process = None

    def start(self):
        self.process = self.guest.near(
            self._name, [self.program("ptp4l"), "-f", self._config, "-i", self.interface, "-m", "-q"],
            peers.peer_env())
        return self

    def program(self, name):
        return peers.peer(f"{peers.LINUXPTP[self.version]}/usr/sbin/{name}")


class Phc2sys:
    """phc2sys feeding SHM from that ptp4l's PHC."""

    def __init__(self, ptp4l, unit=2, rate=8, name="chain-phc2sys"):
        self._ptp4l = ptp4l
        self._name = name
        self._options = ["-s", ptp4l.interface, "-w", "-z", ptp4l.uds, "-E", "ntpshm", "-M", unit, "-R", rate]
        self.process = None

    def start(self):
        self.process = self._ptp4l.guest.near(
            self._name, [self._ptp4l.program("phc2sys"), *self._options, "-m", "-q"], peers.peer_env())
        return self


class PeerChain:
    """Both: what refclockd is measured against, and its stand-in where the harness itself
    is tried."""

    kind = "ptp4l + phc2sys"

    def __init__(self, guest, transport="l2", delay="e2e", interface=NEAR_IF, unit=2, rate=8, mode="discipline"):
        if mode != "discipline":
            raise ValueError("phc2sys needs a PHC that ptp4l steers")
        ptp4l = Ptp4l(guest, transport, delay, interface)
        self._parts = [ptp4l, Phc2sys(ptp4l, unit, rate)]

    @property
    def processes(self):
        return [part.process for part in self._parts]

    def start(self):
        for part in self._parts:
            part.start()
        return self

    def stop(self):
        for process in reversed(self.processes):
            process.stop()


class Companion(peers.Companion):
    """refclockd beside that ptp4l."""

    def __init__(self, ptp4l, unit=3, rate=8, socket=None, **options):
        guest = ptp4l.guest
        super().__init__(guest, socket or ptp4l.uds, unit=unit, rate=rate, arbitrary=None,
                         utc=f'leap_file = "{guest.leap_file}"', **options)


class Refclockd(peers.Refclockd):
    """refclockd with hardware stamps."""

    def __init__(self, guest, transport="l2", delay="e2e", interface=NEAR_IF, rate=8, mode="discipline", extra="",
                 **options):
        super().__init__(guest, transport, delay, interface=interface, rate=rate, timestamping="hardware",
                         arbitrary=None, utc=f'leap_file = "{guest.leap_file}"',
                         extra=f'[phc]\nmode = "{mode}"\n{extra}', **options)

    @property
    def processes(self):
        return [self.process]


class Grandmaster(peers.Refclockd):
    """refclockd at the master's end: the guest's system clock, over that end's PHC."""

    def __init__(self, guest, transport="l2", delay="e2e", mode="discipline", role="grandmaster", name="grandmaster",
                 side="far", ptp="", extra="", env=None):
        super().__init__(guest, transport, delay, unit=None, name=name)
        self._side = side
        self._env = env
        self.config.write_text(
            f'role = "{role}"\n[ptp]\ninterface = "{SIDES[side][1]}"\ntransport = "{transport}"\ndelay = "{delay}"\n'
            'timestamping = "hardware"\nannounce_interval = 0\nsync_interval = -3\ndelay_interval = -3\n'
            f'{ptp}[phc]\nmode = "{mode}"\n[utc]\nleap_file = "{guest.leap_file}"\n'
            f'[status]\nsocket = "{self.status_socket}"\n{extra}')

    def start(self):
        self.process = self._cable.start(self._side, self._name, [peers.program("refclockd"), f"--config={self.config}"],
                                         self._env)
        return self

    def status(self):
        """Without a refclockctl, for those who ask often."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as daemon:
            daemon.connect(str(self.status_socket))
            with daemon.makefile() as said:
                return json.load(said)
        return None

    @property
    def processes(self):
        return [self.process]


class MasterChain:
    """What people run there today: phc2sys has the far PHC follow the system clock, ptp4l serves it."""

    def __init__(self, guest, transport="l2", delay="e2e"):
        self.guest = guest
        self._master = peers.Ptp4lMaster(guest, transport, delay, -3, time_stamping="hardware")

    def start(self):
        self._master.start()
        phc2sys = peers.peer(f"{peers.LINUXPTP['3.1.1']}/usr/sbin/phc2sys")
        self._phc2sys = self.guest.far(
            "master-phc2sys", [phc2sys, "-s", "CLOCK_REALTIME", "-c", FAR_IF, "-O", truth.TAI_UTC_NS // 10**9,
                               "-R", 8, "-m", "-q"], peers.peer_env())
        return self

    @property
    def processes(self):
        return [self._master.process, self._phc2sys]
