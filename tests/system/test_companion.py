"""refclockd beside a real ptp4l, which is a slave on the near side with software stamps."""
import os
import signal
import time

import test_lies
from lib import peers
from lib.cable import NEAR_IF, wait_until
from lib.kit import Skip, limit, near_truth, only_refclockd, rows
from lib.peers import Companion, Ptp4lMaster, Ptp4lSlave, ScriptedMaster
from lib.shm import ShmObserver

VERSIONS = tuple(peers.LINUXPTP)
# After an Announce interval of 1 s and a timeout of 3, ptp4l has drawn 3 to 4 s.
ANNOUNCE_TIMEOUT = 4
READ_ONLY = "/var/run/ptp4lro"
STEERS = "ptp4l steers the system clock"


def slave(cable, version, **settings):
    only_refclockd("has no companion")
    if not peers.has_linuxptp(version):
        raise Skip(f"linuxptp {version} could not be fetched")
    return Ptp4lSlave(cable, version, **settings).start()


def flowing(cable, version="3.1.1", socket=None, **options):
    """(master, ptp4l, companion, observer), with samples."""
    master = Ptp4lMaster(cable).start()
    ptp4l = slave(cable, version)
    companion = Companion(cable, socket, **options).start()
    observer = ShmObserver()
    observer.wait_for_samples(3, 40, "first samples")
    return master, ptp4l, companion, observer


