"""How many dead letters of one sender are written: so many in a day for each partition of a topic, counted in the topic
of dead letters, so that no restart and no other process begins to count anew. What is refused beyond that is counted
only: its event stays where it was.
"""

from collections import Counter, deque
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from services.messaging.records.fields import KeyValue

LETTERS_A_DAY: Final = 1_000
"""Of one sender, from one partition."""
DAY_MS: Final = 86_400_000


class Letter(NamedTuple):
    """A dead letter as it is sent."""

    record: KeyValue
    sender: str | None


class Chosen(NamedTuple):
    """The letters of a chunk that are to be sent."""

    records: list[KeyValue]
    left_out: Counter[str | None]
    """Sender → how many letters it has too many."""


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

    def chosen(self, letters: Iterable[Letter], sent: Collection[bytes], now_ms: int) -> Chosen:
        """Those that are to be sent: not those that were, by their keys, and of each sender as many as are left; they
        then count."""
        found = Chosen([], Counter())
        for record, sender in letters:
            if record[0] in sent:
                continue
            if self.take(sender, now_ms):
                found.records.append(record)
            else:
                found.left_out[sender] += 1
        return found

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
