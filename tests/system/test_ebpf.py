"""The probes of ebpf/ on the running kernel: every message seen, every refusal told."""
from lib.cable import FAR_IF, NEAR_IF
from lib.kit import rows
from lib.latency_probe import (
    HIDE_BTF, LatencyProbe, Receiver, Sender, set_offload, without_bpf_call, without_tracepoints)

RATE, COUNT = 200, 1000
CLOCK = "1122fffe00f00d"


def exactly(records, count, transport, vlan, spans):
    """One record per message, each with these spans, none of them negative."""
    assert sorted(r["sequence"] for r in records) == list(range(count)), len(records)
    for record in records:
        assert record["transport"] == transport and record["clock"] == CLOCK and record["vlan"] == vlan, record
        assert set(record["spans"]) == set(spans), record
        assert min(record["spans"].values(), default=0) >= 0, record
        assert record["other_sockets"] == 0 and "dropped" not in record, record


def clean(counters):
    assert counters["ring_lost"] == counters["unmatched"] == counters["no_socket"] == counters["dropped"] == 0, counters
    assert counters["stamps_missing"] == counters["other_sockets"] == 0, counters


RECEIVED = ("driver-stack", "stack-socket", "socket-user", "receive")


def both_ways(cable, transport, *arguments):
    """RATE messages a second from far to near and, with stamps, from near to far."""
    senders = [Sender(cable, "far", transport, *arguments, count=COUNT),
               Sender(cable, "near", transport, "--stamps", *arguments, count=COUNT)]
    return [sender.wait() for sender in senders]


@rows(("l2",), ("udp4",), ("udp6",))
def test_tracepoints_follow_every_message_of_other_programs(cable, transport):
    receiver = Receiver(cable, transport)
    probe = LatencyProbe(cable, "--tier=tracepoints", "--user-side")
    probe.demand("tracepoints")
    told = both_ways(cable, transport)
    assert told[1]["stamps"] == COUNT, told
    received, sent, counters = probe.finish()
    assert receiver.received() == COUNT
    exactly(received, COUNT, transport, [], RECEIVED)
    # No tracepoint sees the error queue of packet sockets.
    queued = () if transport == "l2" else ("driver-stamp", "stamp-read")
    exactly(sent, COUNT, transport, [], ("transmit", *queued))
    assert all(r["asked"] and r["software"] for r in sent)
    clean(counters)
    print(counters)


@rows(*((tier, t) for tier in ("tracepoints", "tc") for t in ("l2", "udp4", "udp6")))
def test_a_program_of_its_own_needs_no_user_side(cable, tier, transport):
    probe = LatencyProbe(cable, "--tier=fentry", f"--receive={transport}",
                         before=HIDE_BTF if tier == "tc" else ())
    if tier == "tc":
        assert "BTF" in probe.refusals()["tracepoints"]["text"], probe.head
        probe.demand(tier)
    else:
        assert probe.head["tier"] in ("tracepoints", "fentry"), probe.head
    both_ways(cable, transport)
    received, sent, counters = probe.finish()
    exactly(received, COUNT, transport, [], [s for s in RECEIVED if tier != "tc" or s != "driver-stack"])
    queued = probe.head["tier"] == "fentry" or (tier != "tc" and transport != "l2")
    exactly(sent, COUNT, transport, [], ["driver-stamp"] if queued else [])
    clean(counters)
    print(counters)


ETHTOOL_STSO, ETHTOOL_SGRO = 0x1F, 0x2C


def test_a_driver_with_napi_is_seen_as_well(cable):
    """veth has NAPI where it does GRO; its other way into the stack is hidden here."""
    set_offload(cable, "far", ETHTOOL_STSO, 0)
    set_offload(cable, "near", ETHTOOL_SGRO, 1)
    receiver = Receiver(cable, "l2")
    probe = LatencyProbe(cable, "--tier=tracepoints", "--user-side", before=without_tracepoints(cable, "netif_rx"))
    Sender(cable, "far", "l2", count=COUNT).wait()
    received, _, counters = probe.finish()
    assert receiver.received() == COUNT
    exactly(received, COUNT, "l2", [], RECEIVED)
    clean(counters)


@rows(*((tier, t, tags) for tier in ("tracepoints", "tc") for t in ("l2", "udp4", "udp6")
        for tags in ("10", "100.10")))
def test_tags_are_read(cable, tier, transport, tags):
    probe = LatencyProbe(cable, f"--tier={tier}", before=HIDE_BTF if tier == "tc" else ())
    told = both_ways(cable, transport, *(f"--tag={vid}" for vid in tags.split(".")))
    received, sent, counters = probe.finish()
    for records in (received, sent):
        assert sorted(r["sequence"] for r in records) == list(range(COUNT)), (counters, told)
        assert all(r["vlan"] == [int(vid) for vid in tags.split(".")] and r["transport"] == transport for r in records), records[0]
    assert counters["unmatched"] == counters["ring_lost"] == 0, counters


