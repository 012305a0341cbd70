"""What a source with many bad events is limited to: its inbox is paused. Its letters are so many a day
(services/messaging/letter_budget.py)."""

from collections import deque
from typing import Final

RECENT: Final = 200
"""So many latest events show whether there is a burst."""
FEWEST: Final = 100
"""Fewer events are no burst."""
PAUSE_SECONDS: Final = 60.0


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
