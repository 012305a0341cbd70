"""What is no case: catalogue entries that change over the months, and the monthly reports of the leads."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from services.domain.plan import Kind, Plan
from services.domain.zone import Instant
from services.simulator.placement import Placement
from services.simulator.profile import Profile
from services.simulator.story import SECOND, Fate, Moment
from services.simulator.truth import Row

_PARTNERS = ("sichuan", "guizhou", "hubei", "shaanxi", "yunnan", "hunan")
_CATALOGUE, _CROSS_PROVINCE = "service_catalogue", "cross_province"
_ENTRIES, _PERMITS, _NOT_ON_APPLICATION = 200, 80, 20
_CROSS_AT_START, _CROSS_AT_END = 52, 78
_BECOMES_ONLINE_EVERY = 21
"""Days after which one more permit item goes fully online, on a Wednesday."""


@dataclass(slots=True)
class Entry:
    """An entry of a catalogue as it stands, and what was last said of it."""

    collection: str
    subject: str
    unit: str
    attributes: dict[str, Any]
    told: list[tuple[Moment, Mapping[str, Any] | None]]
    """States said lately, oldest first; None once retired. Older ones than the one known before last are dropped."""


class Registers:
    """The catalogues and duties of a plan that has them; what a plan does not declare is left out."""

    def __init__(self, plan: Plan, place: Placement, profile: Profile, seed: int) -> None:
        self._plan = plan
        self._place = place
        self._rng = Random(f"{seed}/registers")
        self._profile = profile
        declared = {collection.id for collection in plan.head.collections}
        feeder = _feeder(plan, _CATALOGUE)
        self._source = feeder
        self.entries: list[Entry] = []
        if feeder and _CATALOGUE in declared:
            self._fill_catalogue()
        if feeder and _CROSS_PROVINCE in declared:
            self._fill_cross_province()
        self.done: dict[tuple[str, str], Moment] = {}
        """Duties fulfilled, by unit and period."""

    def on(self, day: int, *, first: bool) -> Iterator[tuple[str, Moment]]:
        """What is said of entries and duties on a day: subject and moment."""
        if self._source:
            yield from self._entries_on(day, first)
        yield from self._duties_on(day)

    def rows(self, end: Instant, begin: Instant) -> Iterator[Row]:
        """The truth about entries and duties as seen from the end."""
        for entry in self.entries:
            yield from self._entry_rows(entry, end)
        yield from self._duty_rows(end, begin)

    def _fill_catalogue(self) -> None:
        units = sorted({lane.unit for lane in self._profile.lanes if lane.scene == "permit"} & self._plan.units.keys())
        units = units or sorted(self._plan.units)[:1]
        items = sorted(code for code, item in self._plan.service_items.items() if item.permit)
        for n in range(_ENTRIES):
            permit = n < _PERMITS
            attributes = {
                "type": "permit" if permit else "other",
                "on_application": n < _ENTRIES - _NOT_ON_APPLICATION,
                "instant": n % 12 in (0, 3, 5, 8, 10),
                "fully_online": n % 9 not in (4, 7) if permit else n % 10 not in (2, 5, 8),
                "visits": 1 if n % 18 in (1, 4, 7, 11, 14) else 0,
                "status": "active" if n % 40 != 13 else "suspended",
            }
            if permit and n < len(items):
                attributes["service_item"] = items[n]
            self.entries.append(Entry(_CATALOGUE, f"SX{n:04}", units[n % len(units)], attributes, []))

    def _fill_cross_province(self) -> None:
        units = sorted({lane.unit for lane in self._profile.lanes if lane.scene == "permit"} & self._plan.units.keys())
        units = units or sorted(self._plan.units)[:1]
        for n in range(_CROSS_AT_END):
            attributes = {"enabled": n < _CROSS_AT_START, "partner": _PARTNERS[n % len(_PARTNERS)]}
            self.entries.append(Entry(_CROSS_PROVINCE, f"KS{n:04}", units[n % len(units)], attributes, []))

    def _entries_on(self, day: int, first: bool) -> Iterator[tuple[str, Moment]]:
        opens = self._place.zone.at(day, 9 * 60)
        changed: list[Entry] = []
        if first:
            changed += [
                entry for entry in self.entries if entry.collection == _CATALOGUE or entry.attributes["enabled"]
            ]
        elif self._place.calendar.is_working(day):
            if day % 4 == 0:
                waiting = [e for e in self.entries if e.collection == _CROSS_PROVINCE and not e.attributes["enabled"]]
                for entry in waiting[:1]:
                    entry.attributes["enabled"] = True
                    changed.append(entry)
            if day % _BECOMES_ONLINE_EVERY == 3:
                catalogue = [entry for entry in self.entries if entry.collection == _CATALOGUE]
                offline = [
                    e for e in catalogue if e.attributes["type"] == "permit" and not e.attributes["fully_online"]
                ]
                for entry in offline[:1]:
                    entry.attributes["fully_online"] = True
                    changed.append(entry)
        for n, entry in enumerate(changed):
            time = opens + n * 2 * SECOND
            moment = self._moment(
                "item.upserted",
                time,
                {"collection": entry.collection, "unit": entry.unit, "attributes": dict(entry.attributes)},
                self._source,
            )
            entry.told = [*entry.told[-3:], (moment, moment.data["attributes"] if moment.data else None)]
            yield entry.subject, moment

    def _duties_on(self, day: int) -> Iterator[tuple[str, Moment]]:
        today = date.fromordinal(day)
        for promise in self._plan.promises:
            if promise.kind is not Kind.DUTY or not promise.duty:
                continue
            source = _feeder(self._plan, promise.duty)
            if not source or _month(today) < first_owed(promise.effective_from):
                continue
            last = _last_day(today)
            for n, unit in enumerate(promise.owed_by):
                forgets = unit in self._profile.forgetful and today.month % 2 == 1
                due_on = self._place.calendar.add_working_days(last + 1, -1 - n % 4)
                if day != due_on or forgets:
                    continue
                time = self._place.daytime(self._rng, day)
                period = _month(today)
                moment = self._moment(
                    "duty.fulfilled", time, {"duty": promise.duty, "unit": unit, "period": period}, source
                )
                self.done[unit, period] = moment
                yield f"{promise.duty}.{unit}.{period}", moment

    def _moment(self, type: str, time: Instant, data: Mapping[str, Any], source: str) -> Moment:
        recorded = time + int(5 + self._rng.random() * 600) * SECOND
        return Moment(type, time, recorded, recorded + 2 * SECOND, source, data)

    def _entry_rows(self, entry: Entry, end: Instant) -> Iterator[Row]:
        known = [(moment, state) for moment, state in entry.told if moment.known(end)]
        if not known:
            return
        moment, state = known[-1]
        if state is None:
            return
        for promise in self._place.promises:
            if promise.kind is not Kind.CATALOGUE or promise.collection != entry.collection:
                continue
            if not _holds(state, promise.select):
                continue
            case = f"{moment.source} {entry.subject}"
            row = Row(promise.id, promise.variant, entry.unit, "-", case, Fate.MET, moment.time)
            if promise.statistic == "mean":
                yield row._replace(fate=Fate.COUNTED, amount=state[promise.quantity or ""])
            else:
                yield row._replace(fate=Fate.MET if _holds(state, promise.where) else Fate.MISSED)

    def _duty_rows(self, end: Instant, begin: Instant) -> Iterator[Row]:
        zone = self._place.zone
        for promise in self._plan.promises:
            if promise.kind is not Kind.DUTY or not promise.duty:
                continue
            source = _feeder(self._plan, promise.duty)
            month = promise.effective_from.replace(day=1)
            while zone.midnight(month.toordinal()) < end:
                last = _last_day(month)
                period, due = _month(month), zone.midnight(last + 1) - 1
                month = date.fromordinal(last + 1)
                if period < first_owed(promise.effective_from):
                    continue
                for unit in promise.owed_by:
                    done = self.done.get((unit, period))
                    row = Row(
                        promise.id, promise.variant, unit, period, f"{source} {promise.duty}.{unit}.{period}", Fate.OPEN
                    )
                    row = row._replace(due=due)
                    if end <= due:
                        yield row
                    elif done is not None and done.known(end):
                        yield row._replace(fate=Fate.MET, stopped=done.time, day=last)
                    else:
                        yield row._replace(fate=Fate.MISSED, day=last)


def first_owed(effective_from: date) -> str:
    """The first whole month from the date on: `2021-09`."""
    if effective_from.day == 1:
        return _month(effective_from)
    return _month(date.fromordinal(_last_day(effective_from) + 1))


def _month(day: date) -> str:
    return f"{day.year:04}-{day.month:02}"


def _last_day(day: date) -> int:
    following = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return following.toordinal() - 1


def _feeder(plan: Plan, fed: str) -> str:
    """The source that says so of itself; empty if there is none."""
    return next((source.id for source in plan.sources.values() if fed in source.feeds), "")


def _holds(state: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(state.get(name) in (value if isinstance(value, tuple) else (value,)) for name, value in wanted.items())
