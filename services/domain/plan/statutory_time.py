"""What a plan is judged by: its zone, calendar, opening hours and statutory limits, put together once."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import TypeAlias

from services.domain.plan.plan import HoursEntry, Plan
from services.domain.plan.reporting_time import ReportingTime
from services.domain.plan.unit_history import UnitHistory
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.limits import Limit
from services.domain.time.opening_hours import HoursVersion, MinuteSpans, OpeningHours
from services.domain.time.zone import Zone

_zone = lru_cache(maxsize=8)(Zone)
"""Reading a zone's transitions takes a tenth of a second."""


_Hours: TypeAlias = tuple[date, tuple[tuple[int, MinuteSpans], ...], frozenset[int]]
"""A version of opening hours as a key: its first day, the spans of each weekday, the single days without hours."""


def _hall(zone: Zone, calendar: WorkingCalendar, versions: Sequence[HoursVersion]) -> OpeningHours:
    return _hall_of(
        zone, calendar, tuple((each.effective_from, tuple(each.weekly.items()), each.closed) for each in versions)
    )


@lru_cache(maxsize=32)
def _hall_of(zone: Zone, calendar: WorkingCalendar, versions: tuple[_Hours, ...]) -> OpeningHours:
    """Adding up the days of 75 years takes a tenth of a second."""
    return OpeningHours(
        zone, calendar, [HoursVersion(first, dict(weekly), closed) for first, weekly, closed in versions]
    )


_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_WEEKDAYS = {"mon_fri": (0, 1, 2, 3, 4)} | {name: (number,) for number, name in enumerate(_NAMES)}
"""In this order: a weekday by name goes before `mon_fri`."""


class Law:
    """The statutory time of one plan."""

    def __init__(self, plan: Plan, calendar: WorkingCalendar) -> None:
        self.plan = plan
        self.zone = _zone(plan.head.timezone)
        self.calendar = calendar
        self.units = UnitHistory(plan.units.values(), self.zone)
        first, last = calendar.published_from.toordinal(), calendar.published_through.toordinal()
        self.published = self.zone.midnight(first), self.zone.midnight(last + 1)
        """The first instant that the published calendar covers, and the one after the last."""
        entries: dict[str, list[HoursEntry]] = {}
        for entry in plan.hours:
            entries.setdefault(entry.id, []).append(entry)
        self._halls = {
            name: _hall(self.zone, calendar, [hours_version(e) for e in versions]) for name, versions in entries.items()
        }
        if "default" not in self._halls:
            self._halls["default"] = _hall(self.zone, calendar, [])
        self.halls = tuple(self._halls[name] for name in sorted(self._halls))
        """The opening hours of the plan, in an order that only the plan decides: tallies name a hall by its place."""
        self._hours: dict[tuple[str, str], OpeningHours] = {}
        self.reporting = ReportingTime(plan, self.zone, calendar, self.hours("", ""))
        """Until when its sources may report what has happened."""
        self.unset = plan.unset_values
        self._statutory = {
            code: tuple(
                sorted(((v.effective_from.toordinal(), v.limit) for v in item.statutory), key=lambda each: each[0])
            )
            for code, item in plan.service_items.items()
            if item.statutory
        }

    def hours(self, unit: str, service_item: str) -> OpeningHours:
        """The opening hours of a service item at a unit: the item's own, else the unit's, else the default."""
        key = (unit, service_item)
        found = self._hours.get(key)
        if found is None:
            item = self.plan.service_items.get(service_item)
            hall = self.plan.units.get(unit)
            name = (item and item.opening_hours) or (hall and hall.opening_hours) or "default"
            found = self._hours[key] = self._halls[name]
        return found

    def statutory_limit(self, service_item: str, day: int) -> Limit | None:
        """The statutory limit of a service item in force on a day."""
        found = None
        for since, limit in self._statutory.get(service_item, ()):
            if since <= day:
                found = limit
        return found


def hours_version(entry: HoursEntry) -> HoursVersion:
    """An entry of `opening_hours.toml` as the domain's version of opening hours."""
    weekly = {
        weekday: tuple(_span(text) for text in entry.weekly[name])
        for name in _WEEKDAYS
        if name in entry.weekly
        for weekday in _WEEKDAYS[name]
    }
    closed = frozenset(day.toordinal() for day in entry.closed)
    return HoursVersion(effective_from=entry.effective_from, weekly=weekly, closed=closed)


def _span(text: str) -> tuple[int, int]:
    """`09:00-12:00` as minutes of the day; what ends earlier than it begins, and within half a day, on the next one."""
    opens, closes = (_minute(part) for part in text.split("-"))
    return opens, closes + 1440 if closes <= opens and closes + 1440 - opens <= 720 else closes


def _minute(text: str) -> int:
    hour, _, minute = text.strip().partition(":")
    return int(hour) * 60 + int(minute)
