"""Entries of the plan's catalogues, fulfilled duties and reported figures: the subjects that are no cases."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from services.domain.history.fold import corrected, micro, replacement
from services.domain.intake.facts import Fact, Rank
from services.domain.time.zone import Instant


class EntryState(NamedTuple):
    """An entry from one moment on: its whole state, or None once retired."""

    since: Instant
    unit: str
    attributes: Mapping[str, Any] | None


class CatalogueEntry(NamedTuple):
    """An entry of a catalogue (rule 6) with its history, oldest first."""

    collection: str
    states: tuple[EntryState, ...]
    told: Sequence[Fact] = ()
    """What it was told by, corrections among it."""
    confirmed: frozenset[str] = frozenset()
    """The promises for which the operations centre confirmed it."""

    def known_by(self, at: Instant) -> "CatalogueEntry | None":
        """The entry as it stood then, by what had been said then."""
        return entry_of(corrected([fact for fact in self.told if fact.time <= at and fact.received <= at]))


class Fulfilment(NamedTuple):
    """A duty done by a unit for a period."""

    duty: str
    unit: str
    period: str
    time: Instant
    received: Instant
    """When it arrived: a report that is only heard of after its due day is a late entry (rule 14)."""
    confirmed: frozenset[str] = frozenset()
    """The promises for which the operations centre confirmed it."""


class Count(NamedTuple):
    """What a report said, in millionths."""

    numerator: int
    denominator: int
    received: Instant


class Report(NamedTuple):
    """A figure that a source counted itself, of a unit and a period (`figure.reported`)."""

    quantity: str
    unit: str
    period: str
    counts: tuple[Count, ...]
    """Each that has ever stood, in the order of arrival: sent again under its subject, a figure replaces the one
    before. The last stands."""
    confirmed: frozenset[str] = frozenset()
    """The promises for which the operations centre confirmed it."""


def entry_of(facts: Sequence[Fact], told: Sequence[Fact] = ()) -> CatalogueEntry | None:
    """The entry that `item.upserted` and `item.retired` describe; None without any. Corrections are applied to `facts`
    already, and not yet to what was `told`."""
    states, collection = [], ""
    for fact in facts:
        if fact.rank == Rank.ITEM_UPSERTED:
            collection = fact.data["collection"]
            states.append(EntryState(fact.time, fact.data["unit"], fact.data.get("attributes", {})))
        elif fact.rank == Rank.ITEM_RETIRED:
            collection = fact.data.get("collection", collection)
            states.append(EntryState(fact.time, fact.data.get("unit", ""), None))
    return CatalogueEntry(collection, tuple(states), told, _confirmed(told)) if states else None


def fulfilments_of(facts: Sequence[Fact], told: Sequence[Fact] = ()) -> list[Fulfilment]:
    """The earliest fulfilment of each (duty, unit, period) among the facts of a key. Corrections are applied to `facts`
    already, and not yet to what was `told`."""
    found: dict[DutyOf, Fulfilment] = {}
    confirmed = _confirmed(facts)
    heard = _fulfilments_heard(told)
    for fact in facts:
        if fact.rank == Rank.DUTY_FULFILLED:
            identity = _duty_of(fact)
            received = heard.get((fact.source, fact.id, fact.time, identity), fact.received)
            found.setdefault(identity, Fulfilment(*identity, fact.time, received, confirmed))
    return list(found.values())


DutyOf = tuple[str, str, str]
"""Duty, unit, period."""


def _fulfilments_heard(told: Sequence[Fact]) -> Mapping[tuple[str, str, Instant, DutyOf], Instant]:
    """Of what was corrected: when each fulfilment, of an event, a time and a duty, was first heard of: one that a
    correction made another arrives with the correction."""
    corrections = [fact for fact in told if fact.rank == Rank.CORRECTION and fact.data.get("event") is not None]
    if not corrections:
        return {}
    originals = {(fact.source, fact.id): fact for fact in told if fact.rank != Rank.CORRECTION}
    said = list(originals.values())
    for fact in corrections:
        original = originals.get((fact.source, fact.data["of"]))
        if original is not None:
            arrival = max(fact.received, original.received)
            said.append(replacement(original, fact.data["event"])._replace(received=arrival))
    heard: dict[tuple[str, str, Instant, DutyOf], Instant] = {}
    for fact in said:
        if fact.rank == Rank.DUTY_FULFILLED:
            told_as = fact.source, fact.id, fact.time, _duty_of(fact)
            heard[told_as] = min(heard.get(told_as, fact.received), fact.received)
    return heard


def _duty_of(fact: Fact) -> DutyOf:
    return fact.data["duty"], fact.data["unit"], fact.data["period"]


def reports_of(facts: Sequence[Fact]) -> list[Report]:
    """The figure of each (quantity, unit, period) among the facts of a key, corrections not yet applied: of several the
    greatest (time, id), with what stood before it at each arrival."""
    if not any(fact.rank in _ABOUT_FIGURES for fact in facts):
        return []
    stood: dict[FigureOf, list[Count]] = {}
    standing: Mapping[FigureOf, Fact] = {}
    for arrival, standing, changed in _arrivals(facts):
        for identity in changed:
            data = standing[identity].data
            amounts = micro(data["numerator"]), micro(data["denominator"])
            counts = stood.setdefault(identity, [])
            if not counts or counts[-1][:2] != amounts:
                counts.append(Count(*amounts, arrival))
    confirmed = _confirmed(facts)
    return [Report(*identity, tuple(stood[identity]), confirmed) for identity in standing]


FigureOf = tuple[str, str, str]
"""Quantity, unit, period."""


def _arrivals(facts: Sequence[Fact]) -> Iterator[tuple[Instant, Mapping[FigureOf, Fact], Iterable[FigureOf]]]:
    """After each arrival what stands, and what of it may have changed."""
    arrived: dict[Instant, list[Fact]] = {}
    for fact in facts:
        arrived.setdefault(fact.received, []).append(fact)
    if any(fact.rank == Rank.CORRECTION for fact in facts):
        known: list[Fact] = []
        for arrival in sorted(arrived):
            known += arrived[arrival]
            corrected_so_far = _standing({}, corrected(known))
            yield arrival, corrected_so_far, corrected_so_far
        return
    standing: dict[FigureOf, Fact] = {}
    for arrival in sorted(arrived):
        told = dict.fromkeys(map(_figure_of, _reported(arrived[arrival])))
        yield arrival, _standing(standing, arrived[arrival]), told


def _standing(held: dict[FigureOf, Fact], facts: Iterable[Fact]) -> dict[FigureOf, Fact]:
    """What stands when these are told, too."""
    for fact in _reported(facts):
        identity = _figure_of(fact)
        before = held.get(identity)
        if before is None or (fact.time, fact.id) > (before.time, before.id):
            held[identity] = fact
    return held


def _reported(facts: Iterable[Fact]) -> list[Fact]:
    return [fact for fact in facts if fact.rank == Rank.FIGURE_REPORTED]


def _figure_of(fact: Fact) -> FigureOf:
    return fact.data["quantity"], fact.data["unit"], fact.data["period"]


_ABOUT_FIGURES = (Rank.FIGURE_REPORTED, Rank.CORRECTION)


def _confirmed(facts: Sequence[Fact]) -> frozenset[str]:
    """The promises for which the operations centre's last word confirmed what arrived late."""
    decisions = {fact.data["kpi"]: fact.data["decision"] for fact in facts if fact.rank == Rank.CASE_CONFIRMED}
    return frozenset(kpi for kpi, decision in decisions.items() if decision == "accepted")
