"""What is no case: entries of the plan's lists that change over the months, duties, and figures that are counted.

Which lists there are and how they grow is said in `district.toml`; the service catalogue and the cross-province items,
whose shares the plan gives thresholds for, grow as is said here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from random import Random
from typing import Any

from services.domain.plan.plan import Kind, Plan, Promise
from services.domain.time.zone import Instant
from services.simulator.district.lists import listed_entries
from services.simulator.district.months import first_owed, last_day, month_of
from services.simulator.district.profile import Profile, district
from services.simulator.stories.case_history import SECOND, Fate, Moment
from services.simulator.stories.figures import Reports
from services.simulator.stories.timing import Placement
from services.simulator.truth.case_truth import MICRO, Row

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
    source: str
    changes: Mapping[int, Mapping[str, Any] | None] = field(default_factory=dict)
    """What it becomes so many days after the start; None: it is struck off."""
    told: list[tuple[Moment, Mapping[str, Any] | None]] = field(default_factory=list)
    """States said lately, oldest first; None once struck off. Older ones than the one known before last are dropped."""

    def known(self, end: Instant) -> tuple[Moment, Mapping[str, Any]] | None:
        """The state that is known at an instant; None if there is none."""
        known = [(moment, state) for moment, state in self.told if moment.known(end)]
        if not known or known[-1][1] is None:
            return None
        moment, state = known[-1]
        assert state is not None
        return moment, state


class Registers:
    """The catalogues, duties and figures of a plan that has them; what a plan does not declare is left out."""

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
        for table in district()["register"] if profile.registers else ():
            if table["collection"] in declared:
                for each in listed_entries(table, plan, seed):
                    self.entries.append(Entry(each.collection, each.subject, each.unit, {}, each.source, each.changes))
        self._first_day: int | None = None
        self._reports = Reports(plan, place, seed) if profile.registers else None
        self.done: dict[tuple[str, str, str], Moment] = {}
        """Duties fulfilled, by duty, unit and period."""

    def on(self, day: int, *, first: bool) -> Iterator[tuple[str, Moment]]:
        """What is said of entries, duties and figures on a day: subject and moment."""
        if first or self._first_day is None:
            self._first_day = day
        yield from self._entries_on(day, first)
        yield from self._duties_on(day)
        if self._reports is not None:
            yield from self._reports.on(day, self._first_day)

    def rows(self, end: Instant, begin: Instant) -> Iterator[Row]:
        """The truth about entries, duties and figures as seen from the end."""
        for promise in self._place.promises:
            if promise.kind is Kind.CATALOGUE:
                yield from self._catalogue_rows(promise, end)
            elif promise.kind is Kind.FIGURE and self._reports is not None:
                yield from self._reports.rows(promise, end)
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
            self.entries.append(Entry(_CATALOGUE, f"SX{n:04}", units[n % len(units)], attributes, self._source))

    def _fill_cross_province(self) -> None:
        units = sorted({lane.unit for lane in self._profile.lanes if lane.scene == "permit"} & self._plan.units.keys())
        units = units or sorted(self._plan.units)[:1]
        for n in range(_CROSS_AT_END):
            attributes = {"enabled": n < _CROSS_AT_START, "partner": _PARTNERS[n % len(_PARTNERS)]}
            self.entries.append(Entry(_CROSS_PROVINCE, f"KS{n:04}", units[n % len(units)], attributes, self._source))

    def _entries_on(self, day: int, first: bool) -> Iterator[tuple[str, Moment]]:
        opens = self._place.zone.at(day, 9 * 60)
        assert self._first_day is not None
        changed = self._of_the_catalogue(day, first)
        for entry in self.entries:
            if day - self._first_day in entry.changes:
                becomes = entry.changes[day - self._first_day]
                entry.attributes = {} if becomes is None else dict(becomes)
                changed.append(entry)
        for n, entry in enumerate(changed):
            time = opens + n * 2 * SECOND
            said: dict[str, Any] = {"collection": entry.collection, "unit": entry.unit}
            state = dict(entry.attributes) if entry.attributes else None
            if state is not None:
                said["attributes"] = state
            kind = "item.retired" if state is None else "item.upserted"
            moment = self._moment(kind, time, said, entry.source)
            entry.told = [*entry.told[-3:], (moment, state)]
            yield entry.subject, moment

    def _of_the_catalogue(self, day: int, first: bool) -> list[Entry]:
        """What changes of the service catalogue and the cross-province items on a day."""
        if first:
            return [
                entry
                for entry in self.entries
                if entry.collection == _CATALOGUE
                or (entry.collection == _CROSS_PROVINCE and entry.attributes["enabled"])
            ]
        changed: list[Entry] = []
        if self._place.calendar.is_working(day):
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
        return changed

    def _duties_on(self, day: int) -> Iterator[tuple[str, Moment]]:
        today = date.fromordinal(day)
        period = month_of(today)
        for promise in self._plan.promises:
            if promise.kind is not Kind.DUTY or not promise.duty:
                continue
            source = _feeder(self._plan, promise.duty)
            if not source or (promise.period == "month" and period < first_owed(promise.effective_from)):
                continue
            for n, unit in enumerate(promise.owed_by):
                forgets = unit in self._profile.forgetful and (promise.period == "once" or today.month % 2 == 1)
                if day != self._day_of(promise, n, today) or forgets:
                    continue
                time = self._place.daytime(self._rng, day)
                moment = self._moment(
                    "duty.fulfilled", time, {"duty": promise.duty, "unit": unit, "period": period}, source
                )
                self.done[promise.duty, unit, "once" if promise.period == "once" else period] = moment
                yield f"{promise.duty}.{unit}.{period}", moment

    def _day_of(self, promise: Promise, n: int, today: date) -> int:
        """When the n-th of those who owe it does it: in the last days of the month; what is owed once, one after the
        other in the months before its date."""
        if promise.period == "once" and promise.by is not None:
            return self._place.calendar.roll_forward(promise.by.toordinal() - 6 - 5 * n)
        return self._place.calendar.add_working_days(last_day(today) + 1, -1 - n % 4)

    def _moment(self, type: str, time: Instant, data: Mapping[str, Any], source: str) -> Moment:
        recorded = time + int(5 + self._rng.random() * 600) * SECOND
        return Moment(type, time, recorded, recorded + 2 * SECOND, source, data)

    def _catalogue_rows(self, promise: Promise, end: Instant) -> Iterator[Row]:
        """One row per entry that is selected; of a plan's list, one per code of it; of copies, one per copy."""
        standing = [
            (entry, moment, state)
            for entry in self.entries
            if entry.collection == promise.collection and (known := entry.known(end)) is not None
            for moment, state in (known,)
            if _holds(state, promise.select)
        ]
        if promise.statistic == "in_sync":
            yield from self._copies(promise, [(entry, state) for entry, _, state in standing])
            return
        row = Row(promise.id, promise.variant, "-", "-", "", Fate.COUNTED)
        told = set()
        for entry, moment, state in standing:
            code = str(state.get(promise.listed_by, "-")) if promise.listed else "-"
            if promise.listed and code not in promise.listed:
                continue
            told.add(code)
            kept = _holds(state, promise.where) and self._is_in_time(entry, promise, end)
            row = row._replace(unit=entry.unit, case=f"{moment.source} {entry.subject}", started=moment.time)
            if promise.statistic in ("mean", "sum"):
                if promise.statistic == "mean" or kept:
                    amount = int(Fraction(str(state[promise.quantity or ""])) * MICRO)
                    yield row._replace(fate=Fate.COUNTED, amount=amount)
            elif kept or promise.statistic == "share":
                yield row._replace(fate=Fate.MET if kept else Fate.MISSED)
        for code in promise.listed if promise.statistic == "share" else ():
            if code not in told:  # nobody tells of it: missing in the whole, and in no unit's row
                yield Row(promise.id, promise.variant, "ALL", "-", f"- {code}", Fate.MISSED)

    def _is_in_time(self, entry: Entry, promise: Promise, end: Instant) -> bool:
        """Whether an entry that counts has done so since the date of the promise: what is reached later does not."""
        over = None if promise.by is None else self._place.zone.midnight(promise.by.toordinal() + 1)
        if over is None or end <= over:
            return True
        since: Instant | None = None
        for moment, state in reversed([said for said in entry.told if said[0].known(end)]):
            if state is None or not _holds(state, {**promise.select, **promise.where}):
                break
            since = moment.time
        return since is not None and since < over

    @staticmethod
    def _copies(promise: Promise, standing: list[tuple[Entry, Mapping[str, Any]]]) -> Iterator[Row]:
        versions = {(state["platform"], state["code"]): state["version"] for _, state in standing}
        for entry, state in standing:
            if state["platform"] != promise.master:
                continue
            for copy in promise.copies:
                same = versions.get((copy, state["code"])) == state["version"]
                fate = Fate.MET if same else Fate.MISSED
                yield Row(promise.id, promise.variant, entry.unit, "-", f"{copy} {entry.subject}", fate)

    def _duty_rows(self, end: Instant, begin: Instant) -> Iterator[Row]:
        zone = self._place.zone
        for promise in self._plan.promises:
            if promise.kind is not Kind.DUTY or not promise.duty:
                continue
            for period, day in self._periods(promise, end):
                due = zone.midnight(day + 1) - 1
                for unit in promise.owed_by:
                    done = self.done.get((promise.duty, unit, period))
                    case = f"{_feeder(self._plan, promise.duty)} {promise.duty}.{unit}.{period}"
                    once = period == "once"
                    row = Row(promise.id, promise.variant, unit, period, case, Fate.MISSED, due=due)
                    row = row._replace(day=None if once else day)  # what is owed once is owed in every window
                    if done is not None and done.known(end) and done.time <= due:
                        fate = Fate.MET if done.received <= due else Fate.LATE_ENTRY
                        yield row._replace(fate=fate, stopped=done.time)
                    elif end <= due:
                        yield row._replace(fate=Fate.PENDING if once else Fate.OPEN, day=None)
                    else:
                        yield row

    def _periods(self, promise: Promise, end: Instant) -> Iterator[tuple[str, int]]:
        """The periods that have begun by the end, each with its last day."""
        if promise.period == "once" and promise.by is not None:
            yield "once", promise.by.toordinal()
            return
        month = promise.effective_from.replace(day=1)
        while self._place.zone.midnight(month.toordinal()) < end:
            if month_of(month) >= first_owed(promise.effective_from):
                yield month_of(month), last_day(month)
            month = date.fromordinal(last_day(month) + 1)


def _feeder(plan: Plan, fed: str) -> str:
    """The source that says so of itself; empty if there is none."""
    return next((source.id for source in plan.sources.values() if fed in source.feeds), "")


def _holds(state: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(state.get(name) in (value if isinstance(value, tuple) else (value,)) for name, value in wanted.items())
