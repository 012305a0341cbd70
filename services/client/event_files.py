"""Files of events, one a line, into a spool: each line once, also over interruptions.

How far a file was read is saved with the events that were read. If the file has other content up to there, it is read
anew: what was sent before has the same id, and counts once. An event of it that is parked is then read anew, too, or
stays parked.
"""

import gzip
import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, cast

import orjson

from services.client.delivery import LARGEST_EVENT, checked
from services.client.doubts import MOST_EVENTS
from services.client.spool import Entry, Spool

STANDARD_INPUT: Final = "-"
_PIECE: Final = 1024 * 1024
_LONGEST_LINE: Final = 2 * LARGEST_EVENT


class _Position(NamedTuple):
    """How far a file was read: whole lines."""

    bytes: int
    lines: int
    sha256: str
    """Of all bytes up to there."""


class EventFile:
    """A file, or standard input, which is read from its beginning always."""

    def __init__(self, name: str, spool: Spool) -> None:
        """`name`: plain, gzip by its name (.gz), or `-`."""
        self._spool = spool
        self._name = name
        self.origin = name if name == STANDARD_INPUT else str(Path(name).resolve())
        self.taken_before = 0
        """Lines that an earlier run has read; known once `read` has begun."""
        self.is_changed = False
        """Whether it was read anew because its content has changed."""

    def read(self) -> Iterator[int]:
        """Read it into the spool, and yield after each transaction how many lines were read. OSError, EOFError."""
        with _opened(self._name) as stream:
            reading = self._begun(stream)
            while lines := reading.some(stream):
                self._keep(reading, lines)
                yield len(lines)

    def _begun(self, stream: BinaryIO) -> "_Reading":
        """Goes to where the last run has ended."""
        saved = None if self._name == STANDARD_INPUT else self._spool.position(self.origin)
        if saved is None:
            return _Reading()
        position = _Position(*orjson.loads(saved))
        reading = _Reading()
        reading.skip(stream, position)
        if reading.position == position:
            self.taken_before = position.lines
            return reading
        stream.seek(0)
        self.is_changed = True
        self._spool.begin_again(self.origin)
        return _Reading()

    def _keep(self, reading: "_Reading", lines: list["_Line"]) -> None:
        """One transaction: the events of these lines, what is none, and the position behind them."""
        read = [Entry(event, self.origin, number) for number, content in lines if (event := content.strip())]
        entries, unfit = checked(read)
        refused = [(entry._replace(event=entry.event[:LARGEST_EVENT]), refusal) for entry, refusal in unfit]
        with self._spool.writing() as store:
            kept = (*entries, *(entry for entry, _ in refused))
            self._spool.withdraw_read_in(store, self.origin, [entry.event for entry in kept])
            self._spool.add_in(store, entries)
            self._spool.park_in(store, refused)
            if self._name != STANDARD_INPUT:
                self._spool.set_position_in(store, self.origin, orjson.dumps(tuple(reading.position)).decode())


class _Line(NamedTuple):
    """A line of a file, or the beginning of one that is too long for an event."""

    number: int
    content: bytes


class _Reading:
    """Reads lines, and knows how far it is."""

    def __init__(self) -> None:
        self._bytes = 0
        self._lines = 0
        self._digest = hashlib.sha256()

    @property
    def position(self) -> _Position:
        """Behind the last whole line. One without an end is read again the next time, when it may be longer."""
        return _Position(self._bytes, self._lines, self._digest.hexdigest())

    def skip(self, stream: BinaryIO, position: _Position) -> None:
        """Read as far as an earlier run, or to the end of what is there."""
        self._lines = position.lines
        while self._bytes < position.bytes and (piece := stream.read(min(_PIECE, position.bytes - self._bytes))):
            self._digest.update(piece)
            self._bytes += len(piece)

    def some(self, stream: BinaryIO) -> list[_Line]:
        """As many lines as one request takes."""
        found: list[_Line] = []
        while len(found) < MOST_EVENTS:
            number = self._lines + 1
            content = self._line(stream)
            if not content:
                break
            found.append(_Line(number, content))
        return found

    def _line(self, stream: BinaryIO) -> bytes:
        """One line; memory does not grow with its length."""
        digest, size = self._digest.copy(), 0
        content = piece = stream.readline(_LONGEST_LINE)
        while piece:
            digest.update(piece)
            size += len(piece)
            if piece.endswith(b"\n"):
                self._digest, self._bytes, self._lines = digest, self._bytes + size, self._lines + 1
                break
            piece = stream.readline(_LONGEST_LINE)
        return content


def _opened(name: str) -> BinaryIO:
    if name == STANDARD_INPUT:
        return sys.stdin.buffer
    return cast(BinaryIO, gzip.open(name, "rb")) if name.endswith(".gz") else Path(name).open("rb")
