"""A figure that sources count themselves, month by month or once: where no cases are sent (`figure.reported`)."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache

from services.domain.history.case import MICRO
from services.domain.history.decisions import FOREVER
from services.domain.history.registers import Report, ReportedAmounts
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.judging.months_owed import Months, OwedBy, last_day
from services.domain.plan.kinds.figure import FigurePromise
from services.domain.plan.plan import Objective
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic, whole_number
from services.domain.sums.tally import NOW, Tally, TallyAmounts, TallyField
from services.domain.time.zone import Instant

Reported = Mapping[str, Mapping[str, Tally]]
"""Unit → period → what was reported."""


class FigureJudge:
    """`kind = "figure"`. Numerator and denominator may come from two sources (what was collected from a unit, and what
    the unit has): they meet in the tally of unit and period. A period with a denominator is measured, and without a
    numerator nothing of it counts; a numerator alone counts for nothing. A part counts for no more than its whole:
    what one unit or month has too much makes up for no other's lack.

    In a tally, N says that the denominator (BASE) was reported, MET that the numerator (TOTAL) was.
    """

    def __init__(self, promise: FigurePromise, law: Law) -> None:
        self.promise = promise
        self._zone = law.zone
        self._months = Months(promise, law.zone)
        self._owed_by = OwedBy(promise.owed_by, law.units)
        self._by = law.zone.midnight(promise.by.toordinal() + 1) - 1 if promise.by else None
        self._once = promise.period == "once"
        self._has_halves = promise.numerator != promise.denominator
        self._reported_by = lru_cache(maxsize=4096)(self._last_report_due)
        self._reporting, self._units = law.reporting, law.units
        self._is_part = promise.objective is None or promise.objective.unit == "share"

    # ---- a report ----------------------------------------------------------------------------------
    def judge_report(self, report: Report, now: Instant, found: list[Judgement]) -> None:
        """What was not corrected of a report counts. A better report that arrives when it can no longer be in time is a
        late entry: the one before counts until the operations centre confirms it (rule 14)."""
        promise = self.promise
        if report.quantity not in (promise.numerator, promise.denominator):
            return
        if not self._counts(report.period):
            return
        ends = self._due(report.period)
        unit = self._owed_by.debtor(report.unit, self._zone.day(ends)) if promise.owed_by else report.unit
        if unit is None:
            return
        count, late = self._counting_report(report, self._reported_by(unit, ends))
        cells = () if count is None else self._cells(report.quantity, count)
        if late:
            cells += ((TallyField.LATE_ENTRY, 1),)
        outcome = Outcome.LATE_ENTRY if late else Outcome.COUNTED
        cycle = int(report.period.replace("-", ""))  # as a duty's: its period
        item = f"{report.period}/{unit}"
        found.append(Judgement(promise.key, cycle, outcome, unit, item, NOW, cells, None, None, ends))

    def _cells(self, quantity: str, count: ReportedAmounts) -> TallyAmounts:
        """What a count adds: the numerator, the denominator, or both."""
        cells: TallyAmounts = ()
        if quantity == self.promise.numerator:
            cells += ((TallyField.MET, 1), (TallyField.TOTAL, count.numerator))
        if quantity == self.promise.denominator:
            cells += ((TallyField.N, 1), (TallyField.BASE, count.denominator))
        return cells

    def _counts(self, period: str) -> bool:
        """Once: any period that ends while the promise is in force, and by its date: what is reached later does not
        undo a miss."""
        promise = self.promise
        if not self._once or promise.by is None:
            return self._months.holds(period)
        return promise.effective_from.toordinal() <= last_day(period) <= promise.by.toordinal()

    def _due(self, period: str) -> Instant:
        """The last instant of a period; of what is owed once, of its date."""
        if self._once and self._by is not None:
            return self._by
        return self._zone.midnight(last_day(period) + 1) - 1

    def _counting_report(self, report: Report, in_time: Instant) -> tuple[ReportedAmounts | None, bool]:
        """The count that holds, if any, and whether a better one waits for confirmation. A decision is on the report
        that its deciders had seen last. `in_time`: until when it could be reported."""
        target = self.promise.target
        if target is None:
            return report.versions[-1], False
        believed, waits = None, False
        followings = [each.received for each in report.versions[1:]]
        for count, following in zip(report.versions, [*followings, FOREVER], strict=True):
            waits = count.received > in_time and self._is_better(count, believed, report.quantity, target)
            if waits:
                waits = not report.confirmations.accept(self.promise.id, count.received, following)
            if not waits:
                believed = count
        return believed, waits

    def _is_better(
        self, count: ReportedAmounts, than: ReportedAmounts | None, quantity: str, target: Objective
    ) -> bool:
        """Whether a report makes the figure look better. A first report turns silence into a figure; by a date, it
        would undo a miss."""
        if than is None:
            dated = self._once and self._by is not None
            return dated and (self._has_halves or _holds(target, count))
        if self._has_halves:
            return self._is_better_half(count, than, quantity, target)
        return _holds(target, count) and not _holds(target, than)

    def _is_better_half(self, count: ReportedAmounts, than: ReportedAmounts, quantity: str, target: Objective) -> bool:
        """Whether the numerator is higher, or the denominator lower; where less is better, the other way round."""
        above = quantity == self.promise.numerator
        grows = count.numerator - than.numerator if above else than.denominator - count.denominator
        return grows < 0 if target.relation == "<=" else grows > 0

    # ---- the figure --------------------------------------------------------------------------------
    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The numerators ÷ the denominators: for `share` of all periods whose last day lies in the window, for `stock`
        of each unit's last reported one of them; of what is owed once, of what each unit reported last."""
        reported = _by_unit(sums.present)
        periods = [] if self._once else self._months.ended(sums.first_day, at)
        if self._once:
            amounts = _last_reported(reported)
        else:
            there = self._without_waiting(reported, periods, at.now)
            amounts = _amounts(_measured(there, periods, last_only=self.promise.statistic == "stock"))
        figure = self._quotient(amounts)
        figure.pending = self._by is not None and at.now < self._reported_by(sums.one_unit, self._by)
        figure.owed, figure.unmeasured = self._silence(reported, periods, sums, at)
        return figure

    def _quotient(self, amounts: Sequence[tuple[int, int]]) -> Statistic:
        """Numerators ÷ denominators, a part counting for no more than its whole."""
        part, whole_of = sum(above for above, _ in amounts), sum(below for _, below in amounts)
        excess = sum(max(above - below, 0) for above, below in amounts) if self._is_part else 0
        part -= excess
        exact_part, exact_whole = whole_number(Fraction(part, MICRO)), whole_number(Fraction(whole_of, MICRO))
        objective = self.promise.objective
        return Statistic(
            value=Fraction(part, whole_of) if whole_of else None, n=whole_of // MICRO,
            numerator=exact_part, denominator=exact_whole,
            ratio=isinstance(exact_part, int) and isinstance(exact_whole, int) and 0 <= part <= whole_of,
            small_sample_matters=objective is not None and objective.unit == "share" and objective.amount < 1,
            excess=Fraction(excess, MICRO),
        )  # fmt: skip

    def _without_waiting(self, reported: Reported, periods: Iterable[str], now: Instant) -> Reported:
        """What was reported, without the months of which a half may still come in time."""
        wanted = set(periods)
        return {
            unit: {
                period: tally
                for period, tally in by_period.items()
                if period in wanted and (_is_whole(tally) or not self._waits(unit, period, now))
            }
            for unit, by_period in reported.items()
        }

    def _waits(self, unit: str, period: str, now: Instant) -> bool:
        """Whether a month of a unit may still be reported in time: it is not owed yet."""
        return now < self._reported_by(unit, self._due(period))

    def _last_report_due(self, unit: str, ends: Instant) -> Instant:
        """Until when it may be reported what a unit had counted at an instant, by the slower source of the two halves
        (rule 14); of any unit where it is empty."""
        reporting, promise = self._reporting, self.promise
        units = self._units.names_at(unit, ends) if unit else frozenset[str]()
        delays = reporting.of_subject(promise.numerator, units) | reporting.of_subject(promise.denominator, units)
        return reporting.until(ends, delays)

    def _silence(self, reported: Reported, periods: list[str], sums: Sums, at: Moment) -> tuple[int, int]:
        """How many reports are owed by now, and of how many there is no denominator."""
        if not self._once:
            return self._silent_months(reported, periods, sums, at.now)
        by = self._by
        owing = sums.of(self._owed_by.on(at.day if by is None else self._zone.day(by)))
        owed = [unit for unit in owing if by is None or at.now >= self._reported_by(unit, by)]
        return len(owed), sum(not any(map(_is_measured, reported.get(unit, {}).values())) for unit in owed)

    def _silent_months(self, reported: Reported, periods: Iterable[str], sums: Sums, now: Instant) -> tuple[int, int]:
        """The same of what is owed month by month."""
        of_each = (
            (each, period, reported.get(each, {}).get(period))
            for period in periods
            for each in sums.of(self._owed_by.on(last_day(period)))
        )
        owed = [tally for each, period, tally in of_each if _is_whole(tally) or not self._waits(each, period, now)]
        return len(owed), sum(tally is None or not _is_measured(tally) for tally in owed)


