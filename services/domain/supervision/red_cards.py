"""The red cards of a case with their steps, read out of its facts: what a replay knows."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from services.domain.intake.facts import Fact, FactType
from services.domain.plan.plan import id_of
from services.domain.results.cards import CardPeriod
from services.domain.results.published import Level
from services.domain.supervision.steps import Act, ActKind, Held, RedCard, StepDue, Taken, Terms, steps_due
from services.domain.time.zone import Instant


class Identity(NamedTuple):
    """At most one red card of these is active at a time."""

    kpi: str
    cycle: int
    node: str


class RedCards(NamedTuple):
    """The red cards of one identity in the order in which they were raised, and the decisions that events report."""

    identity: Identity
    cards: tuple[RedCard, ...]
    decisions: tuple[Act, ...] = ()


def red_cards_of(periods: Iterable[CardPeriod], facts: Sequence[Fact]) -> list[RedCards]:
    """The red cards of a case.

    `periods`: of its cards; `facts`: what is known of it."""
    red = sorted((one for one in periods if one.level is Level.RED), key=_order)
    by_identity = groupby(red, key=lambda one: Identity(one.kpi, one.cycle, one.node))
    return [
        RedCards(identity, tuple(_cards(of_one)), tuple(_decisions(facts, identity)))
        for identity, of_one in by_identity
    ]


def _cards(periods: Iterable[CardPeriod]) -> Iterator[RedCard]:
    """Periods that follow each other without a break are one card."""
    held: list[Held] = []
    until: Instant | None = None
    for period in periods:
        if held and period.since != until:
            yield RedCard(tuple(held), until)
            held = []
        held.append(Held(period.since, period.unit, period.due_at))
        until = period.until
    if held:
        yield RedCard(tuple(held), until)


def _order(period: CardPeriod) -> tuple[str, int, str, Instant]:
    return period.kpi, period.cycle, period.node, period.since


def _decisions(facts: Iterable[Fact], identity: Identity) -> Iterator[Act]:
    """What the operations centre has decided on reasons for missing the promise, and when that was struck out."""
    facts = list(facts)
    corrections = [fact for fact in facts if fact.type == FactType.CORRECTION and fact.data["event"] is None]
    struck_out = {(fact.source, fact.data["of"]): fact.time for fact in corrections}
    for fact in facts:
        kind = _decision(fact, identity)
        if kind is not None:
            yield Act(fact.time, kind)
        if kind is ActKind.ACCEPTED and (fact.source, fact.id) in struck_out:
            yield Act(struck_out[fact.source, fact.id], ActKind.REJECTED)


def _decision(fact: Fact, identity: Identity) -> ActKind | None:
    """What a fact decides on a reason for missing the promise; None: nothing. Events name the promise by its id."""
    if fact.type != FactType.CASE_JUSTIFIED or fact.data["kpi"] != id_of(identity.kpi):
        return None
    if fact.data.get("cycle", identity.cycle) != identity.cycle:
        return None
    return _KINDS.get(fact.data["decision"])


_KINDS = {"accepted": ActKind.ACCEPTED, "rejected": ActKind.REJECTED}


class CardSteps(NamedTuple):
    """A red card and its steps."""

    card: RedCard
    steps: list[StepDue]


def steps_of(
    cards: Iterable[RedCard], acts: Sequence[Act], terms: Terms, now: Instant, recorded: Iterable[Taken] = ()
) -> Iterator[CardSteps]:
    """The steps of the red cards of one identity, in the order in which these were raised. The count of one goes on in
    the next, where the same limit is missed again.

    `recorded`: the steps of the identity that the ledger has, if it is known."""
    taken = list(recorded)
    for card in cards:
        steps = steps_due(card, acts, terms, now, taken)
        taken += (Taken(step.step, card.raised_at, step.due_at) for step in steps)
        yield CardSteps(card, steps)
