"""The rows of an export, read with a mapping: events, and problems where a row cannot be read."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import orjson

from services.mapping.case_rows import Chosen, rows_of_cases
from services.mapping.cells import Problem, Record, Unreadable
from services.mapping.mapping_file import AmbiguousColumn, ExportError, ExportMapping
from services.mapping.row_reader import GivenEvent, RowReader, fingerprint
from services.mapping.table import Table, is_garbled, open_table

Outcome = dict[str, object] | Problem


class RowEvents(NamedTuple):
    """A row that was read."""

    place: int
    """Its line in a text, its row in a sheet; from 1."""
    identity: tuple[str, ...]
    """Which row it is in every export; empty where the mapping does not say it."""
    events: list[tuple[str, dict[str, object]]]
    """The events that it gives, each with the name of its rule."""


class RowWriter:
    """The events of records of one table."""

    def __init__(self, mapping: ExportMapping, columns: Sequence[str], encoding: str | None, *, counts: bool) -> None:
        """`encoding`: of a text. `counts`: whether equal rows without identity get ids of their own, which is possible
        only where all rows are seen in one go.

        MappingError, AmbiguousColumn.
        """
        self._mapping = mapping
        self._encoding = encoding
        self._counted: Counter[int] | None = Counter() if counts else None
        self.reader = RowReader(mapping, columns)
        self.silent = 0
        """How many rows gave no event."""

    def row(self, record: Record, chosen: Callable[[int], bool] = lambda rule: True) -> Iterator[RowEvents | Problem]:
        """What a record gives: its events, or its problems. `chosen`: whether the other rows of its case let it give
        the event of a rule."""
        try:
            yield from self._row(record, chosen)
        except Unreadable as cell:
            yield Problem(record.place, cell.column, cell.sentence)

    def _row(self, record: Record, chosen: Callable[[int], bool]) -> Iterator[RowEvents | Problem]:
        row = self.reader.row(record)
        if self._encoding is not None and (unread := _undecoded(row)):
            yield Problem(record.place, unread, f"it is not {_plain(self._encoding)}; name the file's encoding")
            return
        given, problems = self.reader.events(row, record.place, chosen)
        if problems:
            identity = self._identity_if_readable(row)
            yield from (problem._replace(identity=identity) for problem in problems)
            return
        identity = self.reader.identity_of(row) if self.reader.identity else ()
        self.silent += not given
        yield RowEvents(record.place, identity, [(each.label, self._event(each, identity)) for each in given])

    def _identity_if_readable(self, row: dict[str, str]) -> tuple[str, ...]:
        try:
            return self.reader.identity_of(row) if self.reader.identity else ()
        except Unreadable:
            return ()

    def _event(self, given: GivenEvent, identity: tuple[str, ...]) -> dict[str, object]:
        """The event with its id: as the mapping writes it, else of the identity of the row, else of what it says."""
        id = given.id
        if id is None or callable(id):
            mark = self._identity_mark(given.label, identity) if identity else self._content_mark(given.draft)
            id = mark if id is None else id(mark)
        return {"specversion": "1.0", "id": id, **given.draft}

    def _identity_mark(self, label: str, identity: tuple[str, ...]) -> str:
        return fingerprint({"event": label, "row": dict(zip(self._mapping.identity, identity, strict=True))})

    def _content_mark(self, draft: dict[str, object]) -> str:
        """What the event says, and which of the equal ones in the file it is. Their order does not matter: they are
        equal."""
        mark = fingerprint(draft)
        if self._counted is None:
            return mark
        self._counted[int(mark[:16], 16)] += 1
        times = self._counted[int(mark[:16], 16)]
        return mark if times == 1 else f"{mark}-{times}"


class ExportReader:
    """An export and its mapping."""

    def __init__(self, export: Path, mapping: ExportMapping) -> None:
        self._export = export
        self._mapping = mapping
        self._writer: RowWriter | None = None
        self.taken: tuple[str, ...] = ()
        """What was detected, in words; known once the first row is read."""

    @property
    def silent(self) -> int:
        """How many rows gave no event."""
        return self._writer.silent if self._writer else 0

    def rows(self) -> Iterator[RowEvents | Problem]:
        """The rows in the order of the file, and what is wrong with those that cannot be read.

        Raises MappingError where the mapping does not fit the columns, and ExportError where the header cannot be read.
        """
        chosen = self._chosen()
        with open_table(self._export, self._mapping) as table:
            self.taken = table.taken
            self._writer = writer = self._writer_of(table)
            for number, record in enumerate(table.records):
                if isinstance(record, Problem):
                    yield record
                else:
                    yield from writer.row(record, partial(chosen, number))

    def _chosen(self) -> Chosen:
        """Which rows give an event whose rule depends on other rows: that takes a reading of its own."""
        if not any(event.uses_other_rows for event in self._mapping.event):
            return lambda record, rule: True
        with open_table(self._export, self._mapping) as table:
            return rows_of_cases(table.records, self._writer_of(table).reader)

    def _writer_of(self, table: Table) -> RowWriter:
        try:
            return RowWriter(self._mapping, table.columns, table.encoding, counts=True)
        except AmbiguousColumn as error:
            raise ExportError(f"{self._export}:{table.header}: {error}") from None


def events_of(export: Path, mapping: ExportMapping) -> Iterator[Outcome]:
    """The events of the rows of an export, in their order, and problems where a row cannot be read.

    Raises MappingError where the mapping does not fit the columns, and ExportError where the header cannot be read.
    """
    for row in ExportReader(export, mapping).rows():
        if isinstance(row, Problem):
            yield row
        else:
            yield from (event for _, event in row.events)


def _undecoded(row: dict[str, str]) -> str | None:
    """The first column with bytes that the encoding does not have."""
    try:
        "".join(row.values()).encode()
    except UnicodeEncodeError:
        return next(column for column, cell in row.items() if is_garbled(cell))
    return None


def _plain(encoding: str) -> str:
    return encoding.removesuffix("-sig")


def line_of(event: dict[str, object]) -> bytes:
    """An event as a line of a file."""
    return orjson.dumps(event, option=orjson.OPT_APPEND_NEWLINE)
