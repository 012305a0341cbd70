"""How many dead letters of one sender are written: so many in a day for each partition of a topic, counted in the topic
of dead letters, so that no restart and no other process begins to count anew. What is refused beyond that is counted
only: its event stays where it was.
"""

from collections import deque
from collections.abc import Iterable
from typing import Final, NamedTuple

LETTERS_A_DAY: Final = 1_000
"""Of one sender, from one partition."""
DAY_MS: Final = 86_400_000


class Written(NamedTuple):
    """A letter that is in the topic."""

    key: bytes
    sender: str | None
    timestamp_ms: int
    """When it was appended: the broker's clock."""


class LetterBudget:
    """What is left for each sender of one partition. A day is the last 24 hours."""

    def __init__(self, written: Iterable[Written] = ()) -> None:
        """`written`: the letters of the partition in the last 24 hours, oldest first; one that is there twice counts
        once."""
        self._times: dict[str | None, deque[int]] = {}
        for letter in {letter.key: letter for letter in written}.values():
            self._of(letter.sender).append(letter.timestamp_ms)

    def take(self, sender: str | None, now_ms: int) -> bool:
        """Whether one more letter may be written; it then counts. `now_ms`: real milliseconds since 1970."""
        times = self._of(sender)
        while times and times[0] <= now_ms - DAY_MS:
            times.popleft()
        if len(times) >= LETTERS_A_DAY:
            return False
        times.append(now_ms)
        return True

    def _of(self, sender: str | None) -> deque[int]:
        return self._times.setdefault(sender, deque())
