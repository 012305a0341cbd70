"""The mean reduction of handling time against the statutory limit (比法定时限平均减少), in three definitions.

`official`: the mean over service items of each item's mean reduction (the plan says 事项); `cases`: over cases;
`ratio_of_sums`: 1 − Σ actual ÷ Σ statutory. Net time, in the limit's own calendar; negative reductions stay negative.
"""

from fractions import Fraction
from typing import NamedTuple

from services.domain.history.case import Case
from services.domain.judging.binding import Binding, earliest, marks
from services.domain.judging.case_clock import CaseClock
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.judging.selection import compile_population
from services.domain.judging.unpublished import MARK
from services.domain.plan.kinds.mean_reduction import MeanReductionPromise
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic, half_even
from services.domain.sums.tally import NOW, Tally, TallyField, total
from services.domain.time.limits import Limit, LimitUnit
from services.domain.time.zone import Instant

_PICO = 10**12
"""A case's reduction is kept in units of 10⁻¹², so that the sum of a million rounded ones is right to 6 digits."""


class MeanReductionJudge:
    """`kind = "mean_reduction"`. Items without a statutory limit in force at acceptance leave the denominator."""

    def __init__(self, promise: MeanReductionPromise, law: Law) -> None:
        self.promise = promise
        self._law = law
        self._accepts = compile_population(promise.select, promise.unless, law.unset)
        self._binding = Binding(promise, law.zone)
        self._clocks = {
            unit: CaseClock(promise.clock._replace(measure=name), law)
            for unit, name in (
                (LimitUnit.WORKING_DAYS, "working_days"),
                (LimitUnit.CALENDAR_DAYS, "calendar_days"),
                (LimitUnit.WORKING_MINUTES, "working_minutes"),
                (LimitUnit.MINUTES, "minutes"),
            )
        }
        self._points = self._clocks[LimitUnit.WORKING_DAYS]
        self._key = promise.key

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """Cases of items with a statutory limit; the limit is the one in force at acceptance. Open ones count by their
        age, where the limit is in days."""
        if not self._accepts(case):
            return
        start = self._points.start(case)
        stop = self._points.stop(case, start)
        if start is None or self._binding.ended(case, stop) is not None:
            return
        if stop is not None and stop < start:
            stop = None
        if not self._binding.holds(start, stop, now):
            return
        limit = self._law.statutory_limit(case.service_item, self._law.zone.day(start))
        if limit is None or limit.unit not in self._clocks or limit.amount == 0:
            return
        if stop is None:
            if limit.unit in _DAYS:
                found.append(self._aged(case, start, now, limit))
        else:
            found.append(self._reduced(case, start, stop, limit))

    def _reduced(self, case: Case, start: Instant, stop: Instant, limit: Limit) -> Judgement:
        """What a closed case adds: its reduction, its net time and its limit."""
        clock = self._clocks[limit.unit]
        gross = clock.gross(case, start, stop)
        pauses = clock.pauses(case, start, stop) if case.suspensions else []
        net = gross - clock.stood_still(case, start, stop, pauses)
        whole = limit.amount * clock.measure.scale
        cells = (
            (TallyField.N, 1),
            (TallyField.TOTAL, half_even((whole - net) * _PICO, whole)),
            (TallyField.GROSS, gross),
            (TallyField.BASE, whole),
            (TallyField.ACTUAL, net),
            *marks(pauses, case.extended),
            *(MARK if clock.is_provisional(start, stop) else ()),
        )
        item, day = case.service_item, self._binding.day(stop)
        key = self._key
        return Judgement(key, case.cycle, Outcome.COUNTED, case.unit, item, day, cells, None, start, None, stop)

    def _aged(self, case: Case, start: Instant, now: Instant, limit: Limit) -> Judgement:
        """What an open case adds to the present: when it started, and its limit; or, while its clock is stopped, its
        age."""
        clock, whole = self._clocks[limit.unit], limit.amount
        pauses = clock.pauses(case, start, None) if case.suspensions else []
        stands_since = clock.standing_since(pauses, now)
        bin: int | None = None
        next_at = None
        if stands_since is not None:
            age = clock.gross(case, start, stands_since) - clock.stood_still(case, start, stands_since, pauses)
            reduction = half_even((whole - age) * _PICO, whole)
            next_at = earliest(now, pauses[-1][1])
        else:
            still = clock.stood_still(case, start, pauses[-1][1], pauses) if pauses else 0
            age, reduction = -still, half_even(still * _PICO, whole)
            bin = _Running(self._law.zone.day(start), limit.amount, _DAYS.index(limit.unit)).bin
        cells = (
            (TallyField.OPEN, 1),
            (TallyField.BASE, whole),
            (TallyField.ACTUAL, age),
            (TallyField.TOTAL, reduction),
        )
        key, item = self._key, case.service_item
        return Judgement(key, case.cycle, Outcome.OPEN, case.unit, item, NOW, cells, bin, start, next_at=next_at)

    def _with_open(self, closed: Tally | None, present: Tally | None, day: int) -> Tally:
        """Closed cases and open ones at their present age."""
        both = total(tally for tally in (closed, present) if tally is not None)
        both.cells[TallyField.N] += both.cells[TallyField.OPEN]
        for bin, count in present.bins.items() if present is not None else ():
            running = _Running.of(bin)
            if _DAYS[running.unit] is LimitUnit.WORKING_DAYS:
                age = self._law.calendar.working_days(running.start_day, day)
            else:
                age = day - running.start_day
            both.cells[TallyField.ACTUAL] += count * age
            both.cells[TallyField.TOTAL] += count * half_even((running.amount - age) * _PICO, running.amount)
        return both

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The mean in the definition of this variant; beside it the one that counts open cases at their age."""
        closed = {item: tally for item, tally in sums.closed.items() if tally.cells[TallyField.N]}
        opened = {item for item, tally in sums.present.items() if tally.cells[TallyField.OPEN]}
        censored = None
        if opened:
            censored = self._mean(
                [
                    self._with_open(closed.get(item), sums.present.get(item), at.day)
                    for item in sorted(opened | closed.keys())
                ]
            )
        n = sum(tally.cells[TallyField.N] for tally in closed.values())
        return Statistic(value=self._mean(list(closed.values())), n=n, censored=censored, small_sample_matters=True)

    def _mean(self, items: list[Tally]) -> Fraction | None:
        if not items:
            return None
        every = total(items).cells
        if self.promise.variant == "cases":
            return Fraction(every[TallyField.TOTAL], every[TallyField.N] * _PICO)
        if self.promise.variant == "ratio_of_sums":
            return 1 - Fraction(every[TallyField.ACTUAL], every[TallyField.BASE])
        means = (Fraction(tally.cells[TallyField.TOTAL], tally.cells[TallyField.N] * _PICO) for tally in items)
        return sum(means, Fraction()) / len(items)


_DAYS = (LimitUnit.WORKING_DAYS, LimitUnit.CALENDAR_DAYS)


class _Running(NamedTuple):
    """An open case whose clock runs, as a bin of its item's tally: all that its age needs."""

    start_day: int
    amount: int
    unit: int

    @property
    def bin(self) -> int:
        return (self.start_day << 17) | (self.amount << 1) | self.unit

    @classmethod
    def of(cls, bin: int) -> "_Running":
        return cls(bin >> 17, bin >> 1 & 0xFFFF, bin & 1)
