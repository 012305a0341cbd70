"""The kinds of promise: the only place that knows the list."""

from collections.abc import Callable, Mapping

from services.domain.judging.kind import AnyKind
from services.domain.judging.kinds.case_bound import CaseBound
from services.domain.judging.kinds.case_limit import CaseLimit
from services.domain.judging.kinds.case_ratio import mean_of
from services.domain.judging.kinds.case_share import CaseShare
from services.domain.judging.kinds.catalogue import Catalogue
from services.domain.judging.kinds.duty import Duty
from services.domain.judging.kinds.in_sync import InSync
from services.domain.judging.kinds.mean_reduction import MeanReduction
from services.domain.judging.kinds.node_duration import NodeDuration
from services.domain.judging.kinds.reported_figure import ReportedFigure
from services.domain.judging.kinds.trend import Trend
from services.domain.plan.plan import Kind, Promise
from services.domain.plan.statutory_time import Law


def _of_entries(promise: Promise, law: Law) -> AnyKind:
    return InSync(promise, law) if promise.statistic == "in_sync" else Catalogue(promise, law)


KINDS: Mapping[Kind, Callable[[Promise, Law], AnyKind]] = {
    Kind.CASE_LIMIT: CaseLimit,
    Kind.CASE_MEAN: mean_of,
    Kind.MEAN_REDUCTION: MeanReduction,
    Kind.CASE_SHARE: CaseShare,
    Kind.CASE_BOUND: CaseBound,
    Kind.CATALOGUE: _of_entries,
    Kind.DUTY: Duty,
    Kind.NODE_DURATION: NodeDuration,
    Kind.TREND: Trend,
    Kind.FIGURE: ReportedFigure,
}
