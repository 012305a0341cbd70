"""The red cards of a case with their steps, read out of its facts: what a replay knows."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from services.domain.intake.facts import Fact, FactType
from services.domain.results.cards import CardPeriod
from services.domain.results.published import Level
from services.domain.supervision.steps import Act, ActKind, Held, RedCard, StepDue, Taken, Terms, steps_due
from services.domain.time.zone import Instant


class Identity(NamedTuple):
    """At most one red card of these is active at a time."""

    kpi: str
    cycle: int
    node: str


class OneRedCard(NamedTuple):
    """A red card, and what it is about."""

    identity: Identity
    card: RedCard


def red_cards(periods: Iterable[CardPeriod]) -> list[OneRedCard]:
    """The red cards of a case, sorted, of one identity in the order in which they were raised."""
    red = sorted((one for one in periods if one.level is Level.RED), key=_order)
    found: list[OneRedCard] = []
    for identity, ofone in groupby(red, key=lambda one: Identity(one.kpi, one.cycle, one.node)):
        held: list[Held] = []
        until: Instant | None = None
        for period in ofone:
            if held and period.since != until:
                found.append(OneRedCard(identity, RedCard(tuple(held), until)))
                held = []
            held.append(Held(period.since, period.unit, period.due_at))
            until = period.until
        found.append(OneRedCard(identity, RedCard(tuple(held), until)))
    return found


def _order(period: CardPeriod) -> tuple[str, int, str, Instant]:
    return period.kpi, period.cycle, period.node, period.since


def decisions_in(facts: Iterable[Fact], kpi: str, cycle: int) -> list[Act]:
    """What the operations centre has decided on reasons for missing a promise, as events say it."""
    kinds = {"accepted": ActKind.ACCEPTED, "rejected": ActKind.REJECTED}
    return [
        Act(fact.time, kinds[fact.data["decision"]])
        for fact in facts
        if fact.type == FactType.CASE_JUSTIFIED
        and fact.data["kpi"] == kpi
        and fact.data["decision"] in kinds
        and fact.data.get("cycle", cycle) == cycle
    ]


class CardSteps(NamedTuple):
    """A red card and its steps."""

    card: RedCard
    steps: list[StepDue]


def steps_of(cards: Sequence[RedCard], acts: Sequence[Act], terms: Terms, now: Instant) -> Iterator[CardSteps]:
    """The steps of the red cards of one identity, in the order in which these were raised. The count of one goes on in
    the next, where the same limit is missed again."""
    taken: list[Taken] = []
    for card in cards:
        steps = steps_due(card, acts, terms, now, taken)
        taken += (Taken(step.step, card.raised_at, step.due_at) for step in steps)
        yield CardSteps(card, steps)
