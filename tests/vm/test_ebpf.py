"""The probes with fentry, which this guest's kernel allows: also the error queue of
packet sockets, VLAN interfaces and hardware stamps, beside ptp4l."""
import time

from system.lib.cable import FAR_IF, NEAR_IF
from system.lib.latency_probe import LatencyProbe
from vm.lib import guest as ends
from vm.lib.kit import rows

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
