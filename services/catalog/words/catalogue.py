"""A number, a share, a mean or a sum over the entries of a catalogue, in words."""

from services.catalog.words.names import NameBook, names_for, one_of
from services.catalog.words.phrases import (
    NOTHING,
    all_must,
    clause_words,
    condition_words,
    date_words,
    deadline_words,
    entries_of,
    is_all,
    objective_or_direction,
)
from services.catalog.words.phrases import plain_objective as objective
from services.catalog.words.wording import number_word
from services.domain.plan.kinds.catalogue import CataloguePromise
from services.domain.plan.plan import Objective, Plan, Title

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
    zh="清单中符合条件的条目数 ÷ 清单条目总数（未报送的条目计入分母）",
    en="codes on the list that fulfil the condition ÷ all codes on the list, reported or not",
)


def population(promise: CataloguePromise, plan: Plan) -> Title:
    return entries_of(promise, plan)


def statement(promise: CataloguePromise, plan: Plan) -> Title:
    names = names_for(promise, plan)
    done = _all_done(promise, names)
    if done is not None:
        return done
    target, taken = objective_or_direction(promise), _statistic(promise, names)
    by = date_words(promise.by) if promise.by else NOTHING
    listed = f"{_listed(promise)}中" if promise.listed else ""
    return Title(
        zh=f"{by.zh}{'，' * bool(by.zh)}{listed}{taken.zh}{target.zh}",
        en=f"{taken.en}: {target.en}{' ' * bool(by.en)}{by.en}",
    )


def _all_done(promise: CataloguePromise, names: NameBook) -> Title | None:
    """What all entries have to fulfil, or the one that is enough, if the promise asks for no other number."""
    until = deadline_words(promise.by) if promise.by else NOTHING
    before, where = f"{' ' * bool(until.en)}{until.en}", condition_words(promise.where, names).en
    together = _together(promise, names) or "登记在册"
    if promise.statistic == "share" and is_all(promise.objective):
        en = f"100%{_of_list(promise)}: {where or 'on record'}{before}"
        return Title(zh=f"{_listed(promise)}{all_must(together, until.zh)}", en=en)
    if promise.statistic == "count" and _is_one(promise.objective):
        return Title(zh=f"应{until.zh}{together.removeprefix('已')}", en=f"{where or 'one on record'}{before}")
    return None


def _listed(promise: CataloguePromise) -> str:
    return f"清单所列{len(set(promise.listed))}个条目" if promise.listed else ""


def _of_list(promise: CataloguePromise) -> str:
    return f" of the {len(set(promise.listed))} on the list" if promise.listed else ""


def _is_one(objective: Objective | None) -> bool:
    """Whether one is enough: a task that is to be done once."""
    return objective is not None and objective.relation == ">=" and objective.amount == 1 and objective.quota is None


def _statistic(promise: CataloguePromise, names: NameBook) -> Title:
    """What is taken over the entries."""
    if promise.statistic == "in_sync":
        return _in_sync(promise, names)
    if promise.quantity:
        return _amounts(promise, names)
    where = condition_words(promise.where, names)
    of = _of_list(promise) or " of entries"
    with_ = where.en and f" ({where.en})"
    if promise.statistic == "share":
        return Title(zh=f"{where.zh or '已登记'}的占比", en=f"share{of}{with_ or ' (on record)'}")
    number = number_word(promise, names.plan, "数量")
    return Title(zh=f"{where.zh and f'{where.zh}的'}{number}", en=f"number{of}{with_}")


def _amounts(promise: CataloguePromise, names: NameBook) -> Title:
    """A sum or a mean of what the entries hold."""
    amount, where = names.attribute(promise.quantity or ""), condition_words(promise.where, names)
    if promise.statistic == "mean":
        return Title(zh=f"平均{amount.zh}", en=f"mean of {amount.en}")
    of = where.zh and f"{where.zh}的"
    return Title(zh=f"{of}{amount.zh}合计", en=f"sum of {amount.en}{where.en and f' ({where.en})'}")


def _together(promise: CataloguePromise, names: NameBook) -> str:
    """What all entries must be."""
    return one_of([clause_words(name, value, names).zh for name, value in promise.where.items()] or [""], "且")


def _in_sync(promise: CataloguePromise, names: NameBook) -> Title:
    """The share of copies in the version of their master."""
    master = names.value("platform", promise.master)
    copies = [names.value("platform", copy) for copy in promise.copies]
    zh, en = "、".join(copy.zh for copy in copies), ", ".join(copy.en for copy in copies)
    return Title(zh=f"{zh}与{master.zh}版本一致的占比", en=f"share in the version of {master.en} on {en}")


def formula(promise: CataloguePromise) -> Title:
    listed = bool(promise.listed) and promise.statistic == "share"
    return _OF_LISTS if listed else _FORMULAS[promise.statistic]
