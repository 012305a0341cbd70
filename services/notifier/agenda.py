"""Which deliveries are to be looked at, and when. Thousands may be under way, and only a few of them can go on: those
that wait for a time, or for their account, are not looked at before.

Of those that wait for one account, what is urgent comes first, then what was notified first.
"""

import heapq
from collections.abc import Iterator

from services.notifier.notice_state import Errand

_Place = tuple[bool, Errand]
"""Of an errand that waits for its account: whether it can wait, and itself."""


class Agenda:
    """Not thread-safe. Times are real seconds since 1970."""

    def __init__(self) -> None:
        self._at: dict[Errand, float] = {}
        """When each errand is to be looked at."""
        self._times: list[tuple[float, Errand]] = []
        """A heap; what `_at` does not say is outdated."""
        self._waits_for: dict[Errand, str] = {}
        """Errand → the account that it waits for."""
        self._queues: dict[str, list[_Place]] = {}
        """Account → a heap; what `_waits_for` does not say is outdated."""
        self._queued: set[tuple[str, Errand]] = set()
        """What is in these heaps, so that nothing is in one twice."""

    def look_at(self, errand: Errand, at: float) -> None:
        """Not later than at that time."""
        if self._at.get(errand, float("inf")) > at:
            self._at[errand] = at
            heapq.heappush(self._times, (at, errand))

    def wait_for(self, account: str, errand: Errand, *, urgent: bool) -> None:
        """Look at an errand once its account has room."""
        self._waits_for[errand] = account
        if (account, errand) not in self._queued:
            self._queued.add((account, errand))
            heapq.heappush(self._queues.setdefault(account, []), (not urgent, errand))

    def due(self, now: float) -> Iterator[Errand]:
        """Those whose time has come, each once; whoever is put on the agenda meanwhile for now is among them."""
        while self._times and self._times[0][0] <= now:
            at, errand = heapq.heappop(self._times)
            if self._at.get(errand) == at:
                self._forget(errand)
                yield errand

    def accounts(self) -> list[str]:
        """Accounts that something may wait for."""
        return list(self._queues)

    def next_for(self, account: str) -> Errand | None:
        """The next one of those that wait for an account; None: there is none."""
        queue = self._queues.get(account, [])
        while queue:
            _, errand = heapq.heappop(queue)
            self._queued.discard((account, errand))
            if self._waits_for.get(errand) == account:
                self._forget(errand)
                return errand
        self._queues.pop(account, None)
        return None

    def _forget(self, errand: Errand) -> None:
        self._at.pop(errand, None)
        self._waits_for.pop(errand, None)
