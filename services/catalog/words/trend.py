"""What is to rise or to fall, in words."""

from services.catalog.words import case_mean, case_share
from services.catalog.words.names import names_for
from services.catalog.words.phrases import DIRECTIONS, NO_TARGET, cases_of, measure_words
from services.catalog.words.phrases import plain_objective as objective
from services.domain.plan.kinds.trend import TrendPromise
from services.domain.plan.plan import Plan, Title

__all__ = ["formula", "objective", "population", "statement"]

_OF_COUNTS = Title(zh="统计期内计时终止的件数", en="number of cases whose clock stopped within the window")


def population(promise: TrendPromise, plan: Plan) -> Title:
    return cases_of(promise, plan)


def statement(promise: TrendPromise, plan: Plan) -> Title:
    way, trend = DIRECTIONS[promise.direction], measure_words(promise, names_for(promise, plan))
    return Title(zh=f"{trend.zh}应持续{way.zh}（{NO_TARGET.zh}）", en=f"{trend.en} should {way.en} ({NO_TARGET.en})")


def formula(promise: TrendPromise) -> Title:
    if promise.measure == "count":
        return _OF_COUNTS
    return case_share.formula(promise) if promise.measure == "share" else case_mean.formula(promise)
