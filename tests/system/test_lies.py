"""A grandmaster that lies, falls silent, jumps; leap second lists that come and go.
Whatever is published is right, or nothing is and there is a reason with a name.

Master and client stamp with one clock, so the truth is 0. A real chronyd reads along.
"""
import os
import re
import time
from dataclasses import dataclass

from lib import leap_list
from lib.cable import wait_until
from lib.frames import Bystander, longest_gap
from lib.kit import limit, only_refclockd, rows, set_link
from lib.peers import Chronyd, Ptp4lClient, Refclockd, ScriptedMaster
from lib.shm import ShmWatch

# What output.max_error allows by default. Seen are microseconds: what is looked for
# here is whole seconds, and the rest is left to a machine that is busy.
RIGHT_NS = 1_000_000
# What chronyd must never be told. A reading that makes it think so is a whole second.
HALF_A_SECOND = 0.5

HONEST = {"clock_class": 6, "clock_accuracy": 0x21}
TRACEABLE = {"current_utc_offset_valid": True, "time_traceable": True}


@dataclass
class Lie:
    settings: dict
    # Whether the time is known all the same: two who are independent agree on it.
    harmless: bool = False


# The rows of the table of what ptp4l and phc2sys publish. The wire carries the truth,
# UTC + 37 s, in all of them.
LIES = {
    "utc 0, valid 0": Lie({"current_utc_offset": 0}),
    "utc 36, valid 0": Lie({"current_utc_offset": 36}),
    "utc 38, valid 0": Lie({"current_utc_offset": 38}),
    "utc 36, valid 1, not traceable": Lie({"current_utc_offset": 36, "current_utc_offset_valid": True}),
    "utc 36, valid 1, traceable": Lie({"current_utc_offset": 36, **TRACEABLE}),
    "utc 0, valid 1, traceable": Lie({"current_utc_offset": 0, **TRACEABLE}),
    "leap61 on an ordinary day": Lie({"leap61": True, **TRACEABLE}, harmless=True),
    "clockClass 248, accuracy unknown": Lie({"clock_class": 248, "clock_accuracy": 0xFE}, harmless=True),
}


class Rig:
    """Scripted master, refclockd with Debian's leap second list (or as options say), and
    chronyd; unit 3 is for watching only, so `valid` there is refclockd's word alone."""

    def __init__(self, cable, master=HONEST, beside=False, **options):
        only_refclockd("publishes what it is told")
        self.cable = cable
        self.master = ScriptedMaster(cable, **master).start()
        self.daemon = self.start_daemon(arbitrary=None, extra="[[output.shm]]\nunit = 3\n", **options)
        # Four samples a second make one poll a second: selected 3 s after the first.
        self.chronyd = Chronyd(cable, shm=2, poll=0, dpoll=-2).start()
        self.watch = ShmWatch(3)
        self.beside = None
        if beside:
            Ptp4lClient(cable, unit=4, name="beside").start()
            self.beside = ShmWatch(4)

    def start_daemon(self, **options):
        return Refclockd(self.cable, **options).start()

    def status(self):
        return wait_until(self.daemon.status, 10, "status")

    def publishes(self, what, seconds=30):
        """Waits for five samples from now on. The limit is for a busy machine; two
        Announces and the first measurements take 2 to 3 s."""
        now = time.time()
        wait_until(lambda: len(self.watch.samples(now)) >= 5, seconds, f"published {what}")
        print(f"published {what}: {self.watch.samples(now)[0].seen - now:.1f} s")

    def selected(self, what):
        wait_until(self.chronyd.selected, 30, f"chrony selects PTP {what}", every=0.3)

    def observe(self, seconds):
        """Looks on, and what chronyd says in the meantime has to be true."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.chrony_says_nothing_wrong()
            time.sleep(1)

    def chrony_says_nothing_wrong(self):
        offset = self.chronyd.offset()
        assert offset is None or abs(offset) < HALF_A_SECOND, self.chronyd.sources()
        assert self.chronyd.leap_status() in ("Normal", "Not synchronised"), self.chronyd.ask("tracking")

    def publishes_on(self, since, before):
        """There was a sample of each Sync since then (of half of them, on a machine that takes its
        time), when the master had sent so many `before`; and more are to come."""
        published, syncs = len(self.watch.samples(since)), self.master.sent()["sync"] - before["sync"]
        assert published > syncs / 2, f"{published} samples of {syncs} Syncs: {self.status()}"
        self.publishes("to the end", 3)

    def silence(self, seconds, what):
        """Waits until nothing is published any more, and says why: the reason's name."""
        def withdrawn():
            return (self.watch.invalid_since() or time.time()) < time.time() - 1
        wait_until(withdrawn, seconds + 1, f"silence {what}")
        ended = self.watch.invalid_since()
        assert not [s for s in self.watch.samples() if s.receive > ended], f"published {what}"
        status = self.status()
        assert status["publishing"] is False and status["withheld"], status
        said = rf"(not publishing|publication ended): {status['withheld']}: "
        assert re.search(said, self.daemon.process.log()), f"no word of {status['withheld']} in the log"
        return status["withheld"]

    def nothing_wrong(self):
        """All that was ever published, and all that chronyd ever took."""
        for sample in self.watch.samples():
            assert abs(sample.offset_ns) < RIGHT_NS and sample.leap == 0, sample
        self.chrony_says_nothing_wrong()
        self.chronyd.stop()
        samples = self.chronyd.samples()
        # 16 are two seconds' worth.
        assert samples or len(self.watch.samples()) < 16, "chronyd has logged none of them"
        for taken in samples:
            assert abs(taken.raw) < RIGHT_NS * 1e-9 and taken.leap == "N", taken
        assert self.daemon.process.running()


