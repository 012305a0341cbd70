"""The times a report needs: its end, the end of the month before, and a point a week for the trend."""

import re
from datetime import date
from typing import NamedTuple

from services.domain.time.zone import Instant, Zone

TREND_WEEKS = 13
"""A quarter."""


class ReportTimes(NamedTuple):
    """As of when values are shown."""

    as_of: Instant
    previous: Instant
    """The end of the month before the one that the report is about."""
    trend: tuple[Instant, ...]
    """Ascending; the last is `as_of`."""

    @property
    def every(self) -> list[Instant]:
        """All of them, ascending: what a replay is asked for."""
        return sorted({self.as_of, self.previous, *self.trend})


def times_as_of(as_of: Instant, zone: Zone, begins: date) -> ReportTimes:
    """Those of a report about the month that holds the last instant before `as_of`. `begins`: before it there is
    nothing to draw."""
    today = zone.day(as_of - 1)
    previous = zone.midnight(date.fromordinal(today).replace(day=1).toordinal())
    days = range(today + 1 - 7 * (TREND_WEEKS - 1), today + 1, 7)
    weeks = [zone.midnight(day) for day in days if day > begins.toordinal()]
    return ReportTimes(as_of, previous, (*weeks, as_of))


def end_of_month(text: str, zone: Zone) -> Instant:
    """The instant at which a month (`2021-10`) is over; ValueError if it is none."""
    if not re.fullmatch(r"\d{4}-\d{2}", text):
        raise ValueError(f"{text!r} is not a month: write it as 2021-10")
    year, month = int(text[:4]), int(text[5:])
    if not 1 <= month <= 12 or not 1991 <= year <= 2059:
        raise ValueError(f"{text!r} is not a month: write it as 2021-10, from 1991 to 2059")
    return zone.midnight(date(year + month // 12, month % 12 + 1, 1).toordinal())
