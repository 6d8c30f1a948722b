"""The probes with fentry, which this guest's kernel allows: also the error queue of
packet sockets, VLAN interfaces and hardware stamps, beside ptp4l."""
import time

from system.lib.cable import FAR_IF, NEAR_IF
from system.lib.latency_probe import LatencyProbe, Sender
from vm.lib import guest as ends
from vm.lib.kit import only_refclockd, rows

SYNC, DELAY_REQ = 0, 1
RECEIVED = {"driver-stack", "stack-socket", "socket-user", "receive"}
STAMPED = {"driver-stamp", "stamp-read", "transmit"}


@rows(("l2", None), ("udp4", None), ("udp6", None), ("l2", 10), ("udp4", 10))
def test_fentry_follows_every_message_of_ptp4l(guest, transport, vid):
    far, near = guest.add_vlan(vid) if vid else (FAR_IF, NEAR_IF)
    probe = LatencyProbe(guest, "--user-side", interface=near)
    probe.demand("fentry")
    master = ends.master(guest, transport, sync=-7, interface=far)
    slave = ends.Ptp4l(guest, transport, interface=near).start()
    slave.process.wait_for("UNCALIBRATED to SLAVE", 60)
    time.sleep(5)
    for program in (master, slave):  # All that was sent is read before its reader goes.
        program.process.stop()
        time.sleep(0.2)
    received, sent, counters = probe.finish()
    syncs = [r["sequence"] for r in received if r["type"] == SYNC]
    assert len(syncs) > 5 * 128 and syncs == list(range(syncs[0], syncs[0] + len(syncs))), len(syncs)
    heard = received[-2 * 5 * 128:]  # Before, ptp4l had no socket yet, or no stamps on.
    for record in heard:
        assert set(record["spans"]) == RECEIVED and min(record["spans"].values()) >= 0, record
        assert ("hardware" in record) == (record["type"] == SYNC), record
    requests = [r for r in sent if r["type"] == DELAY_REQ]
    assert len(requests) > 5 * 64, "ptp4l draws its intervals up to twice the minimum"
    for record in requests:
        assert record["asked"] and set(record["spans"]) == STAMPED and "hardware" in record, record
    assert all(r["vlan"] == ([vid] if vid else []) and r["transport"] == transport for r in received + sent)
    assert counters["stamps_missing"] == counters["unmatched"] == counters["ring_lost"] == 0, counters
    print(counters)


def sending(guest):
    """200 messages of near with hardware stamps, 100 a second."""
    return Sender(guest, "near", "l2", "--stamps", "--hardware", "--rate=100", count=200)


def test_stamps_that_never_come_are_counted(guest):
    probe = LatencyProbe(guest)
    probe.demand("fentry")
    ends.adjust_nic(txloss=(0, 20))
    stamps = sending(guest).wait()["stamps"]
    time.sleep(3)
    _, sent, counters = probe.finish()
    assert 10 < 200 - stamps < 100, stamps
    assert counters["stamps_asked"] == 200 and counters["stamps_missing"] == 200 - stamps, (stamps, counters)
    assert sum(r["missing"] for r in sent) == 200 - stamps and counters["stamps_late"] == 0, counters


def test_stamps_that_come_late_and_out_of_order_are_counted(guest):
    probe = LatencyProbe(guest)
    probe.demand("fentry")
    ends.adjust_nic(txlate=(0, 55))
    sender = sending(guest)
    time.sleep(1)
    ends.adjust_nic(txlate=(0, 0))  # The next overtake those on their way.
    assert sender.wait()["stamps"] == 200
    _, sent, counters = probe.finish()
    late = [r for r in sent if r["spans"]["driver-stamp"] > 10_000_000]
    assert 20 < len(late) < 180 and counters["stamps_late"] == len(late), counters
    # 55 ms are 14 ticks of 4 ms, the timer wheel makes up to 15 of them, and then a worker has to be woken.
    assert all(54e6 < r["spans"]["driver-stamp"] < 64e6 for r in late), [r["spans"] for r in late]
    assert 1 <= counters["stamps_out_of_order"] <= 6 and counters["stamps_missing"] == 0, counters
    print(counters)


def test_the_daemon_splits_the_way_from_the_nic_on(guest):
    """Hardware stamps are dated by the readings of the PHC that the daemon makes anyway."""
    only_refclockd("measures no latency")
    ends.adjust_nic(drift=(20_000, -10_000))
    ends.master(guest)
    daemon = ends.Refclockd(guest, extra='[ebpf]\nenable = "required"\n').start()
    time.sleep(40)
    status = daemon.status()
    latency = status["rx_latency"]
    stages = {stage["stage"]: stage for stage in latency["stages"]}
    print(latency["tier"], latency["clock_error_ns"], latency["budget"],
          {name: (stage["count"], stage["p50_ns"], stage["below_zero"]) for name, stage in stages.items()})
    assert status["publishing"] and latency["tier"] == "T3", latency["tier_reason"]
    assert latency["counters"]["ring_lost"] == 0 and latency["counters"]["unmatched"] == 0, latency["counters"]
    assert stages["nic-to-driver"]["count"] > 100 and stages["wire-to-user"]["count"] > 100
    # phcpair stamps as it hands over; its drivers' time is that of some instructions.
    assert abs(stages["nic-to-driver"]["p50_ns"]) <= latency["clock_error_ns"] + 20_000
    assert stages["send-to-read"]["count"] > 10 and latency["budget"]["path_ns"] is not None
