"""Times in cells: several formats per column, Excel's serial dates, `24:00`, the date and the time of day in two
columns, and the hour that a night of daylight saving has twice."""

import re
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo

from services.domain.time.zone import FIRST_YEAR, LAST_YEAR, Instant, Zone, instant_of
from services.mapping.cells import TypedCell, kind_of, to_milliseconds

_FIRST, _LAST = 1901, 2199
"""The years that the contract takes."""
_DAY: Final = timedelta(days=1)
_CACHED: Final = 4096
Sentinel = int | datetime | date


class NoTime(ValueError):
    """A cell that is no time: a sentence with the kind of its content and a remedy."""


# ---- formats --------------------------------------------------------------------------------------------------------


def _iso(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _serial(text: str, epoch: datetime) -> datetime:
    """Excel's serial date: days since its epoch, with a fraction. Excel has a 29th of February 1900, so days before
    March 1900 are a day off; they are refused with all other years before 1901."""
    if not re.fullmatch(r"[0-9]{1,7}(?:\.[0-9]+)?", text):
        raise ValueError(text)
    return to_milliseconds(epoch + timedelta(days=float(text)))


def _since_1970(text: str, unit: timedelta) -> datetime:
    if not re.fullmatch(r"-?[0-9]{1,14}(?:\.[0-9]+)?", text):
        raise ValueError(text)
    whole, _, fraction = text.partition(".")
    return datetime(1970, 1, 1, tzinfo=UTC) + int(whole) * unit + float(f"0.{fraction or 0}") * unit


_EXCEL = datetime(1899, 12, 30)  # noqa: DTZ001  # a wall clock
_EXCEL_1904 = datetime(1904, 1, 1)  # noqa: DTZ001  # a wall clock
NAMED_FORMATS: Final[dict[str, Callable[[str], datetime]]] = {
    "iso": _iso,
    "excel": lambda text: _serial(text, _EXCEL),
    "excel-1904": lambda text: _serial(text, _EXCEL_1904),
    "unix": lambda text: _since_1970(text, timedelta(seconds=1)),
    "unix-ms": lambda text: _since_1970(text, timedelta(milliseconds=1)),
}
"""Formats that have a name; any other is one of strptime."""
_NUMERIC: Final = frozenset(("excel", "excel-1904", "unix", "unix-ms"))


def _parser(form: str) -> Callable[[str], datetime]:
    return NAMED_FORMATS.get(form) or (lambda text: datetime.strptime(text, form))  # noqa: DTZ007


_MIDNIGHT_24: Final = re.compile(r"(?<![0-9])24(?=(?::00){1,2}(?:[.,]0+)?(?:Z|[+-]\d\d:?\d\d)?$|时(?:00分)?$|点$)")
"""The hour 24 at the end of a text: 24:00 of a day is 00:00 of the next."""
_COMPACT_24: Final = re.compile(r"(?<=[0-9]{8})24(?=(?:00){1,2}$)")


def _before_midnight(text: str) -> str | None:
    """The text with 00 for the hour 24; None where it has none."""
    for form in (_MIDNIGHT_24, _COMPACT_24):
        written, count = form.subn("00", text)
        if count:
            return written
    return None


class WallReader:
    """Reads the times of one column as wall clocks, or as moments where they have an offset of their own."""

    def __init__(self, formats: tuple[str, ...]) -> None:
        self.formats = formats
        self._parsers = [_parser(form) for form in formats]
        self._numeric = [_parser(form) for form in formats if form in _NUMERIC]
        self._text = lru_cache(_CACHED)(self._of_text)

    def read(self, cell: str) -> datetime:
        """The time of a cell. NoTime."""
        if isinstance(cell, TypedCell):
            return self._of_stored(cell)
        return self._text(cell)

    def _of_stored(self, cell: TypedCell) -> datetime:
        value = cell.value
        if isinstance(value, datetime):
            return value
        if isinstance(value, time | timedelta):
            raise NoTime(f"{kind_of(cell)}: it has no date. Name the column with the date, and this one as its `clock`")
        for parse in self._numeric:
            return parse(str(cell))
        raise NoTime(f'{kind_of(cell)}: if it is a serial date of Excel, add "excel" to the column\'s `format`')

    def _of_text(self, text: str) -> datetime:
        if len(self._parsers) == 1:
            with suppress(ValueError, OverflowError):
                return self._parsers[0](text)
        found = self._fitting(text)
        if not found and (midnight := _before_midnight(text)):
            found = {form: moment + _DAY for form, moment in self._fitting(midnight).items()}
        if not found:
            raise NoTime(f"{kind_of(text)} is not a time in the format {' or '.join(map(repr, self.formats))}")
        if len(set(map(datetime.isoformat, found.values()))) > 1:
            raise NoTime(
                f"{kind_of(text)} has a different meaning in each of the formats {' and '.join(map(repr, found))}. "
                "Keep the one that the export uses"
            )
        return next(iter(found.values()))

    def _fitting(self, text: str) -> dict[str, datetime]:
        found = {}
        for form, parse in zip(self.formats, self._parsers, strict=True):
            try:
                found[form] = parse(text)
            except (ValueError, OverflowError):
                continue
        return found


# ---- no date --------------------------------------------------------------------------------------------------------


def is_sentinel(cell: str, wall: datetime | None, sentinels: tuple[Sentinel, ...], zone: Zone) -> bool:
    """Whether a cell holds one of the values that its system writes for "no date".

    `wall`: the time that the cell is read as, if it is one. A date means any time of that day, a whole number
    a serial date.
    """
    return any(_is(cell, wall, sentinel, zone) for sentinel in sentinels)


def _is(cell: str, wall: datetime | None, sentinel: Sentinel, zone: Zone) -> bool:
    if isinstance(sentinel, datetime):
        if wall is None:
            return False
        if sentinel.tzinfo is None:
            return wall.replace(tzinfo=None) == sentinel
        return (instant_of(wall) if wall.tzinfo else zone.instant(wall)) == instant_of(sentinel)
    if isinstance(sentinel, date):
        return wall is not None and wall.date() == sentinel
    return _serial_of(cell) == sentinel


def _serial_of(cell: str) -> float | None:
    """The number of a cell, as a serial date."""
    value = cell.value if isinstance(cell, TypedCell) else cell
    if isinstance(value, time):
        return (value.hour * 3600 + value.minute * 60 + value.second) / 86_400
    if isinstance(value, datetime):
        return (value - _EXCEL) / _DAY
    if isinstance(value, timedelta):
        return value / _DAY
    try:
        return float(value)
    except ValueError:
        return None


# ---- from the wall clock to the instant -----------------------------------------------------------------------------

_CLOCK = re.compile(r"(\d{1,2})[:.时](\d{2})(?:[:.分](\d{2})(?:\.(\d{1,6}))?秒?)?分?")


def clock_of(cell: str) -> timedelta:
    """The time of day of a cell: 08:30, 08:30:15, 24:00, or a stored one. NoTime."""
    value = cell.value if isinstance(cell, TypedCell) else None
    if isinstance(value, datetime):
        value = value.time()
    if isinstance(value, time):
        return timedelta(hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond)
    if isinstance(value, timedelta):
        span = value
    elif isinstance(value, float | int) and not isinstance(value, bool):
        span = timedelta(seconds=round(value * 86_400, 3))
    else:
        span = _written_clock(cell)
    if not timedelta(0) <= span <= _DAY:
        raise NoTime(f"{kind_of(cell)} is not a time of day: it lies outside 00:00 to 24:00")
    return span


def _written_clock(text: str) -> timedelta:
    match = _CLOCK.fullmatch(text)
    if not match or int(match[2]) > 59 or int(match[3] or 0) > 59:
        raise NoTime(f"{kind_of(text)} is not a time of day such as 08:30 or 08:30:15")
    micro = (match[4] or "").ljust(6, "0")
    return timedelta(hours=int(match[1]), minutes=int(match[2]), seconds=int(match[3] or 0), microseconds=int(micro))


_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?")


def offset_of(cell: str) -> timezone:
    """The offset of a cell: +02:00, +0200, +2, UTC+2, Z. NoTime."""
    if cell in ("Z", "UTC", "GMT"):
        return UTC
    match = _OFFSET.fullmatch(str(cell))
    if not match or int(match[2]) > 14:
        raise NoTime(f"{kind_of(cell)} is not an offset such as +02:00")
    span = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
    return timezone(-span if match[1] == "-" else span)


def instant_of_wall(wall: datetime, zone: Zone, fold: Literal["earlier", "later"]) -> Instant:
    """The instant of a wall clock. Of an hour that happens twice `fold` says which; a missing one is shifted
    forward."""
    first = zone.instant(wall)
    if fold == "earlier" or not FIRST_YEAR < wall.year < LAST_YEAR:
        return first
    return max(first, instant_of(wall.replace(tzinfo=ZoneInfo(zone.name), fold=1)))


def checked(moment: datetime, instant: Instant) -> Instant:
    """The instant, unless it is one that systems write for "no date". NoTime."""
    midnight_1970 = (moment.year, moment.month, moment.day, moment.hour, moment.minute) == (1970, 1, 1, 0, 0)
    if not _FIRST <= moment.year <= _LAST or instant == 0 or midnight_1970:
        what = "midnight of 1970-01-01" if instant == 0 or midnight_1970 else f"in the year {moment.year}"
        raise NoTime(
            f"the time is {what}, which systems write for 'no date'. If this one does, list it in the column's `empty`"
        )
    return instant
