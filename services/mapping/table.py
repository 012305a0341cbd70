"""An export as a table: which file it is, in which encoding, where its header is, and the records below."""

import codecs
import gzip
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, TextIO, cast

from services.mapping.cells import Problem, Record, trimmed
from services.mapping.csv_records import records_of
from services.mapping.encoding import chosen, detected
from services.mapping.mapping_file import DEFAULT_ENCODING, DETECT, ExportError, ExportMapping
from services.mapping.sheet_records import Sheet, is_spreadsheet, sheets_of

_SAMPLE: Final = 256 * 1024
"""Bytes at the beginning of a text, by which its encoding, its delimiter and its header are found."""
_TITLE_ROWS: Final = 100
"""The header is among so many rows."""
DELIMITERS: Final = (",", ";", "\t", "|")


class Table(NamedTuple):
    """An export with its header read."""

    columns: Sequence[str]
    header: int
    """The line or row of the header; 0 where the mapping gives it."""
    records: Iterator[Record | Problem]
    """Those below the header, with as many cells as it has columns."""
    taken: tuple[str, ...]
    """What was detected, in words."""
    encoding: str | None = None
    """Of a text."""


@contextmanager
def open_table(export: Path, mapping: ExportMapping) -> Iterator[Table]:
    """The table of a file. Raises ExportError where it cannot be read, MappingError where the mapping is wrong."""
    sample = sample_of(export)
    if is_spreadsheet(sample):
        yield _of_spreadsheet(export, mapping)
        return
    encoding, layout = layout_of(export, sample, mapping)
    with _text(export, encoding) as text:
        records = records_of(text, layout.delimiter, len(layout.columns))
        yield Table(
            layout.columns,
            layout.header,
            below(records, layout),
            _words(layout, mapping, encoding.removesuffix("-sig")),
            encoding,
        )


def layout_of(export: Path, sample: bytes, mapping: ExportMapping) -> tuple[str, "Layout"]:
    """Encoding and layout of a text, by its beginning. ExportError where that is no header."""
    _refuse_markup(export, sample)
    encoding = chosen(mapping.encoding, sample)
    decoder = codecs.getincrementaldecoder(encoding)("surrogateescape")
    layout = _layout(decoder.decode(sample), mapping)
    if not layout.columns:
        raise ExportError(f"{export}:1: it has no header: its first line must name the columns")
    if any(is_garbled(column) for column in layout.columns):
        raise ExportError(f"{export}:{layout.header}: {_garbled_header(mapping, sample)}")
    return encoding, layout


def sample_of(export: Path) -> bytes:
    """The beginning of a file, unpacked."""
    with _opened(export) as raw:
        return raw.read(_SAMPLE)


@contextmanager
def _opened(export: Path) -> Iterator[BinaryIO]:
    with export.open("rb") as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        yield cast(BinaryIO, gzip.GzipFile(fileobj=raw)) if packed else raw


@contextmanager
def _text(export: Path, encoding: str) -> Iterator[TextIO]:
    with _opened(export) as raw:
        # bytes that are no text become surrogates, so that their line and column can be reported
        yield io.TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline="")


def is_garbled(text: str) -> bool:
    """Whether a text has bytes that its encoding does not have, or the zeros of UTF-16."""
    return any(letter == "\0" or "\udc80" <= letter <= "\udcff" for letter in text)


def _refuse_markup(export: Path, sample: bytes) -> None:
    begin = sample.lstrip(b"\xef\xbb\xbf \t\r\n")[:14].lower()
    if begin.startswith((b"<html", b"<!doctype html", b"<table", b"<?xml")):
        raise ExportError(f"{export}:1: it is a web page or XML, whatever its name says. Open it, and save it as XLSX")


def _garbled_header(mapping: ExportMapping, sample: bytes) -> str:
    looks = detected(sample)
    return (
        f"the header is not {' or '.join(mapping.encoding)}. Name the file's encoding in the mapping: it looks like "
        f'encoding = "{looks}" ("gb18030" is what Chinese Excel saves as CSV, "utf-16" what it saves as Unicode text), '
        f'or write encoding = "{DETECT}"'
    )


# ---- the header -----------------------------------------------------------------------------------------------------


