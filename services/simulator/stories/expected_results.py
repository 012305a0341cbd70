"""The results that the truth must show for a case, as far as they were decided before its events."""

from collections.abc import Callable, Mapping

from services.domain.plan.plan import BY_EVENT, Kind, Objective, Promise
from services.simulator.stories.intentions import FULL_TRACE, Intentions
from services.simulator.stories.result import Result
from services.simulator.stories.timing import values_of

_NO_ATTRIBUTES = ("stopped", "reached")


def expect_results(intentions: Intentions) -> None:
    """Write the decided results into `CaseHistory.expected`; of a scenario only the one that it was made for."""
    case = intentions.case
    if case.intended is not None:
        promise, result = case.intended
        case.expected[promise] = result
    if case.generic and "completed" in case.points:
        for each in intentions.promises:
            decided = _result(intentions, each)
            if decided is not None:
                case.expected[each.key] = decided


def _result(intentions: Intentions, promise: Promise) -> Result | None:
    """None: it was not decided."""
    case = intentions.case
    if promise.matures_at not in BY_EVENT or not _applies(intentions, promise):
        return None
    stopped = case.has(promise.stop)
    if promise.kind is Kind.CASE_BOUND:
        return _bound_result(intentions, promise) if stopped else None
    if promise.kind is Kind.CASE_SHARE:
        if _is_in_numerator(intentions, promise):
            return Result.MET
        return Result.WITHDRAWN if case.outcome != "granted" and not stopped else Result.MISSED
    return None


def _applies(intentions: Intentions, promise: Promise) -> bool:
    """Whether its clock has started while it is in force, and the outcome is not excepted."""
    start = intentions.case.start_of(promise.start)
    excepted = promise.unless.get("outcome")
    if excepted is not None and intentions.case.outcome in values_of(excepted):
        return False
    return start is not None and intentions.timing.is_in_force(promise, start)


def _is_in_numerator(intentions: Intentions, promise: Promise) -> bool:
    case = intentions.case
    known = {name: value for name, value in intentions.final_attributes.items() if value is not None}
    known |= {**case.attributes, "channel": case.channel, "applicant": case.applicant}
    wanted = {name: value for name, value in promise.where.items() if name not in _NO_ATTRIBUTES}
    milestones = {f"milestone:{name}" for name in intentions.required_milestones(promise)}
    milestones |= set(promise.stop) - {"completed"}
    has_values = all(known.get(name) in values_of(value) for name, value in wanted.items())
    return has_values and milestones <= case.points.keys()


def _bound_result(intentions: Intentions, promise: Promise) -> Result:
    """The worst of the results of what it counts."""
    assert promise.bound is not None
    results = []
    for text in promise.counts:
        subject, _, name = text.partition(":")
        results.append(_BOUNDS[subject](intentions, name, promise.bound))
    return next((each for each in (Result.MISSED, Result.UNMEASURED, Result.LATE_ENTRY) if each in results), Result.MET)


def _unreported(intentions: Intentions) -> Result:
    """An amount without a report is nought only if the source reports everything."""
    return Result.MET if intentions.case.attributes.get(FULL_TRACE) else Result.UNMEASURED


def _milestone_result(intentions: Intentions, name: str, bound: Objective) -> Result:
    times = intentions.milestone_counts.get(name, 1)
    if not times and _unreported(intentions) is Result.UNMEASURED:
        return Result.UNMEASURED
    kept = times <= bound.amount if bound.relation == "<=" else times == bound.amount
    return Result.MET if kept else Result.MISSED


def _quantity_result(intentions: Intentions, name: str, bound: Objective) -> Result:
    amounts = intentions.amounts.get(name)
    if amounts is None:
        return _unreported(intentions)
    if sum(amounts) > bound.amount:
        return Result.MISSED
    return Result.LATE_ENTRY if amounts[0] > bound.amount else Result.MET


def _attribute_result(intentions: Intentions, name: str, bound: Objective) -> Result:
    codes = intentions.final_attributes.get(name)
    if codes is None:
        return Result.UNMEASURED
    return Result.MET if len(codes) <= bound.amount else Result.MISSED


def _order_result(intentions: Intentions, name: str, bound: Objective) -> Result:
    return Result.MISSED if name.partition("<")[0] in intentions.too_late else Result.MET


_BOUNDS: Mapping[str, Callable[[Intentions, str, Objective], Result]] = {
    "milestone": _milestone_result,
    "quantity": _quantity_result,
    "attribute": _attribute_result,
    "order": _order_result,
    "ratio": _order_result,
}
"""What an entry of `counts` counts."""
