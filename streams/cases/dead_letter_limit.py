"""When a worker stops instead of refusing everything: where admission refuses most of what most sources send. What one
source sends never stops it.

A gateway and a relay have admitted each event by the same plan. So where a worker refuses the events of many sources
at admission, the plan or the version of the worker is wrong, not the sources, and each letter would have to be sent
again. What a case refuses (a conflict, a case that is full) is the source's own, and does not count.
"""

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Final

from services.domain.intake.refusal import Reason
from services.runtime.worker_failures import ForeseenEnd

RECENT: Final = 50
"""How many of a source's last events the share is taken of."""
ENOUGH: Final = 20
"""Fewer events of a source than this prove nothing against it."""
MANY_SOURCES: Final = 3
"""So many sources must be refused; all of them, where the plan has fewer."""
RECENT_SECONDS: Final = 3_600.0
"""A source that sent nothing for so long says nothing about now."""


class MostSourcesRefused(ForeseenEnd):
    """Most events of most sources were refused. Most likely the plan or this version is wrong."""


class _Recent:
    """The last events of one source."""

    def __init__(self) -> None:
        self.good: deque[bool] = deque(maxlen=RECENT)
        self.at = float("-inf")

    def is_refused(self, ratio: float) -> bool:
        """More than this share of them was refused."""
        return len(self.good) >= ENOUGH and self.good.count(False) > ratio * len(self.good)


class SystemLimit:
    """Watches the share of sources of which most recent events were refused."""

    def __init__(self, ratio: float, sources: int, seconds: Callable[[], float] = time.monotonic) -> None:
        """`ratio`: of a source's events, and of the sources. `sources`: how many the plan has; 0: not known."""
        self._ratio = ratio
        self._many = min(MANY_SOURCES, sources) if sources else MANY_SOURCES
        self._seconds = seconds
        self._recent: dict[str | None, _Recent] = {}
        self.reasons: Counter[Reason] = Counter()
        """Reason → how many since the start of this worker."""

    def note_good(self, source: str, count: int) -> None:
        """So many events of a source were admitted."""
        self._of(source).good.extend([True] * min(count, RECENT))

    def refused(self, source: str | None, reason: Reason) -> None:
        """Admission refused an event. `source`: None where it names none that is registered; all of these are one.
        Raises MostSourcesRefused."""
        self.reasons[reason] += 1
        recent = self._of(source)
        recent.good.append(False)
        if recent.is_refused(self._ratio):
            self._stop_if_it_is_not_the_source()

    def _stop_if_it_is_not_the_source(self) -> None:
        since = self._seconds() - RECENT_SECONDS
        active = [recent for recent in self._recent.values() if recent.at >= since]
        refused = sum(recent.is_refused(self._ratio) for recent in active)
        if refused >= self._many and refused > self._ratio * len(active):
            commonest = ", ".join(f"{name} {count}" for name, count in self.reasons.most_common(3))
            raise MostSourcesRefused(
                f"most events of {refused} of the {len(active)} sources that sent something were refused "
                f"({commonest}): the limit is {self._ratio:.0%}. Compare the plan of this worker with that of the "
                "gateways, correct it, or raise KPIWATCH_DEAD_LETTER_RATIO"
            )

    def _of(self, source: str | None) -> _Recent:
        recent = self._recent.get(source)
        if recent is None:
            recent = self._recent[source] = _Recent()
        recent.at = self._seconds()
        return recent
