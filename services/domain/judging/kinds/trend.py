"""A trend without a target: a share, a mean or a count that the plan wants to rise or fall (持续提高), never judged."""

from services.domain.history.case import Case
from services.domain.judging.judgement import Judgement
from services.domain.judging.kind import CaseKind, Moment, Sums
from services.domain.judging.kinds.case_count import CaseCount
from services.domain.judging.kinds.case_ratio import mean_of
from services.domain.judging.kinds.case_share import CaseShare
from services.domain.plan.plan import Promise
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.time.zone import Instant


class Trend:
    """`kind = "trend"`: the figure of a share, a count, a mean or a ratio, whichever `measure` says."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._measured = _measuring(promise, law)

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """As what is measured counts it."""
        self._measured.judge(case, now, found)

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """As what is measured reads it."""
        return self._measured.figure(sums, at)


def _measuring(promise: Promise, law: Law) -> CaseKind:
    match promise.measure:
        case "share":
            return CaseShare(promise, law)
        case "count":
            return CaseCount(promise, law)
    return mean_of(promise, law)
