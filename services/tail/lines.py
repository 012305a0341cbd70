"""What the lines of a file mean: rows that a mapping turns into events, or events."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from services.client.delivery import checked
from services.client.doubts import MOST_EVENTS
from services.client.spool import Entry, Spool
from services.mapping.cells import Problem
from services.mapping.export import RowEvents
from services.mapping.growing import GrowingTable, lines_of
from services.mapping.mapping_file import ExportMapping, MappingError
from services.tail.folder import Piece, Read, UnreadableFile
from services.tail.taking import RowTaker, place_of

_SAMPLE: Final = 256 * 1024
_NOTHING: Final = Read(0, 0)


class MappedLines:
    """Lines are the rows of an export."""

    def __init__(self, mapping: ExportMapping, taker: RowTaker) -> None:
        self._mapping = mapping
        self._taker = taker
        self.version = mapping.version
        self._tables: dict[int, GrowingTable] = {}

    def has_unread(self, number: int) -> bool:
        """Whether rows of the file are parked since they could not be read."""
        with self._taker.spool.reading() as store:
            return bool(self._taker.unread.lines(store, number))

    def take(self, store: sqlite3.Connection, piece: Piece) -> Read:
        """Take the rows that may go together. UnreadableFile where header and mapping do not fit."""
        try:
            if piece.first_line == 1 and not piece.again_to:
                self._taker.unread.is_another(store, piece.number)
            table = self._table(piece)
            if not table.has_header and not piece.settled:
                return _NOTHING
            rows = self._new(store, piece, table.rows(piece.content, piece.first_line, settled=piece.settled))
            stopped = self._taker.take(store, str(piece.file), rows, piece.number).stopped_at or table.unfinished
        except MappingError as error:
            self._tables.pop(piece.number, None)
            name = str(piece.file)
            raise UnreadableFile(str(error) if str(error).startswith(name) else f"{name}: {error}") from None
        lines = lines_of(piece.content)
        taken = lines if stopped is None else lines[: stopped - piece.first_line]
        return Read(sum(map(len, taken)), len(taken))

    def _new(
        self, store: sqlite3.Connection, piece: Piece, rows: Iterator[RowEvents | Problem]
    ) -> Iterator[RowEvents | Problem]:
        """Without the rows that were taken before."""
        if piece.first_line > piece.again_to:
            return rows
        unread = self._taker.unread.lines(store, piece.number)
        return (row for row in rows if place_of(row) > piece.again_to or place_of(row) in unread)

    def _table(self, piece: Piece) -> GrowingTable:
        """What is known of the file; its header is read again as long as it may grow."""
        if piece.first_line == 1:
            self._tables[piece.number] = GrowingTable(piece.file, piece.content[:_SAMPLE], self._mapping)
        elif piece.number not in self._tables:
            self._tables[piece.number] = GrowingTable(piece.file, _begin(piece.file), self._mapping)
        return self._tables[piece.number]


def _begin(file: Path) -> bytes:
    with file.open("rb") as stream:
        return stream.read(_SAMPLE)


class EventLines:
    """Lines are events."""

    version = ""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    def has_unread(self, number: int) -> bool:
        """Lines that are no events are parked with their content."""
        return False

    def take(self, store: sqlite3.Connection, piece: Piece) -> Read:
        """Take as many events as one request has."""
        lines = piece.content.splitlines(keepends=True)[:MOST_EVENTS]
        found = (Entry(line.strip(), str(piece.file), number) for number, line in enumerate(lines, piece.first_line))
        entries, refused = checked(entry for entry in found if entry.event)
        self._spool.add_in(store, entries)
        self._spool.park_in(store, refused)
        return Read(sum(map(len, lines)), len(lines))