def descriptors(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def names_in_run(cable):
    """Of refclockd's sockets to ptp4l."""
    found = cable.shell("near", "ls /run /run/ptp 2>/dev/null || true").split()
    return [name for name in found if name.startswith("refclockd.")]


def one_name(cable, companion):
    assert names_in_run(cable) == [f"refclockd.{companion.process.pid}.1"], names_in_run(cable)


@rows(("3.1.1 found", "3.1.1", "auto", ""), ("4.2 found", "4.2", "auto", ""),
      ("4.2 read only", "4.2", READ_ONLY, 'timestamping = "software"'),
      ("4.2 read only as it is enough", "4.2", "auto", f'interface = "{NEAR_IF}"'))
def test_samples_are_the_truth(cable, name, version, socket, ptp):
    _, _, companion, shm = flowing(cable, version, socket, ptp=ptp)
    median = near_truth(shm.wait_for_samples(40, 40))
    status = companion.status()
    print(f"median {median:.0f} ns; {status}")
    assert status["role"] == "companion" and status["state"] == "SLAVE", status
    assert status["timestamping"] == "software", status
    assert status["grandmaster"]["clock_class"] == 6, status
    read_only = socket == READ_ONLY or "interface" in ptp
    assert f"asking ptp4l at {READ_ONLY if read_only else '/var/run/ptp4l'}\n" in companion.process.log()
    # It believes that it does (Ptp4lSlave).
    assert companion.process.log().count(STEERS) == 1, companion.process.log()
    assert [warning["name"] for warning in status["warnings"]] == ["ptp4l-steers-system-clock"], status
    assert companion.stop() == 0
    assert not shm.valid() and not names_in_run(cable)


@rows(*((version,) for version in VERSIONS))
def test_a_ptp4l_that_runs_free_never_gets_to_slave(cable, version):
    """So one in SLAVE steers its clock for certain."""
    Ptp4lMaster(cable).start()
    slave(cable, version, free_running=1)
    companion = Companion(cable).start()
    shm = ShmObserver()
    wait_until(lambda: (companion.status() or {}).get("state") == "UNCALIBRATED", 15, "UNCALIBRATED")
    assert not shm.collect(seconds=15), "published"
    status = companion.status()
    assert status["state"] == "UNCALIBRATED" and status["timestamping"] == "software", status
    assert status["withheld"] and "warnings" not in status, status
    assert STEERS not in companion.process.log()


@rows(*((version,) for version in VERSIONS))
def test_publication_ends_when_the_grandmaster_is_killed(cable, version):
    master, _, companion, shm = flowing(cable, version)
    assert shm.valid()
    master.kill()
    killed = time.monotonic()
    wait_until(lambda: not shm.valid(), ANNOUNCE_TIMEOUT, "valid cleared", every=0.02)
    print(f"valid cleared {time.monotonic() - killed:.2f} s after the kill; withheld {companion.status()['withheld']}")
    shm.forget()
    assert not shm.collect(seconds=8), "published without a grandmaster"
    status = companion.status()
    assert not status["publishing"] and status["withheld"], status
    master.start()
    near_truth(shm.wait_for_samples(10, 40, "samples after the grandmaster came back"))


@rows(*((version,) for version in VERSIONS))
@limit(300)
def test_ptp4l_restarts_ten_times(cable, version):
    _, ptp4l, companion, shm = flowing(cable, version)
    before = descriptors(companion.process)
    for turn in range(10):
        shm.forget()
        ptp4l.kill() if turn % 2 else ptp4l.stop()
        wait_until(lambda: not shm.valid(), 4, "valid cleared after ptp4l has gone", every=0.02)
        ptp4l.start()
        started = time.monotonic()
        shm.forget()
        near_truth(shm.wait_for_samples(20, 30, f"samples after restart {turn + 1}"))
        print(f"samples again after {time.monotonic() - started:.1f} s")
        one_name(cable, companion)
        assert descriptors(companion.process) == before
    assert companion.process.running()


def test_ptp4l_comes_late_moves_and_is_upgraded(cable):
    if not peers.has_linuxptp("4.2"):
        raise Skip("linuxptp 4.2 could not be fetched")
    Ptp4lMaster(cable).start()
    companion = Companion(cable).start()
    companion.process.wait_for("no ptp4l runs", 5)
    shm = ShmObserver()
    old = slave(cable, "3.1.1")
    near_truth(shm.wait_for_samples(20, 30, "samples of the one that came late"))
    old.stop()
    cable.shell("near", "mkdir /run/ptp")
    shm.forget()
    slave(cable, "4.2", name="new", uds_address="/var/run/ptp/ptp4l", uds_ro_address="/var/run/ptp/ptp4lro")
    near_truth(shm.wait_for_samples(20, 30, "samples of the new one"))
    assert "asking ptp4l at /var/run/ptp/ptp4l" in companion.process.log()


@rows(*((version,) for version in VERSIONS))
def test_ptp4l_falls_silent(cable, version):
    _, ptp4l, companion, shm = flowing(cable, version)
    ptp4l.process.signal(signal.SIGSTOP)
    wait_until(lambda: not shm.valid(), ANNOUNCE_TIMEOUT, "valid cleared", every=0.02)
    time.sleep(5)
    shm.forget()
    assert companion.process.running() and companion.status()["withheld"], companion.status()
    ptp4l.process.signal(signal.SIGCONT)
    near_truth(shm.wait_for_samples(10, 40, "samples after it woke up"))


def test_killed_companion_starts_again_and_clears_up(cable):
    _, _, companion, shm = flowing(cable)
    companion.kill()
    assert len(names_in_run(cable)) == 1, "a killed process leaves its name"
    shm.forget()
    companion.start()
    near_truth(shm.wait_for_samples(10, 40, "samples after kill -9 and restart"))
    one_name(cable, companion)


@rows(*((version,) for version in VERSIONS))
def test_another_domain_is_found(cable, version):
    Ptp4lMaster(cable, domainNumber=24).start()
    slave(cable, version, domainNumber=24)
    companion = Companion(cable).start()
    near_truth(ShmObserver().wait_for_samples(20, 60, "samples although nobody said domain 24"))
    assert companion.status()["domain"] == 24, companion.status()


def test_two_ptp4l_are_told_apart_by_their_sockets(cable):
    masters, slaves = [], []
    for domain in (0, 24):
        masters.append(Ptp4lMaster(cable, name=f"master{domain}", domainNumber=domain).start())
        slaves.append(slave(cable, "3.1.1", name=f"ptp4l{domain}", domainNumber=domain,
                            uds_address=f"/run/ptp4l{domain}", clockIdentity=f"020000.fffe.0000{domain:02}"))
    ports = "".join(f'[[port]]\ndomain = {domain}\n[port.companion]\nsocket = "/run/ptp4l{domain}"\n'
                    f"[[port.output.shm]]\nunit = {unit}\n" for domain, unit in ((0, 2), (24, 3)))
    companion = Companion(cable, unit=None, extra=ports).start()
    observers = [ShmObserver(unit) for unit in (2, 3)]
    for observer in observers:
        near_truth(observer.wait_for_samples(20, 40, "samples"))
    assert len(names_in_run(cable)) == 2
    slaves[0].kill()
    wait_until(lambda: not observers[0].valid(), 5, "the end of unit 2")
    observers[1].forget()
    near_truth(observers[1].collect(seconds=3))
    first, second = companion.status()["ports"]
    assert not first["publishing"] and second["publishing"], (first, second)


def test_a_ptp4l_that_is_not_root_answers(cable):
    """And a companion that is not root either asks the read-only socket."""
    if not peers.has_linuxptp("4.2"):
        raise Skip("linuxptp 4.2 could not be fetched")
    Ptp4lMaster(cable).start()
    caps = "+net_raw,+net_admin"
    nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    cable.dir.chmod(0o755)
    cable.shell("near", "mkdir /run/ptp; chown 65534:65534 /run/ptp")
    slave(cable, "4.2", prefix=[*nobody, "--inh-caps", caps, "--ambient-caps", caps, "--"],
          uds_address="/run/ptp/ptp4l", uds_ro_address="/run/ptp/ptp4lro")
    Companion(cable).start()
    near_truth(ShmObserver().wait_for_samples(20, 40, "samples for root"))


def test_refuses_what_is_ptp4ls_to_say(cable):
    only_refclockd("has no companion")
    companion = Companion(cable, ptp='transport = "udp4"\n').start()
    assert companion.process.exit_code(10) == 2
    assert "transport has no effect in a companion" in companion.process.log()


def test_a_second_companion_of_the_same_ptp4l_is_refused(cable):
    only_refclockd("has no companion")
    Companion(cable).start()
    time.sleep(0.5)
    second = Companion(cable, name="second", unit=3).start()
    assert second.process.exit_code(10) == 2
    assert "another refclockd runs" in second.process.log()


@rows((2, "the NTP daemon can't tell"), (7, "should read only one"))
def test_says_who_else_feeds_an_ntp_segment(cable, unit, advice):
    """What phc2sys -E ntpshm leaves behind where it is not stopped; ptp4l's servo does the same."""
    Ptp4lMaster(cable).start()
    feeder = peers.Ptp4lClient(cable, unit=unit, name="feeder").start()
    wait_until(ShmObserver(unit).attach, 10, "its segment")
    companion = Companion(cable).start()
    companion.process.wait_for(f"ptp4l (process {feeder.process.pid})", 5)
    line = next(line for line in companion.process.log().splitlines() if f"(process {feeder.process.pid})" in line)
    assert f"unit {unit}" in line and advice in line and "clock_servo ntpshm" in line, line


class Rig(test_lies.Rig):
    """test_lies' master with a ptp4l and a companion in the client's place."""

    def __init__(self, cable, version, master=test_lies.HONEST, **options):
        self.version = version
        super().__init__(cable, master, **options)

    def start_daemon(self, **options):
        self.ptp4l = slave(self.cable, self.version)
        return Companion(self.cable, **options).start()


@rows(*((f"{lie}, {version}", lie, version) for lie in test_lies.LIES for version in VERSIONS))
def test_a_lie_from_the_start(cable, name, lie, version):
    rig = Rig(cable, version, {**test_lies.HONEST, **test_lies.LIES[lie].settings})
    if test_lies.LIES[lie].harmless:
        rig.publishes("under the lie", 15)
    since, before = time.time(), rig.master.sent()
    rig.observe(15)
    assert rig.status()["grandmaster"], "the lie was never heard"
    test_lies.row(rig, lie, "from the start", since)
    test_lies.judge(rig, lie, since, before)
    rig.nothing_wrong()


@rows(*((f"{lie}, {version}", lie, version) for lie in test_lies.LIES for version in VERSIONS))
def test_a_lie_in_mid_run(cable, name, lie, version):
    rig = Rig(cable, version)
    rig.selected("at first")
    before = rig.master.set(**test_lies.LIES[lie].settings)
    wait_until(lambda: rig.master.sent()["announce"] > before["announce"], 5, "the lie is told", every=0.02)
    since = time.time()
    rig.observe(8)
    test_lies.row(rig, lie, "in mid-run", since)
    test_lies.judge(rig, lie, since, before)
    rig.nothing_wrong()
