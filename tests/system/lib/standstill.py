"""When the machine stood still: a processor ran nobody for a time that no deadline of a
test allows for. What is measured across that is void, whatever it says."""
import contextlib
import os
import threading
import time

BEAT = 0.02
# s. Processors that were gone for 0.2 of 0.7 s made no test fail.
STANDSTILL = 0.4
TRIES = 3  # On a machine that stands still in each of them, the last counts.


class Watch:
    """Beats on each processor from now on, ahead of all else that is not real time, so that
    what the tests take from each other does not count."""

    def __init__(self):
        self._ended = []  # (begin, end), CLOCK_MONOTONIC, s.
        self._beats = {}  # The last of each processor.
        for processor in os.sched_getaffinity(0):
            self._beats[processor] = time.monotonic()
            threading.Thread(target=self._run, args=(processor,), daemon=True).start()

    def _run(self, processor):
        thread = threading.get_native_id()
        with contextlib.suppress(OSError):
            os.sched_setaffinity(thread, {processor})
            os.setpriority(os.PRIO_PROCESS, thread, -20)
        while True:
            time.sleep(BEAT)
            now, last = time.monotonic(), self._beats[processor]
            if now - last > STANDSTILL:
                self._ended.append((last, now))
            self._beats[processor] = now

    def longest(self, since):
        """The longest standstill after that time or around it, s; 0 if there was none."""
        now = time.monotonic()
        lasting = [(last, now) for last in list(self._beats.values()) if now - last > STANDSTILL]
        return max((end - begin for begin, end in list(self._ended) + lasting if end > since), default=0)

    def summary(self):
        lengths = [end - begin for begin, end in list(self._ended)]
        if not lengths:
            return f"no processor stood still for {STANDSTILL:g} s"
        return (f"processors stood still {len(lengths)} times for more than {STANDSTILL:g} s, at most {max(lengths):.1f} s, "
                f"together {sum(lengths):.0f} s")
