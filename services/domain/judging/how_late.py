"""How late a closed case is, and how much it has of what is bounded: by this decisions tell better from worse."""

from collections.abc import Sequence
from typing import NamedTuple

from services.domain.history.case import Case
from services.domain.history.decisions import FOREVER
from services.domain.judging.bounded_amounts import Amount, bounded_amount
from services.domain.judging.judgement import Judgement
from services.domain.plan.plan import CasePromise
from services.domain.time.zone import Instant


class HowLate(NamedTuple):
    """How bad a closed case is under one promise."""

    late_by: Instant
    """How long after its limit it was closed; less than 0: so long before. Without a limit it is never late."""
    amounts: Sequence[Amount]
    """What is bounded: the greater, the worse."""

    @classmethod
    def of(cls, promise: CasePromise, case: Case, judgement: Judgement) -> "HowLate":
        """That of a case that is closed by a judgement. One that time alone closed was closed at its limit."""
        due, stop = judgement.due, judgement.stop
        late_by = -FOREVER if due is None else (due if stop is None else stop) - due
        return cls(late_by, _amounts(promise, case))

    def is_worse_than(self, other: "HowLate") -> bool:
        """Whether it is later, or more of anything that is bounded."""
        return self.late_by > other.late_by or any(
            one > another for one, another in zip(self.amounts, other.amounts, strict=False)
        )


def _amounts(promise: CasePromise, case: Case) -> list[Amount]:
    bound = promise.bounded_by
    if bound is None:
        return []
    amounts = [bounded_amount(text)(case, None) or 0 for text in promise.bounded]
    return [-each for each in amounts] if bound.relation == ">=" else amounts
