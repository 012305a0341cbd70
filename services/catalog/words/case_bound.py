"""A bound on a count, an amount, a ratio or an order of steps in each case, in words."""

from datetime import date

from services.catalog.words.phrases import NOTHING, cases_of, limit_words, objective_words, point_words
from services.catalog.words.wording import target_text
from services.domain.plan.kinds.case_bound import CaseBoundPromise
from services.domain.plan.plan import Plan, Title
from services.domain.time.limits import Limit

_FORMULA = Title(
    zh="未越界的件数 ÷ 已有数据的到期件数（已越界未结的计入分母；来源未报告的为“未计量”）",
    en="cases within the bound ÷ matured cases that were reported (open ones in breach are in the denominator; "
    "what a source did not report is unmeasured)",
)


def population(promise: CaseBoundPromise, plan: Plan) -> Title:
    return cases_of(promise, plan)


def statement(promise: CaseBoundPromise, plan: Plan) -> Title:
    counts, bound = [_bounded(count) for count in promise.counts], objective_words(promise.bound)
    within = _matured(promise)
    alone = ", each by itself" if len(counts) > 1 else ""
    return Title(
        zh=f"{within.zh}每件的{'、'.join(count.zh for count in counts)}{'各' * (len(counts) > 1)}{bound.zh}",
        en=f"{', '.join(count.en for count in counts)} {bound.en} in every case{within.en}{alone}",
    )


def _bounded(count: str) -> Title:
    """What a bound is about."""
    what, _, name = count.partition(":")
    match what:
        case "milestone":
            return Title(zh=f"“{name}”次数", en=name)
        case "attribute":
            return Title(zh=f"{name}的个数", en=f"the number of {name}")
        case "ratio":
            return Title(zh=name.replace("/", "÷"), en=name.replace("/", " ÷ "))
        case "order":
            first, _, then = name.partition("<")
            return Title(zh=f"“{first}”之前已“{then}”的次数", en=f"{then} without {first} before it")
    return Title(zh=name, en=name)


def _matured(promise: CaseBoundPromise) -> Title:
    """By when what is bounded is judged, where the completion does not say it."""
    if isinstance(promise.matures_at, date):
        return Title(zh=f"至{promise.matures_at}，", en=f" by {promise.matures_at}")
    if promise.maturity_limit is None:
        return NOTHING
    limit, start = limit_words(promise.maturity_limit), point_words(promise.start)
    return Title(zh=f"{start.zh}后{limit.zh}内，", en=f" within {limit.en} of {start.en}")


def objective(promise: CaseBoundPromise) -> str:
    within = f" within {promise.matures_at}" if isinstance(promise.matures_at, Limit) else ""
    return f"{target_text(promise.bound)} in every case{within}"


def formula(promise: CaseBoundPromise) -> Title:
    return _FORMULA
