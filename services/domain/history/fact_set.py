"""The set of facts of a key: any order and any duplication of the same events give the same set (rule 16)."""

from collections.abc import Sequence
from enum import Enum
from typing import Final, NamedTuple

from services.domain.intake.facts import CASE_TYPES, CONTRACT_PLACE, DECISIONS, Fact
from services.domain.time.zone import Instant


class Insertion(Enum):
    """What became of a fact that came in."""

    NEW = "new"
    DUPLICATE = "duplicate"
    EARLIER = "earlier"
    """A duplicate that had arrived earlier than the one kept: it replaces that one."""
    CONFLICT = "conflict"
    """Same source and id, other payload: the one with the smaller digest is kept."""


class Inserted(NamedTuple):
    """The facts after an insertion, in contract order, and what was rejected."""

    facts: list[Fact]
    outcome: Insertion
    rejected: Fact | None = None
    """Of a conflict: the fact that lost."""


def insert(facts: list[Fact], fact: Fact) -> Inserted:
    """Add one fact to a key's facts; the outcome does not depend on the order of arrival."""
    source, ident = fact.source, fact.id
    for index, held in enumerate(facts):
        if held.id == ident and held.source == source:
            return _insert_again(facts, index, fact)
    facts.append(fact)
    if len(facts) > 1 and facts[-2].time >= fact.time and contract_order(facts[-2]) > contract_order(fact):
        facts.sort(key=contract_order)
    return Inserted(facts, Insertion.NEW)


def _insert_again(facts: list[Fact], index: int, fact: Fact) -> Inserted:
    """Add a fact with the source and id of the one at `index`."""
    held = facts[index]
    if held.digest == fact.digest:
        if fact.received >= held.received:
            return Inserted(facts, Insertion.DUPLICATE)
        facts[index] = fact
        return Inserted(facts, Insertion.EARLIER)
    if fact.digest < held.digest:
        facts[index] = fact
        facts.sort(key=contract_order)
        return Inserted(facts, Insertion.CONFLICT, held)
    return Inserted(facts, Insertion.CONFLICT, fact)


def contract_order(fact: Fact) -> tuple[Instant, int, str, str]:
    """(time, place of its type in the contract's table, source, id): the order in which facts are folded."""
    return fact.time, CONTRACT_PLACE[fact.type], fact.source, fact.id


def is_case(facts: Sequence[Fact]) -> bool:
    """Whether the facts of a key (in contract order) describe a case. A decision that follows a catalogue entry, a duty
    or a figure is about that, and makes no case of it."""
    return bool(facts) and (facts[0].type in CASE_TYPES or any(fact.type in _MAKES_A_CASE for fact in facts))


_MAKES_A_CASE: Final = CASE_TYPES - DECISIONS
