"""A figure that sources count themselves, in words."""

from services.catalog.words.phrases import deadline_words, objective_or_direction, owing_words
from services.catalog.words.phrases import plain_objective as objective
from services.domain.plan.kinds.figure import FigurePromise
from services.domain.plan.plan import Plan, Title

__all__ = ["formula", "objective", "population", "statement"]

_OF_SHARES = Title(zh="各期分子合计 ÷ 各期分母合计", en="sum of the periods' numerators ÷ sum of their denominators")
_OF_STOCKS = Title(
    zh="各单位最近一期：分子合计 ÷ 分母合计", en="each unit's last period: sum of numerators ÷ sum of denominators"
)


def population(promise: FigurePromise, plan: Plan) -> Title:
    of = owing_words(promise.owed_by, plan)
    return Title(zh=f"数据报送（{of.zh}）", en=f"Reported figures ({of.en})")


def statement(promise: FigurePromise, plan: Plan) -> Title:
    names, target = (
        [_quantity(name, plan) for name in (promise.numerator, promise.denominator)],
        objective_or_direction(promise),
    )
    zh, en = _ratio(names), " ÷ ".join(name.en for name in names)
    if promise.in_one_report:
        zh, en = _ratio(names[:1]), f"share of {names[0].en[:1].lower()}{names[0].en[1:]}"
    when = Title(zh="按月统计", en="month by month")
    if promise.period == "once" and promise.by is not None:
        by = deadline_words(promise.by)
        when = Title(zh=f"应{by.zh}一次性报送", en=f"once, {by.en}")
    elif promise.statistic == "stock":
        when = Title(zh="以最近报送月份为准", en="of the last month reported")
    return Title(zh=f"{when.zh}，{zh}{target.zh}", en=f"{en}, {when.en}: {target.en}")


def _ratio(names: list[Title]) -> str:
    """Of what to what. The title of one quantity with both says them as `甲／乙`."""
    above, _, below = "／".join(name.zh for name in names).partition("／")
    return f"{above}占{below}的比例" if below else f"{above}占比"


def _quantity(name: str, plan: Plan) -> Title:
    return plan.head.figures.get(name, Title(zh=name, en=name))


def formula(promise: FigurePromise) -> Title:
    return _OF_STOCKS if promise.statistic == "stock" else _OF_SHARES
