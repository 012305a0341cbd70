"""Which judgements an earlier arrival can have been a miss of, so that only those are looked for (rule 14).

To find late entries the arrivals of a case are stepped through, and every promise judges every step. For a plain case
(`Case.only_simple_facts`) that is seldom needed: an arrival adds to what is known and changes nothing that was known.
Then a promise that is met can have been missed earlier only after its limit, or from `needs_late_check_from` on.
`Judge.before` without doubts is the plain way; `tests/unit/test_doubts.py` compares the two.
"""

from collections.abc import Sequence
from typing import NamedTuple

from services.domain.history.case import Case
from services.domain.judging.judgement import MISSES, Judgement, Outcome
from services.domain.time.zone import Instant

IN_TIME = (Outcome.MET, Outcome.WITHDRAWN)


class Doubts(NamedTuple):
    """The promises that may have been missed once, and since when."""

    kpis: tuple[str, ...]
    """Keys."""
    since: Instant
    """What an arrival before it ended was no miss by any of them."""


def doubts_of(found: Sequence[Judgement], case: Case, now: Instant) -> Doubts:
    """Those of a plain case. `found`: what is said with everything that is known at `now`."""
    doubts: dict[str, Instant] = {}
    for judgement in found:
        since = _in_doubt_since(judgement, case.arrived, now)
        if since is not None:
            doubts[judgement.kpi] = since
    return Doubts(tuple(doubts), min(doubts.values(), default=now))


def _in_doubt_since(judgement: Judgement, arrived: Instant, now: Instant) -> Instant | None:
    """Since when an arrival may have ended a miss; None: none can. A miss is itself no good news that could be late."""
    if judgement.outcome in MISSES:
        return None
    since, yellow_at, due = judgement.needs_late_check_from, judgement.yellow_at, judgement.due
    if since is not None and arrived >= since:
        return since
    if yellow_at is None or judgement.outcome not in IN_TIME:
        return None
    known_until = arrived if judgement.stop is not None else now
    if known_until < yellow_at or (due is not None and arrived <= due):
        return None
    return 0 if due is None else due + 1
