"""From an RFC 3339 time to its instant.

Two times are read for every event, and events come by the thousand within an hour: its instant is remembered, and
minute and second are looked up, which costs a third of reading the whole text. `read` is the plain way, and what a
test holds the other to.
"""

from datetime import datetime
from functools import lru_cache
from typing import Final

from pydantic_core import PydanticCustomError

from services.domain.zone import Instant, instant_of

_WITHIN_HOUR: Final = {
    f":{minute:02}:{second:02}": (minute * 60 + second) * 1_000_000 for minute in range(60) for second in range(60)
}
_YEARS: Final = (1900, 2199)
"""What systems write for "no date" lies outside (0001, 9999), and cannot be said in every zone."""
_WITHOUT_FRACTION: Final = len("2021-09-16T09:12:00+08:00")


def instant_from(text: object) -> Instant:
    """The instant that an RFC 3339 time names, in microseconds since the epoch; digits beyond those are dropped.

    Raises PydanticCustomError (a ValueError): `naive_time` where only the offset is missing, `time_reach` where the
    year is out of reach, else `time_form`.
    """
    if type(text) is str and len(text) <= _WITHOUT_FRACTION:
        within_hour = _WITHIN_HOUR.get(text[13:19])
        if within_hour is not None:
            return _hour(text[:13] + text[19:]) + within_hour
    return read(text)


@lru_cache(maxsize=4096)
def _hour(frame: str) -> Instant:
    """The beginning of an hour, by a time's text without minute and second."""
    return read(f"{frame[:13]}:00:00{frame[13:]}")


def read(text: object) -> Instant:
    """`instant_from`, of the whole text each time."""
    if type(text) is not str or len(text) < 19 or text[7] != "-" or text[10] not in "Tt " or text[16] != ":":
        raise PydanticCustomError("time_form", "it is not an RFC 3339 time")
    if text[11:13] > "23":  # some Pythons read 24:00
        raise PydanticCustomError("time_form", "it is not an RFC 3339 time")
    try:
        moment = datetime.fromisoformat(text if text[-1] != "z" else text.upper())
    except ValueError:
        raise PydanticCustomError("time_form", "it is not an RFC 3339 time") from None
    if moment.tzinfo is None:
        raise PydanticCustomError("naive_time", "the time has no offset, so it names no instant")
    if text[-1] not in "Zz" and (text[-3] != ":" or text[-6] not in "+-"):
        raise PydanticCustomError("time_form", "it is not an RFC 3339 time")
    if not _YEARS[0] <= moment.year <= _YEARS[1]:
        raise PydanticCustomError("time_reach", "the year is out of reach")
    return instant_of(moment)
