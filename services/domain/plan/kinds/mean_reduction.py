"""`kind = "mean_reduction"`: the mean reduction of handling time against the statutory limit (比法定时限平均减少)."""

from typing import Literal

from services.domain.plan.plan import CasePromise, ObjectiveField


class MeanReductionPromise(CasePromise):
    """`variant` says which mean: `official` over service items, `cases` over cases, `ratio_of_sums` of two sums."""

    kind: Literal["mean_reduction"]
    objective: ObjectiveField
    """By which share of the statutory limit the time is to be shorter."""

    @property
    def against_statutory_limit(self) -> bool:
        return True

    @property
    def kept_by_item(self) -> bool:
        return True
