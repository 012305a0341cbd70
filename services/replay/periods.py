"""The ends of calendar periods, for a series of values."""

from datetime import date
from enum import StrEnum

from services.domain.time.calendar import weekday
from services.domain.time.zone import Instant, Zone


class Every(StrEnum):
    """At the end of what the values are written, too."""

    MONTH = "month"
    WEEK = "week"
    DAY = "day"


def period_ends(first: Instant, as_of: Instant, every: Every, zone: Zone) -> list[Instant]:
    """The local midnights that end a period, after the first event and before the as-of time."""
    ends: list[Instant] = []
    day = _next(zone.day(first), every)
    while (end := zone.midnight(day)) < as_of:
        ends.append(end)
        day = _next(day, every)
    return ends


def _next(day: int, every: Every) -> int:
    """The first day of the next period."""
    match every:
        case Every.DAY:
            return day + 1
        case Every.WEEK:
            return day - weekday(day) + 7
        case Every.MONTH:
            on = date.fromordinal(day)
            return date(on.year + on.month // 12, on.month % 12 + 1, 1).toordinal()
