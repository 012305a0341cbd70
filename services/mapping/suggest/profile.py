"""What the columns of an unknown export look like: times in which format, codes, numbers, texts."""

import codecs
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from services.mapping.cells import Record, TypedCell, trimmed
from services.mapping.csv_records import records_of
from services.mapping.encoding import detected
from services.mapping.mapping_file import ExportError
from services.mapping.sheet_records import is_spreadsheet, sheets_of
from services.mapping.suggest.known_words import NOTHING
from services.mapping.table import DELIMITERS, sample_of
from services.mapping.times import NoTime, WallReader

_ROWS: Final = 2000
"""So many rows are read."""
_FORMATS: Final = (
    "iso", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y年%m月%d日 %H时%M分", "%Y年%m月%d日 %H:%M",
    "%Y年%m月%d日", "%Y%m%d%H%M%S", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%m/%d/%Y %I:%M:%S %p",
    "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d-%m-%Y",
)  # fmt: skip
_MOSTLY: Final = 0.95
_TRIED: Final = 300
"""So many different contents are tried with each format."""
_FEW: Final = 40
"""A column with so few different contents has codes."""


class Column(NamedTuple):
    """One column."""

    name: str
    filled: int
    """How many of its cells have a content."""
    codes: tuple[str, ...]
    """Its contents, the most frequent first, where they are few."""
    distinct: int
    formats: tuple[str, ...]
    """The formats that fit nearly all of its contents, where they are times; empty where they are none, or stored as
    dates."""
    is_time: bool
    is_number: bool
    nothing: tuple[str, ...]
    """Contents that mean nothing."""
    no_date: tuple[str, ...]
    """Dates that mean no date, as TOML."""


class Profile(NamedTuple):
    """An export that nobody has described."""

    encoding: str | None
    """Of a text."""
    delimiter: str | None
    sheet: str | None
    header: int
    """The line or row of the header."""
    columns: tuple[Column, ...]
    rows: int
    """So many rows were read."""
    doubled: tuple[str, ...]
    """Names that several columns have."""


class _Layout(NamedTuple):
    encoding: str | None
    delimiter: str | None
    sheet: str | None
    header: Record
    rows: list[Record]


def profile_of(export: Path) -> Profile:
    """Profile the beginning of a file. ExportError."""
    layout = _layout(export)
    names = [trimmed(cell) for cell in layout.header.cells]
    rows = [record.cells + [""] * (len(names) - len(record.cells)) for record in layout.rows]
    doubled = tuple(name for name, times in Counter(names).items() if times > 1 and name)
    columns = [
        _column(name, [trimmed(row[place]) for row in rows])
        for place, name in enumerate(names)
        if name and name not in doubled
    ]
    return Profile(
        layout.encoding, layout.delimiter, layout.sheet, layout.header.place, tuple(columns), len(rows), doubled
    )


def _layout(export: Path) -> _Layout:
    sample = sample_of(export)
    if is_spreadsheet(sample):
        found = [
            _Layout(None, None, sheet.name, header, rows)
            for sheet in sheets_of(export, None)
            for header, rows in _split(list(islice(sheet.records(), _ROWS)))
        ]
    else:
        encoding = detected(sample)
        text = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)("replace").decode(sample)
        lines = text[: text.rfind("\n") + 1] or text
        found = [
            _Layout(encoding, delimiter, None, header, rows)
            for delimiter in DELIMITERS
            for header, rows in _split(list(_records(lines, delimiter)))
        ]
    best = max(found, key=lambda layout: len(layout.rows) * (len(layout.header.cells) > 1), default=None)
    if best is None or len(best.header.cells) < 2:
        raise ExportError(f"{export}:1: no row names several columns: name the file of an export, with a header")
    return best


def _records(text: str, delimiter: str) -> Iterator[Record]:
    with io.StringIO(text, newline="") as lines:
        yield from islice((each for each in records_of(lines, delimiter) if isinstance(each, Record)), _ROWS)


