"""Two ports on one hardware clock: neither steers it, both publish the truth."""
import time

from vm.lib import guest as ends
from vm.lib.kit import only_refclockd, wait_for_sample
from vm.lib.truth import Recorder, largest, rms

PORTS = "".join(f"[[port]]\ndomain = {domain}\n[[port.output.shm]]\nunit = {unit}\n"
                for domain, unit in ((0, 2), (24, 3)))


def test_two_domains_on_one_phc(guest):
    only_refclockd("is one port per process")
    ends.adjust_nic(drift=(20_000, -10_000))
    for domain in (0, 24):
        ends.master(guest, name=f"master{domain}", domainNumber=domain)
    with Recorder(units=(2, 3)) as record:
        daemon = ends.Refclockd(guest, unit=None, extra=PORTS).start()
        wait_for_sample(record)
        time.sleep(20)
        ports = daemon.status()["ports"]
    assert [port["phc"]["mode"] for port in ports] == ["observe", "observe"], "whom should it follow?"
    for unit in (2, 3):
        errors = record.errors(unit)
        assert len(errors) > 100
        print(f"unit {unit}: rms {rms(errors):.1f} max {largest(errors):.1f} ns")
        assert rms(errors) <= 2 and largest(errors) <= 10
