"""How many messages an account may send: a limit of the provider that is kept before it has to say no."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many in so many seconds, whenever these begin."""

    count: int
    seconds: float


class RateLimit:
    """The limits of one account in this process. Not more than `count` calls fall into any span of `seconds`; a bucket
    of tokens would let twice as many through. After a restart the provider's own answers keep the limit."""

    def __init__(self, limits: Sequence[Limit], seconds: Callable[[], float]) -> None:
        self._limits = limits
        self._seconds = seconds
        self._taken: deque[float] = deque(maxlen=max((one.count for one in limits), default=0))
        """The latest calls, oldest first."""
        self._closed_until = float("-inf")
        self._lock = threading.Lock()

    def wait(self) -> float:
        """0: a call may be made now, and is counted. Else in how many seconds one may be made."""
        with self._lock:
            now = self._seconds()
            wait = max([self._closed_until - now, *(self._wait_for(one, now) for one in self._limits)])
            if wait > 0:
                return wait
            self._taken.append(now)
            return 0.0

    def close(self, seconds: float) -> None:
        """The provider has said that it takes nothing for so long."""
        with self._lock:
            self._closed_until = max(self._closed_until, self._seconds() + seconds)

    def _wait_for(self, limit: Limit, now: float) -> float:
        if len(self._taken) < limit.count:
            return 0.0
        return self._taken[-limit.count] + limit.seconds - now
