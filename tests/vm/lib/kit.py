"""What the guest's tests say most often."""
import os
import time

from system.lib.cable import wait_until
from system.lib.kit import Skip, limit, rows  # noqa: F401  for the tests

from . import guest as ends
from .machine import Machine
from .truth import Recorder, largest, rms

STANDIN = os.environ.get("REFCLOCKD_CLIENT") == "peers"
IGB = Machine(nic="igb")
CROSS = Machine(cross=True)


def on(*machines):
    """The machines a test is for; without, Machine()."""
    def mark(function):
        function.machines = machines
        return function
    return mark


def only_refclockd(what):
    if STANDIN:
        raise Skip(f"the chain of ptp4l and phc2sys {what}")


def client(guest, **options):
    """refclockd, or its stand-in (--client=peers)."""
    if STANDIN and options.get("mode", "discipline") != "discipline":
        raise Skip("phc2sys publishes what ptp4l's PHC shows")
    return (ends.PeerChain if STANDIN else ends.Refclockd)(guest, **options)


def wait_for_sample(record, seconds=20):
    """When the first one was seen, CLOCK_REALTIME s."""
    return wait_until(record.first, seconds, "a sample in SHM", every=0.02)


def follow(guest, transport="l2", delay="e2e", seconds=20, settle=5, vlan=None, **options):
    """A master and the client on it for that long after the first sample. Errors of the
    published samples, ns: from the first on, and from settle s later; and those of the
    PHC, likewise from settle s later."""
    far, near = guest.add_vlan(vlan) if vlan else (ends.FAR_IF, ends.NEAR_IF)
    ends.master(guest, transport, delay, interface=far)
    with Recorder() as record:
        daemon = client(guest, transport=transport, delay=delay, interface=near, **options).start()
        first = wait_for_sample(record)
        time.sleep(seconds)
        assert all(process.running() for process in daemon.processes)
    errors, late = record.errors(), record.errors(since=first + settle)
    phc = [p.phc_error for p in record.points if p.real > (first + settle) * 1e9]
    assert len(late) >= (seconds - settle) * 8 * 0.8, f"{len(late)} samples in {seconds - settle} s at 8 a second"
    print(f"first sample after {first - daemon.processes[0].started:.1f} s; from it on rms {rms(errors):.1f} "
          f"max {largest(errors):.1f} ns; later rms {rms(late):.1f} max {largest(late):.1f}; "
          f"PHC rms {rms(phc):.1f} ns")
    return errors, late, phc
