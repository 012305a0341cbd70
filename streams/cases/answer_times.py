"""How long the events of a partition waited until they were judged and their cards sent."""

from collections import Counter
from collections.abc import Iterable

from services.messaging.records.latencies import Latencies, Pairs, real_ms, slots


class AnswerTimes:
    """Of one partition, as long as it is owned."""

    def __init__(self) -> None:
        self._latencies = Latencies()
        self._unreported: Counter[int] = Counter()

    def answered(self, arrivals: Iterable[int]) -> None:
        """Events that arrived at these times (ms since 1970, by the broker's clock) have their answer now."""
        now, counted = real_ms(), Counter(arrivals)
        self._latencies.add(counted, now)
        self._unreported.update(slots(counted, now))

    def packed(self) -> tuple[int, ...]:
        """How long they waited (`Latencies.packed`)."""
        return self._latencies.packed()

    def take_arrivals(self) -> Pairs:
        """When those arrived that were answered since the last call."""
        taken, self._unreported = self._unreported, Counter()
        return tuple(sorted(taken.items()))
