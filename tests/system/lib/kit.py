"""What tests say most often."""
import concurrent.futures
import os

from . import peers
from .cable import NEAR_IF, Cable
from .shm import ShmObserver, median_ns

STANDIN = os.environ.get("REFCLOCKD_CLIENT", "refclockd") == "ptp4l"


class Skip(Exception):
    """Raised with the reason."""


def only_refclockd(what):
    if STANDIN:
        raise Skip(f"ptp4l {what}")


def client(cable, **options):
    """refclockd, or its stand-in (--client=ptp4l)."""
    return (peers.Ptp4lClient if STANDIN else peers.Refclockd)(cable, **options)


def rows(*table):
    """Runs a test once per row; a row is the arguments after the cable."""
    def mark(function):
        function.rows = table
        return function
    return mark


def limit(seconds):
    """Gives a test more time than others."""
    def mark(function):
        function.limit = seconds
        return function
    return mark


def side_by_side(*scenarios):
    """Runs functions of a Cable each on one of its own, at the same time: for those that
    mostly wait. The first failure is this one's."""
    def alone(scenario):
        with Cable() as cable:
            try:
                scenario(cable)
            except BaseException:
                for log in sorted(cable.dir.glob("*.log")):
                    lines = log.read_text(errors="replace").splitlines()[-25:]
                    print(f"--- {scenario.__name__}, {log.name}\n" + "\n".join(lines))
                raise
    # What a thread starts goes when it does (PDEATHSIG): each stays until all have ended.
    with concurrent.futures.ThreadPoolExecutor(len(scenarios)) as pool:
        futures = {pool.submit(alone, scenario): scenario for scenario in scenarios}
        concurrent.futures.wait(futures)
    for future, scenario in futures.items():
        if future.exception():
            raise AssertionError(f"in {scenario.__name__}") from future.exception()


def running_pair(cable, transport="l2", delay="e2e", **options):
    """(master, client, observer), with samples flowing."""
    master = peers.Ptp4lMaster(cable, transport, delay).start()
    daemon = client(cable, transport=transport, delay=delay, **options).start()
    observer = ShmObserver()
    observer.wait_for_samples(3, 30, "first samples")
    return master, daemon, observer


def near_truth(samples, limit_ns=20_000):
    """Both ends stamp with one clock: the true offset is 0. The limit allows for a
    busy machine; whole seconds, milliseconds and a sign error are what it finds."""
    assert len(samples) >= 5, f"only {len(samples)} samples"
    median = median_ns(samples)
    assert abs(median) < limit_ns, f"median {median:.0f} ns of {len(samples)} samples, truth 0"
    return median


def set_link(cable, up):
    cable.shell("near", f"ip link set {NEAR_IF} {'up' if up else 'down'}")
