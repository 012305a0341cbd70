"""Sources that are silent, and the promises that are stale because of them (rule 12)."""

from collections.abc import Mapping

from services.domain.judging.judge import Judge
from services.domain.judging.selection import wanted_values
from services.domain.plan.plan import Plan, Promise, Source
from services.domain.time.limits import Ends, due
from services.domain.time.zone import Instant


def feeding(promise: Promise, plan: Plan) -> tuple[Source, ...]:
    """The sources whose silence makes a promise stale."""
    subjects = set(wanted_values(promise.select.get("service_item", ())))
    named = (promise.collection, promise.duty, promise.numerator, promise.denominator)
    subjects |= {subject for subject in named if subject}
    return tuple(
        source
        for source in plan.sources.values()
        if source.usual_delay is not None and ("*" in source.feeds or subjects & set(source.feeds))
    )


def silent_sources(judge: Judge, last_events: Mapping[str, Instant], now: Instant) -> frozenset[str]:
    """Sources whose last event is older than their usual delay in working time (rule 12)."""
    law = judge.law
    silent = set()
    for source in law.plan.sources.values():
        if source.usual_delay is None:
            continue
        began = law.zone.midnight(law.plan.head.issued.toordinal())
        last = max(last_events.get(source.id, began), began)
        hours = law.hours("", "")
        until = due(source.usual_delay, last, Ends.INSTANT, zone=law.zone, calendar=law.calendar, hours=hours)
        if now > until:
            silent.add(source.id)
    return frozenset(silent)
