"""Late entry (rule 14): what was missed by what was known then, and is no miss any more, was met by late entry.

It stays outside the numerator until the operations centre confirms it.
"""

from collections.abc import Callable, Sequence

from services.domain.history.case import Case
from services.domain.judging.judgement import MISSES, Judgement, Outcome
from services.domain.plan.plan import id_of
from services.domain.sums.tally import TallyField
from services.domain.time.zone import Instant

Identity = tuple[str, int]
"""Key of a promise, and cycle."""
Missed = dict[Identity, tuple[Judgement, Instant]]
"""What was missed by what was known then: the last judgement that said so, and its instant. Or what was unclassified
while it would have been missed."""


def apply_late_entry(
    found: Sequence[Judgement], missed: Missed, cases: Sequence[Case], day_of: Callable[[str, Instant], int]
) -> tuple[list[Judgement], tuple[Identity, ...]]:
    """The judgements with late entries among them, and the identities that were missed once and are not any more.

    `found`: what is said with everything that is known now. `day_of`: the tally's day of a case that left the
    population of a promise after it was missed.
    """
    by_cycle = {case.cycle: case for case in cases}
    left = dict(missed)
    judgements: list[Judgement] = []
    turned: list[Identity] = []
    for judgement in found:
        identity = judgement.kpi, judgement.cycle
        before = left.pop(identity, None)
        if before is not None and judgement.outcome not in MISSES:
            was_missed = before[0].outcome in MISSES
            judgement = _judged_late(judgement, by_cycle[judgement.cycle], was_missed)
            if was_missed or judgement.outcome is Outcome.LATE_ENTRY:
                turned.append(identity)
        judgements.append(judgement)
    for (kpi, cycle), (judgement, until) in left.items():
        is_late = cycle not in by_cycle or not _is_confirmed(by_cycle[cycle], kpi)
        if is_late or judgement.outcome in MISSES:
            turned.append((kpi, cycle))
        if is_late:
            late = _late_entry(judgement)
            judgements.append(late._replace(day=day_of(kpi, until), cells=_LATE, bin=None))
    return judgements, tuple(turned)


_CURED = (Outcome.MET, Outcome.WITHDRAWN, Outcome.UNMEASURED)
_LATE = ((TallyField.N, 1), (TallyField.LATE_ENTRY, 1))
_REPLACED = (
    TallyField.N,
    TallyField.MET,
    TallyField.WITHDRAWN,
    TallyField.UNMEASURED,
    TallyField.UNCLASSIFIED,
    TallyField.UNCLASSIFIED_MISSED,
)


def _judged_late(judgement: Judgement, case: Case, was_missed: bool) -> Judgement:
    """A late entry, if the judgement is good news and not confirmed. A case that was missed, and of which a field was
    emptied afterwards, is one, too; one that was unclassified and is still is none."""
    cured = judgement.outcome in _CURED or (was_missed and judgement.outcome is Outcome.UNCLASSIFIED)
    return _late_entry(judgement) if cured and not _is_confirmed(case, judgement.kpi) else judgement


def _is_confirmed(case: Case, kpi: str) -> bool:
    decision = case.confirmed.get(id_of(kpi))
    return decision is not None and decision.decision == "accepted"


def _late_entry(judgement: Judgement) -> Judgement:
    """The same case, in the denominator and not in the numerator."""
    kept = tuple(each for each in judgement.cells if each[0] not in _REPLACED)
    return judgement._replace(
        outcome=Outcome.LATE_ENTRY, cells=(*_LATE, *kept), yellow_at=None, red_at=None, next_at=None
    )
