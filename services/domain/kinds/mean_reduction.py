"""The mean reduction of handling time against the statutory limit (比法定时限平均减少), in three definitions.

`official`: the mean over service items of each item's mean reduction (the plan says 事项); `cases`: over cases;
`ratio_of_sums`: 1 − Σ actual ÷ Σ statutory. Net time, in the limit's own calendar; negative reductions stay negative.
"""

from fractions import Fraction

from services.domain.case import Case
from services.domain.figure import Figure
from services.domain.judgement import Judgement, Outcome
from services.domain.kinds.binding import Binding, ended, marks
from services.domain.kinds.kind import Moment, Sums
from services.domain.law import Law
from services.domain.limits import LimitUnit
from services.domain.plan import Promise
from services.domain.selection import compile_selection
from services.domain.stopwatch import Stopwatch
from services.domain.tally import Cell, total
from services.domain.zone import Instant

_PICO = 10**12
"""A case's reduction is kept in units of 10⁻¹², so that the sum of a million rounded ones is right to 6 digits."""


class MeanReduction:
    """`kind = "mean_reduction"`. Items without a statutory limit in force at acceptance leave the denominator."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._law = law
        self._accepts = compile_selection(promise.select)
        self._binding = Binding(promise, law.zone)
        self._watches = {
            unit: Stopwatch(promise.model_copy(update={"measure": name}), law)
            for unit, name in (
                (LimitUnit.WORKING_DAYS, "working_days"),
                (LimitUnit.CALENDAR_DAYS, "calendar_days"),
                (LimitUnit.WORKING_MINUTES, "working_minutes"),
                (LimitUnit.MINUTES, "minutes"),
            )
        }
        self._points = self._watches[LimitUnit.WORKING_DAYS]
        self._key = promise.key

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """Completed cases of items with a statutory limit; the limit is the one in force at acceptance."""
        if not self._accepts(case):
            return
        start, stop = self._points.start(case), self._points.stop(case)
        if start is None or stop is None or stop < start or ended(case, stop) is not None:
            return
        if not self._binding.holds(start, stop, now):
            return
        limit = self._law.statutory_limit(case.service_item, self._law.zone.day(start))
        watch = self._watches.get(limit.unit) if limit is not None else None
        if limit is None or watch is None or limit.amount == 0:
            return
        gross = watch.gross(case, start, stop)
        pauses = watch.pauses(case, start, stop) if case.suspensions else []
        net = gross - watch.stood_still(case, start, stop, pauses)
        whole = limit.amount * watch.measure.scale
        cells = (
            (Cell.N, 1),
            (Cell.TOTAL, round(Fraction((whole - net) * _PICO, whole))),
            (Cell.GROSS, gross),
            (Cell.BASE, whole),
            (Cell.ACTUAL, net),
            *marks(case, pauses),
        )
        day = self._binding.day(stop)
        found.append(
            Judgement(
                self._key,
                case.cycle,
                Outcome.COUNTED,
                case.unit,
                case.service_item,
                day,
                cells,
                None,
                start,
                None,
                stop,
            )
        )

    def figure(self, sums: Sums, at: Moment) -> Figure:
        """The mean in the definition of this variant."""
        items = [tally for tally in sums.closed.values() if tally.cells[Cell.N]]
        closed = total(items)
        n = closed.cells[Cell.N]
        value = None
        if n and self.promise.variant == "cases":
            value = Fraction(closed.cells[Cell.TOTAL], n * _PICO)
        elif n and self.promise.variant == "ratio_of_sums":
            value = 1 - Fraction(closed.cells[Cell.ACTUAL], closed.cells[Cell.BASE])
        elif n:
            value = sum(
                (Fraction(tally.cells[Cell.TOTAL], tally.cells[Cell.N] * _PICO) for tally in items), Fraction()
            ) / len(items)
        return Figure(value=value, n=n, small_sample_matters=True)
