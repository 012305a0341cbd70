"""A number, a share, a mean or a sum over the entries of a catalogue, in words."""

from services.catalog.words.phrases import NOTHING, condition_words, entries_of, objective_or_direction
from services.catalog.words.phrases import plain_objective as objective
from services.domain.plan.kinds.catalogue import CataloguePromise
from services.domain.plan.plan import Plan, Title

__all__ = ["formula", "objective", "population", "statement"]

_FORMULAS = {
    "share": Title(zh="符合条件的条目数 ÷ 全部条目数", en="entries that fulfil the condition ÷ all entries"),
    "count": Title(zh="符合条件的条目数", en="number of entries that fulfil the condition"),
    "mean": Title(zh="条目数值合计 ÷ 条目数", en="sum of the entries' amounts ÷ number of entries"),
    "sum": Title(zh="条目数值合计", en="sum of the entries' amounts"),
    "in_sync": Title(
        zh="与主目录版本一致的副本条目数 ÷（主目录条目数 × 副本平台数）",
        en="copies that have an entry in the master's version ÷ (entries of the master × platforms that copy it)",
    ),
}
_OF_LISTS = Title(
    zh="清单中符合条件的项数 ÷ 清单总项数（清单未报的项计入分母）",
    en="codes on the list that fulfil the condition ÷ all codes on the list, reported or not",
)


def population(promise: CataloguePromise, plan: Plan) -> Title:
    return entries_of(promise, plan)


def statement(promise: CataloguePromise, plan: Plan) -> Title:
    target, taken = objective_or_direction(promise), _statistic(promise)
    by = Title(zh=f"{promise.by}前", en=f" by {promise.by}") if promise.by else NOTHING
    of_list = f"清单{len(set(promise.listed))}项中" if promise.listed else ""
    return Title(zh=f"{by.zh}{of_list}{taken.zh}{target.zh}", en=f"{taken.en}: {target.en}{by.en}")


def _statistic(promise: CataloguePromise) -> Title:
    """What is taken over the entries."""
    where = condition_words(promise.where)
    of_list = f" of the {len(set(promise.listed))} on the list" if promise.listed else ""
    with_ = where.en and f" with {where.en}"
    match promise.statistic:
        case "share":
            return Title(zh=f"{where.zh or '已登记者'}的占比", en=f"share{of_list}{with_ or ' that is there'}")
        case "count":
            return Title(zh=f"{where.zh and f'{where.zh}的'}数量", en=f"number{of_list}{with_}")
        case "sum":
            return Title(zh=f"{promise.quantity}合计", en=f"sum of {promise.quantity}{with_}")
        case "mean":
            return Title(zh=f"{promise.quantity}平均", en=f"mean of {promise.quantity}")
    copies = ", ".join(promise.copies)
    return Title(
        zh=f"{copies}与{promise.master}版本一致的占比", en=f"share in the version of {promise.master} on {copies}"
    )


def formula(promise: CataloguePromise) -> Title:
    listed = bool(promise.listed) and promise.statistic == "share"
    return _OF_LISTS if listed else _FORMULAS[promise.statistic]