def _by_unit(present: Mapping[str, Tally]) -> Reported:
    found: dict[str, dict[str, Tally]] = {}
    for item, tally in present.items():
        period, _, unit = item.partition("/")
        found.setdefault(unit, {})[period] = tally
    return found


def _is_whole(tally: Tally | None) -> bool:
    """Whether both halves were reported."""
    return tally is not None and tally.cells[TallyField.N] > 0 and tally.cells[TallyField.MET] > 0


def _is_measured(tally: Tally) -> bool:
    return tally.cells[TallyField.N] > 0


def _measured(reported: Reported, periods: Iterable[str], *, last_only: bool) -> list[Tally]:
    """What was reported with a denominator; of each unit its last alone, or all."""
    wanted = sorted(periods)
    found: list[Tally] = []
    for by_period in reported.values():
        mine = [by_period[period] for period in wanted if period in by_period and _is_measured(by_period[period])]
        found += mine[-1:] if last_only else mine
    return found


def _amounts(tallies: Iterable[Tally]) -> list[tuple[int, int]]:
    """Numerator and denominator of each, in millionths."""
    return [(tally.cells[TallyField.TOTAL], tally.cells[TallyField.BASE]) for tally in tallies]


def _last_reported(reported: Reported) -> list[tuple[int, int]]:
    """The same of what each unit reported last, whichever periods the two halves name."""
    found = []
    for by_period in reported.values():
        measured = [period for period, tally in by_period.items() if _is_measured(tally)]
        if not measured:
            continue
        counted = [period for period, tally in by_period.items() if tally.cells[TallyField.MET]]
        part = by_period[max(counted)].cells[TallyField.TOTAL] if counted else 0
        found.append((part, by_period[max(measured)].cells[TallyField.BASE]))
    return found


def _holds(target: Objective, count: ReportedAmounts) -> bool:
    return count.denominator > 0 and target.holds(Fraction(count.numerator, count.denominator))
