"""A mean over cases, in words."""

from services.catalog.words.names import names_for
from services.catalog.words.phrases import cases_of, measure_words, objective_words, point_words
from services.catalog.words.phrases import plain_objective as objective
from services.domain.plan.kinds.case_mean import CaseMeanPromise
from services.domain.plan.plan import CasePromise, Plan, Title

__all__ = ["formula", "objective", "population", "statement"]

_OF_DURATIONS = Title(
    zh="已办结件用时合计 ÷ 件数；另列把未结件按现有用时计入的平均值",
    en="sum of the durations of closed cases ÷ their number; beside it the mean with open cases at their present age",
)
_OF_AMOUNTS = Title(zh="数量合计 ÷ 件数", en="sum of the amounts ÷ number of cases")
_OF_SUMS = Title(zh="全部办件的分子数量合计 ÷ 分母数量合计", en="sum of one quantity over all cases ÷ sum of the other")


def population(promise: CaseMeanPromise, plan: Plan) -> Title:
    return cases_of(promise, plan)


def statement(promise: CaseMeanPromise, plan: Plan) -> Title:
    target, names = objective_words(promise.objective), names_for(promise, plan)
    if promise.measures_time:
        start, stop = point_words(promise.start, names), point_words(promise.stop, names)
        return Title(
            zh=f"从{start.zh}到{stop.zh}，平均{target.zh}", en=f"from {start.en} to {stop.en}, {target.en} on average"
        )
    if promise.measure == "rating" or promise.measure.startswith("ratio:"):
        mean = measure_words(promise, names)
        return Title(zh=f"{mean.zh}{target.zh}", en=f"{mean.en}: {target.en}")
    mean = measure_words(promise, names)
    return Title(zh=f"{mean.zh}{target.zh}", en=f"{target.en} a case on average")


def formula(promise: CasePromise) -> Title:
    what = promise.measured.partition(":")[0]
    if what == "ratio":
        return _OF_SUMS
    return _OF_AMOUNTS if what in ("quantity", "milestone", "rating") else _OF_DURATIONS
