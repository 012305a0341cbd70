"""Which dead letters an earlier owner of a partition has sent already: they are not sent again."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

MARGIN_MS = 3_600_000
"""How much earlier than the event a letter is looked for: the broker's clock, which stamps both, may be set back."""

Letter = tuple[bytes, bytes | None]
"""Key and value as they are sent."""


class ReadsBack(Protocol):
    """What is asked of a delivery."""

    def lag(self, partition: int) -> int | None:
        """Events of a partition that wait to be handled, the chunk in hand among them."""
        ...

    async def keys_since(self, topic: str, partition: int, since_ms: int) -> Iterable[bytes]:
        """The keys of the records that were appended since then."""
        ...


@dataclass(slots=True)
class _Redelivered:
    """The events of a partition that an earlier owner may have handled without a commit of its offset."""

    since_ms: int
    """When the first of them was appended."""
    end: int | None
    """They lie before this offset: the end of the partition when this owner began. None: not known yet."""
    over: bool = False
    """They are handled."""
    sent: frozenset[bytes] | None = None
    """Keys of the letters that were sent since; None: nobody has asked yet."""


class SentDeadLetters:
    """Knows which letters of redelivered events an earlier owner has sent already.

    An owner that dies between its letters and the commit of its offset leaves events that are delivered again. Their
    letters were appended after them, so that it is enough to read the letters since the first of these events. That is
    done at most once per assignment and partition, and only when such an event is refused.
    """

    def __init__(self, delivery: ReadsBack, events: str, letters: str) -> None:
        """The topics of both."""
        self._delivery = delivery
        self._events = events
        self._letters = letters
        self._redelivered: dict[int, _Redelivered] = {}

    def forget(self) -> None:
        """An assignment: what follows may be delivered again."""
        self._redelivered.clear()

    def begin(self, partition: int, offset: int, timestamp_ms: int) -> None:
        """A chunk of a partition begins with a record of this offset and time."""
        held = self._redelivered.get(partition)
        if held is None:
            held = self._redelivered[partition] = _Redelivered(timestamp_ms, None)
        if held.over:
            return
        if held.end is None and (unread := self._delivery.lag(partition)) is not None:
            held.end = offset + unread
        if held.end is not None and offset >= held.end:
            held.over, held.sent = True, None

    async def without_sent(self, partition: int, letters: Sequence[Letter]) -> Sequence[Letter]:
        """The letters of a chunk that have not been sent."""
        held = self._redelivered[partition]
        if held.over or not letters:
            return letters
        if held.sent is None:
            keys = await self._delivery.keys_since(self._letters, 0, held.since_ms - MARGIN_MS)
            begin = f"{self._events}|{partition}|".encode()
            held.sent = frozenset(key for key in keys if key.startswith(begin))
        return [letter for letter in letters if letter[0] not in held.sent]