class Layout(NamedTuple):
    """How a text is read."""

    delimiter: str
    header: int
    """The line of the header; 0 where the mapping gives it."""
    columns: Sequence[str]
    complete: bool
    """Whether the header has all columns that the mapping names."""


def _layout(begin: str, mapping: ExportMapping) -> Layout:
    """Delimiter and header of a text, by its beginning."""
    delimiters = DELIMITERS if mapping.delimiter is None else (mapping.delimiter,)
    found = [_layout_with(begin, mapping, delimiter) for delimiter in delimiters]
    wanted = set(mapping.used_columns())
    return max(found, key=lambda layout: (layout.complete, len(wanted & set(layout.columns))))


def _layout_with(begin: str, mapping: ExportMapping, delimiter: str) -> Layout:
    records = [
        each for each in _first(records_of(io.StringIO(begin, newline=""), delimiter)) if isinstance(each, Record)
    ]
    header, columns = _header(records, mapping)
    return Layout(delimiter, header, columns, set(mapping.used_columns()) <= set(columns))


def _first(records: Iterable[Record | Problem]) -> Iterator[Record | Problem]:
    return islice(records, _TITLE_ROWS)


def _header(records: Sequence[Record], mapping: ExportMapping) -> tuple[int, Sequence[str]]:
    """Where the header is, and its columns: as the mapping says, or the row with most of its columns."""
    if isinstance(mapping.header, tuple):
        return 0, mapping.header
    named = [(record.place, [trimmed(cell) for cell in record.cells]) for record in records]
    if mapping.header is not None:
        named = [(place, columns) for place, columns in named if place == mapping.header]
    wanted = set(mapping.used_columns())
    return max(named, key=lambda each: len(wanted & set(each[1])), default=(0, ()))


def below(records: Iterable[Record | Problem], layout: Layout) -> Iterator[Record | Problem]:
    """The records below the header."""
    width = len(layout.columns)
    for record in records:
        if isinstance(record, Problem):
            if record.line > layout.header:
                yield record
            continue
        if record.place <= layout.header or not any(map(str.strip, record.cells)):
            continue
        if len(record.cells) != width:
            yield Problem(record.place, "-", f"the row has {len(record.cells)} cells, the header {width}")
            continue
        yield record


def _words(layout: Layout, mapping: ExportMapping, encoding: str) -> tuple[str, ...]:
    taken = []
    if mapping.encoding != (DEFAULT_ENCODING,) and (len(mapping.encoding) > 1 or mapping.encoding == (DETECT,)):
        taken.append(f"read as {encoding}")
    if mapping.delimiter is None and layout.delimiter != ",":
        taken.append(f"cells apart by {layout.delimiter!r}")
    if mapping.header is None and layout.header != 1:
        taken.append(f"header in line {layout.header}")
    return tuple(taken)


# ---- spreadsheets ---------------------------------------------------------------------------------------------------


def _of_spreadsheet(export: Path, mapping: ExportMapping) -> Table:
    found = [_sheet_table(sheet, mapping) for sheet in sheets_of(export, mapping.sheet)]
    wanted = set(mapping.used_columns())
    best = max(found, key=lambda table: len(wanted & set(table.columns)), default=None)
    if best is None or not best.columns:
        raise ExportError(f"{export}:1: it has no header: no shown sheet has a row that names the columns")
    return best


def _sheet_table(sheet: Sheet, mapping: ExportMapping) -> Table:
    records = sheet.records()
    begin = list(islice(records, _TITLE_ROWS))
    header, columns = _header(begin, mapping)
    columns = list(columns)
    while columns and not columns[-1]:
        columns.pop()
    layout = Layout("", header, columns, True)
    rows = (Record(record.place, _filled(record.cells, len(columns))) for record in chain(begin, records))
    taken = (f"sheet {sheet.name!r}",) if mapping.sheet is None else ()
    if mapping.header is None and header != 1:
        taken = (*taken, f"header in row {header}")
    return Table(columns, header, below(rows, layout), taken)


def _filled(cells: list[str], width: int) -> list[str]:
    """As many cells as the header has columns: a sheet leaves out the empty ones at the end, and has empty ones behind
    the last column where another row has more. What is behind the last column stays, and is a fault of the row."""
    while len(cells) > width and not cells[-1]:
        cells = cells[:-1]
    return cells + [""] * (width - len(cells))
