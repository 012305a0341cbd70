"""The truth about entries of lists, and about duties, as seen from the end of the simulated time."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any, NamedTuple

from services.domain.plan.kinds.catalogue import CataloguePromise
from services.domain.plan.kinds.duty import DutyPromise
from services.domain.plan.kinds.figure import FigurePromise
from services.domain.time.zone import Instant
from services.simulator.district.months import first_whole_month, last_day, month_of
from services.simulator.stories.event import Data, SimulatedEvent
from services.simulator.stories.registers import ListEntry, Registers, duties, feeder
from services.simulator.stories.report_delay import subject_reported_by
from services.simulator.stories.result import Result
from services.simulator.stories.timing import Timing
from services.simulator.truth.figure_truth import FigureTruth
from services.simulator.truth.row import MICRO, Row

_BEST_FIRST = (Result.MET, Result.LATE_ENTRY, Result.MISSED, Result.AWAITING, Result.OPEN, Result.PENDING)


class _Known(NamedTuple):
    """An entry with the state that is known of it."""

    entry: ListEntry
    event: SimulatedEvent
    state: Data


class RegisterTruth:
    """Makes the rows of everything that is no case."""

    def __init__(self, registers: Registers, timing: Timing, end: Instant) -> None:
        self._registers = registers
        self._timing = timing
        self._end = end

    def rows(self) -> Iterator[Row]:
        """The rows of the plan's promises about lists, figures and duties."""
        figures = self._registers.figures
        for promise in self._timing.promises:
            if isinstance(promise, CataloguePromise):
                yield from self._list_rows(promise)
            elif isinstance(promise, FigurePromise) and figures is not None:
                yield from FigureTruth(figures, self._timing, self._end).rows(promise)
        for promise in duties(self._timing.law.plan):
            for period, day in self._periods(promise):
                for debtor, units in self._debtors(promise, day).items():
                    yield self._duty_row(promise, debtor, units, (period, day))

    # ---- entries of lists ----------------------------------------------------------------------------
    def _list_rows(self, promise: CataloguePromise) -> Iterator[Row]:
        """One row per entry that is selected; of a list of the plan, one per code of it; of copies, one per copy."""
        selected = list(self._selected(promise))
        if promise.statistic == "in_sync":
            yield from _copy_rows(promise, selected)
            return
        reported = set()
        for known in selected:
            code = str(known.state.get(promise.listed_by, "-")) if promise.listed else "-"
            if promise.listed and code not in promise.listed:
                continue
            reported.add(code)
            row = self._entry_row(promise, known)
            if row is not None:
                yield row
        for code in promise.listed if promise.statistic == "share" else ():
            if code not in reported:  # missing in the whole, and in no unit's row
                yield Row(promise.id, promise.variant, "ALL", "-", f"- {code}", Result.MISSED)

    def _selected(self, promise: CataloguePromise) -> Iterator[_Known]:
        for entry in self._registers.entries:
            known = entry.known(self._end) if entry.collection == promise.collection else None
            if known is not None and _holds(known[1], promise.select):
                yield _Known(entry, *known)

    def _entry_row(self, promise: CataloguePromise, known: _Known) -> Row | None:
        since = self._since(known.entry, promise)
        kept = _holds(known.state, promise.where) and self._is_in_time(since, promise)
        name = f"{known.event.source} {known.entry.subject}"
        row = Row(promise.id, promise.variant, known.entry.unit, "-", name, Result.COUNTED, known.event.time)
        if promise.statistic in ("mean", "sum"):
            if promise.statistic == "sum" and not kept:
                return None
            return row._replace(amount=int(Fraction(str(known.state[promise.quantity or ""])) * MICRO), stopped=since)
        if kept or promise.statistic == "share":
            return row._replace(result=Result.MET if kept else Result.MISSED, stopped=since if kept else None)
        return None

    def _is_in_time(self, since: Instant | None, promise: CataloguePromise) -> bool:
        """Whether an entry that counts has done so since before the date of the promise."""
        over = None if promise.by is None else self._timing.zone.midnight(promise.by.toordinal() + 1)
        return over is None or self._end <= over or (since is not None and since < over)

    def _since(self, entry: ListEntry, promise: CataloguePromise) -> Instant | None:
        """Since when an entry has counted without a break; None if it does not."""
        since: Instant | None = None
        for event, state in reversed([each for each in entry.reported if each[0].is_known(self._end)]):
            if state is None or not _holds(state, {**promise.select, **promise.where}):
                break
            since = event.time
        return since

    # ---- duties --------------------------------------------------------------------------------------
    def _debtors(self, promise: DutyPromise, day: int) -> dict[str, list[str]]:
        """The units that owe what is due on a day, each with those of the plan's list that it is by then."""
        found: dict[str, list[str]] = {}
        for unit in promise.owed_by:
            debtor = self._timing.succession.at(unit, self._timing.zone.midnight(day))
            found.setdefault(debtor, []).append(unit)
        return found

    def _duty_row(
        self, promise: DutyPromise, debtor: str, units: Sequence[str], period_and_day: tuple[str, int]
    ) -> Row:
        """Of a debtor that is several units of the list, the best of their reports."""
        period, day = period_and_day
        rows = [self._report_row(promise, unit, period, day) for unit in units]
        return min(rows, key=lambda row: _BEST_FIRST.index(row.result))._replace(unit=debtor)

    def _report_row(self, promise: DutyPromise, unit: str, period: str, day: int) -> Row:
        duty, once = promise.duty or "", period == "once"
        due = self._timing.zone.midnight(day + 1) - 1
        reported_by = subject_reported_by(self._timing, due, duty, unit)
        name = f"{feeder(self._timing.law.plan, duty)} {duty}.{unit}.{period}"
        row = Row(promise.id, promise.variant, unit, period, name, Result.MISSED, due=due)
        row = row._replace(day=None if once else day)  # a duty without a period counts in every window
        event = self._registers.fulfilled.get((duty, unit, period))
        if event is None or not event.is_known(self._end):
            return row if self._end > reported_by else self._silent_row(row, once)
        if event.time <= due:
            result = Result.MET if event.received <= reported_by else Result.LATE_ENTRY
            return row._replace(result=result, stopped=event.time)
        return row

    def _silent_row(self, row: Row, once: bool) -> Row:
        """A duty of which nothing has been reported, while a report may still come in time."""
        assert row.due is not None
        if self._end > row.due:
            return row._replace(result=Result.AWAITING)
        return row._replace(result=Result.PENDING if once else Result.OPEN, day=None)

    def _periods(self, promise: DutyPromise) -> Iterator[tuple[str, int]]:
        """The periods that have begun by the end, each with its last day."""
        if promise.period == "once" and promise.by is not None:
            yield "once", promise.by.toordinal()
            return
        month = promise.effective_from.replace(day=1)
        while self._timing.zone.midnight(month.toordinal()) < self._end:
            if month_of(month) >= first_whole_month(promise.effective_from):
                yield month_of(month), last_day(month)
            month = date.fromordinal(last_day(month) + 1)


def _copy_rows(promise: CataloguePromise, selected: Sequence[_Known]) -> Iterator[Row]:
    """Whether each copy has the version of its master."""
    versions = {(known.state["platform"], known.state["code"]): known.state["version"] for known in selected}
    for entry, _, state in selected:
        if state["platform"] != promise.master:
            continue
        for copy in promise.copies:
            result = Result.MET if versions.get((copy, state["code"])) == state["version"] else Result.MISSED
            yield Row(promise.id, promise.variant, entry.unit, "-", f"{copy} {entry.subject}", result)


def _holds(state: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(state.get(name) in (value if isinstance(value, tuple) else (value,)) for name, value in wanted.items())
