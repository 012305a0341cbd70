"""The share of cases of which something holds, in words."""

from services.catalog.words.names import names_for
from services.catalog.words.phrases import case_word, cases_of, is_all, objective_words, share_words
from services.catalog.words.phrases import plain_objective as objective
from services.domain.plan.kinds.case_share import CaseSharePromise
from services.domain.plan.plan import CasePromise, Plan, Title

__all__ = ["formula", "objective", "population", "statement"]

_FORMULA = Title(
    zh="符合条件的到期件数 ÷ 全部到期件数（超期未办结的计入分母）",
    en="matured cases that fulfil the condition ÷ all matured cases (open and overdue ones are in the denominator)",
)


def population(promise: CaseSharePromise, plan: Plan) -> Title:
    return cases_of(promise, plan)


def statement(promise: CaseSharePromise, plan: Plan) -> Title:
    share, target = share_words(promise, names_for(promise, plan)), objective_words(promise.objective)
    word = case_word(promise, plan)
    zh, en = f"{share.zh}的{word}占比{target.zh}", f"share of cases ({share.en}): {target.en}"
    if is_all(promise.objective):
        zh = f"全部（100%）{word}应{'' if share.zh.startswith('按期') else '符合：'}{share.zh}"
        en = f"in 100% of cases: {share.en}"
    return Title(zh=zh, en=en)


def formula(promise: CasePromise) -> Title:
    return _FORMULA
