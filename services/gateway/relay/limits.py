"""What a source with many bad events is limited to: its inbox is paused, and its letters are so many a day."""

from collections import deque
from typing import Final

RECENT: Final = 200
"""So many latest events show whether there is a burst."""
FEWEST: Final = 100
"""Fewer events are no burst."""
PAUSE_SECONDS: Final = 60.0
LETTERS_A_DAY: Final = 1_000
"""Of one source; what is refused beyond that is counted only."""
_DAY_SECONDS: Final = 86_400.0


class Burst:
    """Whether too many of a source's recent events were refused."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._recent: deque[bool] = deque(maxlen=RECENT)

    def note(self, refused: bool) -> None:
        """One more event."""
        self._recent.append(refused)

    @property
    def is_on(self) -> bool:
        """More than the allowed share of the recent events was refused."""
        return len(self._recent) >= FEWEST and sum(self._recent) > self._ratio * len(self._recent)

    def reset(self) -> None:
        """Forget: after a pause the next events decide."""
        self._recent.clear()


class LetterBudget:
    """How many letters of a source are left today; the day begins with its first letter."""

    def __init__(self) -> None:
        self._since = float("-inf")
        self._written = 0

    def take(self, seconds: float) -> bool:
        """Whether one more letter may be written. `seconds`: of a monotonic clock."""
        if seconds - self._since >= _DAY_SECONDS:
            self._since, self._written = seconds, 0
        if self._written >= LETTERS_A_DAY:
            return False
        self._written += 1
        return True
