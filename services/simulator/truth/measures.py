"""The truth of promises about means: what is measured of each closed case."""

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction

from services.domain.plan.plan import CasePromise
from services.domain.time.zone import Instant
from services.simulator.stories.result import Result
from services.simulator.stories.timing import Timing
from services.simulator.truth.observed_case import ObservedCase
from services.simulator.truth.promise_view import PromiseView
from services.simulator.truth.row import MICRO, Row


def measure_row(view: PromiseView) -> Row | None:
    """The amount of a case that has stopped; of an open one under a mean that is judged, its amount so far. None if it
    does not count."""
    if view.over is not None:
        return None
    if view.stop is None:
        return _open_row(view)
    row = view.closed(view.row, Result.COUNTED, view.stop)
    subject, _, name = (view.promise.measured).partition(":")
    return _MEASURES[subject](view, row, name, view.stop)


def reduction_row(view: PromiseView) -> Row | None:
    """The days of a case, and the statutory limit that they are compared with."""
    flow, stop, zone = view.case.flow, view.stop, view.timing.zone
    if view.over is not None:
        return None
    limit = view.timing.statutory(flow.item, zone.day(view.start))
    if limit is None:
        return None
    is_open = stop is None
    if stop is None:
        if view.now is None:
            return None
        stop = view.now
    if limit.unit == "calendar_days":
        amount = zone.day(stop) - zone.day(view.start)
    else:
        amount = view.timing.working_days(view.start, stop) - _suspended_days(view, stop)
    row = view.row if is_open else view.closed(view.row, Result.COUNTED, stop)
    return row._replace(amount=amount, base=limit.amount)


def _open_row(view: PromiseView) -> Row | None:
    """An open case as part of the mean that counts open ones, too: by its present age, or what was measured of it."""
    subject, _, name = view.promise.measured.partition(":")
    if view.now is None or view.promise.target is None or subject not in ("working_days", "quantity"):
        return None
    row = _MEASURES[subject](view, view.row, name, view.now)
    return None if row is None or not (row.amount or subject == "working_days") else row


def node_rows(promise: CasePromise, case: ObservedCase, timing: Timing, name: str) -> Iterator[Row]:
    """One row per passage through a node that has ended. `name`: owner and subject of the case."""
    if not case.is_filed or not case.holds(promise.select):
        return
    for node, unit, start, end in case.passages:
        if end is None or end < start or not timing.is_in_force(promise, start):
            continue
        if not promise.named_items or node in promise.named_items:
            row = Row(promise.id, promise.variant, unit, node, name, Result.COUNTED, start)
            yield row._replace(stopped=end, day=timing.zone.day(end), amount=end - start)


def _one(view: PromiseView, row: Row, name: str, stop: Instant) -> Row:
    return row._replace(amount=MICRO)


def _rating(view: PromiseView, row: Row, name: str, stop: Instant) -> Row | None:
    return None if view.case.rating is None else row._replace(amount=view.case.rating * MICRO)


def _ratio(view: PromiseView, row: Row, name: str, stop: Instant) -> Row:
    above, below = (view.case.sum(each) for each in name.split("/"))
    if below is None:
        return row._replace(result=Result.UNMEASURED)
    return row._replace(amount=int((above or 0) * MICRO), base=int(below * MICRO))


def _milestone(view: PromiseView, row: Row, name: str, stop: Instant) -> Row:
    times = len(view.case.milestones.get(name, ()))
    return row._replace(amount=times * MICRO) if times else row._replace(result=Result.UNMEASURED)


def _quantity(view: PromiseView, row: Row, name: str, stop: Instant) -> Row:
    amount = view.case.sum(name)
    if name == "visits" and not amount and "counter" in view.case.channels:
        amount = Fraction(1)
    return row._replace(result=Result.UNMEASURED) if amount is None else row._replace(amount=int(amount * MICRO))


def _working_days(view: PromiseView, row: Row, name: str, stop: Instant) -> Row:
    days = view.timing.working_days(view.start, stop) - _suspended_days(view, stop)
    return row._replace(amount=days * MICRO)


def _working_minutes(view: PromiseView, row: Row, name: str, stop: Instant) -> Row:
    flow = view.case.flow
    return row._replace(amount=view.timing.law.hours(flow.unit, flow.item).elapsed(view.start, stop))


def _elapsed(view: PromiseView, row: Row, name: str, stop: Instant) -> Row:
    return row._replace(amount=stop - view.start)


_MEASURES: Mapping[str, Callable[[PromiseView, Row, str, Instant], Row | None]] = {
    "count": _one,
    "rating": _rating,
    "ratio": _ratio,
    "milestone": _milestone,
    "quantity": _quantity,
    "working_days": _working_days,
    "working_minutes": _working_minutes,
    "minutes": _elapsed,
    "elapsed_days": _elapsed,
}


def _suspended_days(view: PromiseView, stop: Instant) -> int:
    """Working days on which the clock was suspended through all opening hours."""
    spans = [
        (max(pause.start, view.start), stop if pause.end is None else min(pause.end, stop))
        for pause in view.case.pauses
        if pause.reason in view.promise.clock_stops
    ]
    spans = [span for span in spans if span[0] < span[1]]
    if not spans:
        return 0
    flow, day = view.case.flow, view.timing.zone.day
    return view.timing.covered_days(flow.unit, flow.item, day(view.start), day(stop), spans)
