"""The truth about figures that a source counts itself, as seen from the end of the simulated time."""

from collections.abc import Iterator, Sequence
from datetime import date

from services.domain.plan.kinds.figure import FigurePromise
from services.domain.time.zone import Instant
from services.simulator.district.months import first_whole_month, last_day, month_of
from services.simulator.stories.figures import FigureKey, FigureReport, Figures
from services.simulator.stories.report_delay import subject_reported_by
from services.simulator.stories.result import Result
from services.simulator.stories.timing import Timing
from services.simulator.truth.row import MICRO, Row


class FigureTruth:
    """Makes the rows of figures."""

    def __init__(self, figures: Figures, timing: Timing, end: Instant) -> None:
        self._figures = figures
        self._timing = timing
        self._end = end

    def rows(self, promise: FigurePromise) -> Iterator[Row]:
        """One row per unit and month that has ended: what counts of it, or that it was not reported."""
        if promise.period != "month" or promise.numerator is None or promise.denominator is None:
            return
        month = promise.effective_from.replace(day=1)
        while self._timing.zone.midnight(last_day(month) + 1) <= self._end:
            period, day = month_of(month), last_day(month)
            month = date.fromordinal(day + 1)
            if period < first_whole_month(promise.effective_from):
                continue
            for unit in promise.owed_by:
                row = self._row(promise, unit, period, day)
                if row is not None:
                    yield row

    def _row(self, promise: FigurePromise, unit: str, period: str, day: int) -> Row | None:
        """None: the month may still be reported."""
        assert promise.numerator is not None and promise.denominator is not None
        key = FigureKey(promise.numerator, unit, period)
        in_time = self._reported_by(promise, unit, day)
        above, late = self._counted_report(promise, key, in_time)
        below, _ = self._counted_report(promise, key._replace(quantity=promise.denominator), in_time)
        if (above is None or below is None) and self._end <= in_time:
            return None
        name = f"{promise.numerator} {unit}.{period}"
        debtor = self._timing.succession.at(unit, self._timing.zone.midnight(day))
        row = Row(promise.id, promise.variant, debtor, period, name, Result.COUNTED, day=day)
        if below is None:
            return row._replace(result=Result.UNMEASURED)
        amount = 0 if above is None else min(above.numerator, below.denominator) * MICRO
        result = Result.LATE_ENTRY if late else Result.COUNTED
        return row._replace(amount=amount, base=below.denominator * MICRO, result=result)

    def _reported_by(self, promise: FigurePromise, unit: str, day: int) -> Instant:
        """Until when a month may still be reported, by the slower source of the two halves."""
        ends = self._timing.zone.midnight(day + 1) - 1
        halves = (promise.numerator, promise.denominator)
        return max(subject_reported_by(self._timing, ends, code, unit) for code in halves if code is not None)

    def _counted_report(
        self, promise: FigurePromise, key: FigureKey, in_time: Instant
    ) -> tuple[FigureReport | None, bool]:
        """The report that counts, and whether a better one waits for its confirmation: a report that comes too late to
        be in time alone turns no miss into a hit."""
        reports = [each for each in self._figures.reported.get(key, ()) if each.event.is_known(self._end)]
        if not reports:
            return None, False
        if promise.target is None or promise.numerator != promise.denominator:
            return reports[-1], False
        return _believed(promise, reports, self._accepted_report(key, reports), in_time)

    def _accepted_report(self, key: FigureKey, reports: Sequence[FigureReport]) -> FigureReport | None:
        """The last of the reports that those had seen who confirmed a late one."""
        seen = self._seen_by_deciders(key)
        return next((each for each in reversed(reports) if each.event.received <= seen), None)

    def _seen_by_deciders(self, key: FigureKey) -> Instant:
        """The last arrival that those had seen who confirmed a late report; 0 if nobody has."""
        confirmed = self._figures.confirmed.get(key)
        if confirmed is None or confirmed.data is None or not confirmed.is_known(self._end):
            return 0
        through: Instant = confirmed.data["through"]
        return through


def _believed(
    promise: FigurePromise, reports: Sequence[FigureReport], accepted: FigureReport | None, in_time: Instant
) -> tuple[FigureReport, bool]:
    """The report that counts, by one after the other, and whether the last one waits."""
    counted, waits = reports[0], False
    for report in reports[1:]:
        cures = _hits(promise, report) and not _hits(promise, counted)
        waits = cures and report.event.received > in_time and report is not accepted
        counted = counted if waits else report
    return counted, waits


def _hits(promise: FigurePromise, report: FigureReport) -> bool:
    """Whether one report alone reaches the target."""
    assert promise.target is not None
    return report.numerator >= promise.target.amount * report.denominator
