"""A mean over cases: of durations (平均用时), of a quantity (平均跑动次数), of the applicants' scores (评价).

No case breaches a mean (rule 5).
"""

from fractions import Fraction

from services.domain.history.case import MICRO, Case
from services.domain.judging.binding import earliest, marks
from services.domain.judging.case_clock import MEASURES
from services.domain.judging.case_span import CaseSpans
from services.domain.judging.closed_cases import CaseRatio
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import CaseKind, Moment, Sums
from services.domain.judging.unpublished import MARK
from services.domain.plan.plan import MeasuredPromise
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import NOW, Tally, TallyAmounts, TallyField, total
from services.domain.time.zone import Instant


class MeanOfCases:
    """The mean of one amount a case. Open cases are kept by their start: their age needs no clock of its own."""

    def __init__(self, promise: MeasuredPromise, law: Law) -> None:
        self.promise = promise
        self._law = law
        self._spans = CaseSpans(promise, law)
        self._binding, self._clock = self._spans.binding, self._spans.clock
        self._key = promise.key
        measure = promise.measured
        self._quantity = measure.removeprefix("quantity:") if measure.startswith("quantity:") else None
        self._milestone = measure.removeprefix("milestone:") if measure.startswith("milestone:") else None
        self._rating = measure == "rating"
        self._of_duration = measure in MEASURES
        self._in_days = self._of_duration and self._clock.measure.scale == 1
        self._in_opening_hours = measure == "working_minutes"

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """A completed case counts on the day of its completion; an open one counts by its age."""
        span = self._spans.of(case, now)
        if span is None:
            return
        start, stop = span
        item, unit, cycle = self._binding.item(case), case.unit, case.cycle
        ended = self._binding.ended(case, stop)
        if ended is not None:
            day = self._binding.day(ended)
            gone: TallyAmounts = ((TallyField.WITHDRAWN, 1),)
            found.append(
                Judgement(self._key, cycle, Outcome.WITHDRAWN, unit, item, day, gone, None, start, None, ended)
            )
        elif stop is not None:
            if self._rating and case.rating is None:
                return  # nobody owes a score: a case without one is neither counted nor missing
            cells, bin = self._measured(case, start, stop)
            outcome = Outcome.UNMEASURED if cells[0][0] == TallyField.UNMEASURED else Outcome.COUNTED
            day = self._binding.day(stop)
            found.append(Judgement(self._key, cycle, outcome, unit, item, day, cells, bin, start, None, stop))
        elif self._of_duration:
            cells, bin, next_at = self._age(case, start, now)
            found.append(Judgement(self._key, cycle, Outcome.OPEN, unit, item, NOW, cells, bin, start, next_at=next_at))
        elif not self._rating and (amount := self._amount(case)):
            cells = ((TallyField.OPEN, 1), (TallyField.TOTAL, amount))
            found.append(Judgement(self._key, cycle, Outcome.OPEN, unit, item, NOW, cells, None, start))

    def _measured(self, case: Case, start: Instant, stop: Instant) -> tuple[TallyAmounts, int | None]:
        if not self._of_duration:
            amount = self._amount(case)
            if amount is None:
                return ((TallyField.UNMEASURED, 1),), None
            return ((TallyField.N, 1), (TallyField.TOTAL, amount)), None
        clock = self._clock
        gross = clock.gross(case, start, stop)
        doubt = MARK if clock.is_provisional(start, stop) else ()
        if not case.suspensions:
            return ((TallyField.N, 1), (TallyField.TOTAL, gross), (TallyField.GROSS, gross), *doubt), clock.bin(gross)
        pauses = clock.pauses(case, start, stop)
        net = gross - clock.stood_still(case, start, stop, pauses)
        cells = (
            (TallyField.N, 1),
            (TallyField.TOTAL, net),
            (TallyField.GROSS, gross),
            *marks(pauses, case.extended),
            *doubt,
        )
        return cells, clock.bin(net)

    def _amount(self, case: Case) -> int | None:
        """The measured amount in millionths; None if unreported. A counter case with no visit counts 1."""
        if self._rating:
            return case.rating * MICRO if case.rating is not None else None
        if self._milestone is not None:
            times = case.milestones.get(self._milestone)
            return len(times) * MICRO if times else None
        amount = case.quantities.get(self._quantity or "")
        if self._quantity == "visits" and not amount and "counter" in case.channels:
            return MICRO
        return amount

    def _age(self, case: Case, start: Instant, now: Instant) -> tuple[TallyAmounts, int | None, Instant | None]:
        """What an open case adds to the present: its start; or, while its clock is stopped, its age, until the clock
        runs again by itself."""
        clock = self._clock
        pauses = clock.pauses(case, start, None) if case.suspensions else []
        stands_since = clock.standing_since(pauses, now)
        if stands_since is not None:
            gross = clock.gross(case, start, stands_since)
            age = gross - clock.stood_still(case, start, stands_since, pauses)
            return ((TallyField.OPEN, 1), (TallyField.TOTAL, age)), None, earliest(now, pauses[-1][1])
        still = clock.stood_still(case, start, pauses[-1][1], pauses) if pauses else 0
        cells: TallyAmounts = ((TallyField.OPEN, 1), (TallyField.TOTAL, -still)) if still else ((TallyField.OPEN, 1),)
        if self._in_days:
            return cells, self._law.zone.day(start), None
        if self._in_opening_hours:
            hours = self._law.hours(case.unit, case.service_item)
            return (*cells, (TallyField.BASE, hours.opened_until(start))), self._law.halls.index(hours), None
        return (*cells, (TallyField.BASE, start), (TallyField.ACTUAL, 1)), None, None

    def _ages(self, present: Tally, at: Moment) -> int:
        """The sum of the present ages of open cases, in the measure's integers."""
        ages = (
            present.cells[TallyField.TOTAL] + present.cells[TallyField.ACTUAL] * at.now - present.cells[TallyField.BASE]
        )
        return ages + sum(count * self._reached(bin, at) for bin, count in present.bins.items())

    def _reached(self, bin: int, at: Moment) -> int:
        """What an open case has reached by its bin: the age of one begun on that day; for opening time, which is
        counted from the beginning of all days less `BASE`, the opening time of that hall."""
        if self._in_opening_hours:
            return self._law.halls[bin].opened_until(at.now)
        if self._clock.measure.name == "working_days":
            return self._law.calendar.working_days(bin, at.day)
        return at.day - bin

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The mean over completed cases, and beside it the mean that counts open ones at their present age."""
        closed, present = total(sums.closed.values()), total(sums.present.values())
        n, scale = closed.cells[TallyField.N], self._clock.measure.scale if self._of_duration else MICRO
        opened = present.cells[TallyField.OPEN]
        censored = None
        if opened:
            censored = Fraction(closed.cells[TallyField.TOTAL] + self._ages(present, at), (n + opened) * scale)
        return Statistic(
            value=Fraction(closed.cells[TallyField.TOTAL], n * scale) if n else None,
            n=n,
            censored=censored,
            small_sample_matters=True,
            bins=closed.bins,
            bin_scale=self._clock.measure.bin_scale,
            gross=Fraction(closed.cells[TallyField.GROSS], n * scale) if n and self._of_duration else None,
        )


class CaseMeanJudge:
    """`kind = "case_mean"`: the mean of one amount a case, or a ratio of two sums."""

    def __init__(self, promise: MeasuredPromise, law: Law) -> None:
        self.promise = promise
        is_ratio = promise.measured.startswith("ratio:")
        measured: CaseKind = CaseRatio(promise, law) if is_ratio else MeanOfCases(promise, law)
        self.judge, self.figure = measured.judge, measured.figure
