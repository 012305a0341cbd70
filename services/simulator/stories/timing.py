"""Times of a simulated case: limits and working days of the plan, and the promises that a case falls under.

It uses the calendar and the limits, and nothing that judges.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from random import Random
from typing import Any, NamedTuple

from services.domain.plan.kinds.case_limit import CaseLimitPromise
from services.domain.plan.plan import CasePromise, ServiceItem, Strength
from services.domain.plan.statutory_time import Law
from services.domain.time.limits import Limit, LimitUnit, due
from services.domain.time.zone import MINUTE_US, Instant
from services.simulator.stories.event import SECOND
from services.simulator.stories.succession import Succession

HOUR_US = 60 * MINUTE_US
_MORNING, _WORKDAY_SECONDS = 9 * 60, int(8.5 * 3600)


class ItemRules(NamedTuple):
    """What a service item says of its cases."""

    first_values: frozenset[str]
    """The attributes whose first value is kept, not the last."""
    certified: frozenset[str]
    """The milestones that its completion certifies."""
    unset: Mapping[str, Any]
    """What a case is taken for that leaves an attribute out."""


class Timing:
    """The statutory time of a plan, and its promises by kind of case."""

    def __init__(self, law: Law) -> None:
        self.law = law
        self.zone = law.zone
        self.calendar = law.calendar
        self.promises = law.plan.promises
        self.succession = Succession(law.plan.units.values(), law.zone)
        self._about: dict[str, tuple[CasePromise, ...]] = {}
        self._rules: dict[str, ItemRules] = {}
        self._selected: dict[tuple[object, ...], tuple[CasePromise, ...]] = {}
        self._primary: dict[tuple[object, ...], CasePromise | None] = {}
        self.statutory = cache(law.statutory_limit)

    def item(self, code: str) -> ServiceItem:
        """A service item of the plan."""
        return self.law.plan.service_items[code]

    def rules(self, code: str) -> ItemRules:
        """What a service item says of its cases."""
        found = self._rules.get(code)
        if found is None:
            item = self.item(code)
            first_values = frozenset(name for name, spec in item.attributes.items() if spec.keeps == "first")
            unset = {name: spec.unset for name, spec in item.attributes.items() if spec.unset is not None}
            found = self._rules[code] = ItemRules(first_values, frozenset(item.certified_by_completion), unset)
        return found

    def about(self, item: str) -> tuple[CasePromise, ...]:
        """The promises about cases of a service item."""
        found = self._about.get(item)
        if found is None:
            found = self._about[item] = tuple(
                promise
                for promise in self.promises
                if isinstance(promise, CasePromise) and item in values_of(promise.select.get("service_item", item))
            )
        return found

    def selected(self, item: str, attributes: Mapping[str, Any]) -> tuple[CasePromise, ...]:
        """The promises that select such a case, by its item and its attributes at the start."""
        key = (item, *((name, str(value)) for name, value in attributes.items()))
        found = self._selected.get(key)
        if found is None:
            found = self._selected[key] = tuple(
                promise
                for promise in self.about(item)
                if _holds(promise.select, attributes) and not (promise.unless and _excepts(promise, attributes))
            )
        return found

    def primary(self, item: str, attributes: Mapping[str, Any]) -> CasePromise | None:
        """The promise with a limit of its own that selects such a case, binding ones first; None if there is none."""
        key = (item, *((name, str(value)) for name, value in attributes.items()))
        if key not in self._primary:
            limited = [promise for promise in self.selected(item, attributes) if own_limit(promise) is not None]
            limited.sort(key=lambda promise: promise.strength is Strength.DIRECTIONAL)
            self._primary[key] = limited[0] if limited else None
        return self._primary[key]

    def due(self, promise: CasePromise, start: Instant, unit: str, item: str) -> Instant:
        """The last instant in time for a case that started at `start`, without any suspension."""
        limit = own_limit(promise) or promise.maturity
        assert isinstance(limit, Limit), f"{promise.key} has no limit of its own"
        hours = self.law.hours(unit, item)
        return due(limit, start, promise.clock.ends, zone=self.zone, calendar=self.calendar, hours=hours)

    def working_days(self, start: Instant, stop: Instant) -> int:
        """Working days from one instant to the other; the first day is not counted."""
        return self.calendar.working_days(self.zone.day(start), self.zone.day(stop))

    def is_in_force(self, promise: CasePromise, start: Instant) -> bool:
        """Whether a promise binds a case that started then."""
        day = date.fromordinal(self.zone.day(start))
        return promise.effective_from <= day and (promise.effective_to is None or day <= promise.effective_to)

    @staticmethod
    def is_in_minutes(promise: CasePromise) -> bool:
        """Whether its limit is a number of minutes."""
        limit = promise.clock.limit
        return isinstance(limit, Limit) and limit.unit in (LimitUnit.WORKING_MINUTES, LimitUnit.MINUTES)

    def covered_days(
        self, unit: str, item: str, after: int, through: int, spans: Sequence[tuple[Instant, Instant]]
    ) -> int:
        """How many working days of (after, through] lie in the spans with all of their opening hours."""
        return self.law.hours(unit, item).fully_covered_working_days(after, through, spans)

    def on_workday(self, rng: Random, start: Instant, n: int) -> Instant:
        """Some time on the n-th working day after the start; for n = 0 later on the same day."""
        day = self.zone.day(start)
        if n <= 0:
            return self.later_that_day(rng, start)
        return self.daytime(rng, self.calendar.add_working_days(day, n))

    def daytime(self, rng: Random, day: int) -> Instant:
        """A second between 9:00 and 17:30."""
        return self.zone.at(day, _MORNING) + int(rng.random() * _WORKDAY_SECONDS) * SECOND

    def later_that_day(self, rng: Random, start: Instant) -> Instant:
        """A second after the start, usually before the evening and never after midnight unless the start is near it."""
        evening = self.zone.midnight(self.zone.day(start)) + 20 * HOUR_US
        if evening - start < 10 * MINUTE_US:
            return start + int(30 + rng.random() * 60) * SECOND
        return start + int(60 + rng.random() * ((evening - start) // SECOND - 60)) * SECOND


def own_limit(promise: CasePromise) -> Limit | None:
    """The limit that the promise itself sets: of a duration, or of the time after which a case of a share matures."""
    if isinstance(promise, CaseLimitPromise) and isinstance(promise.clock.limit, Limit):
        return promise.clock.limit
    if promise.measured == "share" and isinstance(promise.maturity, Limit):
        return promise.maturity
    return None


def values_of(value: Any) -> tuple[Any, ...]:
    """One value or several, as several."""
    return value if isinstance(value, tuple) else (value,)


_REPORTED_LATER = ("service_item", "outcome")
"""Conditions that are not attributes known at the start of a case."""


def _holds(wanted: Mapping[str, Any], attributes: Mapping[str, Any]) -> bool:
    for name, value in wanted.items():
        if name in _REPORTED_LATER or (name == "applicant" and name not in attributes):
            continue
        if attributes.get(name) not in values_of(value):
            return False
    return True


def _excepts(promise: CasePromise, attributes: Mapping[str, Any]) -> bool:
    return "outcome" not in promise.unless and _holds(promise.unless, attributes)
