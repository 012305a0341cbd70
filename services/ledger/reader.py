"""The valid records of the ledger, in their order."""

import hashlib
import logging
from collections import deque
from types import TracebackType
from typing import Final, NamedTuple, Self

from services.messaging.reader import Record, TopicReader
from services.messaging.records.fields import Unreadable, log_unreadable
from services.messaging.records.ledger import GENESIS, Chain, LedgerRecord, hash_of
from services.messaging.topics import LEDGER

log = logging.getLogger(__name__)

_REMEMBERED: Final = 10_000
"""Records by whose hashes a repeated one is known: a producer repeats the latest ones only."""


class Place(NamedTuple):
    """How far the ledger was read."""

    number: int = 0
    """Of the last valid record."""
    hash: str = GENESIS
    """Of the last valid record."""
    offset: int = 0
    """Of the next record of the topic."""


BEGINNING: Final = Place()


class LedgerCut(ValueError):
    """The topic does not have what was recorded: its end was cut off, or it is another topic."""


class Read(NamedTuple):
    """A valid record, and where it is."""

    record: LedgerRecord
    value: bytes
    """Its bytes."""
    hash: str
    offset: int


class ValidRecords:
    """Sorts out the records of the topic: which are of the ledger. Knows no broker."""

    def __init__(self, after: Place = BEGINNING) -> None:
        self._chain = Chain(after.number, after.hash)
        self._offset = after.offset
        self._last = after if after.number else None
        """The record that was read last, by a reader of before; None once it was compared."""
        self.cut = False
        """Whether the topic is not the one that was read before: it was cut, or begins again."""
        self._latest: deque[bytes] = deque(maxlen=_REMEMBERED)
        self._remembered: set[bytes] = set()
        self.repeated = 0
        """Records that are there twice, byte by byte: a producer did not get the broker's answer, and sent again."""
        self.void = 0
        """Other records that are not of the ledger: of a second keeper, of a frozen one, or of none."""

    @property
    def place(self) -> Place:
        """How far it is read."""
        return Place(self._chain.number, self._chain.hash, self._offset)

    def take(self, record: Record) -> Read | None:
        """The next record of the topic; None if it is void. What was read before is passed over: it comes again as the
        first one, to be compared, or after a cut."""
        if self._last is not None:
            self.cut = not _is_last(record, self._last)
            self._last = None
        elif record.offset < self._offset:
            self.cut = True
        if record.offset < self._offset:
            return None
        self._offset = record.offset + 1
        value = record.value or b""
        try:
            found = self._chain.take(value)
        except Unreadable as error:
            self.void += 1
            log_unreadable(log, LEDGER, record.partition, record.offset, error)
            return None
        digest = hashlib.sha256(value).digest()
        if found is None:
            self._count(digest)
            return None
        self._remember(digest)
        return Read(found, value, self._chain.hash, record.offset)

    def _count(self, digest: bytes) -> None:
        if digest in self._remembered:
            self.repeated += 1
        else:
            self.void += 1

    def _remember(self, digest: bytes) -> None:
        if len(self._latest) == self._latest.maxlen:
            self._remembered.discard(self._latest[0])
        self._latest.append(digest)
        self._remembered.add(digest)


def _is_last(record: Record, place: Place) -> bool:
    """Whether it is the record with which a place ends."""
    try:
        found = LedgerRecord.decode(record.value)
    except Unreadable:
        return False
    return (
        record.offset == place.offset - 1
        and found.number == place.number
        and hash_of(found.previous, record.value or b"") == place.hash
    )


class LedgerReader:
    """Reads the ledger. Not thread-safe: one thread polls."""

    def __init__(self, bootstrap: str, after: Place = BEGINNING) -> None:
        """`after`: how far it was read before; by default nothing was. Raises BrokerUnavailable."""
        self._reader = TopicReader(bootstrap, [LEDGER], start={(LEDGER, 0): max(0, after.offset - 1)})
        self._valid = ValidRecords(after)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the broker."""
        self._reader.close()

    @property
    def caught_up(self) -> bool:
        """Whether all is read that was in the topic when reading began."""
        return self._reader.caught_up

    @property
    def place(self) -> Place:
        """How far it is read."""
        return self._valid.place

    @property
    def void(self) -> int:
        """Records that were passed over, without those that are there twice."""
        return self._valid.void

    @property
    def cut(self) -> bool:
        """Whether the topic is not the one that was read before."""
        return self._valid.cut

    @property
    def repeated(self) -> int:
        """Records that are there twice."""
        return self._valid.repeated

    def poll_read(self, timeout_seconds: float = 0.5) -> list[Read]:
        """The valid records that have arrived, with their bytes and places."""
        found = (self._valid.take(each) for each in self._reader.poll(timeout_seconds))
        return [each for each in found if each is not None]

    def poll(self, timeout_seconds: float = 0.5) -> list[LedgerRecord]:
        """The valid records that have arrived; waits at most so long for one."""
        return [each.record for each in self.poll_read(timeout_seconds)]
