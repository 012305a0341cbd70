"""Decisions of the operations centre: what each is about, which arrivals it has seen, and from when it counts.

A decision is on what had arrived when it was made. What arrives later needs a decision of its own (rule 14).
"""

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from services.domain.history.corrections import corrected
from services.domain.intake.facts import Fact, FactType
from services.domain.time.zone import Instant

OPERATIONS: Final = "/operations"
"""The source of the operations centre, whose decisions are facts like any other."""

FOREVER: Final[Instant] = 1 << 62


class Decision(NamedTuple):
    """A decision on a justification or a late entry, for one promise."""

    decision: str
    """`requested`, `accepted` or `rejected`."""
    time: Instant
    reason: str
    through: Instant
    """The last arrival that the deciders had seen."""

    @classmethod
    def of(cls, fact: Fact) -> "Decision":
        """The decision that a fact reports."""
        data = fact.data
        return cls(data["decision"], fact.time, data.get("reason", ""), _through(fact))


def _through(fact: Fact) -> Instant:
    """The last arrival that the deciders had seen. A decision that does not say so had seen what had arrived when it
    was made. None had seen what arrived after itself."""
    said: Instant = fact.data.get("through", fact.time)
    return min(said, fact.received)


def acceptance(decisions: Sequence[Decision], arrival: Instant, following: Instant = FOREVER) -> Decision | None:
    """The decision that accepts what arrived then: the last of those whose deciders had seen that arrival, and not yet
    the `following` one. None if that rejects it, or there is none. `decisions`: in contract order."""
    for each in reversed(decisions):
        if arrival <= each.through < following:
            return each if each.decision == "accepted" else None
    return None


def accepts(decisions: Sequence[Decision], arrival: Instant, following: Instant = FOREVER) -> bool:
    """Whether what arrived then is accepted."""
    return acceptance(decisions, arrival, following) is not None


class Confirmations(NamedTuple):
    """The decisions on late entries of a catalogue entry, a duty or a figure."""

    facts: Sequence[Fact] = ()
    """In contract order, corrections applied."""

    def about(self, unit: str | None = None, period: str | None = None) -> "Confirmations":
        """Those that are about a unit and a period, or without them about a catalogue entry. One that names nothing is
        about everything under its key."""
        return Confirmations([fact for fact in self.facts if _is_about(fact, unit, period)]) if self.facts else self

    def on(self, promise: str) -> Sequence[Decision]:
        """Those for the promise of an id."""
        return [Decision.of(fact) for fact in self.facts if fact.data["kpi"] == promise]

    def accept(self, promise: str, arrival: Instant, following: Instant = FOREVER) -> bool:
        """Whether what arrived then is accepted for a promise."""
        return bool(self.facts) and accepts(self.on(promise), arrival, following)


def confirmations_in(facts: Sequence[Fact]) -> Confirmations:
    """Those among the facts of a key, each as its corrections leave it."""
    if not any(fact.type == _CONFIRMED for fact in facts):
        return Confirmations()
    return Confirmations([fact for fact in corrected(facts) if fact.type == _CONFIRMED])


def _is_about(fact: Fact, unit: str | None, period: str | None) -> bool:
    data = fact.data
    if "period" in data:
        return (data.get("unit"), data["period"]) == (unit, period)
    return period is None or "cycle" not in data


# ---- the record of a decision ------------------------------------------------------------------------------
_OF_LEDGER: Final = re.compile(r"ledger-[1-9][0-9]*")


def is_recorded(fact: Fact) -> bool:
    """Whether the ledger has the decision: its event is named after the record, and has its time."""
    return fact.source == OPERATIONS and _OF_LEDGER.fullmatch(fact.id) is not None


def as_recorded(facts: Sequence[Fact]) -> Sequence[Fact]:
    """The facts, with each decision that the ledger has arriving when it was recorded (rule 14)."""
    if not any(fact.received > fact.time and is_recorded(fact) for fact in facts):
        return facts
    return [
        fact._replace(received=fact.time) if fact.received > fact.time and is_recorded(fact) else fact for fact in facts
    ]


def is_of_the_centre(fact: Fact) -> bool:
    """Whether a fact is itself a decision of the operations centre, and needs no other. An extension is one if the
    ledger has it."""
    return fact.source == OPERATIONS and (fact.type != _EXTENDED or is_recorded(fact))


_CONFIRMED, _EXTENDED = int(FactType.CASE_CONFIRMED), int(FactType.CASE_EXTENDED)
