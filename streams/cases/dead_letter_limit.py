"""The share of recent events that may be refused: above it the worker stops, instead of turning a whole topic into dead
letters."""

from collections import Counter, deque

from services.domain.intake.refusal import Reason
from services.runtime.worker_failures import ForeseenEnd

RECENT = 1_000
"""How many of the last events the share is taken of."""
ENOUGH = 100
"""Fewer events than this prove nothing."""


class TooManyDeadLetters(ForeseenEnd):
    """More than the allowed share of recent events was refused. Most likely a source or this version is wrong."""


class DeadLetterLimit:
    """Watches the share of refused events among the recent ones."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._recent: deque[bool] = deque(maxlen=RECENT)
        self._bad = 0
        self.reasons: Counter[Reason] = Counter()
        """Reason → how many since the start of this worker."""

    def note_good(self, count: int) -> None:
        """So many events were good."""
        for _ in range(min(count, RECENT)):
            self._note(False)

    def refused(self, reason: Reason) -> None:
        """One event was not. Raises TooManyDeadLetters."""
        self.reasons[reason] += 1
        self._note(True)
        seen = len(self._recent)
        if seen >= ENOUGH and self._bad > self._ratio * seen:
            commonest = ", ".join(f"{name} {count}" for name, count in self.reasons.most_common(3))
            raise TooManyDeadLetters(
                f"{self._bad} of the last {seen} events were refused ({commonest}): the limit is {self._ratio:.0%}. "
                "See `kpiwatch dead-letters list`; correct the source or the plan, or raise KPIWATCH_DEAD_LETTER_RATIO"
            )

    def _note(self, bad: bool) -> None:
        if len(self._recent) == RECENT and self._recent[0]:
            self._bad -= 1
        self._recent.append(bad)
        self._bad += bad
