"""A duty, in words."""

from services.catalog.words.phrases import deadline_words, owing_words
from services.catalog.words.phrases import plain_objective as objective
from services.domain.judging.months_owed import first_whole_month
from services.domain.plan.kinds.duty import DutyPromise
from services.domain.plan.plan import Plan, Title

__all__ = ["formula", "objective", "population", "statement"]

_FORMULA = Title(
    zh="按期完成的份数 ÷ 应报份数（应报单位数 × 已届满期数）",
    en="reports done in time ÷ reports due (units × periods that have ended)",
)


def population(promise: DutyPromise, plan: Plan) -> Title:
    owed = owing_words(promise.owed_by, plan)
    duty = plan.head.duties.get(promise.duty, Title(zh=promise.duty, en=promise.duty))
    return Title(zh=f"{duty.zh}（{owed.zh}）", en=f"{duty.en} ({owed.en})")


def statement(promise: DutyPromise, plan: Plan) -> Title:
    if promise.period == "once" and promise.by is not None:
        by = deadline_words(promise.by)
        return Title(zh=f"一次性任务，应{by.zh}完成", en=f"once, {by.en}")
    since = first_whole_month(promise.effective_from)
    return Title(
        zh=f"自{since.year}年{since.month}月起，每月一次，应于当月最后一日24时前完成",
        en=f"once a month from {since:%Y-%m} on, by the end of its last day",
    )


def formula(promise: DutyPromise) -> Title:
    return _FORMULA
