"""Signals about how late sources report (rule 14), so that nobody lives on the time that they are given.

Both are counted per source, once for each cycle of a case.
"""

from collections.abc import Iterable, Mapping, Sequence

from services.domain.history.case import Case
from services.domain.intake.facts import Fact
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.late_entry import Identity
from services.domain.sums.tally import TallyAmounts, TallyField
from services.domain.time.zone import Instant, Zone

IN_WAIT = "~reported_in_wait"
"""Met, and reported after the limit, while the source was still in time: cases that the wait saved."""
FIRST_KNOWN_LATE = "~first_known_late"
"""Met, and first heard of when the limit and the time for its report had passed: it is judged by what it says."""

_ONE: TallyAmounts = ((TallyField.N, 1),)


def late_report_signals(
    found: Iterable[Judgement], awaited: Mapping[Identity, Instant], facts: Sequence[Fact], zone: Zone
) -> list[Judgement]:
    """The cycles that are met although their report was awaited once. `awaited`: the last instant of the waiting."""
    signals: dict[int, Judgement] = {}
    for judgement in found:
        until = awaited.get((judgement.kpi, judgement.cycle))
        if until is None or judgement.outcome is not Outcome.MET or judgement.cycle in signals:
            continue
        source = min((fact.source for fact in facts if fact.received == until + 1), default="")
        if source:
            signals[judgement.cycle] = _signal(IN_WAIT, judgement, source, zone.day(until + 1))
    return list(signals.values())


def first_known_signals(
    found: Iterable[Judgement], cases: Sequence[Case], first: Instant, zone: Zone
) -> list[Judgement]:
    """The cycle that is met although nothing of the case was known until its report was late. `first`: when its first
    fact arrived."""
    for judgement in found:
        reported_by = judgement.reported_by
        if judgement.outcome is Outcome.MET and reported_by is not None and first > reported_by:
            filed = next(each for each in cases if each.cycle == judgement.cycle).filed
            source = filed.source if filed is not None else ""
            return [_signal(FIRST_KNOWN_LATE, judgement, source, zone.day(first))] if source else []
    return []


def _signal(name: str, about: Judgement, source: str, day: int) -> Judgement:
    return Judgement(name, about.cycle, Outcome.COUNTED, source, "-", day, _ONE, None)
