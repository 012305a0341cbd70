"""Figures that a source counts itself: each month is reported in the first days of the next; some are forgotten."""

from collections.abc import Iterator, Mapping
from datetime import date
from random import Random
from typing import Any, NamedTuple

from services.domain.plan.kinds.figure import FigurePromise
from services.domain.plan.plan import Plan
from services.simulator.district.months import first_whole_month, last_day, month_of
from services.simulator.district.profile import district
from services.simulator.stories.event import OPERATIONS, SECOND, SimulatedEvent
from services.simulator.stories.timing import Timing


class FigureKey(NamedTuple):
    """Whose figure of which month."""

    quantity: str
    unit: str
    period: str

    @property
    def subject(self) -> str:
        """What its events are about."""
        return ".".join(self)


class FigureReport(NamedTuple):
    """One report of a month."""

    event: SimulatedEvent
    numerator: int
    denominator: int


class Figures:
    """The `[[figure]]` tables of `district.toml`, for the plan's promises about figures."""

    def __init__(self, plan: Plan, timing: Timing, seed: int) -> None:
        self._timing = timing
        self._seed = seed
        self._tables: dict[str, Mapping[str, Any]] = {table["quantity"]: table for table in district()["figure"]}
        self._sources = {
            quantity: source.id
            for quantity in self._tables
            for source in plan.sources.values()
            if quantity in source.feeds
        }
        self._promises = {
            quantity: promise
            for promise in plan.promises
            if isinstance(promise, FigurePromise) and promise.period == "month"
            for quantity in (promise.numerator, promise.denominator)
            if quantity in self._sources
        }
        self.reported: dict[FigureKey, list[FigureReport]] = {}
        """In the order of the reports."""
        self.confirmed: dict[FigureKey, SimulatedEvent] = {}
        """The decisions that accept what was reported late."""

    def events(self, day: int, first_day: int) -> Iterator[tuple[str, SimulatedEvent]]:
        """What is reported on a day: subject and event."""
        month = date.fromordinal(day).replace(day=1)
        before = date.fromordinal(month.toordinal() - 1)
        calendar = self._timing.calendar
        if not calendar.is_working(day) or last_day(before) < first_day:
            return
        nth_working_day = calendar.working_days(month.toordinal() - 1, day)
        for quantity, promise in self._promises.items():
            assert quantity is not None
            if month_of(before) < first_whole_month(promise.effective_from):
                continue
            for n, unit in enumerate(promise.owed_by):
                key = FigureKey(quantity, unit, month_of(before))
                if nth_working_day == 2 + n % 4:
                    yield from self._report(key, day)
                elif nth_working_day == 9:
                    yield from self._report_again(promise, key, day)
                elif nth_working_day in (11, 12):
                    yield from self._report_once_more(key, day, short=nth_working_day == 11)

    def _report(self, key: FigureKey, day: int) -> Iterator[tuple[str, SimulatedEvent]]:
        table = self._tables[key.quantity]
        rng = Random(f"{self._seed}/{key.quantity}/{key.unit}/{key.period}")
        if rng.random() >= table.get("forgets", 0.0):
            numerator, denominator = self._amounts(table, key, rng)
            yield key.subject, self._event(rng, key, day, numerator, denominator)

    def _amounts(self, table: Mapping[str, Any], key: FigureKey, rng: Random) -> tuple[int, int]:
        whole = self._whole(self._tables.get(table.get("of", ""), table), key)
        if table.get("reports") == "denominator":
            return 0, whole
        share = table["share"]
        part = min(whole, int(whole * (share["least"] + rng.random() * (share["most"] - share["least"]))))
        return (part, 0) if table.get("reports") == "numerator" else (part, whole)

    def _whole(self, table: Mapping[str, Any], key: FigureKey) -> int:
        amount = table["amount"]
        rng = Random(f"{self._seed}/{table['quantity']}/{key.unit}/{key.period}/whole")
        return rng.randint(amount["least"], amount["most"])

    def _report_again(self, promise: FigurePromise, key: FigureKey, day: int) -> Iterator[tuple[str, SimulatedEvent]]:
        """A month that was short is sometimes reported again as complete; sometimes that is confirmed."""
        reports = self.reported.get(key, [])
        rng = Random(f"{self._seed}/{key.quantity}/{key.unit}/{key.period}/mended")
        again = bool(reports) and rng.random() < self._tables[key.quantity].get("mended", 0.0)
        if not again or reports[0].numerator == reports[0].denominator:
            return
        whole = reports[0].denominator
        event = self._event(rng, key, day, whole, whole)
        yield key.subject, event
        if rng.random() < 0.3:
            about = {"unit": key.unit, "period": key.period, "through": event.received}
            data = {"kpi": promise.id, "decision": "accepted", **about}
            time = event.received + 3600 * SECOND
            confirmed = SimulatedEvent("case.confirmed", time, OPERATIONS, data, delays=(0, SECOND))
            confirmed.owner = event.source
            self.confirmed[key] = confirmed
            yield key.subject, confirmed

    def _report_once_more(self, key: FigureKey, day: int, *, short: bool) -> Iterator[tuple[str, SimulatedEvent]]:
        """A month whose late report was confirmed is sometimes reported as short again, and then as complete: nobody
        has decided on that."""
        rng = Random(f"{self._seed}/{key.quantity}/{key.unit}/{key.period}/once more")
        if key in self.confirmed and rng.random() < 0.5:
            first = self.reported[key][0]
            part = first.numerator if short else first.denominator
            yield key.subject, self._event(rng, key, day, part, first.denominator)

    def _event(self, rng: Random, key: FigureKey, day: int, numerator: int, denominator: int) -> SimulatedEvent:
        time = self._timing.daytime(rng, day)
        data = {**key._asdict(), "numerator": numerator, "denominator": denominator}
        delays = (60 * SECOND, 2 * SECOND)
        event = SimulatedEvent("figure.reported", time, self._sources[key.quantity], data, delays=delays)
        self.reported.setdefault(key, []).append(FigureReport(event, numerator, denominator))
        return event
