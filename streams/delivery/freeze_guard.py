"""A worker that was frozen ends itself before it sends anything.

A process that is stopped (SIGSTOP, a suspended machine, a cgroup freezer) for longer than its session is replaced
by the group without knowing it. When it goes on, its queued records would arrive after the new owner's. Epochs make
that harmless in the changelog (rows.py); ending at once keeps it out of every other topic too.
"""

import os
import sys
import threading
import time

EXIT_FROZEN = 1
_TICK_SECONDS = 0.25


class Pulse:
    """Knows when this process last ran. A thread of its own beats it: a long chunk does not look like a freeze."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit = limit_seconds
        self._beaten = self._now()

    def start(self) -> None:
        self.check()
        threading.Thread(target=self._beat, name="pulse", daemon=True).start()

    def check(self) -> None:
        """Return if the process has run within the limit, else end it: called before every request to the broker."""
        silent = self._now() - self._beaten
        if silent > self._limit:
            text = f"this worker stood still for {silent:.1f} s, its session allows {self._limit:.1f} s: it ends\n"
            os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, text.encode())
            os._exit(EXIT_FROZEN)

    def _beat(self) -> None:
        while True:
            self.check()
            self._beaten = self._now()
            time.sleep(_TICK_SECONDS)

    @staticmethod
    def _now() -> float:
        """Seconds that also count while the machine is suspended, where the system can tell."""
        clock = getattr(time, "CLOCK_BOOTTIME", None)
        return time.monotonic() if clock is None else time.clock_gettime(clock)
