"""The time zone of a plan: from instants to local dates and back.

An instant is stored in UTC and judged in the plan's zone (Asia/Shanghai). The zone's transitions are read from the
time zone database once; after that every question is integer arithmetic.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Instant: TypeAlias = int
"""Microseconds since 1970-01-01T00:00Z."""

DAY_US = 86_400_000_000
MINUTE_US = 60_000_000

_DAY, _MICROSECOND = timedelta(days=1), timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)
_EPOCH_US = _NAIVE_EPOCH.toordinal() * DAY_US
FIRST_YEAR, LAST_YEAR = 1990, 2060
"""The years whose changes of offset are read: what is judged lies between them."""


def _microseconds(span: timedelta) -> int:
    return (span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds


def instant_of(moment: datetime) -> Instant:
    """The instant of an aware datetime, exactly. A naive one names no instant: ValueError."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no offset: write one, as in {moment.isoformat()}+08:00")
    return _microseconds(moment - _EPOCH)


def _offset(zone: ZoneInfo, utc: datetime) -> timedelta:
    """At a moment that is written in UTC but names the zone, as `fromutc` takes it."""
    offset = zone.fromutc(utc).utcoffset()
    assert offset is not None  # a ZoneInfo always gives one
    return offset


@lru_cache(maxsize=16)
def _transitions(zone: ZoneInfo) -> tuple[list[Instant], list[int]]:
    """Each instant at which the offset changes, 1990 to 2060, and the offsets before, between and after them (µs).

    Looks at every day and halves the interval where two neighbours differ; no offset lasts less than a day. That takes
    a tenth of a second: it is done once for each zone.
    """
    first, last = (datetime(year, 1, 1, tzinfo=zone) for year in (FIRST_YEAR, LAST_YEAR + 1))
    days = [first + _DAY * day for day in range((last - first).days + 1)]
    looks = zip(days, (moment.utcoffset() for moment in map(zone.fromutc, days)), strict=True)
    changes: list[Instant] = []
    offsets = [_microseconds(_offset(zone, first))]
    for (low, before), (high, after) in pairwise(looks):
        if before == after:
            continue
        while high - low > _MICROSECOND:
            middle = low + (high - low) // 2
            if _offset(zone, middle) == before:
                low = middle
            else:
                high = middle
        changes.append(_microseconds(high.replace(tzinfo=None) - _NAIVE_EPOCH))
        offsets.append(_microseconds(_offset(zone, high)))
    return changes, offsets


class Zone:
    """A time zone by its database name. Outside 1990 to 2060 the nearest known offset holds; nothing raises there.

    A name the database does not know is a ValueError.
    """

    __slots__ = (
        "_changes",
        "_offsets",
        "_settled_from",
        "_settled_shift",
        "_settled_wall",
        "_shifts",
        "_walls",
        "irregular_days",
        "name",
    )

    def __init__(self, name: str) -> None:
        try:
            zone = ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"time zone {name!r} is not known: write a name such as Asia/Shanghai") from error
        self.name = name
        self._changes, self._offsets = _transitions(zone)
        # From an instant to µs since the first midnight of the calendar, and so by one division to the local date.
        self._shifts = [offset + _EPOCH_US for offset in self._offsets]
        # The wall clock (µs) from which the later offset is meant: after a missing hour, and after an hour that
        # happens twice has passed for the first time.
        self._walls = [
            change + max(before, after)
            for change, (before, after) in zip(self._changes, pairwise(self._offsets), strict=True)
        ]
        # After the last transition one offset holds for ever: Asia/Shanghai since 1991.
        self._settled_from = self._changes[-1] if self._changes else -(1 << 62)
        self._settled_shift = self._shifts[-1]
        self._settled_wall = (self._walls[-1] if self._walls else -(1 << 62)) + _EPOCH_US
        self.irregular_days = frozenset(
            day for change in self._changes for day in (self.day(change - 1), self.day(change))
        )
        """Local dates (ordinals) with a transition in them, the only ones that may not have 24 plain hours."""

    def day(self, instant: Instant) -> int:
        """The local date of the instant, as a proleptic ordinal."""
        if instant >= self._settled_from:
            return (instant + self._settled_shift) // DAY_US
        return (instant + self._shifts[bisect_right(self._changes, instant)]) // DAY_US

    def midnight(self, day: int) -> Instant:
        """The first instant of the local date, also where the clock skips 00:00."""
        wall = day * DAY_US
        if wall >= self._settled_wall:
            return wall - self._settled_shift
        return wall - self._shifts[bisect_right(self._walls, wall - _EPOCH_US)]

    def at(self, day: int, minute: int) -> Instant:
        """The instant at which the wall clock of the local date shows this minute (0 to 1440) of the day."""
        if minute == 0:
            return self.midnight(day)
        if minute == 1440:
            return self.midnight(day + 1)
        return self._instant_of_wall(day * DAY_US + minute * MINUTE_US - _EPOCH_US)

    def instant(self, wall: datetime) -> Instant:
        """The instant of a naive local wall clock: of an hour that happens twice the earlier, a missing one shifted
        forward. An aware datetime is a ValueError."""
        if wall.tzinfo is not None:
            raise ValueError(f"{wall.isoformat()} has an offset already: it is not a wall clock of {self.name}")
        return self._instant_of_wall(_microseconds(wall - _NAIVE_EPOCH))

    def on(self, day: int, instant: Instant) -> Instant:
        """The wall clock that the instant shows, on another local date."""
        return self._instant_of_wall(day * DAY_US + (instant + self._shift(instant)) % DAY_US - _EPOCH_US)

    def text(self, instant: Instant) -> str:
        """RFC 3339 with the zone's offset; fractional seconds only if there are any. What lies outside the years that
        can be written is the first or last second of them."""
        offset = self._shift(instant) - _EPOCH_US
        sign = "-" if offset < 0 else "+"
        hours, minutes = divmod(abs(offset) // MINUTE_US, 60)
        try:
            wall = _NAIVE_EPOCH + timedelta(microseconds=instant + offset)
        except OverflowError:
            wall = datetime(1, 1, 1) if instant < 0 else datetime(9999, 12, 31, 23, 59, 59)
        return f"{wall.isoformat()}{sign}{hours:02}:{minutes:02}"

    def _shift(self, instant: Instant) -> int:
        return self._shifts[bisect_right(self._changes, instant)]

    def _instant_of_wall(self, wall: int) -> Instant:
        return wall - self._offsets[bisect_right(self._walls, wall)]
