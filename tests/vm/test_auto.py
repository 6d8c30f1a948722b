"""Role auto on PHCs, beside a second grandmaster, on a system clock that a real chronyd steers:
GNSS is lost and regained. The truth is the other's PHC, which it serves."""
import os
import re
import time

from system.lib.cable import wait_until
from system.lib.frames import Hearer
from system.lib.gnss import PORT
from system.lib.grandmaster import SystemClock, Trail
from system.lib.peers import Chronyd
from system.lib.shm import ShmObserver
from vm.lib import guest as ends
from vm.lib.gnss import Gnss
from vm.lib.kit import limit, only_refclockd, rows
from vm.lib.truth import Recorder, largest

HANDOVERS = int(os.environ.get("REFCLOCKD_HANDOVERS", 2))
GPSD = f'[gnss]\ngpsd = "localhost:{PORT}"\n[grandmaster]\nholdover = "10s"\nmax_holdover_error = "1ms"\n'
FED, HEARD = 12, 13  # SHM units: chronyd's, and one that nobody consumes.
WANDER = 50          # ppb: by how much the crystals differ anew whenever GNSS is lost.
STEP_NS = 1000
# s, of Announces each second: what announceReceiptTimeout is, and the random part that clocks add to it.
TIMEOUT, LATE = 3, 1


class Ours:
    """refclockd of role auto on the near PHC. Its NTP daemon prefers GNSS to what it publishes."""

    def __init__(self, guest):
        self.gnss = Gnss(guest, "near", unit=0)
        self._daemon = ends.Grandmaster(guest, role="auto", name="ours", side="near", extra=GPSD + "".join(
            f"[[output.shm]]\nunit = {unit}\n" for unit in (FED, HEARD)) + "[output]\nrate = 4\n").start()
        Chronyd(guest, steer=True, refclock="".join(
            f"refclock SHM {unit} refid {name} poll 0 dpoll -2 precision 1e-8 {options}\n"
            for unit, name, options in ((0, "GPS", "prefer"), (FED, "PTP", "")))).start()

    def clock(self, field):
        return (self._daemon.status() or {}).get("own_clock", {}).get(field)

    def state(self):
        return self.clock("auto_state")

    def classes(self):
        """As text: "248 6 7"."""
        return " ".join(["248", *re.findall(r"clockClass \d+ -> (\d+): ", self._daemon.process.log())])

    def reaches(self, state, seconds, why):
        """When it did."""
        wait_until(lambda: self.state() == state, seconds, f"{state}: {why}", every=0.5)
        return time.time()

    def hand_over_and_back(self, turn):
        """From when until when it may publish."""
        time.sleep(10)
        self.gnss.fix = False
        ends.adjust_nic(drift=(5_000 + WANDER * (-1)**turn, -10_000))
        begun = self.reaches("following", 60, "it has been demoted")
        time.sleep(40)
        self.gnss.fix = True
        ended = self.reaches("returning", 60, "GNSS is back")
        self.reaches("serving", 200, "GNSS is proven")
        return begun - 1, ended + 1


def start_ptp4l(guest):
    """Of class 6 and unknown accuracy."""
    ends.master(guest, priority1=128)


def start_refclockd(guest):
    """Of class 6 and 2 us, by an NTP daemon of its own. It serves a PHC that others discipline."""
    Gnss(guest, "far")
    ends.Grandmaster(guest, mode="observe", name="other", extra=GPSD + 'source = "phc"\n',
                     env=SystemClock(guest).env).start()


OTHERS = {"ptp4l": start_ptp4l, "refclockd": start_refclockd}


@rows(("ptp4l",), ("refclockd",))
@limit(800 + 400 * HANDOVERS)
def test_hands_over_and_takes_back_without_a_step(guest, other):
    only_refclockd("has no role auto")
    ends.adjust_nic(drift=(5_000, -10_000))
    ours = Ours(guest)
    OTHERS[other](guest)
    wait_until(lambda: (ours.clock("clock_class"), ours.state()) == (6, "serving"), 300, "it is proven and better",
               every=1)
    time.sleep(10)  # Until the other has given way.
    hearers = [Hearer(guest, side) for side in ("far", "near")]
    with Recorder(units=(HEARD,), every=0.05) as record:
        trail = Trail(ours.state, every=0.5)
        spells = [ours.hand_over_and_back(turn) for turn in range(HANDOVERS)]
        time.sleep(2 * TIMEOUT)
        valid = ShmObserver(HEARD).valid()
        states = trail.end()
    without_a_step(record)
    one_master(*(hearer.end().reigns(TIMEOUT + LATE) for hearer in hearers))
    cycle = ["serving", "standby", "following", "returning"]
    assert states == cycle * HANDOVERS + ["serving"], states
    # 248 again: a crystal that was watched for less than ten minutes counts as 10 ppm wrong.
    assert re.fullmatch(f"248 6( 7 187( 248)? 6){{{HANDOVERS}}}", ours.classes()), ours.classes()
    # No loop.
    seen = [sample.seen for sample in record.samples[HEARD]]
    assert not valid and all(any(a < s < b for a, b in spells) for s in seen), f"{spells}: {seen}"
    assert all(len([s for s in seen if a < s < b]) > 100 for a, b in spells), f"{spells}: {seen}"


def without_a_step(record):
    steps = [b.phc_error - a.phc_error for a, b in zip(record.points, record.points[1:])]
    off = largest(p.system_error for p in record.points)
    errors = record.errors(unit=HEARD)
    between = [b - a for a, b in zip(errors, errors[1:])]
    print(f"PHC: largest step in 50 ms {largest(steps)} ns; {len(errors)} samples: largest error {largest(errors):.1f}, "
          f"step {largest(between):.1f} ns; the system clock was up to {off} ns off")
    assert off > 500, f"{off} ns: the clocks that take turns did not differ"
    assert largest(steps) < STEP_NS and largest(errors) < STEP_NS and largest(between) < STEP_NS


def one_master(ours, theirs):
    """From the Announces of both: [(first, last)] of each reign."""
    assert len(ours) == HANDOVERS + 1 and len(theirs) == HANDOVERS, f"{ours} {theirs}"
    given = [a[1] - b[0] for a, b in zip(ours, theirs)]
    taken = [b[1] - a[0] for a, b in zip(ours[1:], theirs)]
    print(f"both were master for {max(given):.1f} s at most when GNSS was lost, {max(taken):.1f} s when it was back")
    assert all(-TIMEOUT - LATE < both < TIMEOUT for both in given + taken), f"{given} {taken}"
