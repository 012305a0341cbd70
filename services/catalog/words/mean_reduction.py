"""The mean reduction against the statutory limit, in words."""

from services.catalog.words.names import names_for
from services.catalog.words.phrases import cases_of, objective_words, point_words
from services.catalog.words.phrases import plain_objective as objective
from services.domain.plan.kinds.mean_reduction import MeanReductionPromise
from services.domain.plan.plan import Plan, Title

__all__ = ["formula", "objective", "population", "statement"]

_OF_VARIANTS = {
    "cases": Title(
        zh="各办件〔1 − 实际净用时 ÷ 法定时限〕的平均", en="mean over cases of 1 − net time ÷ statutory limit"
    ),
    "ratio_of_sums": Title(zh="1 − 实际净用时合计 ÷ 法定时限合计", en="1 − sum of net times ÷ sum of statutory limits"),
}
_OF_ITEMS = Title(
    zh="先求各事项〔1 − 实际净用时 ÷ 法定时限〕的平均，再对事项求平均",
    en="mean over service items of each item's mean of 1 − net time ÷ statutory limit",
)


def population(promise: MeanReductionPromise, plan: Plan) -> Title:
    return cases_of(promise, plan)


def statement(promise: MeanReductionPromise, plan: Plan) -> Title:
    names = names_for(promise, plan)
    start, stop = point_words(promise.start, names), point_words(promise.stop, names)
    target = objective_words(promise.objective)
    return Title(
        zh=f"从{start.zh}到{stop.zh}的实际用时，比法定时限平均减少的幅度{target.zh}",
        en=f"time from {start.en} to {stop.en} reduced against the statutory limit by {target.en} on average",
    )


def formula(promise: MeanReductionPromise) -> Title:
    return _OF_VARIANTS.get(promise.variant, _OF_ITEMS)
