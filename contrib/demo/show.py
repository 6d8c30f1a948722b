"""The live tables of contrib/demo/run, which builds first."""
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))
from lib import peers  # noqa: E402
from lib.cable import Cable  # noqa: E402
from lib.grandmaster import Grandmaster  # noqa: E402
from lib.kit import STANDIN, client  # noqa: E402
from lib.shm import ShmObserver  # noqa: E402

SECONDS = 45
KEY_2 = "0x4e545032"
LIMIT_NS = 20_000  # Both ends share one clock: the truth is 0.


def ns(value):
    return "-" if value is None else f"{value:+.0f} ns" if abs(value) < 1e5 else f"{value / 1e3:+.0f} us"


def daemon_cells(status):
    """State, what is published or why not, jitter, bound."""
    if status is None:
        return f"{'starting':<13}{'':<25}{'-':>9}{'-':>10}"
    publishing = status["publishing"]
    what = f"{ns(status['offset_ns']):>10}" if publishing else f"none: {status['withheld']}"
    jitter, bound = (ns(status[k]).lstrip("+") if publishing else "-" for k in ("jitter_ns", "error_bound_ns"))
    return f"{status['state']:<13}{what:<25}{jitter:>9}{bound:>10}"


HEAD = f"{'time':>6}  {'port state':<13}{'published offset':<25}{'jitter':>9}{'bound':>10}"
LEGEND = """  published offset  true time minus system time, as handed to the NTP daemon, or why there is none
  jitter, bound     its standard error; the most it may be wrong by, unknown asymmetry included"""


def chrony_cells(chronyd):
    """One cell per refclock: chrony's mark, its last sample, reach."""
    cells = []
    for line in chronyd.ask("-c", "-n", "sources").splitlines():
        mode, state, _, _, _, reach, _, sample, *_ = line.split(",")
        if mode == "#":
            cells.append(f"#{state} {ns(float(sample) * 1e9) if reach != '0' else '-':>9} {reach:>4}")
    return "   ".join(cells)


def on_a_cable(theirs):
    with Cable() as cable:
        cable.join_ipc()
        sock = None if STANDIN else cable.dir / "chrony.ptp.sock"
        print(f"{'ptp4l' if theirs else 'refclockd'}, the grandmaster (8 Sync/s, software timestamps) ==veth== "
              "refclockd -> chronyd\n"
              "Both ends read this machine's clock, so the true offset is 0. `chronyd -x` judges and sets nothing.\n\n"
              f"{LEGEND}\n"
              "  chrony            # refclock; * selected, + combined with it, - or x left out, ? not yet; its last\n"
              "                    offset (+: system clock fast; once selected, what its own correction leaves);\n"
              "                    reach, octal: 377 = each of the last 8 polls had samples")
        # ptp4l's software stamps are UTC, and it says so by ptpTimescale 0.
        master = (peers.Ptp4lMaster if theirs else Grandmaster)(cable).start()
        chronyd = peers.Chronyd(cable, shm=2, sock=sock).start()
        daemon = client(cable, sock=sock, arbitrary="utc" if theirs else None).start()
        shm = ShmObserver()
        print(f"\n{HEAD}   {'chrony, by SHM':<17}{'' if STANDIN else '   chrony, by SOCK'}")
        samples, first, status, start = [], None, None, time.monotonic()
        while time.monotonic() - start < SECONDS and daemon.process.running():
            new = shm.collect(seconds=1)
            first = first or (new and new[0].seen - daemon.process.started) or None
            samples += new
            status = None if STANDIN else daemon.status()
            print(f"{time.monotonic() - start:4.0f} s  {daemon_cells(status)}   {chrony_cells(chronyd)}", flush=True)
        if not STANDIN:
            print("\n$ refclockctl status\n" + cable.run("near", [
                peers.program("refclockctl"), "status", f"--socket={daemon.status_socket}"]).stdout.rstrip())
        if not theirs:
            print("\n$ refclockctl status      (of the grandmaster)\n" + cable.run("far", [
                peers.program("refclockctl"), "status", f"--socket={master.status_socket}"]).stdout.rstrip())
        print(f"\n$ chronyc -n sources      (PTP: by SHM{'' if STANDIN else '; PSK: by SOCK'})\n" + chronyd.sources())
        bad = faults(daemon, status, samples, chronyd)
        if bad:
            print(daemon.process.tail())
            print("verdict: BAD: " + "; ".join(bad))
            return 1
        offsets = [s.offset_ns for s in samples]
        print(f"verdict: GOOD: first sample {first:.1f} s after start, {len(samples)} samples, "
              f"median {statistics.median(offsets):+.0f} ns, std {statistics.pstdev(offsets):.0f} ns "
              "against a true offset of 0; chrony selected it")
        return 0


