"""The truth about days of which the calendar is not published (rule 2).

A limit that counts such a day may still be moved by a notice. Its red card waits for ten working days, and until then a
hit and a miss are provisional, unless the published days alone decide.
"""

from services.domain.time.limits import Limit, LimitUnit
from services.domain.time.zone import Instant
from services.simulator.stories.result import Result
from services.simulator.stories.timing import Timing, own_limit
from services.simulator.truth.promise_view import PromiseView
from services.simulator.truth.row import Row

_NOTICE_MOVES_BY = 10
"""Working days."""
_JUDGED = (Result.MET, Result.MISSED, Result.OPEN_OVERDUE)


def settled_at(view: PromiseView, due: Instant) -> Instant | None:
    """The last instant at which a notice may still move a due instant so far; None where no notice moves it."""
    limit = own_limit(view.promise) or view.promise.maturity
    if not isinstance(limit, Limit) or limit.unit is LimitUnit.MINUTES:
        return None
    timing = view.timing
    start, end = timing.zone.day(view.start), timing.zone.day(due)
    if not _touches(timing, start if limit.unit is LimitUnit.WORKING_MINUTES else start + 1, end):
        return None
    return timing.zone.midnight(timing.calendar.add_working_days(end, _NOTICE_MOVES_BY) + 1) - 1


def is_provisional(view: PromiseView, row: Row) -> bool:
    """Whether a notice may still change what is counted of a case: hit or miss, or a duration in working time."""
    if row.result is Result.COUNTED:
        return _is_duration_provisional(view, row)
    end = view.now if row.stopped is None else row.stopped
    if row.result not in _JUDGED or row.due is None or end is None:
        return False
    settled = settled_at(view, row.due)
    if settled is None or end > settled:
        return False
    day = view.timing.zone.day
    decided = day(min(end, row.due))
    return _touches(view.timing, min(day(view.start) + 1, decided), decided)


def _is_duration_provisional(view: PromiseView, row: Row) -> bool:
    """Whether working days or minutes were counted on a day that is not published. The first day has minutes of the
    duration, and none of its days."""
    if row.stopped is None:
        return False
    measure, first = view.promise.measured, view.timing.zone.day(view.start)
    if view.promise.against_statutory_limit:
        limit = view.timing.statutory(view.case.flow.item, first)
        measure = "" if limit is None else str(limit.unit)
    if measure not in ("working_days", "working_minutes"):
        return False
    return _touches(view.timing, first + (measure == "working_days"), view.timing.zone.day(row.stopped))


def _touches(timing: Timing, first: int, last: int) -> bool:
    """Whether a day from the first through the last is not published."""
    calendar = timing.calendar
    begin, end = calendar.published_from.toordinal(), calendar.published_through.toordinal()
    return first <= last and (first < begin or last > end)