def row(rig, lie, when, since):
    """Prints what happened since then, as a line of lies_table."""
    def published(watch):
        samples = watch.samples(since)
        if not samples:
            return "nothing"
        worst = max((s.offset_ns for s in samples), key=abs)
        wrong = f"{worst / 1e9:+.0f} s" if abs(worst) > 1e8 else f"{abs(worst) / 1e3:.1f} us"
        return f"{len(samples)} samples, worst {wrong}"
    status = rig.status()
    offset = rig.chronyd.offset()
    word = ("not selected" if not rig.chronyd.selected() else "selected") + (
        ", nothing in eight polls" if offset is None else f", {offset * 1e9:+.0f} ns")
    cells = [lie, when, published(rig.watch), status["withheld"] or "-", word]
    if rig.beside:
        cells.append(published(rig.beside))
    print("| " + " | ".join(cells) + " |", flush=True)


def judge(rig, lie, since, before):
    """At the end of the lie; `before` it, the master had sent so much."""
    if LIES[lie].harmless:
        rig.publishes_on(since, before)
    elif not rig.watch.samples(time.time() - 2):
        rig.silence(5, f"under the lie {lie!r}")
    for sample in rig.watch.samples(since):
        assert abs(sample.offset_ns) < RIGHT_NS and sample.leap == 0, sample


BESIDE = bool(os.environ.get("REFCLOCKD_LIES_BESIDE"))  # lies_table asks for it.


@rows(*((lie,) for lie in LIES))
def test_a_lie_from_the_start(cable, lie):
    rig = Rig(cable, {**HONEST, **LIES[lie].settings}, beside=BESIDE)
    if LIES[lie].harmless:
        rig.publishes("under the lie", 12)
    since, before = time.time(), rig.master.sent()
    rig.observe(12)
    assert rig.status()["grandmaster"], "the lie was never heard"
    sent = rig.master.sent()
    assert sent["delay_resp"] >= sent["sync"] / 5, f"hardly anything could be measured: {sent}"
    row(rig, lie, "from the start", since)
    judge(rig, lie, since, before)
    rig.nothing_wrong()


@rows(*((lie,) for lie in LIES))
def test_a_lie_in_mid_run(cable, lie):
    rig = Rig(cable, beside=BESIDE)
    rig.selected("at first")
    if rig.beside:
        wait_until(rig.beside.samples, 30, "ptp4l publishes")
    before = rig.master.set(**LIES[lie].settings)
    wait_until(lambda: rig.master.sent()["announce"] > before["announce"], 5, "the lie is told", every=0.02)
    since = time.time()
    rig.observe(8)
    wait_until(lambda: rig.master.sent()["announce"] >= before["announce"] + 6, 10, "the lie is told often")
    row(rig, lie, "in mid-run", since)
    judge(rig, lie, since, before)
    rig.master.set(**{**{name: False for name in ("leap61", *TRACEABLE)}, "current_utc_offset": 37, **HONEST})
    rig.publishes("after the lie was withdrawn")
    rig.selected("again")
    rig.nothing_wrong()


