"""refclockd as grandmaster on a PHC. The truth is the guest's system clock, which it serves;
ptp4l and refclockd follow it at the other end."""
import time

from system.lib.cable import wait_until
from vm.lib import guest as ends
from vm.lib.kit import only_refclockd, rows
from vm.lib.truth import TAI_UTC_NS, Recorder, largest, rms
from vm.lib.wire import FOLLOW_UP, SYNC, Wire, error_on_arrival, of

SETTLE = 20  # s, of a servo that began 1 ms off.
ONE_STEP = '[grandmaster]\none_step = "auto"\n'
ORIGIN, CORRECTION, LIES = 1, 2, 3  # phcpair's onestep.
ARRIVAL_NS = 100_000  # From its time stamp to the kernel's: some 10 us.


def off_tai(point, clock):
    """A PHC against the TAI of the system clock, ns."""
    return getattr(point, clock) - point.real - TAI_UTC_NS


def serve(guest, slave, seconds=60, **options):
    """Errors of both PHCs, ns, once a slave has followed for SETTLE s."""
    ends.adjust_nic(drift=(20_000, -10_000))
    master = ends.Grandmaster(guest, **options).start()
    slave.start()
    wait_until(lambda: (master.status() or {}).get("state") == "MASTER", 60, "MASTER", every=0.5)
    time.sleep(20)  # The slave chooses it and steps its clock.
    with Recorder() as record:
        time.sleep(SETTLE)
        begun = time.time() * 1e9
        time.sleep(seconds)
        status = master.status()
    late = [p for p in record.points if p.real > begun]
    near, far = ([off_tai(p, clock) for p in late] for clock in ("slave", "master"))
    print(f"slave's PHC rms {rms(near):.1f} max {largest(near):.1f} ns, "
          f"own rms {rms(far):.1f} max {largest(far):.1f} ns; {status['phc']} "
          f"{ {name: n for name, n in status['counters'].items() if n} }")
    assert master.process.running()
    return near, far, status


@rows(("l2", "e2e", "3.1.1"), ("udp4", "e2e", "4.2"), ("udp6", "e2e", "3.1.1"), ("l2", "p2p", "4.2"))
def test_ptp4l_follows(guest, transport, delay, version):
    only_refclockd("is no grandmaster here")
    slave = ends.Ptp4l(guest, transport, delay, version=version)
    near, far, status = serve(guest, slave, transport=transport, delay=delay)
    assert rms(near) <= 5 and rms(far) <= 5
    assert status["phc"]["mode"] == "discipline", status


def test_needs_no_steering(guest):
    only_refclockd("is no grandmaster here")
    near, far, status = serve(guest, ends.Ptp4l(guest), mode="observe")
    assert rms(near) <= 5
    assert largest(far) > 100_000, "its own PHC ran free at 20 ppm"


@rows(("two-step",), ("one-step",))
def test_our_client_follows_with_its_bound_kept(guest, steps):
    only_refclockd("is no grandmaster here")
    ends.adjust_nic(drift=(20_000, -10_000), onestep=ORIGIN)
    ends.Grandmaster(guest, extra=ONE_STEP if steps == "one-step" else "").start()
    with Recorder() as record:
        # Two witnesses of TAI-UTC: the Announce of a clock that says it does not know, and the list.
        ours = ends.Refclockd(guest).start()
        first = wait_until(record.first, 60, "a sample", every=0.02)
        time.sleep(40)
        wire = Wire()
        time.sleep(5)
        status = ours.status()
    assert bool(of(FOLLOW_UP, wire.end())) == (steps == "two-step")
    # offset_ns: true minus system time, and the system clock is the truth here.
    errors = [s.offset_ns for s in record.samples[2] if s.seen > first + 10]
    print(f"{len(errors)} samples, rms {rms(errors):.1f}, max {largest(errors):.1f} ns")
    assert len(errors) > 200 and rms(errors) <= 5, status


@rows(("l2", "e2e", "3.1.1", ORIGIN), ("udp4", "e2e", "4.2", CORRECTION), ("udp6", "e2e", "3.1.1", ORIGIN),
      ("l2", "p2p", "4.2", ORIGIN))
def test_one_step_syncs(guest, transport, delay, version, how):
    """As good as two-step ones, and nothing follows them."""
    only_refclockd("is no grandmaster here")
    ends.adjust_nic(onestep=how)
    slave = ends.Ptp4l(guest, transport, delay, version=version)
    near, far, status = serve(guest, slave, 30, transport=transport, delay=delay, extra=ONE_STEP)
    assert rms(near) <= 5 and rms(far) <= 5
    assert status["own_clock"]["one_step"] == "on", status
    wire = Wire()
    time.sleep(10)
    heard = wire.end()
    syncs = of(SYNC, heard)
    assert 78 <= len(syncs) <= 82 and not of(FOLLOW_UP, heard), f"{len(syncs)} Syncs"
    assert not any(s.two_step for s in syncs)
    assert all((b.sequence - a.sequence) % 2**16 == 1 for a, b in zip(syncs, syncs[1:]))
    assert all((s.correction > 0) == (how == CORRECTION) for s in syncs)
    assert all(s.trailing == (b"" if transport == "l2" else bytes(2)) for s in syncs)
    assert largest(map(error_on_arrival, syncs)) < ARRIVAL_NS


@rows((0, "discipline", "refused"), (LIES, "discipline", "not-inserted"), (ORIGIN, "observe", "phc-not-on-tai"))
def test_two_step_where_one_step_cannot_be(guest, how, mode, why):
    only_refclockd("is no grandmaster here")
    ends.adjust_nic(onestep=how)
    near, _, status = serve(guest, ends.Ptp4l(guest), 30, mode=mode, extra=ONE_STEP)
    assert status["own_clock"]["one_step"] == why, status
    assert rms(near) <= 5
    wire = Wire()
    time.sleep(10)
    heard = wire.end()
    # One of either may be under way at the ends.
    assert all(s.two_step for s in of(SYNC, heard))
    assert abs(len(of(SYNC, heard)) - len(of(FOLLOW_UP, heard))) <= 1 and len(of(SYNC, heard)) > 70


def test_one_step_is_left_when_the_phc_is_stepped(guest):
    """By 37 s, as somebody does who takes it for UTC; and taken up again."""
    only_refclockd("is no grandmaster here")
    ends.adjust_nic(drift=(20_000, -10_000), onestep=ORIGIN)
    master = ends.Grandmaster(guest, extra=ONE_STEP).start()
    ends.Ptp4l(guest).start()

    def is_on(wanted):
        return lambda: ((master.status() or {}).get("own_clock", {}).get("one_step") == "on") == wanted
    wait_until(is_on(True), 60, "one-step", every=0.5)
    wire = Wire()
    time.sleep(5)
    guest.phc_ctl(0, "adj", -37)
    wait_until(is_on(False), 5, "two-step", every=0.1)
    wait_until(is_on(True), 60, "one-step again", every=0.5)
    time.sleep(5)
    heard = wire.end()
    assert of(FOLLOW_UP, heard)
    one_step = [s for s in of(SYNC, heard) if not s.two_step]
    wrong = [s for s in one_step if abs(error_on_arrival(s)) > ARRIVAL_NS]
    print(f"{len(one_step)} one-step Syncs, {len(wrong)} of them wrong; {len(of(FOLLOW_UP, heard))} Follow_Ups")
    assert len(one_step) > 60 and not wrong
