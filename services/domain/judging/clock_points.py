"""Where a clock starts and stops: points of a case, by the names that a promise gives them (rule 2)."""

from collections.abc import Callable, Sequence

from services.domain.history.case import Case
from services.domain.time.zone import Instant

Point = Callable[[Case], Instant | None]
"""Reads the instant of a clock's start off a case; None while it has not come."""
StopPoint = Callable[[Case, Instant | None], Instant | None]
"""Reads the instant of a clock's stop off a case that started then; None while it has not come."""


def point(names: Sequence[str]) -> Point:
    """The latest of the named points of a case, once all are there."""
    points = [_one_point(name) for name in names]
    if len(points) == 1:
        return points[0]

    def latest(case: Case) -> Instant | None:
        found = [at(case) for at in points]
        return None if None in found else max(instant for instant in found if instant is not None)

    return latest


def _one_point(name: str) -> Point:
    if name == "accepted":
        return lambda case: case.accepted_at
    if name == "completed":
        return lambda case: case.completed_at
    if name == "applied":
        return lambda case: case.applied.time if case.applied is not None else case.accepted_at
    milestone = name.removeprefix("milestone:")

    def reached(case: Case) -> Instant | None:
        times = case.milestones.get(milestone)
        return times[0] if times else None

    return reached


def stop_point(names: Sequence[str]) -> StopPoint:
    """The latest of the named points, once all are there; a milestone dated before the start is void, and the next one
    counts."""
    points = [_one_stop(name) for name in names]
    if len(points) == 1:
        return points[0]

    def latest(case: Case, start: Instant | None) -> Instant | None:
        found = [at(case, start) for at in points]
        return None if None in found else max(instant for instant in found if instant is not None)

    return latest


def _one_stop(name: str) -> StopPoint:
    if not name.startswith("milestone:"):
        at = _one_point(name)
        return lambda case, start: at(case)
    milestone = name.removeprefix("milestone:")

    def reached(case: Case, start: Instant | None) -> Instant | None:
        times = case.milestones.get(milestone, ())
        return next((time for time in times if start is None or time >= start), None)

    return reached
