"""A worker that was frozen ends itself before it sends anything.

A process that is stopped (SIGSTOP, a suspended machine, a cgroup freezer) for longer than its session is replaced
by the group without knowing it. When it goes on, its queued records would arrive after the new owner's. In the
changelog epochs make that harmless (rows.py). Ending at once keeps such records out of every other topic, too.
"""

import os
import sys
import threading
import time

EXIT_FROZEN = 1
_TICK_SECONDS = 0.25


class FreezeGuard:
    """Knows when this process last ran. A thread of its own notes the time, so that a long chunk does not look like a
    freeze."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit = limit_seconds
        self._last_ran = self._now()

    def start(self) -> None:
        """Begin to note when the process runs."""
        self.check()
        threading.Thread(target=self._note, name="freeze-guard", daemon=True).start()

    def check(self) -> None:
        """Return if the process has run within the limit, else end it: called before every request to the broker."""
        silent = self._now() - self._last_ran
        if silent > self._limit:
            text = f"this worker did not run for {silent:.1f} s, its session allows {self._limit:.1f} s: it ends\n"
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())
            os._exit(EXIT_FROZEN)

    def _note(self) -> None:
        while True:
            self.check()
            self._last_ran = self._now()
            time.sleep(_TICK_SECONDS)

    @staticmethod
    def _now() -> float:
        """Seconds that also count while the machine is suspended, where the system measures that."""
        clock = getattr(time, "CLOCK_BOOTTIME", None)
        return time.monotonic() if clock is None else time.clock_gettime(clock)
