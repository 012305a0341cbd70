"""Entries of the plan's catalogues and fulfilled duties: the subjects that are no cases."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from services.domain.facts import Fact, Rank
from services.domain.zone import Instant


class EntryState(NamedTuple):
    """An entry from one moment on: its whole state, or None once retired."""

    since: Instant
    unit: str
    attributes: Mapping[str, Any] | None


class Entry(NamedTuple):
    """An entry of a catalogue (DESIGN §4.6) with its history, oldest first."""

    collection: str
    states: tuple[EntryState, ...]


class Fulfilment(NamedTuple):
    """A duty done by a unit for a period."""

    duty: str
    unit: str
    period: str
    time: Instant
    received: Instant
    """When it arrived: a report that is only heard of after its due day is a late entry (DESIGN §4.14)."""
    confirmed: frozenset[str] = frozenset()
    """The promises for which the operations centre confirmed it."""


def entry_of(facts: Sequence[Fact]) -> Entry | None:
    """The entry that `item.upserted` and `item.retired` describe; None without any. Corrections are applied already."""
    states, collection = [], ""
    for fact in facts:
        if fact.rank == Rank.ITEM_UPSERTED:
            collection = fact.data["collection"]
            states.append(EntryState(fact.time, fact.data["unit"], fact.data.get("attributes", {})))
        elif fact.rank == Rank.ITEM_RETIRED:
            collection = fact.data.get("collection", collection)
            states.append(EntryState(fact.time, fact.data.get("unit", ""), None))
    return Entry(collection, tuple(states)) if states else None


def fulfilments_of(facts: Sequence[Fact]) -> list[Fulfilment]:
    """The earliest fulfilment of each (duty, unit, period) among the facts of a key."""
    found: dict[tuple[str, str, str], Fulfilment] = {}
    decisions = {fact.data["kpi"]: fact.data["decision"] for fact in facts if fact.rank == Rank.CASE_CONFIRMED}
    confirmed = frozenset(kpi for kpi, decision in decisions.items() if decision == "accepted")
    for fact in facts:
        if fact.rank == Rank.DUTY_FULFILLED:
            identity = (fact.data["duty"], fact.data["unit"], fact.data["period"])
            found.setdefault(identity, Fulfilment(*identity, fact.time, fact.received, confirmed))
    return list(found.values())
