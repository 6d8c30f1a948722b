"""Masters, links and the daemon itself come and go."""
import json
import statistics
import time

from lib.cable import NEAR_IF, wait_until
from lib.kit import near_truth, only_refclockd, running_pair, set_link
from lib.peers import Refclockd, program
from lib.shm import ShmObserver


def gone_quiet(shm, seconds, what):
    wait_until(lambda: not shm.valid(), seconds, what, every=0.02)
    shm.forget()
    late = shm.collect(seconds=1.5)
    assert not late, f"published although withdrawn: {late}"


def one_a_second(shm):
    samples = shm.wait_for_samples(7, 20)
    # The first may be one of before, and one or another be late.
    interval = statistics.median(b.receive - a.receive for a, b in zip(samples[1:], samples[2:]))
    assert 0.8 <= interval <= 1.3, f"a sample each {interval:.2f} s at rate 1"


def test_master_killed_and_back(cable):
    only_refclockd("leaves the last sample valid")
    master, daemon, shm = running_pair(cable)
    assert shm.valid()  # Nobody reads it here, so it stays set.
    master.kill()
    killed = time.monotonic()
    # Announce 1 s, timeout 3 to 4 intervals; 8 Sync/s stale after 2 s.
    gone_quiet(shm, 6, "valid cleared after the master died")
    print(f"valid cleared {time.monotonic() - killed - 1.5:.1f} s after the kill")
    status = daemon.status()
    assert status["publishing"] is False and status["withheld"], status
    assert daemon.process.running()
    master.start()
    near_truth(shm.wait_for_samples(10, 30, "samples after the master came back"))


def test_master_restarts_and_samples_flow_again(cable):
    master, _, shm = running_pair(cable)
    master.kill()
    time.sleep(6)
    shm.forget()
    master.start()
    near_truth(shm.wait_for_samples(10, 40, "samples after the master came back"))


def test_killed_daemon_starts_again(cable):
    _, daemon, shm = running_pair(cable)
    daemon.kill()
    shm.forget()
    assert not shm.collect(seconds=1)
    daemon.start()
    near_truth(shm.wait_for_samples(10, 40, "samples after kill -9 and restart"))


def test_clean_exit_withdraws_the_sample(cable):
    only_refclockd("leaves the last sample valid")
    _, daemon, shm = running_pair(cable)
    assert shm.valid()
    assert daemon.stop() == 0
    assert not shm.valid()
    assert not daemon.status_socket.exists()


def test_link_down_and_up(cable):
    _, daemon, shm = running_pair(cable)
    set_link(cable, False)
    time.sleep(3)
    shm.forget()
    assert not shm.collect(seconds=1.5), "published with the link down"
    assert daemon.process.running()
    set_link(cable, True)
    near_truth(shm.wait_for_samples(10, 60, "samples after the link came back"))


def test_link_down_withdraws(cable):
    only_refclockd("leaves the last sample valid")
    _, daemon, shm = running_pair(cable)
    set_link(cable, False)
    gone_quiet(shm, 4, "valid cleared after the link went down")
    assert daemon.status()["publishing"] is False


def test_second_instance_is_refused(cable):
    only_refclockd("has no such rule")
    _, first, shm = running_pair(cable)
    second = Refclockd(cable, name="second", unit=3).start()
    code = second.process.exit_code(10)
    assert code == 2, f"exit {code}:\n{second.process.tail()}"
    assert NEAR_IF in second.process.log()
    assert first.process.running()
    near_truth(shm.wait_for_samples(10, 10, "the first instance goes on"))


def test_reload_says_what_changed(cable):
    only_refclockd("has no reload")
    _, daemon, shm = running_pair(cable, rate=16)
    since = len(daemon.process.log())
    daemon.config.write_text(daemon.config.read_text().replace("rate = 16", "rate = 1"))
    daemon.reload()
    daemon.process.wait_for("rate", 5, since)
    shm.forget()
    one_a_second(shm)


def test_reload_of_a_broken_file_changes_nothing(cable):
    only_refclockd("has no reload")
    _, daemon, shm = running_pair(cable)
    since = len(daemon.process.log())
    daemon.config.write_text("[ptp]\ndomain = 300\n")
    daemon.reload()
    daemon.process.wait_for("300", 5, since)
    assert daemon.process.running()
    near_truth(shm.wait_for_samples(10, 10, "it goes on with the old configuration"))


def test_reload_while_the_interface_is_gone(cable):
    only_refclockd("has no reload")
    _, daemon, shm = running_pair(cable, rate=16)
    cable.shell("near", f"ip link set {NEAR_IF} down; ip link set {NEAR_IF} name away0")
    daemon.process.wait_for("is gone", 10)
    since = len(daemon.process.log())
    daemon.config.write_text(daemon.config.read_text().replace("rate = 16", "rate = 1"))
    daemon.reload()
    daemon.process.wait_for("trying again", 10, since)
    time.sleep(3)
    assert daemon.process.running() and not shm.valid()
    assert daemon.process.log().count(NEAR_IF, since) == 1, "told once"
    cable.shell("near", f"ip link set away0 name {NEAR_IF}; ip link set {NEAR_IF} up")
    shm.forget()
    near_truth(shm.wait_for_samples(20, 40, "samples after the interface came back"))
    shm.forget()
    one_a_second(shm)


def test_stops_while_it_waits_for_the_interface(cable):
    only_refclockd("has no reload")
    _, daemon, shm = running_pair(cable, rate=16)
    cable.shell("near", f"ip link set {NEAR_IF} down; ip link set {NEAR_IF} name away0")
    daemon.config.write_text(daemon.config.read_text().replace("rate = 16", "rate = 1"))
    daemon.reload()
    daemon.process.wait_for("trying again", 10)
    assert daemon.stop() == 0 and not shm.valid()


def test_segment_removed_and_made_anew(cable):
    only_refclockd("never attaches again")
    _, _, shm = running_pair(cable)
    shm.detach()
    cable.shell("near", "ipcrm -M 0x4e545032")
    near_truth(shm.wait_for_samples(10, 15, "samples in the new segment"))


def test_status_tells_the_state(cable):
    only_refclockd("has no status socket")
    _, daemon, _ = running_pair(cable)
    status = wait_until(lambda: (daemon.status() or {}).get("publishing") and daemon.status(), 10, "status")
    print(json.dumps(status))
    assert status["state"] == "SLAVE"
    assert status["interface"] == NEAR_IF and status["timestamping"] == "software"
    assert status["grandmaster"]["clock_class"] == 6
    assert status["withheld"] is None
    assert abs(status["offset_ns"]) < 20_000 and 0 < status["path_delay_ns"] < 200_000
    assert status["outputs"][0]["type"] == "shm" and status["outputs"][0]["samples"] > 0


def test_refclockctl_shm_observes_without_consuming(cable):
    only_refclockd("has no refclockctl")
    _, _, shm = running_pair(cable)
    result = cable.run("near", ["timeout", "3", program("refclockctl"), "shm", "--unit=2"])
    assert result.stdout.strip(), result.stderr
    assert shm.valid(), "reading cleared valid"
