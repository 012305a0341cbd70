"""The kinds of promise: the only place that knows the list."""

from collections.abc import Callable, Mapping

from services.domain.kinds.case_bound import CaseBound
from services.domain.kinds.case_limit import CaseLimit
from services.domain.kinds.case_ratio import mean_of
from services.domain.kinds.case_share import CaseShare
from services.domain.kinds.catalogue import Catalogue
from services.domain.kinds.duty import Duty
from services.domain.kinds.in_sync import InSync
from services.domain.kinds.kind import AnyKind
from services.domain.kinds.mean_reduction import MeanReduction
from services.domain.kinds.node_duration import NodeDuration
from services.domain.kinds.reported_figure import ReportedFigure
from services.domain.kinds.trend import Trend
from services.domain.law import Law
from services.domain.plan import Kind, Promise


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
