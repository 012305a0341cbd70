"""Sources that are silent for some days, or for good."""

from collections.abc import Mapping
from random import Random

from services.domain.time.zone import DAY_US, Instant
from services.simulator.stories.event import NEVER, OPERATIONS, SECOND, SimulatedEvent

WEEK_US = 7 * DAY_US
_REMEMBERED = 10_000


class Silence:
    """When each source is silent. `rate` is the share of its weeks with a silence in it."""

    def __init__(self, rate: float, seed: int, ends: Mapping[str, Instant]) -> None:
        """`ends`: source → the instant from which it is silent for good."""
        self._rate = rate
        self._seed = seed
        self._ends = ends
        self._spans: dict[tuple[str, int], tuple[Instant, Instant] | None] = {}

    @property
    def occurs(self) -> bool:
        """Whether any source is ever silent."""
        return bool(self._rate or self._ends)

    def arrival(self, event: SimulatedEvent) -> Instant:
        """When an event arrives whose source may be silent then: after the silence, or never."""
        end = self._ends.get(event.source)
        if end is not None and event.received >= end:
            return NEVER
        if not self._rate:
            return event.received
        span = self._span(event.source, event.received // WEEK_US)
        if span is None or not span[0] <= event.received < span[1]:
            return event.received
        # within ten minutes, in the order in which the events would have arrived
        share = (event.received - span[0]) / (span[1] - span[0])
        return span[1] + int(share * 600) * SECOND

    def _span(self, source: str, week: int) -> tuple[Instant, Instant] | None:
        key = (source, week)
        if key not in self._spans:
            if len(self._spans) > _REMEMBERED:
                self._spans.clear()
            self._spans[key] = self._draw(source, week)
        return self._spans[key]

    def _draw(self, source: str, week: int) -> tuple[Instant, Instant] | None:
        rng = Random(f"{self._seed}/silence/{source}/{week}")
        if rng.random() >= self._rate or source == OPERATIONS:
            return None
        start = week * WEEK_US + int(rng.random() * 3 * 86_400) * SECOND
        return start, start + int((1 + rng.random() * 2) * 86_400) * SECOND
