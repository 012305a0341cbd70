"""The columns of an export as its mapping reads them: what is empty, and which instant a cell means."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime

from services.domain.time.zone import Instant, Zone, instant_of
from services.mapping.cells import Record, TypedCell, Unreadable, is_rounded, kind_of, trimmed
from services.mapping.mapping_file import AmbiguousColumn, ColumnRules, ExportMapping, MappingError, near
from services.mapping.times import (
    NAMED_FORMATS,
    NoTime,
    Sentinel,
    WallReader,
    checked,
    clock_of,
    instant_of_wall,
    is_sentinel,
    offset_of,
)

Row = Mapping[str, str]
"""The cells of a row that the mapping uses, by column: trimmed, and "" where they mean nothing."""
_PLAIN = ColumnRules()


def _as_it_is(cell: str) -> str:
    return cell


class Columns:
    """The columns of a file, and how their cells are read."""

    def __init__(self, mapping: ExportMapping, columns: Sequence[str], zone: Zone) -> None:
        self._names = columns
        self._mapping = mapping
        self._zone = zone
        self._walls: dict[str, WallReader] = {}
        for name in mapping.columns:
            self.known(name)
        common = frozenset(mapping.empty)
        self._used = [
            (name, self.known(name), common | _words(self.rules(name)), bool(_sentinels(self.rules(name))))
            for name in mapping.used_columns()
        ]
        self._prepare: Callable[[str], str] = trimmed if mapping.trim else _as_it_is

    def known(self, column: str) -> int:
        """The place of a column. MappingError, AmbiguousColumn."""
        if column not in self._names:
            raise MappingError(f"the file has no column {column!r}{near(column, self._names)}")
        if self._names.count(column) > 1:
            places = [str(place) for place, name in enumerate(self._names, 1) if name == column]
            raise AmbiguousColumn(
                f"the header has {len(places)} columns {column!r} (columns {', '.join(places)}): which one is meant "
                "cannot be known. Give each a name of its own in the export"
            )
        return self._names.index(column)

    def rules(self, column: str) -> ColumnRules:
        """How the cells of a column are read."""
        return self._mapping.columns.get(column, _PLAIN)

    def walls(self, column: str) -> WallReader:
        """What reads the times of a column."""
        if column not in self._walls:
            formats = self.rules(column).format or self._mapping.time_format
            for form in formats:
                if form not in NAMED_FORMATS and "%" not in form:
                    raise MappingError(
                        f"format {form!r}: write it with the signs of strptime, as in '%d.%m.%Y %H:%M', or one of "
                        f"{', '.join(NAMED_FORMATS)}"
                    )
            self._walls[column] = WallReader(formats)
        return self._walls[column]

    def row(self, record: Record) -> dict[str, str]:
        """The cells that the mapping uses. Unreadable."""
        cells = record.cells
        row = {}
        for name, place, empty, has_sentinels in self._used:
            cell = self._prepare(cells[place])
            if cell.__class__ is TypedCell and is_rounded(cell):
                raise Unreadable(
                    name,
                    f"{kind_of(cell)}: a spreadsheet keeps 15 digits of a number, so the last ones are lost. Store the "
                    "column as text in the system that exports it",
                )
            row[name] = "" if cell in empty or (has_sentinels and self._is_no_date(name, cell)) else cell
        return row

    def _is_no_date(self, column: str, cell: str) -> bool:
        """Whether a cell holds a date or a number that means "no date"."""
        if not cell:
            return False
        wall = None
        with suppress(ValueError, OverflowError):  # of NoTime, too: it may be the number of a serial date
            wall = self.walls(column).read(cell)
        return is_sentinel(cell, wall, _sentinels(self.rules(column)), self._zone)

    def instant(self, column: str, row: Row) -> Instant | None:
        """The time that a row has in a column; None where the cell is empty. Unreadable."""
        if not (cell := row[column]):
            return None
        rules = self.rules(column)
        place = column
        try:
            wall = self.walls(column).read(cell)
            if rules.clock:
                place = rules.clock
                wall = wall.replace(hour=0, minute=0, second=0, microsecond=0) + clock_of(row[place])
            if rules.offset and wall.tzinfo is None:
                place = rules.offset
                wall = wall.replace(tzinfo=offset_of(row[place]))
            place = column
            return checked(wall, instant_of(wall) if wall.tzinfo else instant_of_wall(wall, self._zone, rules.fold))
        except NoTime as error:
            raise Unreadable(place, str(error)) from None
        except (ValueError, OverflowError):
            raise Unreadable(column, f"{kind_of(cell)} is no time that the contract takes") from None


def _words(rules: ColumnRules) -> frozenset[str]:
    return frozenset(word for word in rules.empty if isinstance(word, str))


def _sentinels(rules: ColumnRules) -> tuple[Sentinel, ...]:
    return tuple(word for word in rules.empty if isinstance(word, int | date | datetime))
