"""A trend without a target: a share, a mean or a count that the plan wants to rise or fall (持续提高), never judged."""

from services.domain.judging.closed_cases import CaseCount
from services.domain.judging.kind import CaseKind
from services.domain.judging.kinds.case_mean import CaseMeanJudge
from services.domain.judging.kinds.case_share import CaseShareJudge
from services.domain.plan.kinds.trend import TrendPromise
from services.domain.plan.statutory_time import Law


class TrendJudge:
    """`kind = "trend"`: the figure of a share, a count, a mean or a ratio, whichever `measure` says."""

    def __init__(self, promise: TrendPromise, law: Law) -> None:
        self.promise = promise
        measured = _measuring(promise, law)
        self.judge, self.figure = measured.judge, measured.figure


def _measuring(promise: TrendPromise, law: Law) -> CaseKind:
    match promise.measure:
        case "share":
            return CaseShareJudge(promise, law)
        case "count":
            return CaseCount(promise, law)
    return CaseMeanJudge(promise, law)