def test_masters_death(cable):
    rig = Rig(cable)
    rig.selected("at first")
    log = len(rig.daemon.process.log())
    bystander = Bystander(0.05)
    rig.master.mute()
    died = time.time()
    wait_until(lambda: not rig.watch.valid(), 10, "valid cleared")
    lasted = rig.watch.invalid_since() - died
    bystander.end()
    # At 8 Sync/s the newest may be 2 s old; a busy machine may be late in waking the daemon, and
    # then the watcher.
    late = 2 * longest_gap(bystander.times)
    assert lasted <= 2.3 + late, f"valid {lasted:.2f} s after the death, {late:.2f} s of it perhaps the machine's"
    last = rig.watch.samples()[-1]
    assert last.receive < died + 0.5, f"a sample of {last.receive - died:.2f} s after the death"
    print(f"valid cleared {lasted:.2f} s after the death, last sample {last.receive - died:+.2f} s")
    reason = rig.silence(0, "after the death")
    assert f"publication ended: {reason}: " in rig.daemon.process.log()[log:], "no line in the log"
    print(f"withheld: {reason}")
    # A bit each second: half a second to go stale, then eight of them to have lost it.
    wait_until(lambda: rig.chronyd.reach() & 1 == 0, 10, "reach falls", every=0.2)
    wait_until(lambda: rig.chronyd.reach() == 0, 15, "reach has fallen to 0", every=0.3)
    assert not rig.chronyd.selected(), rig.chronyd.sources()
    rig.master.set(mute=False)
    rig.publishes("after the master came back")
    rig.selected("again")
    assert rig.chronyd.reach() & 1
    rig.nothing_wrong()


@rows(("announce_only", {"send_sync": False}, 5),      # 2 s without a Sync.
      ("sync_only", {"send_announce": False}, 8))      # 3 to 4 s without an Announce.
def test_recovers_without_hands(cable, name, fault, seconds):
    rig = Rig(cable)
    rig.selected("at first")
    rig.master.set(**fault)
    print(f"{name}: {rig.silence(seconds, 'in the fault')}")
    rig.observe(2)
    rig.master.set(**dict.fromkeys(fault, True))
    rig.publishes("after the fault")
    rig.selected("again")
    rig.nothing_wrong()


def test_link_down_and_up_without_hands(cable):
    rig = Rig(cable)
    rig.selected("at first")
    set_link(cable, False)
    print(f"link down: {rig.silence(4, 'with the link down')}")
    set_link(cable, True)
    rig.publishes("after the link came back")
    rig.selected("again")
    rig.nothing_wrong()


@rows(("debians_list", None), ("expired_copy", leap_list.EXPIRED), ("no_list", ""))
def test_publishes_out_of_the_box(cable, name, text):
    """The master that everybody has: the right offset, valid flag clear, class 248."""
    utc = ""
    if text is not None:
        path = cable.dir / "leap.list" if text else ""
        if text:
            path.write_text(text)
        utc = f'leap_file = "{path}"'
    rig = Rig(cable, {}, utc=utc)
    rig.publishes(f"with {name}", 20)
    since, before = time.time(), rig.master.sent()
    rig.observe(4)
    rig.publishes_on(since, before)
    assert rig.status()["utc"]["offset"] == 37, rig.status()
    rig.selected("at last")
    rig.nothing_wrong()


def shows(tai_ns):
    """The settings with which a master's time is tai_ns now and goes on from there."""
    return {"error_ns": tai_ns - time.time_ns() - 37 * 10**9}


EPOCHS = {"1970": lambda: 0,
          "uptime": lambda: time.clock_gettime_ns(time.CLOCK_BOOTTIME),
          "2106": lambda: 2**32 * 10**9}


@rows(*((epoch,) for epoch in EPOCHS))
def test_epoch_lie_from_the_start(cable, epoch):
    rig = Rig(cable, {**HONEST, **TRACEABLE, **shows(EPOCHS[epoch]())})
    wait_until(lambda: rig.status()["grandmaster"], 15, "the master is heard")
    rig.observe(8)
    assert not rig.watch.samples() and not rig.watch.valid()
    assert rig.status()["withheld"] == "epoch-insane", rig.status()
    rig.master.set(error_ns=0)
    rig.publishes("the truth at last")
    rig.nothing_wrong()


