"""An accepted reason excuses the miss that its deciders had seen (rule 10).

A case that was open by what they had seen is excused, however late it is completed. One that was closed is excused as
far as it was late or in breach then: where it is reopened or corrected later and is worse, the reason waits for a
decision of its own. What was reported since and helps the unit makes up for nothing: a suspension that nobody had seen
does not excuse a later completion. One for a cycle that the case did not have then waits, too.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from services.domain.history.case import Case
from services.domain.history.decisions import Decision, is_of_the_centre
from services.domain.history.fact_set import contract_order
from services.domain.intake.facts import DECISIONS, Fact
from services.domain.judging.how_late import HowLate
from services.domain.judging.judgement import Judgement
from services.domain.judging.kind import CaseKind
from services.domain.plan.plan import Strength
from services.domain.time.zone import Instant

Cycles = Callable[[Sequence[Fact]], list[Case]]


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
        """Whether a case that was closed is open again, or worse than it was by what the deciders had seen, without
        what has helped it since; or whether they had seen nothing of this cycle."""
        later = [fact for fact in facts if fact.received > decision.through and fact.type not in DECISIONS]
        said = _Said(self._kinds.get(promise, ()), case.cycle, decision.through, cycles)
        return bool(later) and said.became_worse(facts, later)


class _Said(NamedTuple):
    """What one promise says of one cycle by some of its facts."""

    kinds: Sequence[CaseKind]
    cycle: int
    through: Instant
    cycles: Cycles

    def became_worse(self, facts: Sequence[Fact], later: Sequence[Fact]) -> bool:
        """Whether the case that the deciders had seen is worse, also without what has helped it `later`; or whether
        they had seen nothing of it."""
        seen = [fact for fact in facts if fact.received <= self.through]
        if not self._has_cycle(seen):
            return True
        then = self._how_late(seen)
        if then is None:
            return False
        return self._is_worse(facts, then) or self._is_worse_without_help(facts, later, then)

    def _is_worse_without_help(self, facts: Sequence[Fact], later: Sequence[Fact], then: HowLate) -> bool:
        seen = [fact for fact in facts if fact.received <= self.through]
        helps = [fact for fact in later if not is_of_the_centre(fact) and self._helps([*seen, fact], then)]
        return bool(helps) and self._is_worse([fact for fact in facts if fact not in helps], then)

    def _has_cycle(self, facts: Sequence[Fact]) -> bool:
        """Whether there is such a cycle, and anything of it beside decisions."""
        return any(fact.type not in DECISIONS for fact in facts) and self.cycle <= len(self.cycles(facts))

    def _how_late(self, facts: Iterable[Fact]) -> HowLate | None:
        """How late it is closed; None while it is open, or none of the promise's."""
        cases = self.cycles(sorted(facts, key=contract_order))
        return self._closed(cases[self.cycle - 1]) if self.cycle <= len(cases) else None

    def _closed(self, case: Case) -> HowLate | None:
        for kind in self.kinds:
            found: list[Judgement] = []
            kind.judge(case, max(case.arrived, self.through), found)
            for each in found:
                if each.stop is not None:
                    return HowLate.of(kind.promise, case, each)
        return None

    def _is_worse(self, facts: Iterable[Fact], then: HowLate) -> bool:
        """Whether it is open, or later than it was."""
        now = self._how_late(facts)
        return now is None or now.is_worse_than(then)

    def _helps(self, facts: Iterable[Fact], then: HowLate) -> bool:
        """Whether it is less late by these facts than it was."""
        now = self._how_late(facts)
        return now is not None and then.is_worse_than(now) and not now.is_worse_than(then)
