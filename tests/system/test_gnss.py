"""The GNSS watch on Debian's gpsd, with a receiver that the test or gpsfake plays."""
from lib.cable import wait_until
from lib.gnss import GnssProbe, Gpsfake, Receiver, receiver_log
from lib.kit import only_refclockd


def test_fix_lost_and_regained(cable):
    only_refclockd("has no GNSS watch")
    cable.shell("near", "ip link set lo up")
    probe = GnssProbe(cable)
    wait_until(lambda: ("unknown", "no-gpsd") in probe.states(), 10, "the probe without gpsd")

    receiver = Receiver(cable, leap_seconds=None).start()
    wait_until(lambda: probe.states()[-1][0] == "good", 40, "the first fix")
    first = probe.seen()[-1]
    assert first["satellites"] == 8 and first["device"].startswith("/dev/pts/"), first
    receiver.fix = False
    wait_until(lambda: probe.states()[-1] == ("lost", "no-fix"), 40, "the fix is lost")
    receiver.fix = True
    wait_until(lambda: probe.states()[-1][0] == "good", 60, "the fix is back")
    receiver.kill()
    wait_until(lambda: probe.states()[-1] == ("unknown", "no-gpsd"), 20, "gpsd is gone")
    states = [state for state, _ in probe.states()]
    assert states == ["unknown", "lost", "good", "lost", "good", "unknown"], probe.seen()

    Gpsfake(cable, receiver_log((200, True)), 0.1, "again").start()
    wait_until(lambda: probe.states()[-1][0] == "good", 40, "gpsd is back")
    last = probe.seen()[-1]
    assert last["lines"] > 50 and last["unreadable"] == 0, last
    print("\n".join(map(str, probe.seen())))
