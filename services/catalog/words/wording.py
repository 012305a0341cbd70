"""A promise in words: its unit of measure, its objective and its state, for people who read metrics, alerts and
dashboards."""

from calendar import month_name
from collections.abc import Mapping

from services.catalog.words.all_kinds import words_of
from services.domain.plan.plan import (
    CasePromise,
    EntryPromise,
    Objective,
    Plan,
    PlanHead,
    Promise,
    Strength,
    Title,
    Window,
    as_tuple,
)
from services.domain.results.published import State

SIGNS: Mapping[State, str] = {
    State.MISSED: "✗",
    State.AT_RISK: "!",
    State.UNMEASURED: "?",
    State.STALE: "◇",
    State.INSUFFICIENT: "~",
    State.PROVISIONAL: "…",
    State.NO_DATA: "∅",
    State.MET: "✓",
    State.UNTARGETED: "→",
}
"""A sign beside every colour, since colour is never the only one."""

STATE_NAMES: Mapping[State, Title] = {
    State.MISSED: Title(zh="未达标", en="missed"),
    State.AT_RISK: Title(zh="有风险", en="at risk"),
    State.UNMEASURED: Title(zh="未报送，无法评价", en="unmeasured"),
    State.STALE: Title(zh="数据未更新", en="stale"),
    State.INSUFFICIENT: Title(zh="样本不足", en="too few cases"),
    State.PROVISIONAL: Title(zh="推进中（未到期）或暂定（节假日安排未公布）", en="not due yet, or no calendar yet"),
    State.NO_DATA: Title(zh="无数据", en="no data"),
    State.MET: Title(zh="达标", en="met"),
    State.UNTARGETED: Title(zh="仅监测", en="no target"),
}

WINDOW_NAMES: Mapping[Window, Title] = {
    Window.D7: Title(zh="近7日", en="7 days"),
    Window.D30: Title(zh="近30日", en="30 days"),
    Window.D90: Title(zh="近90日", en="90 days"),
    Window.MONTH: Title(zh="本月", en="this month"),
    Window.QUARTER: Title(zh="本季度", en="this quarter"),
    Window.YEAR: Title(zh="本年", en="this year"),
    Window.ALL: Title(zh="累计", en="since the beginning"),
    Window.NOW: Title(zh="当前", en="at present"),
}


def window_names(head: PlanHead) -> Mapping[Window, Title]:
    """The names of the windows under a plan: where its year begins with another month than January, they say so."""
    month = head.year_begins
    if month == 1:
        return WINDOW_NAMES
    name = month_name[month]
    changed = {Window.YEAR: Title(zh=f"本年度（自{month}月起）", en=f"this year (from {name})")}
    if month % 3 != 1:
        changed[Window.QUARTER] = Title(zh=f"本季度（年度自{month}月起）", en=f"this quarter (of a year from {name})")
    return {**WINDOW_NAMES, **changed}


BY_CALENDAR = Title(zh="暂定（节假日安排未公布）", en="provisional (calendar not published)")
_NOT_DUE = Title(zh="推进中（未到期）", en="in progress (not due yet)")


MISSED_EFFORT = Title(zh="未达标（鼓励性）", en="missed (aspirational)")
"""`missed` of a promise that is never red (rule 10)."""


def state_name(state: State, provisional_n: str, *, never_red: bool) -> Title:
    """The name of a row's state; `provisional_n`: the cell of the row; `never_red`: of its promise."""
    if state is State.PROVISIONAL:
        return _NOT_DUE if provisional_n in ("", "0") else BY_CALENDAR
    return MISSED_EFFORT if never_red and state is State.MISSED else STATE_NAMES[state]


SEVERITY_OF_A_MISS = {Strength.HARD: "act", Strength.SOFT: "review", Strength.ASPIRATIONAL: "inform"}
"""What a miss asks for: hard, act today; soft, give a reason or have it reviewed; aspirational, know (rule 10).
The pipeline's alerts add `page`: wake somebody."""

SEVERITY_NAMES: Mapping[str, Title] = {
    "page": Title(zh="立即处置（不分昼夜）", en="act now, at any hour"),
    "act": Title(zh="当日处理", en="act today"),
    "review": Title(zh="核实或说明理由", en="check, or give a reason"),
    "inform": Title(zh="知悉", en="take note"),
    "none": Title(zh="无须处理", en="nothing to do"),
}
"""Severity of an alert → what it asks for."""

