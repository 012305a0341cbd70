"""Which dead letters of a partition are sent: not those that an earlier owner has sent already, and of one sender so
many a day.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from services.messaging.letter_budget import DAY_MS, Chosen, Letter, LetterBudget, Written
from services.messaging.records.dead_letters import sender_of

MARGIN_MS = 3_600_000
"""How much earlier than the event a letter is looked for: the broker's clock, which stamps both, may be set back."""


class ReadsBack(Protocol):
    """What is asked of a delivery."""

    def lag(self, partition: int) -> int | None:
        """Events of a partition that wait to be handled, the chunk in hand among them."""
        ...

    async def records_since(
        self, topic: str, partition: int, since_ms: int, pick: Callable[[bytes, bytes | None, int], Written | None]
    ) -> Iterable[Written]:
        """What `pick` gives for key, value and time of the records that were appended since then."""
        ...


@dataclass(slots=True)
class _Partition:
    """The events of a partition that an earlier owner may have handled without a commit of its offset, and what is left
    for its senders."""

    since_ms: int
    """When the first of these events was appended."""
    end: int | None
    """They lie before this offset: the end of the partition when this owner began. None: not known yet."""
    over: bool = False
    """They are handled."""
    sent: frozenset[bytes] = frozenset()
    """Keys of the letters that were sent since."""
    budget: LetterBudget | None = None
    """None: the letters have not been read yet."""


class SentDeadLetters:
    """Knows which letters were sent already.

    An owner that dies between its letters and the commit of its offset leaves events that are delivered again. Their
    letters were appended after them, so that it is enough to read the letters since the first of these events, and
    those of a day, which count for the budget. That is done at most once per assignment and partition, and only when
    an event is refused.
    """

    def __init__(
        self,
        delivery: ReadsBack,
        events: str,
        letters: str,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """The topics of both. `now_ms`: the real time."""
        self._delivery = delivery
        self._events = events
        self._letters = letters
        self._now_ms = now_ms
        self._partitions: dict[int, _Partition] = {}

    def forget(self) -> None:
        """An assignment: what follows may be delivered again."""
        self._partitions.clear()

    def begin(self, partition: int, offset: int, timestamp_ms: int) -> None:
        """A chunk of a partition begins with a record of this offset and time."""
        held = self._partitions.get(partition)
        if held is None:
            held = self._partitions[partition] = _Partition(timestamp_ms, None)
        if held.over:
            return
        if held.end is None and (unread := self._delivery.lag(partition)) is not None:
            held.end = offset + unread
        if held.end is not None and offset >= held.end:
            held.over, held.sent = True, frozenset()

    async def chosen(self, partition: int, letters: Sequence[Letter]) -> Chosen:
        """Those of a chunk that are to be sent."""
        if not letters:
            return Chosen([], Counter())
        held = self._partitions[partition]
        budget = held.budget or await self._read(partition, held)
        return budget.chosen(letters, held.sent, self._now_ms())

    async def _read(self, partition: int, held: _Partition) -> LetterBudget:
        day = self._now_ms() - DAY_MS
        since = day if held.over else min(day, held.since_ms - MARGIN_MS)
        begin = f"{self._events}|{partition}|".encode()

        def pick(key: bytes, value: bytes | None, at: int) -> Written | None:
            return Written(key, sender_of(value), at) if key.startswith(begin) else None

        written = list(await self._delivery.records_since(self._letters, 0, since, pick))
        if not held.over:
            held.sent = frozenset(letter.key for letter in written)
        held.budget = LetterBudget(letter for letter in written if letter.timestamp_ms > day)
        return held.budget
