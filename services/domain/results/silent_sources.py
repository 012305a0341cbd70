"""Sources that are silent, and the promises that are stale because of them (rule 12)."""

from collections.abc import Mapping

from services.domain.judging.judge import Judge
from services.domain.plan.plan import Plan, Promise, Source
from services.domain.time.limits import Ends, due
from services.domain.time.zone import Instant


def feeding(promise: Promise, plan: Plan) -> tuple[Source, ...]:
    """The sources whose silence makes a promise stale."""
    subjects = {code for _, code in promise.subjects}
    return tuple(
        source
        for source in plan.sources.values()
        if source.usual_delay is not None and ("*" in source.feeds or subjects & set(source.feeds))
    )


def silent_sources(judge: Judge, last_events: Mapping[str, Instant], now: Instant) -> frozenset[str]:
    """Sources whose last event is older than their usual delay in working time (rule 12). A source that speaks only
    for units that have ended has nothing more to say."""
    law = judge.law
    silent = set()
    for source in law.plan.sources.values():
        if source.usual_delay is None or all(law.units.has_ended(unit, now) for unit in source.units):
            continue
        began = law.zone.midnight(law.plan.head.issued.toordinal())
        last = max(last_events.get(source.id, began), began)
        hours = law.hours("", "")
        until = due(source.usual_delay, last, Ends.INSTANT, zone=law.zone, calendar=law.calendar, hours=hours)
        if now > until:
            silent.add(source.id)
    return frozenset(silent)
