"""An accepted reason excuses the miss that its deciders had seen (rule 10).

A case that was open by what they had seen is excused, however late it is completed. One that was closed is excused as
far as it was late or in breach then: where it is reopened or corrected later and is worse, the reason waits for a
decision of its own. So does one for a cycle that the case did not have then.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from services.domain.history.case import Case
from services.domain.history.decisions import Decision
from services.domain.intake.facts import DECISIONS, Fact
from services.domain.judging.bounded_amounts import Amount, bounded_amount
from services.domain.judging.judgement import Judgement
from services.domain.judging.kind import CaseKind
from services.domain.plan.plan import CasePromise, Promise, Strength
from services.domain.time.zone import Instant

Cycles = Callable[[Sequence[Fact]], list[Case]]


class _Miss(NamedTuple):
    """How bad the miss of a closed case is under one promise."""

    late_by: Instant
    """How long after its limit it was closed; 0 without a limit."""
    amounts: Sequence[Amount]
    """What is bounded: the greater, the worse."""


class Reasons:
    """The accepted reasons of one plan's soft promises."""

    def __init__(self, kinds: Iterable[CaseKind]) -> None:
        self._kinds: dict[str, list[CaseKind]] = {}
        for kind in kinds:
            if kind.promise.strength is Strength.SOFT:
                self._kinds.setdefault(kind.promise.id, []).append(kind)

    def settle(self, cases: Sequence[Case], facts: Sequence[Fact], cycles: Cycles) -> None:
        """Let each accepted reason wait again whose miss has become worse than its deciders had seen. `facts`: those of
        the cases; `cycles`: reads cases out of facts."""
        for case in cases:
            for promise, decision in case.justified.items():
                if decision.decision == "accepted" and self._is_worse(promise, decision, case, facts, cycles):
                    case.justified[promise] = decision._replace(decision="requested")

    def _is_worse(self, promise: str, decision: Decision, case: Case, facts: Sequence[Fact], cycles: Cycles) -> bool:
        """Whether a case that was closed is open again, or worse than it was by what the deciders had seen; or whether
        they had seen nothing of this cycle."""
        kinds, through = self._kinds.get(promise, ()), decision.through
        if not any(fact.received > through and fact.type not in DECISIONS for fact in facts):
            return False
        seen = cycles([fact for fact in facts if fact.received <= through])
        if case.cycle > len(seen):
            return True  # nobody had seen anything of it
        before = _miss(kinds, seen[case.cycle - 1], through)
        if before is None:
            return False
        now = _miss(kinds, case, max(case.arrived, through))
        return now is None or now.late_by > before.late_by or _is_any_greater(now.amounts, before.amounts)


def _miss(kinds: Iterable[CaseKind], case: Case, now: Instant) -> _Miss | None:
    """What the promise says of a case that is closed; None while it is open, or none of its cases."""
    for kind in kinds:
        found: list[Judgement] = []
        kind.judge(case, now, found)
        for each in found:
            if each.stop is not None:
                return _Miss(each.stop - each.due if each.due is not None else 0, _amounts(kind.promise, case))
    return None


def _amounts(promise: Promise, case: Case) -> list[Amount]:
    bound = promise.bounded_by if isinstance(promise, CasePromise) else None
    if bound is None or not isinstance(promise, CasePromise):
        return []
    amounts = [bounded_amount(text)(case, None) or 0 for text in promise.bounded]
    return [-each for each in amounts] if bound.relation == ">=" else amounts


def _is_any_greater(now: Sequence[Amount], before: Sequence[Amount]) -> bool:
    return any(one > other for one, other in zip(now, before, strict=False))
