"""refclockd as grandmaster, on a system clock that a script calls disciplined, and what
others see of it."""
import os
import re
import subprocess
import threading
import time
from pathlib import Path

from . import gnss, peers
from .cable import FAR_IF, NEAR_IF, wait_until

INTERFACE = {"near": NEAR_IF, "far": FAR_IF}
# What the classes are earned and lost by (engine/clock_class.h, source/gnss_watch.h).
SETTLE = 10  # s until GNSS is good,
PROOF = 60   # s until it is proven,
AGE = 5      # s until a fix is missed.
# What is left to a busy machine.
BUSY = 30


class SystemClock:
    """What adjtimex tells who starts with `env` (disciplined.c). It begins well disciplined;
    TAI-UTC nobody has set."""

    _UNSYNC = 0x40

    def __init__(self, cable, name="clock"):
        self._script = cable.dir / f"{name}.adjtimex"
        shim = cable.dir / "disciplined.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", shim, Path(__file__).parent / "disciplined.c"], check=True)
        self.env = dict(os.environ, LD_PRELOAD=str(shim), SYSTEM_CLOCK_SCRIPT=str(self._script))
        self.disciplined()

    def disciplined(self, max_error_us=200, error_us=2):
        self._say(0, max_error_us, error_us)

    def lost(self):
        """As chronyd leaves it that has lost its sources."""
        self._say(self._UNSYNC, 16_000_000, 16_000_000)

    def _say(self, status, max_error_us, error_us):
        new = self._script.with_suffix(".new")
        new.write_text(f"{status} {max_error_us} {error_us} {12 * 65536} 0\n")
        new.rename(self._script)


class Grandmaster(peers.Refclockd):
    """role = "grandmaster" or "auto", Announce 4/s and Sync 8/s unless ptp says otherwise;
    `holdover` of GNSS lost is short. clock: a SystemClock, else the kernel's."""

    kind = "grandmaster"

    def __init__(self, cable, side="far", role="grandmaster", transport="l2", delay="e2e", gpsd=False, holdover=5,
                 clock=None, ptp="announce_interval = -2\nsync_interval = -3\ndelay_interval = -3\n", utc="",
                 grandmaster="", extra="", name="grandmaster"):
        self._cable = cable
        self._side = side
        self._name = name
        self._clock = clock
        self.config = cable.dir / f"{name}.toml"
        self.status_socket = cable.dir / f"{name}.status"
        self.config.write_text(
            f'role = "{role}"\n[ptp]\ninterface = "{INTERFACE[side]}"\ntransport = "{transport}"\ndelay = "{delay}"\n'
            f'timestamping = "software"\n{ptp}[utc]\n{utc}\n'
            f'[grandmaster]\nholdover = "{holdover}s"\nmax_holdover_error = "1s"\n{grandmaster}\n' +
            (f'[gnss]\ngpsd = "localhost:{gnss.PORT}"\n' if gpsd else "") +
            f'[status]\nsocket = "{self.status_socket}"\n{extra}')
        self.process = None

    def start(self):
        self.process = self._cable.start(self._side, self._name,
                                         [peers.program("refclockd"), f"--config={self.config}"],
                                         self._clock and self._clock.env)
        return self

    def serving(self, seconds=30):
        """Waits until it is master."""
        wait_until(lambda: (self.status() or {}).get("state") == "MASTER", seconds, "state MASTER")
        return self

    def clock_class(self):
        status = self.status()
        return status and status["own_clock"]["clock_class"]

    def changes(self):
        """[(from, to)] of clockClass, as logged."""
        return [(int(a), int(b)) for a, b in re.findall(r"clockClass (\d+) -> (\d+): ", self.process.log())]


class Slave(peers.Ptp4lSlave):
    """A ptp4l whose port gets to SLAVE (Ptp4lSlave says how), and what it tells of its
    parent. It logs every offset."""

    def __init__(self, cable, version="3.1.1", sync=-3, **options):
        self._version = version
        self._domain = options.get("domainNumber", 0)
        self._uds = cable.dir / f"{options.get('name', 'ptp4l')}.uds"
        super().__init__(cable, version, summary_interval=sync, uds_address=self._uds,
                         logMinDelayReqInterval=sync, logMinPdelayReqInterval=sync, **options)

    def ask(self, data_set):
        """{field: text} of a management data set. pmc waits for an answer for a tenth of a second, in which a
        busy machine may not let ptp4l run, so it is asked again."""
        pmc = [peers.peer(f"{peers.LINUXPTP[self._version]}/usr/sbin/pmc"), "-u", "-b", 0, "-d", self._domain,
               "-s", self._uds, "-i", f"{self._uds}.pmc.{threading.get_ident()}", f"GET {data_set}"]

        def answer():
            lines = (line.split() for line in self._cable.run("near", pmc, peers.peer_env()).stdout.splitlines())
            return {words[0]: words[1] for words in lines if len(words) == 2}
        return wait_until(answer, BUSY, f"{self._name} answers GET {data_set}", every=0.1)

    def port_state(self):
        return self.ask("PORT_DATA_SET").get("portState")

    def parent_class(self):
        """gm.ClockClass; None before it has a parent."""
        text = self.ask("PARENT_DATA_SET").get("gm.ClockClass")
        return int(text) if text else None

    def follows(self, seconds=40):
        wait_until(lambda: self.port_state() == "SLAVE", seconds, f"{self._name} in state SLAVE", every=0.3)
        return self

    def offsets(self, count, seconds=30):
        """The next ones, ns."""
        since = len(self.process.log())

        def found():
            texts = re.findall(r"master offset\s+(-?\d+) s\d", self.process.log()[since:])
            return [int(text) for text in texts] if len(texts) >= count else None
        return wait_until(found, seconds, f"{count} offsets of {self._name}")


class Trail:
    """Which values something went through, each once: looks every so many s, in a thread."""

    def __init__(self, look, every=0.1):
        self._look = look
        self._every = every
        self._seen = []
        self._error = None
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            while not self._ended:
                value = self._look()
                if value is not None and (not self._seen or self._seen[-1] != value):
                    self._seen.append(value)
                time.sleep(self._every)
        except BaseException as error:
            self._error = error

    def seen(self):
        if self._error:
            raise self._error
        return list(self._seen)

    def end(self):
        self._ended = True
        self._thread.join()
        return self.seen()
