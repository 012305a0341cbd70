"""The facts of one case out of what a replay has read of it."""

from collections.abc import Sequence

from services.domain.history.capacity import LARGEST_CASE, take_out_overflow
from services.domain.history.case_refusals import refused_by_case
from services.domain.history.corrections import Identity, applied_corrections
from services.domain.history.fact_set import contract_order
from services.domain.intake.facts import Fact, FactType
from services.domain.intake.refusal import Reason
from services.domain.judging.quarantine import keep, refused_corrections
from services.replay.spill_files import Rejected, SpilledFact, fact_of, is_heartbeat


def facts_of(records: Sequence[SpilledFact], rejected: list[Rejected]) -> list[Fact]:
    """The deduplicated facts of a key, in contract order; what only the case can refuse is added to `rejected`.
    Heartbeats are not part of a case: they only say that their source is alive, whatever subject they name."""
    records = [record for record in records if not is_heartbeat(record)]
    if len(records) == 1:
        return [fact_of(records[0])]
    facts: list[Fact] = []
    has_rejected = False
    for record in records:
        has_rejected |= keep(facts, fact_of(record)).rejected is not None
        if len(facts) > 2 * LARGEST_CASE:  # each is compared with all
            has_rejected |= bool(take_out_overflow(facts))
    has_rejected |= len(facts) > 1 and bool(take_out_overflow(facts))
    bad = {(fact.source, fact.id) for fact in refused_corrections(facts)}
    if has_rejected or bad:
        rejected += _rejected(records, facts, bad)
    return facts


def _rejected(records: Sequence[SpilledFact], facts: Sequence[Fact], bad: set[Identity]) -> list[Rejected]:
    """The records of which the case does not keep the fact, or refuses the correction (`bad`)."""
    digests = {(fact.source, fact.id): fact.digest for fact in facts}
    found: list[Rejected] = []
    for record in records:
        _, file, line = record[:3]
        fact = fact_of(record)
        kept = digests.get((fact.source, fact.id))
        if kept is None:
            found.append(Rejected.of(refused_by_case(Reason.TOO_LARGE), file, line))
        elif kept != fact.digest:
            found.append(Rejected.of(refused_by_case(Reason.ID_CONFLICT), file, line))
        elif (fact.source, fact.id) in bad:
            found.append(Rejected.of(refused_by_case(Reason.BAD_CORRECTION), file, line))
    return found


def as_if_corrected_on_arrival(facts: Sequence[Fact]) -> list[Fact]:
    """As if each correction had arrived together with its event: the one that applies counts from the arrival of the
    event on."""
    targets = {(fact.source, fact.id): fact for fact in facts if fact.type != FactType.CORRECTION}
    applied = applied_corrections(facts, targets)
    kept = [fact for fact in facts if fact.type != FactType.CORRECTION or (fact.source, fact.data["of"]) not in applied]
    for identity, correction in applied.items():
        target = targets[identity]
        kept.append(correction._replace(time=target.time, received=target.received))
    return sorted(kept, key=contract_order)
