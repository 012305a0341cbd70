"""A bound on a count, an amount, a ratio or an order of steps in each case, in words."""

from datetime import date

from services.catalog.words.names import NameBook, names_for
from services.catalog.words.phrases import NOTHING, cases_of, date_words, limit_words, objective_words, point_words
from services.catalog.words.wording import target_text
from services.domain.plan.kinds.case_bound import CaseBoundPromise
from services.domain.plan.plan import Name, Plan, Title
from services.domain.time.limits import Limit

_FORMULA = Title(
    zh="符合要求的件数 ÷ 已报送数据的到期件数（不符合要求的未结件计入分母；数据源未报送的不计入，列为“未报送”）",
    en="cases within the bound ÷ matured cases that were reported (open ones in breach are in the denominator; "
    "what a source did not report is unmeasured)",
)


def population(promise: CaseBoundPromise, plan: Plan) -> Title:
    return cases_of(promise, plan)


def statement(promise: CaseBoundPromise, plan: Plan) -> Title:
    names = names_for(promise, plan)
    within = _matured(promise, names)
    said = _forbidden(promise, names) or _bounded_to(promise, names)
    return Title(zh=f"{within.zh}{said.zh}", en=f"{said.en}{within.en}")


def _forbidden(promise: CaseBoundPromise, names: NameBook) -> Title | None:
    """What there must be none of, where all of it has words for that: `不得收取登记费`."""
    if promise.bound.relation != "<=" or promise.bound.amount != 0:
        return None
    said = [_none_of(count, names) for count in promise.counts]
    found = [each for each in said if each is not None]
    if len(found) < len(said):
        return None
    return Title(zh="，".join(each.zh for each in found), en=f"{', '.join(each.en for each in found)}, in every case")


def _none_of(count: str, names: NameBook) -> Title | None:
    what, _, name = count.partition(":")
    match what:
        case "order":
            first, then = (names.milestone(each) for each in name.split("<"))
            return Title(zh=f"应先{first.zh}、后{then.zh}", en=f"{first.en} before {then.en}")
        case "milestone":
            return _no(names.milestone(name))
        case "quantity":
            return _no(names.quantity(name))
    return None


def _no(named: Name) -> Title | None:
    return named.no


def _bounded_to(promise: CaseBoundPromise, names: NameBook) -> Title:
    counts, bound = [counted_words(count, names) for count in promise.counts], objective_words(promise.bound)
    several = len(counts) > 1
    if promise.bound.unit == "count" and all(count.startswith("attribute:") for count in promise.counts):
        en = bound.en.removesuffix("s").removesuffix(" time")
        bound = Title(zh=f"{bound.zh.removesuffix('次')}个", en=en)
    return Title(
        zh=f"每件{'、'.join(count.zh for count in counts)}{'均' * several}{bound.zh}",
        en=f"{', '.join(count.en for count in counts)}: {'each ' * several}{bound.en}, in every case",
    )


def counted_words(count: str, names: NameBook) -> Title:
    """What a bound is about."""
    what, _, name = count.partition(":")
    match what:
        case "milestone":
            return names.milestone(name)
        case "attribute":
            listed = names.attribute(name)
            return Title(zh=listed.zh, en=f"the number of {listed.en}")
        case "ratio":
            above, below = (names.quantity(each) for each in name.split("/"))
            return Title(zh=f"{above.zh}占{below.zh}的比例", en=f"{above.en} ÷ {below.en}")
        case "order":
            first, then = (names.milestone(each) for each in name.split("<"))
            return Title(zh=f"未{first.zh}即{then.zh}的次数", en=f"{then.en} without {first.en} before it")
    return names.quantity(name)


def _matured(promise: CaseBoundPromise, names: NameBook) -> Title:
    """By when what is bounded is judged, where the completion does not say it."""
    if isinstance(promise.matures_at, date):
        by = date_words(promise.matures_at)
        return Title(zh=f"{by.zh}，", en=f", {by.en}")
    if promise.maturity_limit is None:
        return NOTHING
    limit, start = limit_words(promise.maturity_limit), point_words(promise.start, names)
    return Title(zh=f"{start.zh}后{limit.zh}内，", en=f", within {limit.en} of {start.en}")


def objective(promise: CaseBoundPromise) -> str:
    within = f" within {limit_words(promise.matures_at).en}" if isinstance(promise.matures_at, Limit) else ""
    return f"{target_text(promise.bound)} in every case{within}"


def formula(promise: CaseBoundPromise) -> Title:
    return _FORMULA
