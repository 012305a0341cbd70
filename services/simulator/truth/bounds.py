"""The truth of promises that bound an amount of each case.

What is forbidden is a miss if it has not been taken back when the case matures.
"""

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

from services.domain.plan.plan import CasePromise, Objective
from services.domain.time.limits import Limit
from services.domain.time.zone import Instant
from services.simulator.stories.result import Result
from services.simulator.truth.observed_case import ObservedCase
from services.simulator.truth.promise_view import PromiseView
from services.simulator.truth.row import Row


def bound_row(view: PromiseView) -> Row:
    """Missed as soon as an amount exceeds the bound; met when the case has ended without that."""
    promise, bound = view.promise, view.promise.bounded_by
    assert bound is not None
    end = _end(view)
    due = view.due if isinstance(promise.maturity, Limit) else None
    row = view.row._replace(due=due)
    amounts = _amounts(view, None if due is None else min(due, end or due))
    if due is not None and bound.relation == ">=":
        return _demanded_row(view, row, bound, end)
    if _exceeds(bound, amounts):
        return _exceeded_row(view, row, end)
    return row if end is None else _ended_row(view, row, amounts, end)


def _exceeded_row(view: PromiseView, row: Row, end: Instant | None) -> Row:
    """There is too much, unless a first step is missing that may still be reported in time."""
    if not view.passed(_first_step_by(view)):
        return row._replace(result=Result.AWAITING)
    return row._replace(result=Result.OPEN_OVERDUE) if end is None else view.closed(row, Result.MISSED, end)


def _ended_row(view: PromiseView, row: Row, amounts: Sequence[Fraction | None], end: Instant) -> Row:
    """A case that has ended without exceeding the bound."""
    bound = view.promise.bounded_by
    assert bound is not None
    if view.over is not None:
        return view.closed(row, Result.WITHDRAWN, end)
    if row.due is None and _is_taken_back_late(view, bound, end):
        return view.closed(row, Result.LATE_ENTRY, end)
    if _is_short(bound, amounts):
        awaited = not view.passed(view.awaited_until(end, view.promise.bounded))
        return row._replace(result=Result.AWAITING) if awaited else view.closed(row, Result.MISSED, end)
    return view.closed(row, Result.UNMEASURED if None in amounts else Result.MET, end)


def _first_step_by(view: PromiseView) -> Instant:
    """Until when the first step may be reported where only the second is known; 0 if nothing is waited for."""
    waits = [0]
    for text in view.promise.bounded:
        first, _, then = text.removeprefix("order:").partition("<")
        if not text.startswith("order:") or then not in view.case.milestones:
            continue
        later = view.case.milestones[then][0]
        if view.case.reached(first, later):
            continue
        if first in view.case.milestones:
            return 0
        waits.append(view.awaited_until(later, [f"milestone:{first}"]))
    return max(waits)


def _is_short(bound: Objective, amounts: Sequence[Fraction | None]) -> bool:
    return bound.relation != "<=" and any(amount is not None and amount < bound.amount for amount in amounts)


def _end(view: PromiseView) -> Instant | None:
    """When the amounts of a case are final."""
    end, case = view.end, view.case
    if view.promise.maturity == "completion" and view.promise.stop != ("completed",):
        return case.over_before(case.completed_at, refusal_ends=False) or case.completed_at
    if view.promise.maturity == "stop" and end is None:
        return case.completed_at
    return end


def _is_taken_back_late(view: PromiseView, bound: Objective, end: Instant) -> bool:
    """Whether there was too much when the case ended, and nobody confirmed what was taken back afterwards."""
    only_sums = all(text.startswith("quantity:") for text in view.promise.bounded)
    if not only_sums or not _exceeds(bound, _amounts(view, end)):
        return False
    names, case = [text.removeprefix("quantity:") for text in view.promise.bounded], view.case
    arrivals = [received for time, name, _, received in case.measured if time > end and name in names]
    return not case.is_confirmed(view.promise.id, max([*arrivals, case.completion_arrived]))


def can_be_taken_back(promise: CasePromise, row: Row, at: Instant) -> bool:
    """Whether a breach has not matured at an instant: it is a miss only if it is still there when the case matures.
    Nothing takes back the order of two steps, or what a list said."""
    is_final = any(text.startswith(("order:", "attribute:")) for text in promise.bounded)
    return bool(promise.bounded) and row.stopped is None and not is_final and (row.due is None or at <= row.due)


def _amounts(view: PromiseView, by: Instant | None) -> list[Fraction | None]:
    return [amount_of(text, view.case, by) for text in view.promise.bounded]


def _exceeds(bound: Objective, amounts: Sequence[Fraction | None]) -> bool:
    return bound.relation != ">=" and any(amount is not None and amount > bound.amount for amount in amounts)


# ---- an amount that is demanded by a date ------------------------------------------------------------
def _demanded_row(view: PromiseView, row: Row, bound: Objective, end: Instant | None) -> Row:
    """Met on the day on which the amount was reached for good; missed if that comes too late, or never."""
    due = row.due
    assert due is not None
    reached = _reached_for_good(view, bound, end)
    if reached is not None:
        return view.closed(row, Result.MET if reached <= due else Result.MISSED, reached)
    ended = end if end is not None and end <= due else None
    if ended is not None and view.over is not None:
        return view.closed(row, Result.WITHDRAWN, ended)
    if ended is not None and amount_of(view.promise.bounded[0], view.case, ended) is None:
        return view.closed(row, Result.UNMEASURED, ended)
    return _short_row(view, row, end, due if ended is None else ended)


def _short_row(view: PromiseView, row: Row, end: Instant | None, mature: Instant) -> Row:
    """There is too little at the instant at which the case matures."""
    if end is None and not view.passed(mature):
        return row
    if not view.passed(view.awaited_until(mature, view.promise.bounded)):
        return row._replace(result=Result.AWAITING)
    if end is not None:
        return view.closed(row, Result.MISSED, end)
    return row._replace(result=Result.STUCK if view.now is None else Result.OPEN_OVERDUE)


def _reached_for_good(view: PromiseView, bound: Objective, end: Instant | None) -> Instant | None:
    """Since when the amount has been enough, up to the due date or else up to the end; None: it is not."""
    times = sorted({view.start, *(time for time, _, _, _ in view.case.measured)})
    times = [time for time in times if time >= view.start and (end is None or time <= end)]
    reached = _enough_since(view, bound, [time for time in times if time <= view.due])
    return _enough_since(view, bound, times) if reached is None else reached


def _enough_since(view: PromiseView, bound: Objective, times: Sequence[Instant]) -> Instant | None:
    """The first of the last times at all of which the amount is enough."""
    (text,) = view.promise.bounded
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
