"""The periods of briefings: 日报, 周报, 月报. Which days each covers, and on which day it is sent."""

from datetime import date
from enum import StrEnum
from typing import NamedTuple

from services.domain.plan.plan import Title
from services.domain.time.calendar import WorkingCalendar, weekday
from services.domain.time.zone import Instant, Zone


class Period(StrEnum):
    """How often a briefing comes."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


NAMES = {
    Period.DAY: Title(zh="日报", en="daily briefing"),
    Period.WEEK: Title(zh="周报", en="weekly briefing"),
    Period.MONTH: Title(zh="月报", en="monthly briefing"),
}


class Span(NamedTuple):
    """The days that a briefing is about: local dates as ordinals, both inclusive."""

    period: Period
    first: int
    last: int

    def begin(self, zone: Zone) -> Instant:
        """The first instant of it."""
        return zone.midnight(self.first)

    def end(self, zone: Zone) -> Instant:
        """The first instant behind it: the briefing is as of that."""
        return zone.midnight(self.last + 1)

    @property
    def name(self) -> str:
        """As in the name of a file: `week-2021-10-31`."""
        return f"{self.period}-{date.fromordinal(self.last).isoformat()}"


def span_until(period: Period, last: int, calendar: WorkingCalendar) -> Span:
    """The span that ends with a day. A week is seven days; a month begins with the 1st. So that no day is left out, one
    that is free belongs to the working day before it, and a week without a working day to the week before it."""
    match period:
        case Period.DAY:
            first = last
            while not calendar.is_working(first):
                first -= 1
        case Period.WEEK:
            first = last - 6
            while not any(calendar.is_working(day) for day in range(first, last + 1)):
                first -= 7
        case Period.MONTH:
            first = date.fromordinal(last).replace(day=1).toordinal()
    return Span(period, first, last)


def span_sent_on(period: Period, today: int, calendar: WorkingCalendar) -> Span | None:
    """The span of the briefing that is sent on a day; None where none is. Every working day has its 日报. The 周报 is
    sent on the first working day of a week, the 月报 on that of a month."""
    begins = {
        Period.DAY: today,
        Period.WEEK: today - weekday(today),
        Period.MONTH: date.fromordinal(today).replace(day=1).toordinal(),
    }[period]
    worked = any(calendar.is_working(day) for day in range(begins, today))
    if not calendar.is_working(today) or worked:
        return None
    return span_until(period, begins - 1, calendar)
