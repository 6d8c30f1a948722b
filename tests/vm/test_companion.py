"""refclockd beside a real ptp4l with hardware stamps; phc2sys beside it, on the same ptp4l."""
import contextlib
import time

from system.lib import peers
from system.lib.cable import wait_until
from vm.lib import guest as ends
from vm.lib.kit import Skip, only_refclockd, rows
from vm.lib.truth import Recorder, largest, rms

VERSIONS = tuple(peers.LINUXPTP)
PHC2SYS, OURS = 2, 3  # SHM units.
SETTLE = 10  # s


def slave(guest, version, **settings):
    only_refclockd("has no companion")
    if not peers.has_linuxptp(version):
        raise Skip(f"linuxptp {version} could not be fetched")
    return ends.Ptp4l(guest, version=version, **settings).start()


def first(record, unit=OURS):
    return wait_until(lambda: record.first(unit), 40, f"a sample in unit {unit}", every=0.02)


@rows(*((version, None) for version in VERSIONS), ("4.2", "read-only"))
def test_is_the_truth_although_ptp4l_steers(guest, version, socket):
    ends.adjust_nic(drift=(20_000, -10_000))
    ends.master(guest)
    ptp4l = slave(guest, version)
    ours = ends.Companion(ptp4l, socket=ptp4l.uds_ro if socket else None,
                          ptp=f'interface = "{ends.NEAR_IF}"' if socket else "").start()
    with Recorder(units=(OURS,)) as record:
        begun = first(record)
        time.sleep(30)
        status = ours.status()
    errors, late = record.errors(OURS), record.errors(OURS, since=begun + SETTLE)
    print(f"{len(errors)} samples: rms {rms(errors):.1f} max {largest(errors):.1f} ns; later rms {rms(late):.1f} "
          f"max {largest(late):.1f}; {status['phc']}")
    assert status["timestamping"] == "hardware" and status["phc"]["mode"] == "observe", status
    assert len(late) >= 20
    assert largest(errors) <= 1000 and rms(late) <= 10


@rows(*((version, device) for version in VERSIONS for device in (None, "/dev/ptp1")))
def test_card_pulled_out_and_put_back(guest, version, device):
    """ptp4l looks at its port again after 16 s, and has another PHC then; of another name than
    the configured one, where somebody holds that."""
    ends.adjust_nic(drift=(20_000, -10_000))
    ends.master(guest)
    ours = ends.Companion(slave(guest, version), extra=f'[phc]\ndevice = "{device}"\n' if device else "").start()
    with Recorder(units=(OURS,)) as record, contextlib.ExitStack() as held:
        first(record)
        time.sleep(SETTLE)
        if device:
            held.enter_context(open(device))
        guest.unplug("near")
        pulled = time.time()
        time.sleep(20)
        gone = ours.status()
        guest.plug("near")
        back = time.time()
        time.sleep(60)
        status = ours.status()
    assert [w["name"] for w in gone["warnings"]] == ["phc-gone"] and gone["phc"] is None, gone
    # What is between measurements is published, by the map, for two of them.
    assert not record.errors(OURS, since=pulled + 0.6, until=back)
    errors = record.errors(OURS, since=back)
    begun = min(s.seen for s in record.samples[OURS] if s.seen > back) - back
    print(f"first sample {begun:.1f} s after it was back; {len(errors)} of them, max {largest(errors):.1f} ns; "
          f"{status['phc']}")
    assert status["phc"]["device"] != device
    assert begun < 20 and len(errors) > 200 and largest(errors) <= 1000
    assert ours.process.log().count(" is gone: waiting until") == 1


@rows(*((version,) for version in VERSIONS))
def test_grandmasters_death_ends_it_and_phc2sys_goes_on(guest, version):
    master = ends.master(guest)
    ptp4l = slave(guest, version)
    ends.Phc2sys(ptp4l, PHC2SYS).start()
    ours = ends.Companion(ptp4l, OURS).start()
    with Recorder(units=(PHC2SYS, OURS)) as record:
        first(record)
        first(record, PHC2SYS)
        time.sleep(5)
        master.kill()
        died = time.time()
        time.sleep(60)
        status = ours.status()
    after = {unit: [s for s in record.samples[unit] if s.seen > died] for unit in (PHC2SYS, OURS)}
    lasted = max([s.seen - died for s in after[OURS]], default=0)
    theirs = [s.seen - died for s in after[PHC2SYS]]
    print(f"ours: last {lasted:.2f} s after the death, withheld {status['withheld']}; "
          f"phc2sys: {len(theirs)} samples after it, the last {theirs[-1]:.0f} s after it")
    assert lasted <= 4, "one announce timeout: 3 to 4 s"
    assert not status["publishing"] and status["withheld"], status
    assert theirs[-1] > 55, "phc2sys has learnt something"


def test_says_that_phc2sys_still_feeds_the_unit(guest):
    ptp4l = slave(guest, "3.1.1")
    ends.master(guest)
    phc2sys = ends.Phc2sys(ptp4l, OURS).start()
    phc2sys.process.wait_for("phc2sys[", 40)
    time.sleep(2)
    ours = ends.Companion(ptp4l, OURS).start()
    ours.process.wait_for(f"phc2sys (process {phc2sys.process.pid}) writes SHM unit {OURS} as we do", 10)


@rows(*((version,) for version in VERSIONS))
def test_says_that_a_ptp4l_with_software_stamps_steers_the_system_clock(guest, version):
    """The guest's, which it does. By these constants its servo locks after three Syncs, not after half a minute."""
    ends.adjust_nic(drift=(20_000, 0))
    ends.master(guest)
    ptp4l = slave(guest, version, time_stamping="software", pi_proportional_const=0.7, pi_integral_const=0.3)
    ours = ends.Companion(ptp4l, OURS).start()
    with Recorder(units=(OURS,)) as record:
        first(record)
    ours.process.wait_for("ptp4l steers the system clock", 5)
    warnings = [warning["name"] for warning in ours.status()["warnings"]]
    steered = ends.system_frequency()
    ptp4l.process.stop()
    print(f"the system clock is dialled to {steered:+.3f} ppm")
    assert abs(steered) > 10 and warnings == ["ptp4l-steers-system-clock"]
