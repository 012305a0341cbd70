"""How long events wait for their answer: counted by bucket, in the form in which records carry it. Real time, whatever
the plan's clock shows.
"""

import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final, Self

from services.messaging.records.fields import Unreadable, is_whole

BOUNDS_MS: Final = (50, 100, 250, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 60_000, 600_000)
"""Upper ends of the buckets, inclusive; one more bucket holds what took longer."""
_SLOT_MS: Final = 50
_OLDEST_MS: Final = 60_000
_LAST_MS: Final = 13_569_465_600_000  # the year 2400

Pairs = tuple[tuple[int, int], ...]
"""Of arrivals: (milliseconds since 1970, how many events)."""


def real_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 1_000_000


class Latencies:
    """How many events waited for how long. It only grows."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS_MS) + 1)
        """Of each bucket alone."""
        self.total_ms = 0

    def add(self, arrivals: Mapping[int, int], now_ms: int) -> None:
        """Events that arrived at some times (ms) have their answer now."""
        for arrived, events in arrivals.items():
            waited = max(0, now_ms - arrived)
            self.counts[bisect_left(BOUNDS_MS, waited)] += events
            self.total_ms += waited * events

    def packed(self) -> tuple[int, ...]:
        """The sum in ms, then the counts."""
        return self.total_ms, *self.counts

    @classmethod
    def unpacked(cls, packed: Any) -> Self:
        """Raises Unreadable. What is empty, or has the buckets of another version, counts nothing."""
        if type(packed) is not list or not all(is_whole(count) for count in packed):
            raise Unreadable("it does not say how long events waited")
        found = cls()
        if len(packed) == len(BOUNDS_MS) + 2:
            found.total_ms, *found.counts = packed
        return found


def slots(arrivals: Mapping[int, int], now_ms: int) -> Counter[int]:
    """Times of arrival (ms) → how many events, in slots of 50 ms. What is older than a minute counts as a minute old:
    of a backlog a record would have a slot for each of its moments."""
    found: Counter[int] = Counter()
    oldest = now_ms - _OLDEST_MS
    for arrived, events in arrivals.items():
        slot = max(arrived, oldest)
        found[slot - slot % _SLOT_MS] += events
    return found


def arrivals_of(pairs: Any) -> Pairs:
    """Times of arrival out of a record. Raises Unreadable."""
    if type(pairs) is not list or not all(map(_is_pair, pairs)):
        raise Unreadable("it does not say when events arrived")
    return tuple((arrived, events) for arrived, events in pairs)


def _is_pair(pair: Any) -> bool:
    match pair:
        case [arrived, events]:
            return is_whole(arrived, 0, _LAST_MS) and is_whole(events)
    return False
