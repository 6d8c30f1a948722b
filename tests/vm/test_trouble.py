"""PHCs stepped by hand, links that come and go: not one sample from the wrong era."""
import time

from vm.lib import guest as ends
from vm.lib.kit import IGB, STANDIN, Machine, client, on, only_refclockd, rows, wait_for_sample
from vm.lib.truth import Recorder, largest

ERA_NS = 1000  # Of a right sample. A wrong one is out by a second or more.


def happens(guest, event, seconds, limit=ERA_NS, look=lambda daemon: None, **options):
    """Samples flow, event() does its worst, and time goes on; look(daemon) in the end. The
    errors after it, ns."""
    ends.master(guest)
    with Recorder() as record:
        daemon = client(guest, **options).start()
        wait_for_sample(record)
        time.sleep(10)
        before = time.time()
        event()
        time.sleep(seconds)
        assert all(process.running() for process in daemon.processes)
        look(daemon)
    early, after = record.errors(until=before), record.errors(since=before)
    assert len(early) > 40 and largest(early) <= limit, f"before it {len(early)}, {largest(early):.0f} ns"
    assert len(after) > 8, f"{len(after)} samples after it"
    print(f"{len(after)} samples after it, max {largest(after):.1f} ns")
    again = [s.seen for s in record.samples[2] if s.seen > before]
    gap = max(b - a for a, b in zip([before, *again], again))
    print(f"longest silence {gap:.1f} s")
    assert before + seconds - again[-1] < 2, "samples flow again"
    if not STANDIN:
        assert largest(after) <= limit
    return record


@rows(*((s, m) for s in (1, 37, -37) for m in ("discipline", "observe")))
def test_phc_stepped_by_hand(guest, seconds, mode):
    only_refclockd("publishes the step")
    ends.adjust_nic(drift=(20_000, 0))
    record = happens(guest, lambda: guest.phc_ctl(1, "adj", seconds), 30, mode=mode)
    error = record.points[-1].phc_error
    if mode == "discipline":
        assert abs(error) < 1000, f"the PHC is {error} ns off TAI"
    else:
        assert abs(error - seconds * 10**9) < 10**7, "observed, the PHC stays where it was put"


@rows(("discipline",), ("observe",))
def test_another_clock_of_the_interface_is_chosen(guest, mode):
    """As on a CM5, whose PHY and MAC have one each. Here it is the master's."""
    only_refclockd("goes on with the clock it began with")
    guest.phc_ctl(1, "adj", 5)

    def look(daemon):
        assert daemon.status()["phc"]["device"] == "/dev/ptp0"
        assert "stamps no more with /dev/ptp1" in daemon.processes[0].log()
    happens(guest, lambda: ends.adjust_nic(borrow=1), 45, look=look, mode=mode)


def test_reload_of_an_unchanged_file(guest):
    """The frequency that was remembered is for a beginning: here it is 20 ppm off."""
    only_refclockd("has no reload")
    ends.master(guest)
    with Recorder() as record:
        daemon = client(guest).start()
        wait_for_sample(record)
        time.sleep(5)
        assert daemon.stop() == 0
    ends.adjust_nic(drift=(20_000, 0))
    with Recorder() as record:
        daemon = client(guest).start()
        wait_for_sample(record)
        time.sleep(20)
        settled = time.time()
        daemon.reload()
        time.sleep(10)
    assert "nothing has changed" in daemon.process.log()
    errors, phc = record.errors(since=settled), [p.phc_error for p in record.points if p.real > settled * 1e9]
    print(f"{len(errors)} samples, max {largest(errors):.1f} ns; PHC max {largest(phc):.1f} ns")
    assert len(errors) > 60 and largest(errors) <= 10
    assert largest(phc) <= 20


def test_masters_phc_stepped_by_hand(guest):
    """It is the truth that jumps here, by too little to be implausible: what was published
    is judged by neither side of it, but it must come to the new truth."""
    only_refclockd("follows at once")
    ends.adjust_nic(drift=(20_000, 0))
    ends.master(guest)
    with Recorder() as record:
        client(guest).start()
        wait_for_sample(record)
        time.sleep(10)
        guest.phc_ctl(0, "adj", 0.0005)
        time.sleep(60)
    late = record.errors(since=time.time() - 5)
    assert len(late) > 20 and largest(late) <= ERA_NS, f"{len(late)}, {largest(late):.0f} ns"


@on(Machine(), IGB)
@rows(("discipline",), ("observe",))
def test_link_down_and_up(guest, mode):
    """igb begins its clock anew from the system clock: 37 s away."""
    only_refclockd("publishes from a clock that nobody steers")

    guest.phc_ctl(0, "freq", 20_000)

    def unplug():
        guest.shell("near", f"ip link set {ends.NEAR_IF} down")
        time.sleep(5)
        guest.shell("near", f"ip link set {ends.NEAR_IF} up")
    happens(guest, unplug, 45, limit=5000, mode=mode)


@on(Machine(), IGB)
@rows(("discipline",), ("observe",))
def test_card_swapped_in_a_moment(guest, mode):
    """For longer: test_unplug.py."""
    only_refclockd("ends")
    guest.phc_ctl(0, "freq", 20_000)

    def swap():
        guest.unplug("near")
        guest.plug("near")
    happens(guest, swap, 30, limit=5000, mode=mode)


def test_master_gone_and_back(guest):
    only_refclockd("publishes from a clock that nobody steers")
    ends.adjust_nic(drift=(20_000, 0))
    master = ends.master(guest)
    with Recorder() as record:
        client(guest).start()
        wait_for_sample(record)
        time.sleep(10)
        master.kill()
        killed = time.time()
        time.sleep(15)
        master.start()
        back = time.time()
        time.sleep(20)
    gone = record.errors(since=killed + 6, until=back)
    assert not gone, f"{len(gone)} samples without a master"
    again = record.errors(since=back)
    assert len(again) > 40 and largest(again) <= ERA_NS
