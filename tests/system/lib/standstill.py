"""When the machine stood still: a processor gave nobody the time of day, for longer than
any deadline of a test can allow for. A measurement across that is void, whatever it says."""
import contextlib
import os
import threading
import time

BEAT = 0.02
# s. All tests pass with both processors gone for 0.2 of 0.7 s; a Sync comes each 0.125 s, and
# what is given three of its own intervals is given up after this.
STANDSTILL = 0.4


class Watch:
    """Beats on each processor from now on, ahead of everything else that is not real time, so
    that what the tests take from each other does not count."""

    def __init__(self):
        self._found = []  # (begin, end), CLOCK_MONOTONIC, s.
        for processor in os.sched_getaffinity(0):
            threading.Thread(target=self._run, args=(processor,), daemon=True).start()

    def _run(self, processor):
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):
            os.sched_setaffinity(thread, {processor})
            os.setpriority(os.PRIO_PROCESS, thread, -20)
        last = time.monotonic()
        while True:
            time.sleep(BEAT)
            now = time.monotonic()
            if now - last > STANDSTILL:
                self._found.append((last, now))
            last = now

    def longest(self, since):
        """The longest that touched the time since then, s; 0 if there was none."""
        return max((end - begin for begin, end in list(self._found) if end > since), default=0)

    def summary(self):
        found = list(self._found)
        if not found:
            return f"no processor stood still for {STANDSTILL:g} s"
        lengths = [end - begin for begin, end in found]
        return (f"processors stood still {len(found)} times for more than {STANDSTILL:g} s, at most {max(lengths):.1f} s, "
                f"together {sum(lengths):.0f} s")
