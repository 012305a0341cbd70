"""Samples of a limit on the duration of each case."""

from collections.abc import Iterator

from services.catalog.samples.case_writer import OWN_LIMIT, Course, SampleCase, judged_as, last_second, too_late
from services.catalog.samples.events import Scene
from services.domain.plan.kinds.case_limit import CaseLimitPromise
from services.domain.plan.statutory_time import Law
from services.domain.time.limits import Limit, LimitUnit
from services.domain.time.zone import Instant


def scenes(promise: CaseLimitPromise, law: Law) -> Iterator[Scene]:
    """On the last second of the limit, and on the first after it."""
    case = SampleCase(promise, law)
    limit = promise.limit
    if limit == "due_at":
        until = _end_of(case, case.later)
    else:
        until = case.due(limit if isinstance(limit, Limit) else case.statutory(case.item.code) or OWN_LIMIT)
    node = promise.runs_in[0] if promise.runs_in else None
    yield case.scene("met", Course(last_second(until), node=node), judged_as("met", 1))
    yield case.scene("missed", Course(too_late(until), node=node), judged_as("missed", 0))


def _end_of(case: SampleCase, at: Instant) -> Instant:
    """Where the day of a declared date ends for the promise."""
    zero = Limit(amount=0, unit=LimitUnit.WORKING_DAYS)
    return case.due(zero) if case.promise.clock.ends != "instant" else at
