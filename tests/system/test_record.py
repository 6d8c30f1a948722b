"""A trace recorded on a real cable is played again to the last bit."""
import time

from lib.kit import near_truth, only_refclockd, running_pair
from lib.peers import Refclockd, program


def replay(cable, trace):
    result = cable.run("near", [program("refclockctl"), "replay", trace])
    return result.returncode, result.stdout + result.stderr


def recording_pair(cable):
    only_refclockd("records nothing")
    trace = cable.dir / "trace"
    _, daemon, shm = running_pair(cable, arguments=[f"--record={trace}"])
    return trace, daemon, shm


def test_recording_replays_across_a_reload(cable):
    trace, daemon, shm = recording_pair(cable)
    near_truth(shm.wait_for_samples(10, 20, "samples while recording"))
    daemon.config.write_text(daemon.config.read_text().replace("rate = 16", "rate = 4"))
    daemon.reload()
    shm.forget()
    near_truth(shm.wait_for_samples(10, 30, "samples after the reload"))
    assert daemon.stop() == 0
    code, text = replay(cable, trace)
    print(f"{trace.stat().st_size} octets:\n{text}")
    assert code == 0, text
    assert text.count("on near0, port ") == 2, "a reload begins a new run"
    assert text.count("publishing: offset") == 2
    assert "decisions as recorded" in text and "cut short" not in text


def test_recording_of_a_killed_daemon_replays(cable):
    trace, daemon, _ = recording_pair(cable)
    time.sleep(2)
    daemon.kill()
    code, text = replay(cable, trace)
    assert code == 0, text
    assert "cut short" in text and "decisions as recorded" in text, text


def test_recording_is_never_recorded_over(cable):
    only_refclockd("records nothing")
    trace = cable.dir / "trace"
    trace.write_text("precious")
    daemon = Refclockd(cable, arguments=[f"--record={trace}"]).start()
    assert daemon.process.exit_code(10) == 2, daemon.process.tail()
    assert "name another file" in daemon.process.log()
    assert trace.read_text() == "precious"
