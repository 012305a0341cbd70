"""A bound on a count, an amount or an order of steps in a case: no fee, one survey, intention before start.

A breach counts at once; a case that closes without the source having reported the fact is unmeasured (DESIGN §4.12).
"""

from collections.abc import Callable
from decimal import Decimal

from services.domain.case import MICRO, Case
from services.domain.figure import Figure
from services.domain.judgement import Judgement, Outcome
from services.domain.kinds.binding import Binding, marks
from services.domain.kinds.case_limit import compliance
from services.domain.kinds.kind import Moment, Sums
from services.domain.law import Law
from services.domain.plan import Objective, Promise, Strength
from services.domain.selection import compile_selection
from services.domain.stopwatch import Stopwatch
from services.domain.tally import NOW, Cell, Cells
from services.domain.zone import Instant

Counted = Callable[[Case], int | None]
"""What is bounded, in millionths; None while unreported."""


class CaseBound:
    """`kind = "case_bound"`. Every one of `counts` must keep the bound by itself."""

    def __init__(self, promise: Promise, law: Law) -> None:
        assert promise.bound is not None
        self.promise = promise
        self._accepts = compile_selection(promise.select)
        self._binding = Binding(promise, law.zone)
        self._watch = Stopwatch(promise, law)
        self._bound: Objective = promise.bound
        self._counts = tuple(counted(text) for text in promise.counts)
        self._final = self._bound.relation == "<="
        self._curable = not self._final or any(text.startswith("order:") for text in promise.counts)
        """A step told of late can make good what looked like a breach."""
        self._key = promise.key
        self._red = promise.strength is Strength.HARD

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """A breach of an upper bound counts while the case is open, too; everything else at its completion."""
        if not self._accepts(case):
            return
        start = self._watch.start(case)
        if start is None:
            return
        stop = self._watch.stop(case, start)
        if not self._binding.holds(start, stop, now):
            return
        amounts = [count(case) for count in self._counts]
        breached = any(amount is not None and not self._holds(amount) for amount in amounts)
        ended = self._binding.ended(case, stop)
        end = ended if ended is not None else stop
        cells: Cells
        if end is None:
            if breached and self._final:
                outcome, cells = Outcome.OVERDUE, ((Cell.OVERDUE, 1),)
            else:
                outcome, cells = Outcome.OPEN, ()
        elif breached:
            outcome, cells = Outcome.MISSED, ((Cell.N, 1), *marks(case, ()))
        elif ended is not None:
            outcome, cells = Outcome.WITHDRAWN, ((Cell.WITHDRAWN, 1),)
        elif None in amounts:
            outcome, cells = Outcome.UNMEASURED, ((Cell.UNMEASURED, 1),)
        else:
            outcome, cells = Outcome.MET, ((Cell.N, 1), (Cell.MET, 1), *marks(case, ()))
        day = NOW if end is None else self._binding.day(end)
        red_at = start if self._red and outcome is Outcome.OVERDUE else None
        # a red card stood if it was in breach while open, or may have stood
        carded = red_at is not None or (end is not None and (breached or self._curable))
        found.append(
            Judgement(
                self._key, case.cycle, outcome, case.unit, self._binding.item(case), day, cells, None, start,
                None, end, start if carded else None, red_at,
            )
        )  # fmt: skip

    def _holds(self, amount: int) -> bool:
        return self._bound.holds(Decimal(amount).scaleb(-6))

    def figure(self, sums: Sums, at: Moment) -> Figure:
        """The share of measured cases within the bound."""
        return compliance(sums, self.promise)


def counted(text: str) -> Counted:
    """What one entry of `counts` reads off a case."""
    subject, _, name = text.partition(":")
    if subject == "quantity":
        return lambda case: case.quantities.get(name)
    if subject == "order":
        first, _, then = name.partition("<")
        return lambda case: _disorder(case, first, then)
    return lambda case: len(case.milestones[name]) * MICRO if name in case.milestones else None


def _disorder(case: Case, first: str, then: str) -> int | None:
    """1 if the second step came without the first before it; None while the second has not come."""
    later = case.milestones.get(then)
    if not later:
        return None
    earlier = case.milestones.get(first)
    return 0 if earlier and earlier[0] <= later[0] else MICRO