def faults(daemon, status, samples, chronyd):
    bad = []
    if not daemon.process.running():
        bad.append(f"refclockd ended with exit code {daemon.process.exit_code()}")
    if not STANDIN and not (status and status["publishing"]):
        bad.append("refclockd publishes nothing at the end")
    if len(samples) < 10:
        bad.append(f"only {len(samples)} samples in SHM")
    elif abs(statistics.median(s.offset_ns for s in samples)) > LIMIT_NS:
        bad.append(f"the median offset is over {LIMIT_NS} ns")
    if not chronyd.selected():
        bad.append("chrony has selected neither SHM nor SOCK")
    return bad


def on_interface(interface, arguments):
    with tempfile.TemporaryDirectory(prefix="refclockd-demo-") as directory:
        socket = f"{directory}/status.sock"
        log_path = Path(directory) / "log"
        argv = [str(peers.program("refclockd")), f"--interface={interface}",
                "--set", f"status.socket={socket}", *arguments]
        segment_was_there = unit_2()
        with open(log_path, "w") as log:
            daemon = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        print(" ".join(argv))
        print("Feeds NTP SHM unit 2; contrib/chrony and contrib/ntpsec say how to read it. Ctrl-C ends.\n\n"
              f"{LEGEND}\n\n{HEAD}   grandmaster")
        shown, start = False, time.monotonic()
        try:
            while daemon.poll() is None:
                time.sleep(1)
                status = ask(socket)
                master = ((status or {}).get("grandmaster") or {}).get("identity", "-")
                print(f"{time.monotonic() - start:4.0f} s  {daemon_cells(status)}   {master}", flush=True)
                if status and status["withheld"] and time.monotonic() - start > 5 and not shown:
                    shown = True
                    print(explain(status["withheld"]), flush=True)
        except KeyboardInterrupt:
            print()
        daemon.terminate()
        code = daemon.wait(10)
        if not segment_was_there and unit_2() == "0":
            subprocess.run(["ipcrm", "-M", KEY_2], check=False)
        print("refclockd's log:\n" + log_path.read_text()[-4000:], end="")
        return code


def unit_2():
    """How many are attached to the segment of unit 2, as ipcs says it; None without one."""
    rows = [line.split() for line in subprocess.check_output(["ipcs", "-m"], text=True).splitlines()]
    return next((row[5] for row in rows if row[:1] == [KEY_2]), None)


def ask(socket):
    result = subprocess.run([peers.program("refclockctl"), "status", "--json", f"--socket={socket}"],
                            capture_output=True, text=True, timeout=5)
    return json.loads(result.stdout) if result.returncode == 0 else None


def explain(reason):
    """The reason's entry of `refclockctl explain reasons`."""
    text = subprocess.run([peers.program("refclockctl"), "explain", "reasons"],
                          capture_output=True, text=True, timeout=5).stdout
    return next((entry for entry in text.split("\n\n") if entry.startswith(reason)), reason)


signal.signal(signal.SIGTERM, signal.default_int_handler)
try:
    if sys.argv[1:2] in ([], ["--master=ptp4l"]):
        sys.exit(on_a_cable(theirs=STANDIN or len(sys.argv) > 1))
    sys.exit(on_interface(sys.argv[1], sys.argv[2:]))
except KeyboardInterrupt:
    print("\ninterrupted; all of it is gone again")
    sys.exit(130)
