"""The truth of promises about the share of cases that have something."""

from services.domain.time.zone import Instant
from services.simulator.stories.result import Result
from services.simulator.stories.timing import own_limit
from services.simulator.truth.promise_view import PromiseView
from services.simulator.truth.row import Row


def share_row(view: PromiseView) -> Row | None:
    """In the numerator (met) or not (missed), once the case has matured; None if the fact is not known."""
    if _matures_by_completion(view):
        return _steps_row(view)
    due = None if own_limit(view.promise) is None else view.due
    row = view.row._replace(due=due)
    if view.over is not None:
        return view.withdrawn(row, view.over)
    if view.stop is None:
        return _row_without_stop(view, row)
    if not _is_known(view):
        return None
    in_time = due is None or view.stop <= due
    if in_time and _awaits_steps(view, view.stop):
        return row._replace(result=Result.AWAITING)
    return view.closed(row, _result(view, view.stop, in_time), view.stop)


def _row_without_stop(view: PromiseView, row: Row) -> Row | None:
    if row.due is not None:
        return view.unfinished(row, row.due)
    return row if view.promise.objective is not None else None


def _matures_by_completion(view: PromiseView) -> bool:
    """Whether the completion matures the case, not its own stop or limit."""
    promise = view.promise
    if own_limit(promise) is not None or promise.stop == ("completed",):
        return False
    return promise.maturity != "stop" or view.stop is None


def _steps_row(view: PromiseView) -> Row | None:
    """The case matures by its completion, but other steps are to be taken by the end of that day. A refused case needs
    none of them."""
    case, row = view.case, view.row
    completed = case.completed_at
    if completed is not None and completed < view.start:
        completed = None
    over = case.over_before(completed, refusal_ends=False)
    if over is not None:
        return view.closed(row, Result.WITHDRAWN, over)
    if completed is None:
        return row
    return _completed_row(view, completed)


def _completed_row(view: PromiseView, completed: Instant) -> Row | None:
    zone = view.timing.zone
    due = zone.midnight(zone.day(completed) + 1) - 1
    in_time = view.stop is not None and view.stop <= due
    if not in_time and not view.passed(due):
        return view.row
    if not in_time and view.case.is_refused:
        return view.closed(view.row, Result.WITHDRAWN, completed)
    if view.stop is None and not view.passed(view.reported_by(due)):
        return view.row._replace(result=Result.AWAITING)
    if not _is_known(view):
        return None
    return view.closed(view.row._replace(due=due), _result(view, completed, in_time), completed)


def _awaits_steps(view: PromiseView, end: Instant) -> bool:
    """Whether only steps are missing in the numerator, none is known to have come later, and they may be reported in
    time."""
    names = _steps(view)
    times = [view.case.milestones.get(name) for name in names]
    known = [each[0] for each in times if each is not None]
    if len(known) == len(times) or any(time > end for time in known) or not view.case.holds(_wanted(view)):
        return False
    return not view.passed(view.awaited_until(end, [f"milestone:{name}" for name in names]))


def _is_known(view: PromiseView) -> bool:
    return all(view.case.is_known(name) for name in view.promise.known_fields)


def _result(view: PromiseView, end: Instant, in_time: bool) -> Result:
    return Result.MET if in_time and _is_in_numerator(view, end) else Result.MISSED


def _is_in_numerator(view: PromiseView, end: Instant) -> bool:
    return view.case.holds(_wanted(view)) and all(view.case.reached(name, end) for name in _steps(view))


def _wanted(view: PromiseView) -> dict[str, object]:
    """What a case in the numerator is, its steps apart."""
    return {name: value for name, value in view.promise.condition.items() if name not in ("stopped", "reached")}


def _steps(view: PromiseView) -> list[str]:
    """The milestones that a case in the numerator has reached."""
    reached = view.promise.condition.get("reached", ())
    return [str(name) for name in (reached if isinstance(reached, tuple) else (reached,))]