def _split(records: Sequence[Record]) -> Iterator[tuple[Record, list[Record]]]:
    """The header and the rows below it: the first row that is as wide as most, and whose cells are all names."""
    widths = Counter(_width(record) for record in records)
    if not widths:
        return
    usual = max(widths, key=lambda width: (widths[width], width))
    for place, record in enumerate(records[:100]):
        cells = record.cells[: _width(record)]
        if len(cells) >= min(usual, 2) and len(cells) >= 0.5 * usual and all(map(_is_name, cells)):
            yield Record(record.place, cells), [each for each in records[place + 1 :] if _width(each) <= len(cells)]
            return


def _width(record: Record) -> int:
    """How many cells there are up to the last one with a content."""
    return max((place for place, cell in enumerate(record.cells, 1) if trimmed(cell)), default=0)


def _is_name(cell: str) -> bool:
    return bool(trimmed(cell)) and not isinstance(cell, TypedCell) and not cell.strip()[0].isdigit()


# ---- one column -----------------------------------------------------------------------------------------------------


def _column(name: str, cells: Sequence[str]) -> Column:
    nothing = tuple(sorted({cell for cell in cells if cell.lower() in NOTHING}))
    filled = [cell for cell in cells if cell and cell not in nothing]
    counted = Counter(map(str, filled))
    times = _stored_times(filled) or _times(filled)
    return Column(
        name=name,
        filled=len(filled),
        codes=_codes(counted),
        distinct=len(counted),
        formats=times.formats,
        is_time=bool(times.walls),
        is_number=bool(filled) and all(map(_is_number, filled)),
        nothing=nothing,
        no_date=_sentinels(times.walls),
    )


class _Times(NamedTuple):
    """A column as times: the formats that fit, and what the first one reads. No walls: it has no times."""

    formats: tuple[str, ...]
    walls: list[datetime]


def _stored_times(cells: Sequence[str]) -> _Times | None:
    """The dates that a spreadsheet stores; those whose format was forgotten are numbers."""
    stored = _stored_dates(cells)
    if not stored or not all(map(_is_date_or_serial, cells)):
        return None
    return _Times(("excel",) if len(stored) < len(cells) else (), stored)


def _is_date_or_serial(cell: str) -> bool:
    """Whether a spreadsheet stores a date, or the number of one where the format of dates was forgotten."""
    return isinstance(cell, TypedCell) and (isinstance(cell.value, datetime) or 20_000 < _as_number(cell) < 80_000)


def _as_number(cell: TypedCell) -> float:
    return cell.value if isinstance(cell.value, int | float) else 0


def _stored_dates(cells: Sequence[str]) -> list[datetime]:
    return [cell.value for cell in cells if isinstance(cell, TypedCell) and isinstance(cell.value, datetime)]


def _codes(counted: Counter[str]) -> tuple[str, ...]:
    return tuple(code for code, _ in counted.most_common()) if len(counted) <= _FEW else ()


def _is_number(cell: str) -> bool:
    return cell.removeprefix("-").replace(".", "", 1).isdecimal()


def _times(cells: Sequence[str]) -> _Times:
    """The formats that fit nearly all cells."""
    texts = list(dict.fromkeys(cell for cell in cells if not isinstance(cell, TypedCell)))
    if not texts or all(_is_number(cell) and len(cell) != 14 for cell in texts):
        return _Times((), [])
    found = tuple(form for form in _FORMATS if _fits_mostly(form, texts[:_TRIED]))
    return _Times(found, list(_read(WallReader(found[:1]), texts)) if found else [])


def _fits_mostly(form: str, texts: Sequence[str]) -> bool:
    few = texts[:20]
    if len(list(_read(WallReader((form,)), few))) < 0.5 * len(few):
        return False
    return len(list(_read(WallReader((form,)), texts))) >= _MOSTLY * len(texts)


def _read(reader: WallReader, texts: Sequence[str]) -> Iterator[datetime]:
    for text in texts:
        with suppress(NoTime):
            yield reader.read(text)


def _sentinels(walls: Sequence[datetime]) -> tuple[str, ...]:
    """Dates outside all reason, which systems write for no date."""
    days = {wall.date() for wall in walls if wall.year < 1971 or wall.year > 2050}
    return tuple(day.isoformat() for day in sorted(days))
