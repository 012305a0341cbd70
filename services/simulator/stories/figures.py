"""Figures that a source counts itself: each month's report, told in the first days of the next, and those forgotten."""

from collections.abc import Iterator, Mapping
from datetime import date
from random import Random
from typing import Any, NamedTuple

from services.domain.plan.plan import Kind, Plan, Promise
from services.domain.time.limits import Ends, due
from services.domain.time.zone import Instant
from services.simulator.district.months import first_owed, last_day, month_of
from services.simulator.district.profile import district
from services.simulator.stories.case_history import OPERATIONS, SECOND, Fate, Moment
from services.simulator.stories.timing import Placement
from services.simulator.truth.case_truth import MICRO, Row


class Told(NamedTuple):
    """One report of a month."""

    moment: Moment
    numerator: int
    denominator: int


class Reports:
    """The `[[figure]]` tables, for the plan's promises about figures."""

    def __init__(self, plan: Plan, place: Placement, seed: int) -> None:
        self._place = place
        self._seed = seed
        self._tables: dict[str, Mapping[str, Any]] = {table["quantity"]: table for table in district()["figure"]}
        self._sources = {
            quantity: source.id
            for quantity in self._tables
            for source in plan.sources.values()
            if quantity in source.feeds
        }
        self._owing = {
            quantity: promise
            for promise in plan.promises
            if promise.kind is Kind.FIGURE and promise.period == "month"
            for quantity in (promise.numerator, promise.denominator)
            if quantity in self._sources
        }
        self._told: dict[tuple[str, str, str], list[Told]] = {}
        """By quantity, unit and period, as they were told."""
        self._confirmed: dict[tuple[str, str, str], Moment] = {}

    def on(self, day: int, first_day: int) -> Iterator[tuple[str, Moment]]:
        """What is reported on a day: subject and moment."""
        month = date.fromordinal(day).replace(day=1)
        before = date.fromordinal(month.toordinal() - 1)
        calendar = self._place.calendar
        if not calendar.is_working(day) or last_day(before) < first_day:
            return
        nth = calendar.working_days(month.toordinal() - 1, day)
        for quantity, promise in self._owing.items():
            assert quantity is not None
            if month_of(before) < first_owed(promise.effective_from):
                continue
            for n, unit in enumerate(promise.owed_by):
                if nth == 2 + n % 4:
                    yield from self._report(quantity, unit, month_of(before), day)
                elif nth == 9:
                    yield from self._mend(promise, quantity, unit, month_of(before), day)

    def rows(self, promise: Promise, end: Instant) -> Iterator[Row]:
        """One row per unit and month that has ended: what counts of it, or that it was never told."""
        if promise.period != "month" or promise.numerator is None or promise.denominator is None:
            return
        month = promise.effective_from.replace(day=1)
        while self._place.zone.midnight(last_day(month) + 1) <= end:
            period, day = month_of(month), last_day(month)
            month = date.fromordinal(day + 1)
            if period < first_owed(promise.effective_from):
                continue
            for unit in promise.owed_by:
                row = Row(
                    promise.id, promise.variant, unit, period, f"{promise.numerator} {unit}.{period}", Fate.COUNTED
                )
                row = row._replace(day=day)
                above, late = self._believed(promise, promise.numerator, unit, period, end)
                below, _ = self._believed(promise, promise.denominator, unit, period, end)
                if (above is None or below is None) and end <= self._owed_at(promise, unit, day):
                    continue
                if below is None:
                    yield row._replace(fate=Fate.UNMEASURED)
                    continue
                amount = 0 if above is None else min(above.numerator, below.denominator) * MICRO
                row = row._replace(amount=amount, base=below.denominator * MICRO)
                yield row._replace(fate=Fate.LATE_ENTRY) if late else row

    def _owed_at(self, promise: Promise, unit: str, day: int) -> Instant:
        """Until when a month may still be told of: the end of the usual delay of those who tell it."""
        law = self._place.law
        ends = self._place.zone.midnight(day + 1) - 1
        found = [ends]
        for source in law.plan.sources.values():
            tells = {promise.numerator, promise.denominator} & set(source.feeds)
            if tells and source.usual_delay is not None and ("*" in source.units or unit in source.units):
                hours = law.hours("", "")
                found.append(due(source.usual_delay, ends, Ends.DAY, zone=law.zone, calendar=law.calendar, hours=hours))
        return max(found)

    def _believed(
        self, promise: Promise, quantity: str, unit: str, period: str, end: Instant
    ) -> tuple[Told | None, bool]:
        """The report that counts; and whether a better one waits to be confirmed: one told after the month alone turns
        no miss into a hit."""
        told = [each for each in self._told.get((quantity, unit, period), ()) if each.moment.known(end)]
        if not told:
            return None, False
        confirmed = self._confirmed.get((quantity, unit, period))
        judged = promise.target is not None and promise.numerator == promise.denominator
        if len(told) == 1 or not judged or (confirmed is not None and confirmed.known(end)):
            return told[-1], False
        target = promise.target
        assert target is not None
        hits = [each.numerator >= target.amount * each.denominator for each in told]
        return (told[0], True) if hits[-1] and not hits[0] else (told[-1], False)

    def _report(self, quantity: str, unit: str, period: str, day: int) -> Iterator[tuple[str, Moment]]:
        table = self._tables[quantity]
        rng = Random(f"{self._seed}/{quantity}/{unit}/{period}")
        if rng.random() < table.get("forgets", 0.0):
            return
        numerator, denominator = self._amounts(table, unit, period, rng)
        yield self._tell(rng, quantity, unit, period, day, numerator, denominator)

    def _amounts(self, table: Mapping[str, Any], unit: str, period: str, rng: Random) -> tuple[int, int]:
        whole = _whole(self._tables.get(table.get("of", ""), table), self._seed, unit, period)
        if table.get("says") == "denominator":
            return 0, whole
        share = table["share"]
        part = min(whole, int(whole * (share["least"] + rng.random() * (share["most"] - share["least"]))))
        return (part, 0) if table.get("says") == "numerator" else (part, whole)

    def _mend(self, promise: Promise, quantity: str, unit: str, period: str, day: int) -> Iterator[tuple[str, Moment]]:
        """A month that was short is reported again, and now it is not; sometimes that is confirmed."""
        table, told = self._tables[quantity], self._told.get((quantity, unit, period), [])
        rng = Random(f"{self._seed}/{quantity}/{unit}/{period}/mended")
        if not told or rng.random() >= table.get("mended", 0.0) or told[0].numerator == told[0].denominator:
            return
        whole = told[0].denominator
        subject, moment = self._tell(rng, quantity, unit, period, day, whole, whole)
        yield subject, moment
        if rng.random() < 0.3:
            said = {"kpi": promise.id, "decision": "accepted"}
            at = moment.received + 3600 * SECOND
            confirmed = Moment("case.confirmed", at, at, at + SECOND, OPERATIONS, said)
            confirmed.owner = moment.source
            self._confirmed[quantity, unit, period] = confirmed
            yield subject, confirmed

    def _tell(
        self, rng: Random, quantity: str, unit: str, period: str, day: int, numerator: int, denominator: int
    ) -> tuple[str, Moment]:
        time = self._place.daytime(rng, day)
        said = {
            "quantity": quantity, "unit": unit, "period": period, "numerator": numerator, "denominator": denominator,
        }  # fmt: skip
        moment = Moment("figure.reported", time, time + 60 * SECOND, time + 62 * SECOND, self._sources[quantity], said)
        self._told.setdefault((quantity, unit, period), []).append(Told(moment, numerator, denominator))
        return f"{quantity}.{unit}.{period}", moment


def _whole(table: Mapping[str, Any], seed: int, unit: str, period: str) -> int:
    amount = table["amount"]
    return Random(f"{seed}/{table['quantity']}/{unit}/{period}/whole").randint(amount["least"], amount["most"])
