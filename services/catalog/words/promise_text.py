"""A promise as a sentence, in Chinese and English: what it says of which cases, without a look into its entry."""

from collections.abc import Iterable, Mapping

from services.catalog.words.all_kinds import words_of
from services.catalog.words.phrases import NOTHING
from services.catalog.words.wording import objective_text
from services.domain.plan.plan import Plan, Promise, Strength, Tier, Title

STRENGTHS: Mapping[Strength, Title] = {
    Strength.HARD: Title(zh="刚性（应、不得、确保）", en="hard: red when missed"),
    Strength.SOFT: Title(zh="原则性（原则上、基本）", en="soft: red only without an accepted reason"),
    Strength.ASPIRATIONAL: Title(zh="鼓励性（力争、推动）", en="aspirational: missed, never red"),
    Strength.DIRECTIONAL: Title(zh="方向性（方案未定数值）", en="directional: the plan prints no threshold"),
}
TIERS: Mapping[Tier, Title] = {
    Tier.H: Title(zh="方案载明数值、零或日期", en="a number, a zero or a date is printed"),
    Tier.C: Title(zh="全覆盖或强制性要求，未载明数值", en="full coverage or mandatory wording, no number printed"),
    Tier.Q: Title(zh="定性要求，只监测趋势", en="qualitative: a direction, never judged"),
}


def tier_counts(promises: Iterable[Promise]) -> dict[Tier, int]:
    """How many promises (not variants) are of each tier; empty where a plan has none."""
    by_id = {promise.id: promise.tier for promise in promises if promise.is_official}
    return {tier: count for tier in Tier if (count := sum(each is tier for each in by_id.values()))}


def in_words(promise: Promise, plan: Plan) -> Title:
    """What the promise says, one sentence in each language."""
    words = words_of(promise)
    whose, what = words.population(promise, plan), words.statement(promise, plan)
    nearly, until = _tolerated(promise), _placeheld(promise, plan)
    zh = f"{whose.zh}：{what.zh}{nearly.zh}{until.zh}。".replace("）（", "；")
    return Title(zh=zh, en=f"{whose.en}: {what.en}{nearly.en}{until.en}.")


def objective(promise: Promise, plan: Plan) -> Title:
    """What is promised, in short; empty where the plan prints no threshold."""
    if promise.strength is Strength.DIRECTIONAL:
        return NOTHING
    return Title(zh=words_of(promise).statement(promise, plan).zh, en=objective_text(promise))


def formula(promise: Promise) -> Title:
    """The formula of a promise's figure, in words of arithmetic."""
    return words_of(promise).formula(promise)


def _placeheld(promise: Promise, plan: Plan) -> Title:
    """That nothing is said of it yet, where its list is a placeholder; that its items are a sample."""
    if plan.is_sample(promise):
        return Title(zh="（事项清单为占位示例）", en="; its list of items is a placeholder, a sample of them")
    if not plan.is_invented(promise):
        return NOTHING
    return Title(
        zh="（清单为占位示例，正式清单提供前暂不评价）",
        en="; its list is a placeholder: unmeasured until it is replaced",
    )


def _tolerated(promise: Promise) -> Title:
    """基本: how much may be missing before it is missed."""
    if not promise.tolerance:
        return NOTHING
    points = f"{(promise.tolerance * 100).normalize():f}"
    return Title(
        zh=f"（差距不超过{points}个百分点的，列为“有风险”，不列为“未达标”）",
        en=f" (short of it by no more than {points} points: at risk, not missed)",
    )
