"""Verdicts: misses, late entries and reversals, so that a bad number leads to its cases (topic `case.verdicts`)."""

from typing import NamedTuple

from services.domain.judging.judge import Judge, Opinion
from services.domain.judging.judgement import MISSES, Judgement, Outcome
from services.domain.results.cards import case_name
from services.domain.results.published import Verdict
from services.domain.time.zone import Instant


class VerdictState(NamedTuple):
    """One promise's verdict on one cycle of a case."""

    kpi: str
    cycle: int
    verdict: str
    """`missed`, `met_by_late_entry`, `reversed`; `retracted` where it was published and never was."""
    judgement: Judgement | None
    """None where the promise has nothing to say of the case any more."""

    @property
    def identity(self) -> tuple[str, int]:
        """(kpi, cycle): one verdict each."""
        return self.kpi, self.cycle

    @property
    def content(self) -> list[str | Instant | None]:
        """What is published of it, as far as it can change: a missed case may yet be closed, or corrected."""
        judgement = self.judgement
        if judgement is None:
            return [self.verdict]
        return [self.verdict, judgement.unit, judgement.item, judgement.start, judgement.due, judgement.stop]


def verdicts_of(opinion: Opinion) -> list[VerdictState]:
    """The misses, late entries and reversals in an opinion, one per identity: a miss goes before."""
    found: dict[tuple[str, int], VerdictState] = {}
    if opinion.reversed:
        by_identity = {(each.kpi, each.cycle): each for each in opinion.judgements}
        for kpi, cycle in opinion.reversed:
            judgement = by_identity.get((kpi, cycle))
            late = judgement is not None and judgement.outcome is Outcome.LATE_ENTRY
            found[kpi, cycle] = VerdictState(kpi, cycle, str(Outcome.LATE_ENTRY) if late else "reversed", judgement)
    for each in opinion.judgements:
        if each.outcome in MISSES:
            found[each.kpi, each.cycle] = VerdictState(each.kpi, each.cycle, "missed", each)
        elif each.outcome is Outcome.LATE_ENTRY:
            found[each.kpi, each.cycle] = VerdictState(each.kpi, each.cycle, str(Outcome.LATE_ENTRY), each)
    return list(found.values())


def written_verdict(state: VerdictState, key: str, judge: Judge, now: Instant) -> Verdict:
    """A verdict as it is published; `key` is the case's."""
    judgement, zone = state.judgement, judge.law.zone
    since = judgement.start if judgement is not None and judgement.start is not None else now

    def text(instant: Instant | None) -> str:
        return "" if instant is None else zone.text(instant)

    return Verdict(
        kpi=state.kpi,
        case=case_name(key),
        cycle=state.cycle,
        unit=judgement.unit if judgement else "",
        item=judgement.item if judgement else "-",
        verdict=state.verdict,
        started_at=text(judgement.start if judgement else None),
        due_at=text(judgement.due if judgement else None),
        stopped_at=text(judgement.stop if judgement else None),
        judged_at=text(now),
        clause=judge.in_force(state.kpi, zone.day(since)).promise.clause,
    )
