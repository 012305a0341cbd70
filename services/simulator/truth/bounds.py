"""The truth of promises that bound an amount of each case."""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from services.domain.plan.plan import Objective
from services.domain.time.limits import Limit
from services.domain.time.zone import Instant
from services.simulator.stories.result import Result
from services.simulator.truth.observed_case import ObservedCase
from services.simulator.truth.promise_view import PromiseView
from services.simulator.truth.row import Row


def bound_row(view: PromiseView) -> Row:
    """Missed as soon as an amount exceeds the bound; met when the case has ended without that."""
    promise, bound = view.promise, view.promise.bound
    assert bound is not None
    end = _end(view)
    due = view.due if isinstance(promise.matures_at, Limit) else None
    row = view.row._replace(due=due)
    amounts = _amounts(view, None if due is None else min(due, end or due))
    if due is not None and bound.relation == ">=":
        return _demanded_row(view, row, bound, end)
    exceeded = _exceeds(bound, amounts)
    if end is None:
        return row._replace(result=Result.OPEN_OVERDUE) if exceeded else row
    return view.closed(row, Result.MISSED if exceeded else _ended_result(view, bound, amounts), end)


def _end(view: PromiseView) -> Instant | None:
    """When the amounts of a case are final."""
    end, case = view.end, view.case
    if view.promise.matures_at == "completion" and view.promise.stop != ("completed",):
        return case.over_before(case.completed_at, refusal_ends=False) or case.completed_at
    if view.promise.matures_at == "stop" and end is None:
        return case.completed_at
    return end


def _amounts(view: PromiseView, by: Instant | None) -> list[Fraction | None]:
    return [amount_of(text, view.case, by) for text in view.promise.counts]


def _exceeds(bound: Objective, amounts: Sequence[Fraction | None]) -> bool:
    return bound.relation != ">=" and any(amount is not None and amount > bound.amount for amount in amounts)


def _ended_result(view: PromiseView, bound: Objective, amounts: Sequence[Fraction | None]) -> Result:
    """The result of a case that has ended without exceeding the bound."""
    if view.over is not None:
        return Result.WITHDRAWN
    if bound.relation != "<=" and any(amount is not None and amount < bound.amount for amount in amounts):
        return Result.MISSED
    return Result.UNMEASURED if None in amounts else Result.MET


# ---- an amount that is demanded by a date ------------------------------------------------------------
def _demanded_row(view: PromiseView, row: Row, bound: Objective, end: Instant | None) -> Row:
    """Met on the day on which the amount was reached for good; missed if that comes too late, or never."""
    due = row.due
    assert due is not None
    reached = _reached_for_good(view, bound, end)
    if reached is not None:
        return view.closed(row, Result.MET if reached <= due else Result.MISSED, reached)
    if end is not None and end <= due:
        amount = amount_of(view.promise.counts[0], view.case, end)
        missed = Result.UNMEASURED if amount is None else Result.MISSED
        return view.closed(row, Result.WITHDRAWN if view.over is not None else missed, end)
    if not view.passed(due):
        return row
    if end is not None:
        return view.closed(row, Result.MISSED, end)
    return view.unfinished(row, due)


def _reached_for_good(view: PromiseView, bound: Objective, end: Instant | None) -> Instant | None:
    """Since when the amount has been enough, up to the due date or else up to the end; None: it is not."""
    times = sorted({view.start, *(time for time, _, _ in view.case.measured)})
    times = [time for time in times if time >= view.start and (end is None or time <= end)]
    reached = _enough_since(view, bound, [time for time in times if time <= view.due])
    return _enough_since(view, bound, times) if reached is None else reached


def _enough_since(view: PromiseView, bound: Objective, times: Sequence[Instant]) -> Instant | None:
    """The first of the last times at all of which the amount is enough."""
    (text,) = view.promise.counts
    since = None
    for time in reversed(times):
        amount = amount_of(text, view.case, time)
        if amount is None or amount < bound.amount:
            break
        since = time
    return since


# ---- amounts -----------------------------------------------------------------------------------------
def amount_of(text: str, case: ObservedCase, by: Instant | None) -> Fraction | None:
    """The amount of an entry of `counts` by an instant. None if it was not reported; nought if the source says that it
    reports every step."""
    subject, _, name = text.partition(":")
    amount = _AMOUNTS[subject](name, case, by)
    if amount is None and subject in _NOUGHT_WITH_FULL_TRACE and case.attributes.get("full_trace") is True:
        return Fraction(0)
    return amount


def _quantity(name: str, case: ObservedCase, by: Instant | None) -> Fraction | None:
    return case.sum(name, by)


def _ratio(name: str, case: ObservedCase, by: Instant | None) -> Fraction | None:
    above, below = (amount_of(f"quantity:{each}", case, by) for each in name.split("/"))
    return above / below if above is not None and below else None


def _attribute(name: str, case: ObservedCase, by: Instant | None) -> Fraction | None:
    codes = case.attributes.get(name)
    return None if codes is None else Fraction(len(set(codes)))


def _order(name: str, case: ObservedCase, by: Instant | None) -> Fraction | None:
    first, _, then = name.partition("<")
    later = next(iter(case.milestones.get(then, ())), None)
    if later is None or (by is not None and later > by):
        return None
    return Fraction(not case.reached(first, later))


def _milestone(name: str, case: ObservedCase, by: Instant | None) -> Fraction | None:
    times = case.milestones.get(name)
    return None if times is None else Fraction(sum(by is None or time <= by for time in times))


_AMOUNTS: Mapping[str, Callable[[str, ObservedCase, Instant | None], Fraction | None]] = {
    "quantity": _quantity,
    "ratio": _ratio,
    "attribute": _attribute,
    "order": _order,
    "milestone": _milestone,
}
_NOUGHT_WITH_FULL_TRACE = ("quantity", "order", "milestone")
