"""QEMU's 82576 and the real igb driver. With instruction-counted time a register
read and a frame cost next to nothing, but not the same in both directions."""
from vm.lib.kit import IGB, follow, on, rows
from vm.lib.truth import largest, rms


@on(IGB)
@rows(("discipline",), ("observe",))
def test_follows(guest, mode):
    guest.phc_ctl(0, "freq", 20_000)  # The master's own error, here.
    errors, late, _ = follow(guest, mode=mode, seconds=30, settle=10)
    assert largest(errors) <= 5000
    assert rms(late) <= 1000
