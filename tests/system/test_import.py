"""refclockctl import against the real ptp4l: the same lines are refused, and what is
written for a ptp4l client gives its time."""
from lib.cable import NEAR_IF
from lib.kit import near_truth, only_refclockd, rows
from lib.peers import Ptp4lMaster, peer, peer_env, program
from lib.shm import ShmObserver

# In [global] of Debian 12's ptp4l, 3.1.1.
GOOD = ("domainNumber 24", "domainNumber 0x18", "clockClass 0377", "logSyncInterval +3", "logSyncInterval -128",
        "slaveOnly 1", "masterOnly 0", "first_step_threshold 2e-5", "network_transport udpv4", "delay_mechanism auto",
        "fault_reset_interval ASAP", "userDescription a b ; c", "unicast_master_table 3", "udp6_scope 0xE",
        "priority2 3 ", "\tpriority2\t3", "G.8275.defaultDS.localPriority 1", "tsproc_mode raw_weight")
BAD = ("domainNumber 300", "domainNumber -1", "domainNumber 24 # lab", "domainNumber 24 s", "domainNumber", "domainNumber = 24",
       "domainNumber=24", "logSyncInterval 128", "logSyncInterval 1.5", "logSyncInterval 99999999999999999999", "slaveonly 1",
       "bmca ptp", "colour blue", "; comment", "first_step_threshold -1", "first_step_threshold 1s", "network_transport UDP",
       "priority1 ASAP", "timeSource 0x05", "announceReceiptTimeout 1", "udp_ttl 0", "priority1 0x", "time_stamping hw")


def verdicts(cable, text):
    """Whether (ptp4l, import) take a file, and the first place that import names."""
    config = cable.dir / "some.conf"
    config.write_text(text)
    theirs = cable.run("near", [peer("linuxptp/usr/sbin/ptp4l"), "-f", config], env=peer_env(), timeout=10)
    ours = cable.run("near", [program("refclockctl"), "import", config, "--role=companion"], timeout=10)
    said = theirs.stdout + theirs.stderr
    assert ours.returncode in (0, 1, 2) and ("no interface specified" in said or "failed to parse" in said), said
    return "no interface specified" in said, ours.returncode == 0, ours.stderr


@rows(("good", GOOD, True), ("bad", BAD, False))
def test_judges_lines_as_ptp4l_does(cable, _, lines, taken):
    only_refclockd("has no import")
    for line in lines:
        theirs, ours, said = verdicts(cable, f"[global]\nverbose 0\n{line}\n")
        assert theirs == taken, f"{line}: ptp4l says {theirs}"
        assert ours == taken, f"{line}: import says {said or 'nothing'}"
        assert taken or "some.conf:3:" in said, said


def test_what_is_imported_follows_the_same_master(cable):
    only_refclockd("has no import")
    Ptp4lMaster(cable, domainNumber=24).start()
    theirs = cable.dir / "ptp4l.conf"
    theirs.write_text("[global]\nslaveOnly 1\ndomainNumber 24\nnetwork_transport L2\ntime_stamping software\n"
                      f"clock_servo ntpshm\nntpshm_segment 2\n[{NEAR_IF}]\n")
    result = cable.run("near", [program("refclockctl"), "import", theirs], timeout=10)
    assert result.returncode == 0, result.stderr
    ours = cable.dir / "imported.toml"
    ours.write_text(result.stdout)
    # A master with software stamps sends UTC, which no client's file says.
    cable.near("imported", [program("refclockd"), f"--config={ours}", "--set", "utc.arbitrary_timescale=utc"])
    shm = ShmObserver()
    shm.wait_for_samples(3, 30, "first samples")
    print(f"median {near_truth(shm.collect(seconds=6)):.0f} ns")
