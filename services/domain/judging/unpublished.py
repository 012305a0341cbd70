"""What is said of a case whose due instant rests on days of which the calendar is not published (rule 2).

A notice may still move such a due instant. So its red card waits until no notice can move it so far, and until then a
hit and a miss count as provisional, unless the published days alone decide.
"""

from services.domain.judging.binding import earliest
from services.domain.judging.judgement import MISSES, Judgement, Outcome
from services.domain.plan.statutory_time import Law
from services.domain.sums.tally import TallyAmounts, TallyField
from services.domain.time.zone import Instant

MARK: TallyAmounts = ((TallyField.PROVISIONAL, 1),)
"""What marks what rests on such days: a miss, a late entry, a duration that counts them."""
_JUDGED = (Outcome.MET, *MISSES, Outcome.COUNTED)
_MET: TallyAmounts = (*MARK, (TallyField.PROVISIONAL_MET, 1))


def red_once_settled(red_at: Instant | None, settled_at: Instant | None) -> Instant | None:
    """When a red card comes, where a notice may still move the due instant: not before none can any more."""
    return red_at if red_at is None or settled_at is None else max(red_at, settled_at + 1)


def provisional(judgement: Judgement, settled_at: Instant, law: Law, now: Instant) -> Judgement:
    """The same judgement, marked. `settled_at`: see `Reading`."""
    red_at, next_at = red_once_settled(judgement.red_at, settled_at), judgement.next_at
    if judgement.stop is None:
        next_at = earliest(now, next_at, red_at, settled_at + 1)
    cells = judgement.cells
    if judgement.outcome in _JUDGED and _may_turn(judgement, settled_at, law, now):
        cells += _MET if (TallyField.MET, 1) in cells else MARK
    return judgement._replace(cells=cells, red_at=red_at, next_at=next_at, provisional=True)


def _may_turn(judgement: Judgement, settled_at: Instant, law: Law, now: Instant) -> bool:
    """Whether a notice may still turn a hit into a miss, or a miss into a hit."""
    start, due, end = judgement.start, judgement.due, judgement.stop
    if end is None:
        end = now
    if start is None or due is None or end > settled_at:
        return False
    first, last = law.zone.day(start), law.zone.day(min(end, due))
    return law.calendar.is_provisional_between(min(first, last - 1), last)
