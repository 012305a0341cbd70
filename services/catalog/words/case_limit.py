"""A limit on the duration of each case, in words."""

from services.catalog.words.names import NameBook, names_for
from services.catalog.words.phrases import NOTHING, cases_of, is_all, limit_words, objective_words, point_words
from services.catalog.words.wording import amount_text
from services.domain.plan.kinds.case_limit import CaseLimitPromise
from services.domain.plan.plan import EVERY_ONE, Plan, Title
from services.domain.time.limits import Limit

_FORMULA = Title(
    zh="按期件数 ÷（按期件数＋超期办结件数＋超期未办结件数）",
    en="cases on time ÷ (cases on time + closed late + open and overdue)",
)


def population(promise: CaseLimitPromise, plan: Plan) -> Title:
    return cases_of(promise, plan)


def statement(promise: CaseLimitPromise, plan: Plan) -> Title:
    names = names_for(promise, plan)
    start, stop = point_words(promise.start, names), point_words(promise.stop, names)
    limit, inside, share = limit_words(promise.limit), _running(promise, names), _share(promise)
    within = Title(zh=f"不超过{limit.zh}", en=f"within {limit.en}")
    if isinstance(promise.limit, Limit) and promise.limit.amount == 0:
        within = Title(zh="应当日完成", en="on the same day")
    return Title(
        zh=f"从{start.zh}到{stop.zh}，{inside.zh}每件{within.zh}{share.zh}",
        en=f"from {start.en} to {stop.en} {within.en}{inside.en}, {share.en or 'every case'}",
    )


def _share(promise: CaseLimitPromise) -> Title:
    """Of how many cases it must be so, where it is not of all."""
    if promise.objective is None or is_all(promise.objective):
        return NOTHING
    target = objective_words(promise.objective)
    return Title(zh=f"，按期率{target.zh}", en=f"{target.en} of the cases")


def _running(promise: CaseLimitPromise, names: NameBook) -> Title:
    """In which nodes the clock runs, where it does not run throughout."""
    if not promise.runs_in:
        return NOTHING
    nodes = [names.node(node) for node in promise.runs_in]
    zh, en = "、".join(node.zh for node in nodes), ", ".join(node.en for node in nodes)
    return Title(zh=f"只计{zh}环节的用时，", en=f", counting only the time in its nodes ({en})")


def objective(promise: CaseLimitPromise) -> str:
    return f"{amount_text(promise.objective or EVERY_ONE)} within {limit_words(promise.limit).en}"


def formula(promise: CaseLimitPromise) -> Title:
    return _FORMULA
