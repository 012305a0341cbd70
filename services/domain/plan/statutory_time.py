"""What a plan is judged by: its zone, calendar, opening hours and statutory limits, put together once."""

from collections.abc import Sequence
from functools import lru_cache

from services.domain.plan.plan import HoursEntry, Plan
from services.domain.plan.reporting_time import ReportingTime
from services.domain.plan.unit_history import UnitHistory
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.limits import Limit
from services.domain.time.opening_hours import DEFAULT_HOURS, HoursVersion, OpeningHours
from services.domain.time.zone import Zone

_zone = lru_cache(maxsize=8)(Zone)
"""Reading a zone's transitions takes a tenth of a second."""


@lru_cache(maxsize=8)
def _default_hall(zone: Zone, calendar: WorkingCalendar) -> OpeningHours:
    """Adding up the days of 75 years takes a tenth of a second."""
    return OpeningHours(zone, calendar, DEFAULT_HOURS)


_WEEKDAYS = {"mon_fri": (0, 1, 2, 3, 4), "saturday": (5,), "sunday": (6,)}


class Law:
    """The statutory time of one plan."""

    def __init__(self, plan: Plan, calendar: WorkingCalendar) -> None:
        self.plan = plan
        self.zone = _zone(plan.head.timezone)
        self.calendar = calendar
        self.units = UnitHistory(plan.units.values(), self.zone)
        entries: dict[str, list[HoursEntry]] = {}
        for entry in plan.hours:
            entries.setdefault(entry.id, []).append(entry)
        self._halls = {name: self._hall([hours_version(e) for e in versions]) for name, versions in entries.items()}
        if "default" not in self._halls:
            self._halls["default"] = _default_hall(self.zone, calendar)
        self.halls = tuple(self._halls[name] for name in sorted(self._halls))
        """The opening hours of the plan, in an order that only the plan decides: tallies name a hall by its place."""
        self._hours: dict[tuple[str, str], OpeningHours] = {}
        self.unset = plan.unset_values
        self.reporting = ReportingTime(plan, self.zone, calendar, self.hours("", ""))
        """Until when its sources may report what has happened."""
        self._statutory = {
            code: tuple(
                sorted(((v.effective_from.toordinal(), v.limit) for v in item.statutory), key=lambda each: each[0])
            )
            for code, item in plan.service_items.items()
            if item.statutory
        }

    def _hall(self, versions: Sequence[HoursVersion]) -> OpeningHours:
        return OpeningHours(self.zone, self.calendar, versions)

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
        weekday: tuple(_span(text) for text in spans)
        for name, spans in entry.weekly.items()
        for weekday in _WEEKDAYS[name]
    }
    return HoursVersion(effective_from=entry.effective_from, weekly=weekly)


def _span(text: str) -> tuple[int, int]:
    """`09:00-12:00` as minutes of the day."""
    opens, _, closes = text.partition("-")
    return _minute(opens), _minute(closes)


def _minute(text: str) -> int:
    hour, _, minute = text.strip().partition(":")
    return int(hour) * 60 + int(minute)
