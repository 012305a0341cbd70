"""A duty: a report a month from each unit that owes it, or one by a date. What is absent is judged, too."""

from collections import Counter
from fractions import Fraction

from services.domain.history.registers import Fulfilment
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.judging.months_owed import Months, OwedBy, last_day
from services.domain.plan.kinds.duty import DutyPromise
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import NOW, TallyAmounts, TallyField
from services.domain.time.zone import Instant

ONCE = "once"
"""The period of what is owed once."""


class DutyJudge:
    """`kind = "duty"`. The duty of month M is due at the end of its last day; one of `once` at 24:00 of its date, and
    any period fulfils it. The tally's item is period and unit, so that a report sent twice never replaces one that
    another unit did not send."""

    def __init__(self, promise: DutyPromise, law: Law) -> None:
        self.promise = promise
        self._zone = law.zone
        self._owed_by = OwedBy(promise.owed_by, law.units)
        self._months = Months(promise, law.zone)
        self._since = law.zone.midnight(promise.effective_from.toordinal())
        self._by = law.zone.midnight(promise.by.toordinal() + 1) - 1 if promise.by and promise.period == ONCE else None
        self._reporting, self._units = law.reporting, law.units
        self._code = promise.duty or ""

    def judge_fulfilment(self, fulfilment: Fulfilment, now: Instant, found: list[Judgement]) -> None:
        """Done by its due day: met; later: missed for good, but no longer open. Reported later: a late entry."""
        if fulfilment.duty != self.promise.duty:
            return
        period, bin = fulfilment.period, None
        if self._by is not None:
            if fulfilment.time < self._since:
                return
            due, period, bin = self._by, ONCE, self._zone.day(fulfilment.time)
        elif self._months.holds(period):
            due = self._due(period)
        else:
            return
        unit = self._owed_by.debtor(fulfilment.unit, self._zone.day(due))
        if unit is None:
            return
        cells: TallyAmounts = ((TallyField.N, 1),)
        if fulfilment.time > due:
            outcome = Outcome.MISSED
        elif self._is_late_entry(fulfilment, due):
            outcome, cells = Outcome.LATE_ENTRY, ((TallyField.N, 1), (TallyField.LATE_ENTRY, 1))
        else:
            outcome, cells = Outcome.MET, ((TallyField.N, 1), (TallyField.MET, 1))
        item = f"{period}/{unit}"
        cycle = int(fulfilment.period.replace("-", ""))  # a duty's cycle is its period
        found.append(
            Judgement(self.promise.key, cycle, outcome, unit, item, NOW, cells, bin, None, due, fulfilment.time)
        )

    def _due(self, period: str) -> Instant:
        """The last instant at which the duty of a period is done in time."""
        return self._zone.midnight(last_day(period) + 1) - 1 if self._by is None else self._by

    def _is_late_entry(self, fulfilment: Fulfilment, due: Instant) -> bool:
        """Whether it was reported too late, and nobody confirmed it."""
        reported_by, arrival = self._reported_by(fulfilment.unit, due), fulfilment.arrival(due)
        return arrival > reported_by and not fulfilment.confirmations.accept(self.promise.id, arrival)

    def _reported_by(self, unit: str, due: Instant) -> Instant:
        """Until when it may be reported that a unit has done its duty by the due instant."""
        return self._reporting.until(due, self._reporting.of_subject(self._code, self._units.names_at(unit, due)))

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """Reports done on time ÷ reports due whose last day lies in the window; for `ALL`, of every unit that owes.
        What is owed once is owed in every window; before its date, what is not done yet is no miss. What is not
        reported is awaited while its source is in time, and not due until then."""
        done = {item: tally for item, tally in sums.present.items() if tally.cells[TallyField.MET]}
        owed = self._owed(sums, at)
        met = sum(f"{period}/{unit}" in done for period, unit in owed)
        awaited = sum(self._is_awaited(period, unit, sums, at.now) for period, unit in owed)
        n = len(owed) - awaited
        found = Statistic(value=Fraction(met, n) if n else None, n=n, numerator=met, denominator=n, ratio=True)
        found.awaiting, found.is_awaited = awaited, awaited > 0
        found.if_all_late = Fraction(met, len(owed)) if awaited else None
        if self._by is not None:
            found.pending = at.now < self._by
            found.reached, found.reached_of = Counter(min(tally.bins) for tally in done.values()), n
        return found

    def _owed(self, sums: Sums, at: Moment) -> list[tuple[str, str]]:
        """(period, unit) of each report whose last day lies in the window."""
        periods = [ONCE] if self._by is not None else self._months.ended(sums.first_day, at)
        return [
            (period, unit)
            for period in periods
            for unit in sums.of(self._owed_by.on(self._zone.day(self._due(period))))
        ]

    def _owing(self, period: str) -> frozenset[str]:
        """The units that owe the report of a period, by its due day."""
        return self._owed_by.on(self._zone.day(self._due(period)))

    def _is_awaited(self, period: str, unit: str, sums: Sums, now: Instant) -> bool:
        """Whether a report is due, and not known, and its source is still in time."""
        due = self._due(period)
        return f"{period}/{unit}" not in sums.present and due <= now < self._reported_by(unit, due)
