"""The truth of promises that limit the duration of each case."""

from services.domain.time.zone import Instant
from services.simulator.stories.event import NEVER
from services.simulator.stories.result import Result
from services.simulator.stories.timing import own_limit
from services.simulator.truth.promise_view import PromiseView
from services.simulator.truth.row import Row


def limit_row(view: PromiseView) -> Row:
    """Met or missed by its due date; open before it."""
    due = _due(view)
    if due is None:
        return view.row
    row = view.row._replace(due=due)
    if view.end is not None and _passed_no_node(view, due):
        return view.closed(row, Result.UNMEASURED, view.end)
    if view.over is not None:
        return view.withdrawn(row, view.over)
    excused = Result.JUSTIFIED if view.has_accepted_reason else None
    if view.stop is None:
        return view.unfinished(row, due, excused or Result.OPEN_OVERDUE)
    missed = excused or Result.MISSED
    return view.closed(row, missed if view.stop > due else Result.MET, view.stop)


def _due(view: PromiseView) -> Instant | None:
    """None: not yet determined."""
    return _due_in_nodes(view) if view.promise.clock.runs_in else view.due


def _passed_no_node(view: PromiseView, due: Instant) -> bool:
    """A case that ended without being seen in any of the nodes in which the clock runs, unless it was withdrawn in
    time."""
    if not view.promise.clock.runs_in or (view.over is not None and view.over <= due):
        return False
    return {passage.node for passage in view.case.passages}.isdisjoint(view.promise.clock.runs_in)


def _due_in_nodes(view: PromiseView) -> Instant | None:
    """The end of the day on which the allowed working days have been spent in the nodes in which the clock runs.

    A day is not spent if the case was in none of them through all of its opening hours. None while the case is in none
    of them and the days are not spent.
    """
    limit = own_limit(view.promise)
    assert limit is not None
    timing, flow, zone = view.timing, view.case.flow, view.timing.zone
    outside = spans_outside(view)
    stays_outside = outside[-1][0] if outside and outside[-1][1] == NEVER else None
    day, spent = zone.day(view.start), 0
    while spent < limit.amount:
        if stays_outside is not None and zone.midnight(day) > stays_outside:
            return None
        day = timing.calendar.add_working_days(day, 1)
        spent += not timing.covered_days(flow.unit, flow.item, day - 1, day, outside)
    return zone.midnight(day + 1) - 1


def spans_outside(view: PromiseView) -> list[tuple[Instant, Instant]]:
    """From the start on, when the case was in none of the nodes in which the clock runs."""
    end = view.end or NEVER
    outside, left = [], view.start
    inside = [passage for passage in view.case.passages if passage.node in view.promise.clock.runs_in]
    for _, _, begin, finish in sorted(inside, key=lambda passage: passage.start):
        if begin > left:
            outside.append((left, min(begin, end)))
        left = max(left, NEVER if finish is None else finish)
    if left < end:
        outside.append((left, end))
    return outside
