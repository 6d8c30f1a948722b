"""Several ports in one daemon, each a source of its own."""
import time

from lib import peers
from lib.cable import wait_until
from lib.kit import near_truth, only_refclockd
from lib.shm import ShmObserver

PORTS = "".join(f"[[port]]\ndomain = {domain}\n[[port.output.shm]]\nunit = {unit}\n"
                for domain, unit in ((0, 2), (24, 3)))


def test_one_port_dies_with_its_master_and_the_other_goes_on(cable):
    only_refclockd("is one port per process")
    masters = [peers.Ptp4lMaster(cable, name=f"master{domain}", domainNumber=domain).start() for domain in (0, 24)]
    daemon = peers.Refclockd(cable, unit=None, extra=PORTS).start()
    observers = [ShmObserver(unit) for unit in (2, 3)]
    for unit, observer in zip((2, 3), observers):
        observer.wait_for_samples(3, 30, f"samples of unit {unit}")

    ports = daemon.status()["ports"]
    assert [port["domain"] for port in ports] == [0, 24]
    assert all(port["state"] == "SLAVE" and port["publishing"] for port in ports), ports
    assert [port["outputs"][0]["unit"] for port in ports] == [2, 3]

    masters[0].kill()
    # Stale after 2 s; generous for a busy machine.
    wait_until(lambda: not observers[0].valid(), 20, "the end of unit 2")
    observers[1].forget()
    near_truth(observers[1].collect(seconds=3))
    first, second = daemon.status()["ports"]
    assert not first["publishing"] and first["withheld"] and second["publishing"]
    since = time.monotonic()
    daemon.stop()
    assert not observers[1].valid() and time.monotonic() - since < 10
