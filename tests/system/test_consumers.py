"""A real chronyd and a real ntpd read what is published, and believe it."""
from lib.cable import wait_until
from lib.kit import client, only_refclockd, running_pair
from lib.peers import ROOT, Chronyd, Ntpd, Ptp4lMaster


def test_chrony_selects_ptp_over_shm(cable):
    running_pair(cable)
    chronyd = Chronyd(cable, shm=2).start()
    wait_until(chronyd.selected, 60, "chrony selects PTP", every=0.5)


def test_chrony_selects_ptp_over_sock(cable):
    only_refclockd("3.1.1 has no SOCK output")
    path = cable.dir / "chrony.ptp.sock"
    running_pair(cable, sock=path)  # The socket comes later, as at boot.
    chronyd = Chronyd(cable, sock=path).start()
    wait_until(chronyd.selected, 60, "chrony selects PTP", every=0.5)


def ntpd_selects(ntpd):
    try:
        wait_until(ntpd.selected, 60, "ntpd marks it *", every=1)
    except AssertionError as error:
        raise AssertionError(f"{error}; ntpq says:\n{ntpd.peers()}") from None


def test_ntpd_selects_ptp(cable):
    running_pair(cable)
    ntpd = Ntpd(cable).start()
    ntpd_selects(ntpd)


def test_ntpd_selects_ptp_with_the_fragment_we_ship(cable):
    running_pair(cable)
    fragment = (ROOT / "contrib/ntpsec/refclockd.conf").read_text()
    ntpd = Ntpd(cable, refclock=fragment).start()
    ntpd_selects(ntpd)
    assert "syntax error" not in ntpd.process.log()


def test_chrony_selects_ptp_with_the_fragment_we_ship(cable):
    only_refclockd("3.1.1 has no SOCK output")
    running_pair(cable, sock="/run/chrony.ptp.sock")
    fragment = (ROOT / "contrib/chrony/refclockd.conf").read_text()
    assert fragment.count("\nrefclock SOCK /run/chrony.ptp.sock ") == 1
    chronyd = Chronyd(cable, refclock=fragment).start()
    wait_until(chronyd.selected, 60, "chrony selects PTP", every=0.5)


def test_consumer_started_first(cable):
    chronyd = Chronyd(cable, shm=2).start()
    Ptp4lMaster(cable).start()
    client(cable).start()
    wait_until(chronyd.selected, 60, "chrony selects PTP", every=0.5)


def test_chrony_restarted_on_shm(cable):
    running_pair(cable)
    chronyd = Chronyd(cable, shm=2).start()
    wait_until(chronyd.selected, 60, "chrony selects PTP", every=0.5)
    chronyd.stop()
    chronyd.start()
    wait_until(chronyd.selected, 60, "chrony selects PTP after its restart", every=0.5)


def test_chrony_restarted_on_sock(cable):
    only_refclockd("3.1.1 has no SOCK output")
    path = cable.dir / "chrony.ptp.sock"
    _, daemon, _ = running_pair(cable, sock=path)
    chronyd = Chronyd(cable, sock=path).start()
    wait_until(chronyd.selected, 60, "chrony selects PTP", every=0.5)
    chronyd.stop()
    wait_until(lambda: sock_output(daemon)["connected"] is False, 10, "the lost consumer is noticed")
    chronyd.start()
    wait_until(chronyd.selected, 60, "chrony selects PTP after its restart", every=0.5)
    assert sock_output(daemon)["connected"] is True


def sock_output(daemon):
    return next(o for o in daemon.status()["outputs"] if o["type"] == "sock")