SEVERITY_MEANINGS: Mapping[str, Title] = {
    "page": Title(
        zh="系统某一部分中断，判定、亮牌或通知因此停止。系统值班人员收到后立即处置；夜间和节假日同样通知。",
        en="A part of the system has stopped, and with it judging, cards or notices. Whoever is on duty for the "
        "machinery acts at once. The notice comes at night and on holidays, too.",
    ),
    "act": Title(
        zh="刚性承诺未达标，或有数据源、通知、决定出现问题。告警所列单位当日处理；通知在工作时间发出。",
        en="A hard promise is missed, or something is wrong with a source, a notice or a decision. The unit of the "
        "alert acts on the same day. The notice comes in working hours.",
    ),
    "review": Title(
        zh="承诺有未达标风险，原则性承诺未达标，或数据可能不准确。告警所列单位核实情况，或说明理由；通知在工作时间发出。",
        en="A promise is at risk, a soft promise is missed, or figures may not be right. The unit of the alert checks, "
        "or gives a reason. The notice comes in working hours.",
    ),
    "inform": Title(
        zh="仅告知，如鼓励性承诺未达标。告警所列单位知悉即可，无须回告；通知在工作时间发出。",
        en="For information only, such as an aspirational promise that is missed. The unit of the alert takes note and "
        "need not reply. The notice comes in working hours.",
    ),
}
"""Severity of an alert → what it means, and who has to do what by when. `none` asks for nothing."""

COLOUR_OF_A_MISS = {Strength.HARD: "red", Strength.SOFT: "yellow", Strength.ASPIRATIONAL: "none"}

_SHARE = Title(zh="百分比", en="share")

_UNITS = {
    "share": _SHARE,
    "working_days": Title(zh="工作日", en="working days"),
    "calendar_days": Title(zh="日", en="days"),
    "elapsed_days": Title(zh="日", en="days"),
    "days": Title(zh="日", en="days"),
    "minutes": Title(zh="分钟", en="minutes"),
    "working_minutes": Title(zh="分钟（办公时间）", en="working minutes"),
    "months": Title(zh="个月", en="months"),
    "items": Title(zh="项", en="items"),
    "count": Title(zh="次", en="times"),
    "visits": Title(zh="次", en="visits"),
    "cases": Title(zh="件", en="cases"),
    "points": Title(zh="分", en="points"),
    "packages": Title(zh="件", en="packages"),
    "milestones": Title(zh="项", en="milestones"),
    "reports": Title(zh="份", en="reports"),
    "enterprises": Title(zh="家", en="enterprises"),
    "persons": Title(zh="人", en="persons"),
    "CNY": Title(zh="元", en="CNY"),
}


def measure_title(code: str) -> Title:
    """A unit in both languages; one without a translation stands for itself."""
    return _UNITS.get(code, Title(zh=code, en=code))


def unit_of_measure(promise: Promise, plan: Plan) -> Title:
    """In what the promise's figure is counted: what its `names.toml` says of a quantity of the plan's own, and of what
    is counted as entries of a collection or as cases of a service item; else the unit itself."""
    units = plan.names.units_of_measure
    counted = units.get(_subject(promise)) if promise.figure_unit in ("items", "cases") else None
    return counted or units.get(promise.figure_unit) or measure_title(promise.figure_unit)


def _subject(promise: Promise) -> str:
    """The collection or the one service item whose entries or cases are counted; empty of several."""
    if isinstance(promise, EntryPromise):
        return promise.collection
    items = as_tuple(promise.select.get("service_item", ())) if isinstance(promise, CasePromise) else ()
    return str(items[0]) if len(items) == 1 else ""


_NUMBERS = {"人": "人数", "次": "次数", "场": "场次", "份": "份数"}


def number_word(promise: Promise, plan: Plan, otherwise: str) -> str:
    """How a number of what the promise counts is called: 人数, 场次; `otherwise`: where it has no word of its own."""
    return _NUMBERS.get(unit_of_measure(promise, plan).zh, otherwise)


def has_unit_of_measure(promise: Promise, units: Mapping[str, Title]) -> bool:
    """Whether there is a word for what the promise's figure is counted in; `units`: those of `names.toml`."""
    return promise.figure_unit in _UNITS or promise.figure_unit in units


def amount_text(objective: Objective) -> str:
    """`100 %`, `28 working days`."""
    if objective.unit == "share":
        return f"{(objective.amount * 100).normalize():f} %"
    return counted_in_english(objective)


def counted_in_english(objective: Objective) -> str:
    """`28 working days`, `1 visit`."""
    return f"{objective.amount:f} {_unit_in_english(objective)}"


def _unit_in_english(objective: Objective) -> str:
    unit = measure_title(objective.unit).en
    return unit.removesuffix("s") if objective.amount == 1 else unit


def target_text(objective: Objective) -> str:
    """`≥ 80 %`, `≤ 28 working days`."""
    return objective.written if objective.unit == "share" else f"{objective.written} {_unit_in_english(objective)}"


def objective_text(promise: Promise) -> str:
    """What is promised, as one reads it: `≤ 28 working days`, `100 % within 4 working_days`; empty if untargeted."""
    return "" if promise.strength is Strength.DIRECTIONAL else words_of(promise).objective(promise)
