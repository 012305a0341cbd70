"""What became of each fact of a key: it counts, was corrected, was struck out, …"""

from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from services.domain.history.corrections import Identity, applied_corrections, bad_corrections, corrected
from services.domain.intake.facts import Fact, FactType
from services.domain.time.zone import Instant


class FactStatus(StrEnum):
    """What became of a fact."""

    COUNTS = "stands"
    """It counts as it arrived."""
    STRUCK_OUT = "struck_out"
    """By a correction without an event."""
    CORRECTED = "corrected"
    """Another event replaces it."""
    APPLIES = "holds"
    """A correction that applies to its target."""
    OVERRULED = "overruled"
    """A correction that a later one of the same target replaces."""
    WAITING = "waiting"
    """A correction whose target has not arrived."""
    REFUSED = "refused"
    """A correction of a correction."""
    VOID = "void"
    """A completion that was declared void, or a milestone that it certified."""


class FactWithStatus(NamedTuple):
    """A fact as it arrived, and what became of it."""

    fact: Fact
    status: FactStatus
    by: Fact | None = None
    """Of a corrected fact: the correction. Of a correction: its target."""
    now: Fact | None = None
    """Of a corrected fact: what replaces it."""


def facts_with_status(facts: Sequence[Fact], voided: Collection[tuple[str, Instant]] = ()) -> list[FactWithStatus]:
    """All facts of a key in contract order, each with what became of it. `voided`: as `Case.voided` has them."""
    refused = {id(fact) for fact in bad_corrections(facts)}
    targets = {(fact.source, fact.id): fact for fact in facts if fact.type != FactType.CORRECTION}
    applied = applied_corrections([fact for fact in facts if id(fact) not in refused], targets)
    results = {(fact.source, fact.id): fact for fact in corrected(facts)}
    return [
        _of_correction(fact, id(fact) in refused, targets, applied)
        if fact.type == FactType.CORRECTION
        else _of_event(fact, applied, results, voided)
        for fact in facts
    ]


def _of_correction(
    fact: Fact, is_refused: bool, targets: Mapping[Identity, Fact], applied: Mapping[Identity, Fact]
) -> FactWithStatus:
    target = fact.source, fact.data["of"]
    if is_refused:
        return FactWithStatus(fact, FactStatus.REFUSED)
    if target not in targets:
        return FactWithStatus(fact, FactStatus.WAITING)
    status = FactStatus.APPLIES if applied[target] is fact else FactStatus.OVERRULED
    return FactWithStatus(fact, status, targets[target])


def _of_event(
    fact: Fact,
    applied: Mapping[Identity, Fact],
    results: Mapping[Identity, Fact],
    voided: Collection[tuple[str, Instant]],
) -> FactWithStatus:
    identity = fact.source, fact.id
    correction = applied.get(identity)
    if correction is None:
        return FactWithStatus(fact, FactStatus.VOID if _point(fact) in voided else FactStatus.COUNTS)
    now = results.get(identity)
    return FactWithStatus(fact, FactStatus.STRUCK_OUT if now is None else FactStatus.CORRECTED, correction, now)


def _point(fact: Fact) -> tuple[str, Instant] | None:
    """The point of a clock that a fact reports, and when."""
    if fact.type == FactType.CASE_COMPLETED:
        return "completed", fact.time
    return (f"milestone:{fact.data['name']}", fact.time) if fact.type == FactType.CASE_MILESTONE else None
