"""What was known of a key at a moment: the one cut through its facts, and the one way to step through their arrivals.

A fact is known at T if it had happened by T and had arrived by T.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from services.domain.intake.facts import Fact, FactType
from services.domain.time.zone import Instant


def known_at(facts: Sequence[Fact], now: Instant) -> list[Fact]:
    """The facts that had happened and arrived by `now`, in their order."""
    return [fact for fact in facts if fact.time <= now and fact.received <= now]


def known_of(facts: Sequence[Fact], moment: Instant, now: Instant) -> list[Fact]:
    """What had arrived by `now` about the time up to an earlier moment, in its order: what had happened by then, what a
    source counted of it, and what was said later of what had been reported."""
    return [fact for fact in facts if fact.received <= now and (fact.time <= moment or _is_about_before(fact))]


def _is_about_before(fact: Fact) -> bool:
    """Whether a fact is about what was before it: a correction, a decision, a void completion, a figure or duty of a
    period."""
    return fact.type in _ABOUT_BEFORE or (fact.type == FactType.CASE_REOPENED and fact.data["reason"] != "new_request")


_ABOUT_BEFORE = frozenset(
    int(each)
    for each in (
        FactType.CORRECTION,
        FactType.CASE_JUSTIFIED,
        FactType.CASE_CONFIRMED,
        FactType.CASE_RECLASSIFIED,
        FactType.FIGURE_REPORTED,
        FactType.DUTY_FULFILLED,
    )
)


def known_from(fact: Fact) -> Instant:
    """From when on a fact is known."""
    return fact.received if fact.received > fact.time else fact.time


def next_known(facts: Sequence[Fact], now: Instant) -> Instant | None:
    """When the next fact becomes known after `now`; None if all are known."""
    later: Instant | None = None
    for fact in facts:
        if fact.time > now or fact.received > now:
            known = known_from(fact)
            if later is None or known < later:
                later = known
    return later


class Step(NamedTuple):
    """The time from one arrival until just before the next, in which nothing arrives, or a part of it."""

    arrival: Instant
    """Its first instant."""
    until: Instant
    """Its last instant."""
    facts: list[Fact]
    """What had arrived by then, in contract order. A source whose clock is ahead may have dated some of it later."""
    ended_by: Instant
    """The arrival by which what was said in it may have changed: the next one; its own, where new rules ended it."""

    def known(self) -> list[Fact]:
        """What was known at its last instant."""
        return [fact for fact in self.facts if fact.time <= self.until]


def steps(
    facts: Sequence[Fact], end: Instant | None = None, breaks: Sequence[Instant] = (), since: Instant = 0
) -> Iterator[Step]:
    """One step per arrival, oldest first. The last one lasts until `end`; without `end` it is left out. At each of
    `breaks` a step is divided: from then on other rules hold, and what was before is judged by those of its day.
    `since`: what an arrival before it ended is left out."""
    arrivals = sorted({fact.received for fact in facts})
    followings = arrivals[1:] if end is None else [*arrivals[1:], end + 1]
    for arrival, following in zip(arrivals, followings, strict=False):
        if following < since:
            continue
        arrived = [fact for fact in facts if fact.received <= arrival]
        begin = arrival
        for at in breaks:
            if begin < at < following:
                yield Step(begin, at - 1, arrived, arrival)
                begin = at
        yield Step(begin, following - 1, arrived, following)


def by_arrival(facts: Sequence[Fact]) -> list[tuple[Instant, list[Fact]]]:
    """What arrived at each instant, oldest first."""
    arrived: dict[Instant, list[Fact]] = {}
    for fact in facts:
        arrived.setdefault(fact.received, []).append(fact)
    return sorted(arrived.items(), key=lambda each: each[0])
