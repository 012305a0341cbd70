"""The truth about sources that are silent at the end of the simulated time (rule 12)."""

from collections.abc import Iterator, Mapping

from services.domain.time.limits import Ends, due
from services.domain.time.zone import Instant
from services.simulator.stories.timing import Timing
from services.simulator.truth.row import Row


def silent_rows(timing: Timing, last_arrivals: Mapping[str, Instant], end: Instant) -> Iterator[Row]:
    """One row per source of which nothing has come for longer than its usual delay, in working time."""
    plan, law = timing.law.plan, timing.law
    issued = timing.zone.midnight(plan.head.issued.toordinal())
    for source in plan.sources.values():
        ended = all(timing.succession.has_ended(unit, end - 1) for unit in source.units)
        if source.usual_delay is None or ended:
            continue
        last = max(last_arrivals.get(source.id, issued), issued)
        hours = law.hours("", "")
        until = due(source.usual_delay, last, Ends.INSTANT, zone=law.zone, calendar=law.calendar, hours=hours)
        if end - 1 > until:
            yield Row.silent(source.id)
