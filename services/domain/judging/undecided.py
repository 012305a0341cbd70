"""What arrives after a decision on a late entry, and that nobody has decided on (rule 14).

A decision confirms what had arrived up to `through`. What arrives later is stepped through: while the case is closed,
or none of the promise's, it counts only if it makes the case worse. If the case is a miss then, what was left out waits
for a decision of its own. It counts again once the case is open within its limit: reported then, it would be in time.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from services.domain.history.case import Case
from services.domain.history.decisions import Decision, acceptance, accepts, is_of_the_centre
from services.domain.history.fact_set import contract_order
from services.domain.history.known_at import by_arrival
from services.domain.intake.facts import Fact, FactType
from services.domain.judging.how_late import HowLate
from services.domain.judging.judgement import RUNNING, Judgement, Outcome
from services.domain.judging.late_entry import is_miss
from services.domain.plan.plan import CasePromise
from services.domain.time.zone import Instant


class Standing(NamedTuple):
    """What one promise says of one cycle by some of its facts."""

    is_missed: bool
    is_open: bool
    """Its clock has not stopped; it may be overdue."""
    how_late: HowLate

    @property
    def is_within_limit(self) -> bool:
        """Whether it is open, and no miss."""
        return self.is_open and not self.is_missed

    @classmethod
    def of(cls, promise: CasePromise, case: Case, judgement: Judgement) -> "Standing":
        """That of a judgement."""
        is_excused = judgement.outcome is Outcome.JUSTIFIED and judgement.stop is None
        return cls(
            is_miss(judgement) and not judgement.has_not_matured,
            judgement.outcome in RUNNING or is_excused,
            HowLate.of(promise, case, judgement),
        )


Says = Callable[[Sequence[Fact], Instant], Standing | None]
"""What a promise says of a cycle by these facts (in contract order) at a moment; None if it is none of its cases."""


def undecided(
    facts: Sequence[Fact], decisions: Sequence[Decision], arrival: Instant, now: Instant, says: Says
) -> tuple[Fact, ...]:
    """What nobody has decided on and without which the case would be missed, though what came at `arrival` is
    confirmed. Empty where nothing is confirmed. `decisions`: those on the cycle, in contract order."""
    decision = acceptance(decisions, arrival)
    if decision is None:
        return ()
    kept = _Kept([fact for fact in facts if fact.received <= decision.through], decisions, says)
    for at, arrived in by_arrival([fact for fact in facts if fact.received > decision.through]):
        if kept.is_missed(at - 1):
            return kept.needed(at - 1)
        kept.take(sorted(arrived, key=contract_order), at)
    return kept.needed(now) if kept.is_missed(now) else ()


class _Kept:
    """The facts that count without a further decision, and those that are left out."""

    def __init__(self, facts: list[Fact], decisions: Sequence[Decision], says: Says) -> None:
        self._facts, self._decisions, self._says = facts, decisions, says
        self._left_out: list[Fact] = []

    def is_missed(self, at: Instant) -> bool:
        """Whether the case is missed without what is left out."""
        standing = self._standing(self._facts, at) if self._left_out else None
        return standing is not None and standing.is_missed

    def take(self, arrived: Sequence[Fact], at: Instant) -> None:
        """Add what arrived together at an instant."""
        standing = self._standing(self._facts, at)
        for fact in arrived:
            more = [*self._facts, fact]
            after = self._standing(more, at)
            if self._counts(fact) or _makes_worse(standing, after):
                self._facts, standing = more, after
            else:
                self._left_out.append(fact)
        if standing is not None and standing.is_within_limit:
            self._facts += self._left_out
            self._left_out.clear()

    def needed(self, at: Instant) -> tuple[Fact, ...]:
        """Of what is left out the facts without which the case is missed at an instant."""
        facts, needed = self._facts, []
        for fact in self._left_out:
            standing = self._standing([*facts, fact], at)
            if standing is not None and standing.is_missed:
                facts = [*facts, fact]
            else:
                needed.append(fact)
        return tuple(needed)

    def _counts(self, fact: Fact) -> bool:
        """Whether it needs no other decision: it is one, or was accepted; or it only says where a cycle ends."""
        is_new_cycle = fact.type == FactType.CASE_REOPENED and fact.data["reason"] == "new_request"
        return is_new_cycle or is_of_the_centre(fact) or accepts(self._decisions, fact.received)

    def _standing(self, facts: Sequence[Fact], at: Instant) -> Standing | None:
        return self._says(sorted((fact for fact in facts if fact.time <= at), key=contract_order), at)


def _makes_worse(before: Standing | None, after: Standing | None) -> bool:
    """Whether a fact counts that turns one into the other: it makes a closed case worse. While the case is open within
    its limit, whatever is reported counts."""
    if before is None:
        return after is not None
    if before.is_within_limit or after is None:
        return before.is_within_limit
    if before.is_missed or after.is_missed:
        return after.is_missed
    return after.is_open or after.how_late.is_worse_than(before.how_late)
