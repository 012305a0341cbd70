"""The rows of an export (CSV), read with a mapping: events, and problems where a row cannot be read."""

import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO, cast

from services.mapping.mapping_file import AmbiguousColumn, ExportError, ExportMapping, MappingError, Problem, RowReader

_LONGEST_LINE = 4 * 1024 * 1024
"""Characters: more than all cells of a row together, each of which csv bounds, can need."""

Outcome = dict[str, object] | Problem


def events_of(export: Path, mapping: ExportMapping) -> Iterator[Outcome]:
    """The events of the rows of an export, in their order, and problems where a row cannot be read.

    Raises MappingError where the mapping does not fit the columns, and ExportError where the header cannot be read.
    """
    with _rows(export, mapping) as rows:
        try:
            columns = rows.fieldnames
        except csv.Error as error:
            yield Problem(1, "-", f"it is not CSV: {error}")
            return
        if not columns:
            raise ExportError(f"{export}:1: it has no header: its first line must name the columns")
        reader = _reader(export, mapping, columns)
        number = 0
        try:
            for number, row in enumerate(rows, 1):
                if None in row or None in row.values():
                    cells = len(columns) + len(row.get(None, ())) - sum(cell is None for cell in row.values())
                    yield Problem(rows.line_num, "-", f"the row has {cells} cells, the header {len(columns)}")
                    continue
                if unread := _undecoded(row):
                    yield Problem(rows.line_num, unread, f"it is not {mapping.encoding}; name the file's encoding")
                    continue
                yield from reader.events(row, rows.line_num, number)
        except csv.Error as error:
            yield Problem(rows.line_num, "-", f"it is not CSV: {error}")


def _reader(export: Path, mapping: ExportMapping, columns: Sequence[str]) -> RowReader:
    """What reads the rows under a header. Raises MappingError and ExportError."""
    if any(_is_garbled(column) for column in columns):
        raise ExportError(
            f"{export}:1: the header is not {mapping.encoding}. Name the file's encoding in the mapping: "
            'encoding = "gb18030" is what Chinese Excel saves as CSV, "utf-16" what it saves as Unicode text'
        )
    try:
        return RowReader(mapping, columns)
    except AmbiguousColumn as error:
        raise ExportError(f"{export}:1: {error}") from None


def _undecoded(row: dict[str, str]) -> str | None:
    """The first column with bytes that the encoding does not have."""
    try:
        "".join(row.values()).encode()
    except UnicodeEncodeError:
        return next(column for column, cell in row.items() if _is_garbled(cell))
    return None


def _is_garbled(text: str) -> bool:
    """Whether a text has bytes that its encoding does not have, or the zeros of UTF-16."""
    return any(letter == "\0" or "\udc80" <= letter <= "\udcff" for letter in text)


@contextmanager
def _rows(export: Path, mapping: ExportMapping) -> Iterator["csv.DictReader[str]"]:
    raw = cast(BinaryIO, gzip.GzipFile(export)) if export.suffix == ".gz" else export.open("rb")
    encoding = "utf-8-sig" if mapping.encoding.lower() in ("utf-8", "utf8") else mapping.encoding
    try:
        # bytes that are no text become surrogates, so that their line and column can be reported
        text: TextIO = io.TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline="")
    except LookupError:
        raw.close()
        raise MappingError(f"encoding: {mapping.encoding!r} is not known: write one such as utf-8 or gb18030") from None
    with text:
        yield csv.DictReader(_lines(text), delimiter=mapping.delimiter)


def _lines(text: TextIO) -> Iterator[str]:
    """The lines, with a limit of their length: a line of a gigabyte would not fit into memory."""
    while line := text.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE and line[-1] not in "\r\n":
            raise csv.Error(f"the next line is longer than {_LONGEST_LINE:,} characters; write one row per line")
        yield line
