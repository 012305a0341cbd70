"""A limit on the duration of each case, in words."""

from services.catalog.words.phrases import NOTHING, cases_of, limit_words, point_words
from services.catalog.words.wording import amount_text
from services.domain.plan.kinds.case_limit import CaseLimitPromise
from services.domain.plan.plan import EVERY_ONE, Plan, Title

_FORMULA = Title(
    zh="按期件数 ÷（按期件数＋逾期办结件数＋已逾期未结件数）",
    en="cases on time ÷ (cases on time + closed late + open and overdue)",
)


def population(promise: CaseLimitPromise, plan: Plan) -> Title:
    return cases_of(promise, plan)


def statement(promise: CaseLimitPromise, plan: Plan) -> Title:
    start, stop = point_words(promise.start), point_words(promise.stop)
    limit, inside = limit_words(promise.limit), _running(promise)
    return Title(
        zh=f"从{start.zh}到{stop.zh}，{inside.zh}每件不超过{limit.zh}",
        en=f"from {start.en} to {stop.en} within {limit.en}{inside.en}, every case",
    )


def _running(promise: CaseLimitPromise) -> Title:
    """In which nodes the clock runs, where it does not run throughout."""
    if not promise.runs_in:
        return NOTHING
    zh, en = "、".join(promise.runs_in), ", ".join(promise.runs_in)
    return Title(zh=f"只计在环节（{zh}）内的时间，", en=f", counting only the time in its nodes ({en})")


def objective(promise: CaseLimitPromise) -> str:
    return f"{amount_text(promise.objective or EVERY_ONE)} within {promise.limit}"


def formula(promise: CaseLimitPromise) -> Title:
    return _FORMULA
