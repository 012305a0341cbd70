"""From an RFC 3339 time to its instant.

Two times are read for every event, and events come by the thousand within an hour: its instant is remembered, and
minute and second are looked up, which costs a quarter of reading the whole text. `read` is the plain way; a test
compares the two.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from pydantic_core import PydanticCustomError

from services.domain.time.zone import Instant, instant_of

_WITHIN_HOUR: Final = {
    f":{minute:02}:{second:02}": (minute * 60 + second) * 1_000_000 for minute in range(60) for second in range(60)
}
_FIRST: Final = instant_of(datetime(1901, 1, 1, tzinfo=UTC))
_BEYOND: Final = instant_of(datetime(2200, 1, 1, tzinfo=UTC))
"""Most of what systems write for "no date" lies outside (0001, 1900, 9999), and has no local time in every zone."""
_HOUR_US: Final = 3_600_000_000
_EPOCH_FROM, _EPOCH_TO, _QUARTER_US = -14 * _HOUR_US, 12 * _HOUR_US, _HOUR_US // 4
"""Another value that systems write for "no date": the midnight with which 1970-01-01 begins in some zone. Offsets lie
between +14 and -12 hours, in quarters of an hour."""
_WITHOUT_FRACTION: Final = len("2021-09-16T09:12:00+08:00")


def instant_from(text: object) -> Instant:
    """The instant that an RFC 3339 time names, in microseconds since the epoch; digits beyond those are dropped.

    Raises PydanticCustomError (a ValueError): `naive_time` where only the offset is missing, `time_reach` where the
    year, in UTC, is out of reach, `time_placeholder` for the Unix epoch in any zone, else `time_form`.
    """
    if type(text) is str:
        hour, within_hour = _HOURS.get(text[:13] + text[19:]), _WITHIN_HOUR.get(text[13:19])
        if hour is not None and within_hour is not None:
            return hour + within_hour
        if within_hour is not None and text[19:20] == ".":
            return _with_fraction(text, within_hour)
    return _first_of_its_hour(text)


_HOURS: Final[dict[str, Instant]] = {}
"""The beginning of an hour in which every time is good, by a time's text without minute and second."""
_MOST_HOURS: Final = 4096


def _first_of_its_hour(text: object) -> Instant:
    """As `read`; the hour is remembered."""
    instant = read(text)
    if type(text) is str and len(text) <= _WITHOUT_FRACTION and text[13:19] in _WITHIN_HOUR:
        begin = instant - _WITHIN_HOUR[text[13:19]]
        if _is_good_throughout(begin):
            if len(_HOURS) >= _MOST_HOURS:
                _HOURS.clear()
            _HOURS[text[:13] + text[19:]] = begin
    return instant


def _with_fraction(text: str, within_hour: int) -> Instant:
    """As `read`; where it has milli- or microseconds, its hour is remembered as that of the time without them."""
    for end, unit in _FRACTIONS:
        fraction, offset = text[20:end], text[end:]
        if offset[:1] in _OFFSET_SIGNS and fraction.isdecimal() and fraction.isascii():
            hour = _HOURS.get(text[:13] + offset)
            if hour is not None:
                return hour + within_hour + int(fraction) * unit
            with suppress(ValueError):  # without its fraction it may be a placeholder
                _first_of_its_hour(text[:19] + offset)
    return read(text)


_FRACTIONS: Final = ((26, 1), (23, 1_000))
"""Where micro- and milliseconds end in the text, and how many µs one of them is."""
_OFFSET_SIGNS: Final = frozenset("Zz+-")


def _is_good_throughout(begin: Instant) -> bool:
    """Whether all times of the hour are in reach, and none is a placeholder."""
    if _EPOCH_FROM - _HOUR_US < begin <= _EPOCH_TO:
        return False
    return _FIRST <= begin <= _BEYOND - _HOUR_US


def read(text: object) -> Instant:
    """`instant_from`, of the whole text each time."""
    return _in_reach(_plainly_read(text))


def _in_reach(instant: Instant) -> Instant:
    if not _FIRST <= instant < _BEYOND:
        raise PydanticCustomError("time_reach", "the year is out of reach")
    if _EPOCH_FROM <= instant <= _EPOCH_TO and instant % _QUARTER_US == 0:
        raise PydanticCustomError("time_placeholder", "it is what systems write for a time that is not known")
    return instant


def _plainly_read(text: object) -> Instant:
    if type(text) is not str or not _has_form(text):
        raise PydanticCustomError("time_form", "it is not an RFC 3339 time")
    try:
        moment = datetime.fromisoformat(text if text[-1] != "z" else text.upper())
    except ValueError:
        raise PydanticCustomError("time_form", "it is not an RFC 3339 time") from None
    if moment.tzinfo is None:
        raise PydanticCustomError("naive_time", "the time has no offset, so it names no instant")
    if text[-1] not in "Zz" and (text[-3] != ":" or text[-6] not in "+-"):
        raise PydanticCustomError("time_form", "it is not an RFC 3339 time")
    return instant_of(moment)


def _has_form(text: str) -> bool:
    """Whether the text has its separators in their places. The rest is checked by the standard library; but some
    Pythons read the hour 24."""
    return len(text) >= 19 and text[7] == "-" and text[10] in "Tt " and text[16] == ":" and text[11:13] <= "23"
