"""Corrections: which of them applies to an event, and what the facts are once they are applied."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from services.domain.history.fact_set import contract_order
from services.domain.intake.facts import FACT_TYPE_OF, Fact, FactType

Identity = tuple[str, str]
"""Source and id of an event."""


def bad_corrections(facts: Iterable[Fact]) -> list[Fact]:
    """Corrections whose target is a correction: they are refused and change nothing."""
    corrections = {(fact.source, fact.id) for fact in facts if fact.type == FactType.CORRECTION}
    if not corrections:
        return []
    return [
        fact for fact in facts if fact.type == FactType.CORRECTION and (fact.source, fact.data["of"]) in corrections
    ]


def applied_corrections(facts: Iterable[Fact], targets: Collection[Identity]) -> dict[Identity, Fact]:
    """Target → the correction that applies to it: the one with the greatest (time, id). Targets without a correction
    are left out."""
    winners: dict[Identity, Fact] = {}
    for fact in facts:
        if fact.type == FactType.CORRECTION:
            target = (fact.source, fact.data["of"])
            if target in targets:
                best = winners.get(target)
                if best is None or (best.time, best.id) < (fact.time, fact.id):
                    winners[target] = fact
    return winners


def corrected(facts: Sequence[Fact]) -> Sequence[Fact]:
    """The facts with their corrections applied, in contract order. A correction without an event removes its target."""
    targets = {(fact.source, fact.id): fact for fact in facts if fact.type != FactType.CORRECTION}
    winners = applied_corrections(facts, targets)
    kept = []
    for identity, fact in targets.items():
        winner = winners.get(identity)
        if winner is None:
            kept.append(fact)
        elif (event := winner.data.get("event")) is not None:
            kept.append(replacement(fact, event))
    kept.sort(key=contract_order)
    return kept


def replacement(fact: Fact, event: Mapping[str, Any]) -> Fact:
    """A fact as a correction rewrites it; it keeps its source and id."""
    return fact._replace(
        time=event["time"],
        type=int(FACT_TYPE_OF[event["type"]]),
        data=event.get("data", {}),
        recorded=event.get("recorded", fact.recorded),
    )