@rows(*((epoch,) for epoch in EPOCHS))
def test_epoch_lie_in_mid_run(cable, epoch):
    rig = Rig(cable)
    rig.selected("at first")
    rig.master.set(**shows(EPOCHS[epoch]()))
    rig.observe(8)
    assert rig.silence(2, "while the epoch is wrong") == "epoch-insane"
    rig.master.set(error_ns=0)
    rig.publishes("after the epoch was right again")
    rig.selected("again")
    rig.nothing_wrong()


@rows((1, "at-once"), (-1, "at-once"), (1, "while-away"))
def test_masters_time_jumps_by_a_second(cable, seconds, when):
    rig = Rig(cable)
    rig.selected("at first")
    if when == "while-away":
        rig.master.mute()
        rig.silence(5, "after its death")
    rig.master.set(error_ns=seconds * 10**9, mute=False)
    rig.observe(10)
    assert rig.silence(2, "after the jump") == "master-time-jumped"
    rig.master.set(error_ns=0)
    rig.publishes("after it came back")
    rig.selected("again")
    rig.nothing_wrong()


@rows(("honest", 0), ("a-second-fast", 10**9))
def test_a_better_master_comes_and_goes(cable, name, error_ns):
    rig = Rig(cable)
    rig.selected("at first")
    better = ScriptedMaster(cable, name="better", clock_identity="02000000000000b0", priority1=10,
                            error_ns=error_ns, **HONEST).start()
    wait_until(lambda: rig.status()["grandmaster"]["identity"] == "0x02000000000000b0", 15, "it is followed")
    rig.observe(8)
    if error_ns == 0:
        rig.publishes("with the better one")
    else:
        assert rig.silence(2, "with the better one") == "master-time-jumped"
    better.mute()
    time.sleep(5)  # It is missed after 3 to 4 Announces.
    rig.publishes("with the first one again")
    assert rig.status()["grandmaster"]["identity"] != "0x02000000000000b0"
    rig.selected("at last")
    rig.nothing_wrong()


@limit(300)
def test_leap_list_replaced_while_running(cable):
    """By a new file under the old name, as dpkg does it."""
    path = cable.dir / "leap.list"

    def replace(text):
        new = cable.dir / "leap.list.new"
        new.write_text(text)
        new.rename(path)

    def claim():
        return next((c for c in rig.status()["utc"]["claims"] if c["source"] == "leap-file"), None)

    def vouches():
        said = claim()
        return said is not None and said["valid"] and said["offset"] == 37

    replace(leap_list.GOOD)
    rig = Rig(cable, utc=f'leap_file = "{path}"')
    rig.publishes("with a good list")
    assert vouches()
    for name, text in leap_list.BAD.items():
        if text is None:
            path.unlink()
        else:
            replace(text)
        # It looks every eight seconds, and what the table says of now is asked once a second.
        wait_until(lambda: not vouches(), 13, f"the list {name} is noticed", every=0.2)
        rig.observe(2)
        print(f"list {name}: claim {claim()}, withheld {rig.status()['withheld']}")
        replace(leap_list.GOOD)
        wait_until(vouches, 13, f"the good list is noticed after {name}", every=0.2)
        rig.publishes(f"after the list {name} was made good")
    rig.selected("at last")
    rig.nothing_wrong()


def test_max_clock_class(cable):
    """A master that has lost its own source degrades to 248 and is withheld if so asked."""
    rig = Rig(cable, {"clock_class": 248}, ptp="max_clock_class = 7")
    wait_until(lambda: rig.status()["grandmaster"], 15, "the master is heard")
    rig.observe(5)
    assert not rig.watch.samples(), "published although the class is 248"
    assert rig.status()["withheld"] == "grandmaster-quality", rig.status()
    rig.master.set(clock_class=6)
    rig.publishes("with class 6")
    rig.master.set(clock_class=248)
    assert rig.silence(5, "with class 248 again") == "grandmaster-quality"
    rig.master.set(clock_class=7)
    rig.publishes("with class 7")
    rig.nothing_wrong()
