"""A trend without a target: a share, a mean or a count that the plan wants to rise or fall (持续提高), never judged."""

from services.domain.case import Case
from services.domain.figure import Figure
from services.domain.judgement import Judgement
from services.domain.kinds.case_mean import CaseMean
from services.domain.kinds.case_share import CaseShare
from services.domain.kinds.kind import Moment, Sums
from services.domain.law import Law
from services.domain.plan import Promise
from services.domain.zone import Instant


class Trend:
    """`kind = "trend"`: the figure of a share or of a mean, whichever `measure` says."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._measured = CaseShare(promise, law) if promise.measure == "share" else CaseMean(promise, law)

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """As the share or the mean counts it."""
        self._measured.judge(case, now, found)

    def figure(self, sums: Sums, at: Moment) -> Figure:
        """As the share or the mean reads it."""
        return self._measured.figure(sums, at)