@rows(("udp4",), ("l2",))
def test_messages_that_nobody_hears_are_dropped_with_the_kernels_reason(cable, transport):
    if transport == "udp4":  # In the group, so that the stack takes them up, and no socket at the port.
        cable.shell("near", f"ip maddr show dev {NEAR_IF}; ip link set {NEAR_IF} allmulticast on")
    probe = LatencyProbe(cable)
    Sender(cable, "far", transport, count=100).wait()
    received, _, counters = probe.finish()
    assert len(received) == 100
    lost = [r for r in received if "dropped" in r]
    assert counters["dropped"] == len(lost) and counters["dropped"] + counters["no_socket"] == 100, counters
    assert len(lost) == 100 and all(r["dropped"].strip("0123456789") for r in lost), lost[:2]
    print({r["dropped"] for r in lost})


def test_what_other_sockets_get_is_counted(cable):
    other = Receiver(cable, "l2")
    probe = LatencyProbe(cable, "--receive=l2")
    Sender(cable, "far", "l2", count=100).wait()
    received, _, counters = probe.finish()
    assert other.received() == 100
    assert [r["other_sockets"] for r in received] == [1] * 100, received[:3]
    assert counters["other_sockets"] == 100 and all("socket-user" in r["spans"] for r in received), counters


def test_the_other_namespace_is_not_seen(cable):
    # Where the two interfaces may well have the same index.
    probe = LatencyProbe(cable)
    Sender(cable, "near", "l2", count=50).wait()
    received, sent, counters = probe.finish()
    assert len(sent) == 50 and not received, counters


def test_a_full_ring_is_counted(cable):
    receiver = Receiver(cable, "l2")
    probe = LatencyProbe(cable, "--ring=4096")
    Sender(cable, "far", "l2", "--rate=5000", count=2000).wait()
    received, _, counters = probe.finish()
    receiver.received()
    assert counters["ring_lost"] > 0 and len(received) + counters["ring_lost"] + counters["unmatched"] >= 2000, counters


@rows(("l2",), ("udp4",))
def test_an_older_kernel_has_socket_filters_instead_of_the_newest_tracepoints(cable, transport):
    older = without_tracepoints(cable, "sk_data_ready", "inet_sk_error_report", "kfree_skb", "sock_recv_length")
    probe = LatencyProbe(cable, "--tier=tracepoints", f"--receive={transport}", before=older)
    probe.demand("tracepoints")
    both_ways(cable, transport)
    received, sent, counters = probe.finish()
    exactly(received, COUNT, transport, [], RECEIVED)
    exactly(sent, COUNT, transport, [], [])
    clean(counters)


def test_a_tracepoint_that_has_to_be_there_is_a_tier_less(cable):
    probe = LatencyProbe(cable, before=without_tracepoints(cable, "net_dev_start_xmit"))
    probe.demand("tc")
    refusal = probe.refusals()["tracepoints"]
    assert refusal["errno"] == 2 and "lacks the tracepoints" in refusal["text"], refusal
    Sender(cable, "far", "l2", count=20).wait()
    received, _, _ = probe.finish()
    assert len(received) == 20
    print(refusal["text"])


def lives(probe):
    """It is there, sees nothing, and ends as it should."""
    assert probe.process.running()
    received, sent, _ = probe.finish()
    assert not received and not sent


@rows(("no CAP_BPF", ["setpriv", "--bounding-set=-bpf,-sys_admin", "--inh-caps=-bpf,-sys_admin"], 1, "CAP_BPF"),
      ("seccomp EPERM", without_bpf_call("1"), 1, "seccomp"),
      ("seccomp ENOSYS", without_bpf_call("38"), 38, "seccomp"))
def test_a_refusal_is_one_line_and_no_harm(cable, _, before, errno, hint):
    probe = LatencyProbe(cable, before=before)
    probe.demand("none")
    (refusal,) = probe.head["refusals"]
    assert refusal["errno"] == errno and hint in refusal["text"], refusal
    Sender(cable, "far", "l2", count=20).wait()
    lives(probe)
    assert len(probe.process.log().splitlines()) == 2, probe.process.log()
    print(refusal["text"])


def test_cap_bpf_alone_is_not_enough(cable):
    caps = "-sys_admin,-perfmon,-net_admin"
    probe = LatencyProbe(cable, before=["setpriv", f"--bounding-set={caps}", f"--inh-caps={caps}"])
    probe.demand("none")
    assert set(probe.refusals()) == {"fentry", "tracepoints", "tc"}, probe.head
    assert all(r["errno"] == 1 for r in probe.refusals().values()), probe.head
    lives(probe)
    print(probe.head)


def test_two_capabilities_do_instead_of_root(cable):
    caps = "+bpf,+perfmon"
    probe = LatencyProbe(cable, before=["setpriv", "--reuid=65534", "--clear-groups", f"--inh-caps={caps}",
                                        f"--ambient-caps={caps}"])
    assert probe.head["tier"] in ("tracepoints", "fentry"), probe.head
    Sender(cable, "far", "l2", count=20).wait()
    received, _, _ = probe.finish()
    assert len(received) == 20


def test_an_interface_that_is_not_there_is_named(cable):
    probe = LatencyProbe(cable, interface="nosuch0")
    probe.demand("none")
    assert "nosuch0" in probe.head["refusals"][0]["text"], probe.head
    lives(probe)
