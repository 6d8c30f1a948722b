"""A card that is pulled out and put back while refclockd runs on it: refclockd says so, and goes on by
itself. Not one sample is of a clock that is gone, or of the wrong era."""
import contextlib
import os
import time

from system.lib.cable import wait_until
from vm.lib import guest as ends
from vm.lib.kit import IGB, Machine, on, only_refclockd, rows, wait_for_sample
from vm.lib.truth import TAI_UTC_NS, Recorder, largest

GONE = 15  # s
BACK = 20  # s, until it goes on.
ERA_NS = 5000  # Of a right sample. One from the wrong era is out by the 37 s that a clock begins with.
LOOK = 0.05  # s, until the recorder has seen a sample.
BUSY = 0.05  # Of a processor: a quarter of that is what it takes to follow.


def processor_time(process):
    """So far, s."""
    with open(f"/proc/{process.pid}/stat") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def unplugged(guest, side, daemon, number, vlan=None):
    """The card of that side is gone in the block, and what refclockd does of it is looked at:
    yields its status, and when it had been pulled out.
    number: whether the PHC comes back as the same /dev/ptpN or as another."""
    before = daemon.process.log()
    device = daemon.status()["phc"]["device"]
    with contextlib.ExitStack() as held:
        if number == "another":
            held.enter_context(open(device))
        guest.unplug(side)
        pulled = time.time()
        worked = processor_time(daemon.process)
        time.sleep(GONE)
        worked = processor_time(daemon.process) - worked
        gone = daemon.status()
        yield gone, pulled
        said = daemon.process.log()[len(before):]
        guest.plug(side)
        if vlan:
            guest.add_vlan(vlan, [side])
        wait_until(lambda: (daemon.status() or {}).get("phc"), BACK, "a PHC again")
    back = daemon.status()["phc"]["device"]
    print(f"{worked / GONE:.1%} of a processor while it was gone; {device}, then {back}\n{said}")
    assert (back == device) == (number == "same")
    assert worked < BUSY * GONE
    assert gone["phc"] is None and [w["name"] for w in gone["warnings"]] == ["phc-gone"], gone
    # The clock may be missed before the interface, but what was to be sent is not lamented.
    assert said.count(" is gone: waiting") in (1, 2) and "cannot" not in said
    assert not daemon.status().get("warnings")


def follow_through_it(guest, transport="l2", delay="e2e", number="another", vlan=None, **options):
    """A client whose card is gone for a while."""
    only_refclockd("ends")
    far, near = guest.add_vlan(vlan) if vlan else (ends.FAR_IF, ends.NEAR_IF)
    guest.phc_ctl(0, "freq", 20_000)
    ends.master(guest, transport, delay, interface=far)
    with Recorder() as record:
        daemon = ends.Refclockd(guest, transport, delay, interface=near, **options).start()
        wait_for_sample(record)
        time.sleep(15)
        with unplugged(guest, "near", daemon, number, vlan) as (gone, pulled):
            assert gone["withheld"] == "interface-down" and not gone["publishing"]
            put_back = time.time()
        time.sleep(40)
        assert daemon.process.running()
    assert len(record.errors(until=pulled)) > 100
    wrong = [s.seen - pulled for s in record.samples[2] if pulled + LOOK < s.seen < put_back]
    assert not wrong, f"samples of a clock that is gone, after {wrong} s"
    again, late = record.errors(since=put_back), record.errors(since=time.time() - 10)
    first = min(s.seen for s in record.samples[2] if s.seen > put_back) - put_back
    print(f"first sample {first:.1f} s after it was back; {len(again)} of them, max {largest(again):.1f} ns")
    assert first < BACK and len(late) > 70
    assert largest(again) <= ERA_NS
    return record.points[-1].phc_error


@on(Machine(), IGB)
@rows(("discipline", "another"), ("observe", "same"))
def test_client(guest, mode, number):
    named = 'device = "/dev/ptp1"\n' if number == "another" else ""
    phc = follow_through_it(guest, mode=mode, number=number, extra=named)
    assert abs(phc) < 1000 if mode == "discipline" else abs(phc + TAI_UTC_NS) < 10**9


@rows(("udp6", "p2p", None), ("udp4", "e2e", 5))
def test_client_over(guest, transport, delay, vlan):
    assert abs(follow_through_it(guest, transport, delay, vlan=vlan)) < 1000


@on(Machine(), IGB)
@rows(("discipline", "another"), ("observe", "same"))
def test_grandmaster(guest, mode, number):
    """A slave hears nothing while it is gone, and nothing wrong when it is back."""
    only_refclockd("is no grandmaster here")
    daemon = ends.Grandmaster(guest, mode=mode).start()
    slave = ends.Ptp4l(guest).start()

    def serves():
        return (daemon.status() or {}).get("state") == "MASTER"
    wait_until(serves, 60, "MASTER", every=0.5)
    time.sleep(20)  # The slave chooses it and steps its clock.
    with Recorder() as record:
        time.sleep(5)
        with unplugged(guest, "far", daemon, number) as (gone, _):
            assert gone["state"] != "MASTER", gone
            put_back = time.monotonic()
        wait_until(serves, BACK, "MASTER again", every=0.1)
        print(f"serves {time.monotonic() - put_back:.1f} s after it was back")
        time.sleep(40)
    errors = [p.slave - p.real - TAI_UTC_NS for p in record.points]
    print(f"slave's PHC max {largest(errors):.0f} ns, at the end {largest(errors[-100:]):.0f} ns")
    assert largest(errors) < 10**6, "it was never told a wrong time"
    assert slave.process.running() and largest(errors[-100:]) < ERA_NS
