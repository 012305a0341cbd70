"""How many events, or questions, a source may send to this gateway: a token bucket for each."""

import threading
from collections.abc import Callable
from typing import Final

AHEAD_SECONDS: Final = 10.0
"""So many seconds' worth of events may come at once."""


class RateLimit:
    """Any thread may ask. Sources are registered ones, so their number is bounded."""

    def __init__(self, per_second: float, seconds: Callable[[], float]) -> None:
        self._per_second = per_second
        self.seconds = seconds
        """Of a monotonic clock."""
        self._lock = threading.Lock()
        self._free_at: dict[str, float] = {}
        """Source → when all that it has sent would have been sent at the allowed rate."""

    def wait_for(self, source: str, events: int) -> float:
        """0 where the source may send so many events now; they then count. Else the seconds until it may, and nothing
        counts. A batch that is larger than the bucket is taken by a full one."""
        now = self.seconds()
        with self._lock:
            free_at = max(self._free_at.get(source, now), now)
            wait = free_at - now
            if wait > 0 and wait + events / self._per_second > AHEAD_SECONDS:
                return min(wait, wait + events / self._per_second - AHEAD_SECONDS)
            self._free_at[source] = free_at + events / self._per_second
            return 0.0
