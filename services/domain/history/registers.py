"""Entries of the plan's catalogues, fulfilled duties and reported figures: the subjects that are no cases."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from services.domain.history.case import micro
from services.domain.history.corrections import corrected, replacement
from services.domain.history.decisions import Confirmations, confirmations_in
from services.domain.history.known_at import by_arrival, known_at
from services.domain.intake.facts import Fact, FactType
from services.domain.time.zone import Instant


class EntryState(NamedTuple):
    """A catalogue entry from one moment on: its whole state, or None once retired."""

    since: Instant
    unit: str
    attributes: Mapping[str, Any] | None


class CatalogueEntry(NamedTuple):
    """An entry of a catalogue (rule 6) with its history, oldest first."""

    collection: str
    states: tuple[EntryState, ...]
    facts: Sequence[Fact] = ()
    """All facts of it, corrections among them."""
    confirmations: Confirmations = Confirmations()
    """What the operations centre decided on its late entries."""

    def known_by(self, at: Instant) -> "CatalogueEntry | None":
        """The entry as it was known at an instant."""
        return entry_of(corrected(known_at(self.facts, at)))


class Fulfilment(NamedTuple):
    """A duty done by a unit for a period."""

    duty: str
    unit: str
    period: str
    time: Instant
    """The earliest that was reported."""
    reports: Sequence[tuple[Instant, Instant]]
    """When it was done and when that arrived, by each report, oldest first."""
    confirmations: Confirmations = Confirmations()
    """What the operations centre decided on its late entries."""

    def arrival(self, due: Instant) -> Instant:
        """When it first arrived that it was done by the due instant, as it was: a report that arrives too late is a
        late entry (rule 14)."""
        return min(received for time, received in self.reports if time <= due)


class ReportedAmounts(NamedTuple):
    """What a report said, in millionths."""

    numerator: int
    denominator: int
    received: Instant


class Report(NamedTuple):
    """A figure that a source counted itself, of a unit and a period (`figure.reported`)."""

    quantity: str
    unit: str
    period: str
    versions: tuple[ReportedAmounts, ...]
    """In the order of arrival. A figure that is sent again under its subject replaces the one before: the last one
    holds."""
    confirmations: Confirmations = Confirmations()
    """What the operations centre decided on its late entries."""


def entry_of(facts: Sequence[Fact], uncorrected: Sequence[Fact] = ()) -> CatalogueEntry | None:
    """The entry that `item.upserted` and `item.retired` describe; None without any. `facts`: with corrections applied;
    `uncorrected`: the same facts as they arrived."""
    states, collection = [], ""
    for fact in facts:
        if fact.type == FactType.ITEM_UPSERTED:
            collection = fact.data["collection"]
            states.append(EntryState(fact.time, fact.data["unit"], fact.data.get("attributes", {})))
        elif fact.type == FactType.ITEM_RETIRED:
            collection = fact.data.get("collection", collection)
            states.append(EntryState(fact.time, fact.data.get("unit", ""), None))
    if not states:
        return None
    return CatalogueEntry(collection, tuple(states), uncorrected, confirmations_in(facts).about())


# ---- duties ------------------------------------------------------------------------------------------------
DutyOf = tuple[str, str, str]
"""Duty, unit, period."""
_Fulfilled = tuple[str, str, Instant, DutyOf]
"""Source and id of an event, and the time and duty that it, or a correction of it, gives."""


def fulfilments_of(facts: Sequence[Fact], uncorrected: Sequence[Fact] = ()) -> list[Fulfilment]:
    """The fulfilment of each (duty, unit, period) among the facts of a key. `facts`: with corrections applied;
    `uncorrected`: the same facts as they arrived."""
    decided = confirmations_in(facts)
    reports: dict[DutyOf, list[tuple[Instant, Instant]]] = {}
    corrected_arrivals = _arrivals_of_corrected(uncorrected)
    for fact in facts:
        if fact.type == FactType.DUTY_FULFILLED:
            identity = _duty_of(fact)
            received = corrected_arrivals.get((fact.source, fact.id, fact.time, identity), fact.received)
            reports.setdefault(identity, []).append((fact.time, received))
    return [Fulfilment(*identity, mine[0][0], mine, decided.about(*identity[1:])) for identity, mine in reports.items()]


def _arrivals_of_corrected(facts: Sequence[Fact]) -> Mapping[_Fulfilled, Instant]:
    """When each fulfilment first arrived, where anything is corrected: a fulfilment to which a correction gives another
    time or duty arrives with the correction."""
    if not any(fact.type == _CORRECTION for fact in facts):
        return {}
    arrivals: dict[_Fulfilled, Instant] = {}
    for fact in _with_replacements(facts):
        if fact.type == FactType.DUTY_FULFILLED:
            fulfilled = fact.source, fact.id, fact.time, _duty_of(fact)
            arrivals[fulfilled] = min(arrivals.get(fulfilled, fact.received), fact.received)
    return arrivals


def _with_replacements(facts: Sequence[Fact]) -> Iterator[Fact]:
    """The facts, and what each correction puts in the place of one of them, from its arrival on."""
    originals = {(fact.source, fact.id): fact for fact in facts if fact.type != FactType.CORRECTION}
    yield from originals.values()
    for fact in facts:
        original = originals.get((fact.source, fact.data["of"])) if _replaces(fact) else None
        if original is not None:
            arrival = max(fact.received, original.received)
            yield replacement(original, fact.data["event"])._replace(received=arrival)


def _replaces(fact: Fact) -> bool:
    """Whether it is a correction that puts another event in the place of its target."""
    return fact.type == _CORRECTION and fact.data.get("event") is not None


def _duty_of(fact: Fact) -> DutyOf:
    return fact.data["duty"], fact.data["unit"], fact.data["period"]


# ---- figures -----------------------------------------------------------------------------------------------
_CORRECTION = int(FactType.CORRECTION)
FigureOf = tuple[str, str, str]
"""Quantity, unit, period."""
_ABOUT_FIGURES = (FactType.FIGURE_REPORTED, FactType.CORRECTION)


def reports_of(facts: Sequence[Fact]) -> list[Report]:
    """The figure of each (quantity, unit, period) among the facts of a key, corrections not yet applied. Of several the
    one with the greatest (time, id) holds; those that held before, at each arrival, come with it."""
    if not any(fact.type in _ABOUT_FIGURES for fact in facts):
        return []
    versions: dict[FigureOf, list[ReportedAmounts]] = {}
    latest: Mapping[FigureOf, Fact] = {}
    for arrival, latest, changed in _latest_by_arrival(facts):
        for identity in changed:
            data = latest[identity].data
            amounts = micro(data["numerator"]), micro(data["denominator"])
            held = versions.setdefault(identity, [])
            if not held or held[-1][:2] != amounts:
                held.append(ReportedAmounts(*amounts, arrival))
    decided = confirmations_in(facts)
    return [Report(*identity, tuple(versions[identity]), decided.about(*identity[1:])) for identity in latest]


def _latest_by_arrival(facts: Sequence[Fact]) -> Iterator[tuple[Instant, Mapping[FigureOf, Fact], Iterable[FigureOf]]]:
    """After each arrival the figures that hold, and those of them that may have changed."""
    has_corrections = any(fact.type == FactType.CORRECTION for fact in facts)
    arrived: list[Fact] = []
    latest: dict[FigureOf, Fact] = {}
    for arrival, new in by_arrival(facts):
        if has_corrections:
            arrived += new
            latest = _updated({}, corrected(arrived))
            yield arrival, latest, latest
        else:
            changed = dict.fromkeys(map(_figure_of, _reported(new)))
            yield arrival, _updated(latest, new), changed


def _updated(held: dict[FigureOf, Fact], facts: Iterable[Fact]) -> dict[FigureOf, Fact]:
    """The figures that hold when these facts are added."""
    for fact in _reported(facts):
        identity = _figure_of(fact)
        before = held.get(identity)
        if before is None or (fact.time, fact.id) > (before.time, before.id):
            held[identity] = fact
    return held


def _reported(facts: Iterable[Fact]) -> list[Fact]:
    return [fact for fact in facts if fact.type == FactType.FIGURE_REPORTED]


def _figure_of(fact: Fact) -> FigureOf:
    return fact.data["quantity"], fact.data["unit"], fact.data["period"]
