"""Late entry (rule 14): what was missed by what was known then, and is no miss any more, was met by late entry.

It stays outside the numerator until the operations centre confirms it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from services.domain.history.case import Case
from services.domain.history.known_at import Step
from services.domain.judging.judgement import MISSES, Judgement, Outcome
from services.domain.judging.unpublished import MARK
from services.domain.plan.plan import id_of
from services.domain.sums.tally import TallyAmounts, TallyField
from services.domain.time.zone import Instant

Identity = tuple[str, int]
"""Key of a promise, and cycle."""


class Miss(NamedTuple):
    """What was missed by what was known then. Or what was unclassified while it would have been missed."""

    judgement: Judgement
    """The last that said so; of what was unclassified the first."""
    until: Instant
    """Its last instant."""
    ended_by: Instant
    """The arrival that ended it, the last time: whether there was no miss is decided by what arrived then."""

    @property
    def identity(self) -> Identity:
        """Key of the promise, and cycle."""
        return self.judgement.kpi, self.judgement.cycle


Missed = dict[Identity, Miss]


def note_miss(missed: Missed, judgement: Judgement, step: Step) -> None:
    """If it is a miss, keep it as the last of its identity; a breach before the case matures does not take the place of
    a miss."""
    if not is_miss(judgement):
        return
    identity = judgement.kpi, judgement.cycle
    held = missed.get(identity)
    if held is None or held.judgement.has_not_matured or not judgement.has_not_matured:
        missed[identity] = Miss(judgement, step.until, step.ended_by)


def is_miss(judgement: Judgement) -> bool:
    """Whether it is a miss. A case that was completed without its stop counts as one: what nobody reported in time is
    late. So does a late entry that nobody has confirmed: what arrives after it does not make it one in time."""
    without_stop = judgement.outcome is Outcome.UNMEASURED and judgement.closed_at is not None
    return judgement.outcome in MISSES or without_stop or judgement.outcome is Outcome.LATE_ENTRY


def note_unclassified(missed: Missed, judgement: Judgement, step: Step) -> None:
    """Keep what was unclassified while it would have been a miss: since when, and what ended it."""
    identity = judgement.kpi, judgement.cycle
    held = missed.get(identity)
    if held is None:
        missed[identity] = Miss(judgement, step.until, step.ended_by)
    elif held.judgement.outcome is Outcome.UNCLASSIFIED:
        missed[identity] = held._replace(ended_by=step.ended_by)


def apply_late_entry(
    found: Sequence[Judgement], missed: Missed, cases: Sequence[Case], day_of: Callable[[str, Instant], int]
) -> tuple[list[Judgement], tuple[Identity, ...]]:
    """The judgements with late entries among them, and the identities that were missed once and are not any more.

    `found`: what is said with everything that is known now. `day_of`: the tally's day of a case that left the
    population of a promise after it was missed.
    """
    by_cycle = {case.cycle: case for case in cases}
    left = dict(missed)
    judgements, turned = _judged_again(found, left, by_cycle)
    for before in left.values():
        is_late = _is_open_to_doubt(before, by_cycle)
        if is_late or _was_missed(before.judgement):
            turned.append(before.identity)
        if is_late:
            judgements.append(_gone_late(before, day_of))
    return judgements, tuple(turned)


def _judged_again(
    found: Sequence[Judgement], left: Missed, by_cycle: Mapping[int, Case]
) -> tuple[list[Judgement], list[Identity]]:
    """The judgements with late entries among them, and what is no miss any more; their misses are taken out of
    `left`."""
    judgements: list[Judgement] = []
    turned: list[Identity] = []
    for judgement in found:
        before = left.pop((judgement.kpi, judgement.cycle), None)
        if before is not None and judgement.outcome not in MISSES and judgement.closed_at is None:
            judgement = _judged_late(before, judgement, by_cycle)
            if _was_missed(before.judgement) or judgement.outcome is Outcome.LATE_ENTRY:
                turned.append(before.identity)
        judgements.append(judgement)
    return judgements, turned


def _gone_late(before: Miss, day_of: Callable[[str, Instant], int]) -> Judgement:
    """The late entry of a case that left the population of a promise."""
    judgement = before.judgement
    late = _late_entry(judgement, judgement)
    cells = (*_LATE, *_doubt_of(judgement))
    return late._replace(day=day_of(judgement.kpi, before.until), cells=cells, bin=None)


_CURED = (Outcome.MET, Outcome.WITHDRAWN, Outcome.UNMEASURED)
_LATE = ((TallyField.N, 1), (TallyField.LATE_ENTRY, 1))
_REPLACED = (
    TallyField.N,
    TallyField.MET,
    TallyField.WITHDRAWN,
    TallyField.UNMEASURED,
    TallyField.PROVISIONAL,
    TallyField.PROVISIONAL_MET,
    TallyField.UNCLASSIFIED,
    TallyField.UNCLASSIFIED_MISSED,
)


def _was_missed(before: Judgement) -> bool:
    """Whether it was a miss, and not only unclassified while it would have been one."""
    return before.outcome is not Outcome.UNCLASSIFIED


def _judged_late(before: Miss, judgement: Judgement, by_cycle: Mapping[int, Case]) -> Judgement:
    """A late entry, if the judgement is good news and not confirmed. A case that was missed, and of which a field was
    emptied afterwards, is one, too; one that was unclassified and is still is none."""
    cured = judgement.outcome in _CURED or (_was_missed(before.judgement) and judgement.outcome is Outcome.UNCLASSIFIED)
    return _late_entry(judgement, before.judgement) if cured and _is_open_to_doubt(before, by_cycle) else judgement


def _is_open_to_doubt(missed: Miss, by_cycle: Mapping[int, Case]) -> bool:
    """Whether an earlier miss had matured, and nobody who had seen what ended it confirmed that it was none."""
    judgement, case = missed.judgement, by_cycle.get(missed.judgement.cycle)
    confirmed = case is not None and case.is_confirmed(id_of(judgement.kpi), missed.ended_by)
    return not judgement.has_not_matured and not confirmed


def _late_entry(judgement: Judgement, missed: Judgement) -> Judgement:
    """The same case, in the denominator and not in the numerator; provisional, if the miss was."""
    kept = tuple(each for each in judgement.cells if each[0] not in _REPLACED)
    cells = (*_LATE, *_doubt_of(missed), *kept)
    return judgement._replace(outcome=Outcome.LATE_ENTRY, cells=cells, yellow_at=None, red_at=None, next_at=None)


def _doubt_of(missed: Judgement) -> TallyAmounts:
    """What marks a late entry where a notice may still say that there was no miss (rule 2)."""
    return MARK if MARK[0] in missed.cells else ()
