"""Events that are about no case: entries of the plan's lists that change over the months, duties, and figures.

`district.toml` says which lists there are and how they change. The service catalogue and the cross-province items, for
which the plan sets thresholds, are described here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Any

from services.domain.plan.kinds.duty import DutyPromise
from services.domain.plan.plan import Plan
from services.domain.time.zone import Instant
from services.simulator.district.lists import listed_entries
from services.simulator.district.months import first_whole_month, last_day, month_of
from services.simulator.district.profile import Profile, district
from services.simulator.stories.event import SECOND, Data, SimulatedEvent
from services.simulator.stories.figures import Figures
from services.simulator.stories.timing import Timing

_PARTNERS = ("sichuan", "guizhou", "hubei", "shaanxi", "yunnan", "hunan")
_CATALOGUE, _CROSS_PROVINCE = "service_catalogue", "cross_province"
_ENTRIES, _PERMITS, _NOT_ON_APPLICATION = 200, 80, 20
_CROSS_AT_START, _CROSS_AT_END = 56, 82
_BECOMES_ONLINE_EVERY = 21
"""Days after which one more permit item goes fully online, on a Wednesday."""
_KEPT_STATES = 4


@dataclass(slots=True)
class ListEntry:
    """An entry of a list as it is now, and the states of it that were reported last."""

    collection: str
    subject: str
    unit: str
    attributes: dict[str, Any]
    source: str
    changes: Mapping[int, Data | None] = field(default_factory=dict)
    """Days after the start → the attributes from then on; None: it is removed."""
    reported: list[tuple[SimulatedEvent, Data | None]] = field(default_factory=list)
    """The last reported states, oldest first; None: it is removed."""

    def report(self, event: SimulatedEvent, state: Data | None) -> None:
        """Remember what an event reports."""
        self.reported = [*self.reported[1 - _KEPT_STATES :], (event, state)]

    def known(self, end: Instant | None) -> tuple[SimulatedEvent, Data] | None:
        """The last state that is known at an instant, with its event; None if there is none."""
        known = [(event, state) for event, state in self.reported if event.is_known(end)]
        if not known or known[-1][1] is None:
            return None
        event, state = known[-1]
        assert state is not None
        return event, state


class Registers:
    """The lists, duties and figures of a plan. What a plan does not declare is left out."""

    def __init__(self, plan: Plan, timing: Timing, profile: Profile, seed: int) -> None:
        self._plan = plan
        self._timing = timing
        self._rng = Random(f"{seed}/registers")
        self._profile = profile
        self._first_day: int | None = None
        self.entries = [*self._own_entries(), *_entries_of_district(plan, profile, seed)]
        self.figures = Figures(plan, timing, seed) if profile.registers else None
        self.fulfilled: dict[tuple[str, str, str], SimulatedEvent] = {}
        """Duty, unit and period → the event that reports it."""

    def events(self, day: int, *, first: bool) -> Iterator[tuple[str, SimulatedEvent]]:
        """What is reported about entries, duties and figures on a day: subject and event."""
        if first or self._first_day is None:
            self._first_day = day
        yield from self._entry_events(day, day - self._first_day, first)
        yield from self._duty_events(day)
        if self.figures is not None:
            yield from self.figures.events(day, self._first_day)

    # ---- entries of lists ----------------------------------------------------------------------------
    def _own_entries(self) -> Iterator[ListEntry]:
        """The service catalogue and the cross-province items, if the plan has a source for them."""
        source = feeder(self._plan, _CATALOGUE)
        of_permits = {flow.unit for flow in self._profile.flows if flow.scenario == "permit"}
        units = sorted(of_permits & self._plan.units.keys()) or sorted(self._plan.units)[:1]
        items = _permit_items(self._plan)
        declared = _declared(self._plan) if source else set()
        for n in range(_ENTRIES if _CATALOGUE in declared else 0):
            yield ListEntry(_CATALOGUE, f"SX{n:04}", units[n % len(units)], _service(n, items), source)
        listed = _lists_of_cross_province(self._plan)
        for n in range(_CROSS_AT_END if _CROSS_PROVINCE in declared else 0):
            attributes = {"enabled": n < _CROSS_AT_START, "partner": _PARTNERS[n % len(_PARTNERS)]}
            if listed:
                attributes["list"] = "other" if n % 19 == 7 else listed[0]
            yield ListEntry(_CROSS_PROVINCE, f"KS{n:04}", units[n % len(units)], attributes, source)

    def _entry_events(self, day: int, age: int, first: bool) -> Iterator[tuple[str, SimulatedEvent]]:
        opens = self._timing.zone.at(day, 9 * 60)
        changed = self._entries_at_start() if first else list(self._own_changes(day))
        for entry in self.entries:
            if age in entry.changes:
                entry.attributes = dict(entry.changes[age] or {})
                changed.append(entry)
        for n, entry in enumerate(changed):
            data: dict[str, Any] = {"collection": entry.collection, "unit": entry.unit}
            state = dict(entry.attributes) if entry.attributes else None
            if state is not None:
                data["attributes"] = state
            type = "item.retired" if state is None else "item.upserted"
            event = self._event(type, opens + n * 2 * SECOND, data, entry.source)
            entry.report(event, state)
            yield entry.subject, event

    def _entries_at_start(self) -> list[ListEntry]:
        return [
            entry
            for entry in self.entries
            if entry.collection == _CATALOGUE or (entry.collection == _CROSS_PROVINCE and entry.attributes["enabled"])
        ]

    def _own_changes(self, day: int) -> Iterator[ListEntry]:
        """The cross-province item and the permit item that are switched on, on some working days one of each."""
        if not self._timing.calendar.is_working(day):
            return
        if day % 4 == 0:
            yield from self._switch_on("enabled", lambda entry: entry.collection == _CROSS_PROVINCE)
        if day % _BECOMES_ONLINE_EVERY == 3:
            yield from self._switch_on(
                "fully_online",
                lambda entry: entry.collection == _CATALOGUE and entry.attributes["type"] == "permit",
            )

    def _switch_on(self, flag: str, belongs: Callable[[ListEntry], bool]) -> Iterator[ListEntry]:
        """The first entry whose flag is off."""
        for entry in self.entries:
            if belongs(entry) and not entry.attributes[flag]:
                entry.attributes[flag] = True
                yield entry
                return

    # ---- duties --------------------------------------------------------------------------------------
    def _duty_events(self, day: int) -> Iterator[tuple[str, SimulatedEvent]]:
        today = date.fromordinal(day)
        for promise in duties(self._plan):
            source = feeder(self._plan, promise.duty or "")
            monthly = promise.period == "month"
            if not source or (monthly and month_of(today) < first_whole_month(promise.effective_from)):
                continue
            for n, unit in enumerate(promise.owed_by):
                if day == self._day_of_duty(promise, n, today) and not self._forgets(unit, promise, today):
                    yield self._fulfil(promise, unit, day, source)

    def _forgets(self, unit: str, promise: DutyPromise, today: date) -> bool:
        return unit in self._profile.forgetful and (promise.period == "once" or today.month % 2 == 1)

    def _fulfil(self, promise: DutyPromise, unit: str, day: int, source: str) -> tuple[str, SimulatedEvent]:
        duty, period = promise.duty or "", month_of(date.fromordinal(day))
        time = self._timing.daytime(self._rng, day)
        event = self._event("duty.fulfilled", time, {"duty": duty, "unit": unit, "period": period}, source)
        self.fulfilled[duty, unit, "once" if promise.period == "once" else period] = event
        return f"{duty}.{unit}.{period}", event

    def _day_of_duty(self, promise: DutyPromise, n: int, today: date) -> int:
        """When the n-th unit fulfils a duty: in the last days of the month; a duty without a period in the months
        before its date, one unit after the other."""
        if promise.period == "once" and promise.by is not None:
            return self._timing.calendar.roll_forward(promise.by.toordinal() - 6 - 5 * n)
        return self._timing.calendar.add_working_days(last_day(today) + 1, -1 - n % 4)

    def _event(self, type: str, time: Instant, data: Data, source: str) -> SimulatedEvent:
        delay = int(5 + self._rng.random() * 600) * SECOND
        return SimulatedEvent(type, time, source, data, delays=(delay, 2 * SECOND))


def duties(plan: Plan) -> Iterator[DutyPromise]:
    """The promises about duties."""
    return (promise for promise in plan.promises if isinstance(promise, DutyPromise))


def feeder(plan: Plan, fed: str) -> str:
    """The source that reports a list or duty; empty if there is none."""
    return next((source.id for source in plan.sources.values() if fed in source.feeds), "")


def _entries_of_district(plan: Plan, profile: Profile, seed: int) -> Iterator[ListEntry]:
    """The lists of `district.toml`."""
    declared = _declared(plan)
    for table in district()["register"] if profile.registers else ():
        if table["collection"] in declared:
            for each in listed_entries(table, plan, seed):
                yield ListEntry(each.collection, each.subject, each.unit, {}, each.source, each.changes)


def _declared(plan: Plan) -> set[str]:
    """The lists that the plan has."""
    return {collection.id for collection in plan.head.collections}


def _lists_of_cross_province(plan: Plan) -> tuple[str, ...]:
    """The lists that a cross-province item may be from; empty where the plan does not ask."""
    specs = (each.attributes.get("list") for each in plan.head.collections if each.id == _CROSS_PROVINCE)
    return next((spec.values for spec in specs if spec is not None), ())


def _permit_items(plan: Plan) -> list[str]:
    return sorted(code for code, item in plan.service_items.items() if item.permit)


def _service(n: int, items: list[str]) -> dict[str, Any]:
    """The attributes of the n-th service in the catalogue; `items`: the permit items of the plan."""
    permit = n < _PERMITS
    offline = n % 9 in (4, 7) if permit else n % 10 in (2, 5, 8)
    attributes = {
        "type": "permit" if permit else "other",
        "on_application": n < _ENTRIES - _NOT_ON_APPLICATION,
        "instant": n % 12 in (0, 3, 5, 8, 10),
        "fully_online": not offline,
        "visits": int(n % 18 in (1, 4, 7, 11, 14)),
        "status": "active" if n % 40 != 13 else "suspended",
    }
    return {**attributes, "service_item": items[n]} if permit and n < len(items) else attributes
