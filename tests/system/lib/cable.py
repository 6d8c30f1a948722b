"""Two network namespaces joined by a veth pair, and the programs in them.

Near is where the client and the NTP daemons run: its own network, IPC (so no SHM
segment of the machine is ever touched), mount and UTS namespaces. Far is where the
grandmaster runs. Each namespace is held by one sleeping process and has no name,
so nothing is left behind however the run ends.

No program started here can set the machine's clock: CAP_SYS_TIME is dropped from
its bounding set, whatever its configuration says.
"""
import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWIPC = 0x08000000
_CLONE_NEWNET = 0x40000000

NEAR_IF = "near0"
FAR_IF = "far0"


class HarnessError(Exception):
    """The test could not be carried out; says nothing about the program tested."""


def wait_until(condition, seconds, what, every=0.05):
    """The first true value of condition(); AssertionError after the deadline. What the machine
    lets this sleep longer than asked for, it takes from everybody, and it is not counted."""
    deadline = time.monotonic() + seconds
    last = False
    while True:
        value = condition()
        if value:
            return value
        if last:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        asleep = time.monotonic()
        time.sleep(every)
        awake = time.monotonic()
        deadline += awake - asleep - every
        last = awake >= deadline  # One more look: the deadline itself is in time.


class Process:
    """A program in a namespace, with its output in a file."""

    def __init__(self, name, argv, log, env=None):
        self.name = name
        self.log_path = Path(log)
        self._log = open(log, "ab")
        self._popen = subprocess.Popen(
            [str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=self._log,
            stderr=subprocess.STDOUT, env=env)
        self.started_mono = time.monotonic()
        self.started = time.time()

    @property
    def pid(self):
        return self._popen.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def running(self):
        return self._popen.poll() is None

    def wait_for(self, text, seconds=10, since=0):
        """Waits until the log (from offset `since`) contains text."""
        def there():
            if text in self.log()[since:]:
                return True
            if not self.running():
                raise AssertionError(f"{self.name} ended with {self.exit_code()} "
                                     f"before {text!r}:\n{self.tail()}")
            return False
        wait_until(there, seconds, f"{text!r} in the log of {self.name}:\n{self.tail()}")

    def tail(self, lines=15):
        return "\n".join(self.log().splitlines()[-lines:])

    def signal(self, number):
        self._popen.send_signal(number)

    def exit_code(self, seconds=0):
        try:
            return self._popen.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, seconds=5):
        """SIGTERM, then SIGKILL. The exit code, or None if it had to be killed."""
        if self.running():
            self.signal(signal.SIGTERM)
        code = self.exit_code(seconds)
        if code is None:
            self.kill()
        self._log.close()
        return code

    def kill(self):
        self._popen.kill()
        self._popen.wait()

    def cpu_seconds(self):
        """Time on a processor, all threads, to the nanosecond."""
        total = 0
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def memory_kib(self):
        """(RSS, PSS) in KiB."""
        fields = dict(line.split(":") for line in
                      Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:])
        return tuple(int(fields[k].split()[0]) for k in ("Rss", "Pss"))


class Cable:
    """with Cable() as cable: cable.near(...), cable.far(...)."""

    def __init__(self, keep=False):
        self.dir = Path(tempfile.mkdtemp(prefix="refclockd-test-"))
        self.dir.chmod(0o750)  # chronyd refuses a command socket in a wider one.
        self._keep = keep
        self._holders = {}
        self._started = []

    def __enter__(self):
        try:
            for side in ("near", "far"):
                self._hold(side)
            near, far = self._holders["near"].pid, self._holders["far"].pid
            subprocess.run(["ip", "link", "add", NEAR_IF, "netns", str(near), "type", "veth",
                            "peer", "name", FAR_IF, "netns", str(far)], check=True)
            for side, interface, host in (("near", NEAR_IF, 2), ("far", FAR_IF, 1)):
                self.shell(side, f"""
                    echo 0 > /proc/sys/net/ipv6/conf/{interface}/accept_dad
                    ip link set lo up
                    ip addr add 192.0.2.{host}/24 dev {interface}
                    ip link set {interface} up""")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for process in reversed(self._started):
            if process.running():
                with contextlib.suppress(Exception):
                    process.stop(3)
        for holder in self._holders.values():
            holder.kill()
            holder.wait()
        if not self._keep:
            shutil.rmtree(self.dir, ignore_errors=True)

    def _hold(self, side):
        # sysfs shows the interfaces of the namespace it was mounted in; default
        # sockets and pid files (/run/...) are to be nobody else's.
        ready = self.dir / f"{side}.ready"
        self._holders[side] = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--ipc", "--mount", "--uts", "sh", "-c",
             f"mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /run; touch {ready}; exec sleep infinity"],
            stdin=subprocess.DEVNULL)
        holder = self._holders[side]
        wait_until(lambda: ready.exists() or holder.poll() is not None, 10, f"namespace {side}")
        if holder.poll() is not None:
            raise HarnessError("no permission to make namespaces (run as root)")

    def enter(self, side):
        """argv prefix: in that side's namespaces, without CAP_SYS_TIME, and gone
        when this process goes. Every part is an exec: the pid is the program's."""
        return ["nsenter", "-t", str(self._holders[side].pid), "--net", "--ipc", "--mount", "--uts", "--root",
                "setpriv", "--bounding-set", "-sys_time", "--inh-caps", "-sys_time",
                "--pdeathsig", "KILL", "--"]

    def start(self, side, name, argv, env=None):
        process = Process(name, self.enter(side) + list(argv), self.dir / f"{name}.log", env)
        self._started.append(process)
        return process

    def near(self, name, argv, env=None):
        return self.start("near", name, argv, env)

    def far(self, name, argv, env=None):
        return self.start("far", name, argv, env)

    def run(self, side, argv, env=None, timeout=20):
        """Runs to the end: CompletedProcess with stdout and stderr as text."""
        return subprocess.run(self.enter(side) + [str(a) for a in argv], env=env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=timeout)

    def shell(self, side, script):
        result = self.run(side, ["sh", "-ec", script])
        if result.returncode:
            raise HarnessError(f"{script.strip()}: {result.stderr}")
        return result.stdout

    def join_ipc(self):
        """Moves this process into the near side's IPC namespace (to read SHM)."""
        self._setns("near", "ipc", _CLONE_NEWIPC)

    def near_network(self):
        """Sockets opened inside belong to the near side's network."""
        return self.network("near")

    @contextlib.contextmanager
    def network(self, side):
        with open("/proc/self/ns/net") as home:
            self._setns(side, "net", _CLONE_NEWNET)
            try:
                yield
            finally:
                _libc.setns(home.fileno(), _CLONE_NEWNET)

    def _namespace(self, side, kind):
        return f"/proc/{self._holders[side].pid}/ns/{kind}"

    def _setns(self, side, kind, flag):
        with open(self._namespace(side, kind)) as ns:
            if _libc.setns(ns.fileno(), flag):
                raise HarnessError(f"setns {kind}: {os.strerror(ctypes.get_errno())}")
