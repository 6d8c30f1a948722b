"""The harness measured against itself, before it judges others."""
import os
import time

from vm.lib import guest as ends
from vm.lib.kit import CROSS, IGB, Machine, on
from vm.lib.truth import Recorder, read_phc


@on(Machine(), CROSS, IGB)
def test_truth_is_what_the_clocks_show(guest):
    with Recorder() as record:
        time.sleep(1)
        fd = os.open("/dev/ptp0", os.O_RDWR)
        real, master = read_phc(fd)
        os.close(fd)
    near = min(record.points, key=lambda p: abs(p.real - real))
    assert abs(near.real - real) < 10**8
    assert abs((near.master - near.real) - (master - real)) < 2000


@on(Machine(), IGB)
def test_slave_phc_begins_a_millisecond_off(guest):
    with Recorder() as record:
        time.sleep(0.2)
    assert all(900_000 < p.phc_error < 1_300_000 for p in record.points), record.points[0]


def test_drift_is_what_was_asked_for(guest):
    ends.adjust_nic(drift=(20_000, -10_000))
    with Recorder() as record:
        time.sleep(2)
    a, b = record.points[0], record.points[-1]
    assert abs((b.master - a.master) / (b.raw - a.raw) - 1 - 20e-6) < 5e-9
    assert abs((b.slave - a.slave) / (b.raw - a.raw) - 1 + 10e-6) < 5e-9
