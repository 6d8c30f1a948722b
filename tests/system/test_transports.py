"""Every transport and delay mechanism, against Debian's ptp4l as grandmaster."""
from lib.kit import near_truth, rows, running_pair


@rows(*((t, d) for t in ("l2", "udp4", "udp6") for d in ("e2e", "p2p")))
def test_publishes_the_truth(cable, transport, delay):
    _, daemon, shm = running_pair(cable, transport, delay)
    median = near_truth(shm.wait_for_samples(60, 40))
    assert daemon.process.running()
    print(f"median {median:.0f} ns")


