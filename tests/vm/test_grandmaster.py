"""refclockd as grandmaster on a PHC. The truth is the guest's system clock, which it serves;
ptp4l and refclockd follow it at the other end."""
import time

from system.lib.cable import wait_until
from vm.lib import guest as ends
from vm.lib.kit import only_refclockd, rows
from vm.lib.truth import TAI_UTC_NS, Recorder, largest, rms

SETTLE = 20  # s, of a servo that began 1 ms off.


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


def test_our_client_follows_with_its_bound_kept(guest):
    only_refclockd("is no grandmaster here")
    ends.adjust_nic(drift=(20_000, -10_000))
    ends.Grandmaster(guest).start()
    with Recorder() as record:
        # Two witnesses of TAI-UTC: the Announce of a clock that says it does not know, and the list.
        ours = ends.Refclockd(guest).start()
        first = wait_until(record.first, 60, "a sample", every=0.02)
        time.sleep(40)
        status = ours.status()
    # offset_ns: true minus system time, and the system clock is the truth here.
    errors = [s.offset_ns for s in record.samples[2] if s.seen > first + 10]
    print(f"{len(errors)} samples, rms {rms(errors):.1f}, max {largest(errors):.1f} ns")
    assert len(errors) > 200 and rms(errors) <= 5, status
