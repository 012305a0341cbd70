"""A promise in words: its unit of measure, its objective and its state, for people who read metrics, alerts and
dashboards."""

from collections.abc import Mapping
from decimal import Decimal

from services.domain.plan.plan import Kind, Objective, Promise, Strength, Title
from services.domain.results.published import State
from services.domain.time.limits import Limit

SIGNS: Mapping[State, str] = {
    State.MISSED: "✗",
    State.AT_RISK: "!",
    State.UNMEASURED: "?",
    State.STALE: "⏸",
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
    State.UNMEASURED: Title(zh="未测量", en="unmeasured"),
    State.STALE: Title(zh="数据陈旧", en="stale"),
    State.INSUFFICIENT: Title(zh="样本不足", en="too few cases"),
    State.PROVISIONAL: Title(zh="暂定", en="provisional"),
    State.NO_DATA: Title(zh="无数据", en="no data"),
    State.MET: Title(zh="达标", en="met"),
    State.UNTARGETED: Title(zh="仅监测", en="no target"),
}

SEVERITY_OF_A_MISS = {Strength.HARD: "act", Strength.SOFT: "review", Strength.ASPIRATIONAL: "inform"}
"""What a miss asks for: hard, act today; soft, give a reason or have it reviewed; aspirational, know (rule 10).
The pipeline's alerts add `page`: wake somebody."""

COLOUR_OF_A_MISS = {Strength.HARD: "red", Strength.SOFT: "yellow", Strength.ASPIRATIONAL: "none"}

_SHARE = Title(zh="占比", en="share")

_UNITS = {
    "share": _SHARE,
    "working_days": Title(zh="工作日", en="working days"),
    "calendar_days": Title(zh="日", en="days"),
    "elapsed_days": Title(zh="日", en="days"),
    "days": Title(zh="日", en="days"),
    "minutes": Title(zh="分钟", en="minutes"),
    "working_minutes": Title(zh="工作分钟", en="working minutes"),
    "months": Title(zh="个月", en="months"),
    "items": Title(zh="项", en="items"),
    "count": Title(zh="次", en="times"),
    "visits": Title(zh="次", en="visits"),
    "cases": Title(zh="件", en="cases"),
    "points": Title(zh="分", en="points"),
    "packages": Title(zh="件", en="packages"),
    "reports": Title(zh="份", en="reports"),
    "enterprises": Title(zh="家", en="enterprises"),
    "persons": Title(zh="人", en="persons"),
    "CNY": Title(zh="元", en="CNY"),
}

_COUNTED_IN = {"milestone": "count", "count": "cases", "rating": "points", "ratio": "share"}


def unit_code(promise: Promise) -> str:
    """In what the promise's figure is counted: `share`, `working_days`, …"""
    match promise.kind:
        case Kind.CASE_LIMIT | Kind.CASE_SHARE | Kind.CASE_BOUND | Kind.MEAN_REDUCTION | Kind.DUTY:
            return "share"
        case Kind.CATALOGUE if promise.statistic in ("share", "in_sync"):
            return "share"
        case Kind.FIGURE if promise.objective is None:
            return "share"
        case Kind.NODE_DURATION:
            return promise.measure or "elapsed_days"
        case _:
            if promise.objective is not None:
                return promise.objective.unit
            measured = promise.measure or promise.quantity or "items"
            what, _, name = measured.partition(":")
            return {"milestone": "count", "count": "cases", "rating": "points", "ratio": "share"}.get(
                what, name or what
            )


def unit_of_measure(promise: Promise) -> Title:
    """The same in both languages; a unit without a translation stands for itself."""
    code = unit_code(promise)
    return _UNITS.get(code, Title(zh=code, en=code))


def _amount(objective: Objective) -> str:
    if objective.unit == "share":
        return f"{(objective.amount * 100).normalize():f} %"
    return f"{objective.amount:f} {_unit(objective)}"


def _unit(objective: Objective) -> str:
    return _UNITS.get(objective.unit, Title(zh=objective.unit, en=objective.unit)).en


def _target(objective: Objective) -> str:
    return objective.written if objective.unit == "share" else f"{objective.written} {_unit(objective)}"


def objective_text(promise: Promise) -> str:
    """What is promised, as one reads it: `≤ 28 working days`, `100 % within 4 working_days`; empty if untargeted."""
    if promise.strength is Strength.DIRECTIONAL:
        return ""
    objective = promise.objective
    if promise.kind is Kind.CASE_LIMIT:
        share = objective or Objective(relation=">=", amount=Decimal(1), unit="share")
        return f"{_amount(share)} within {promise.limit}"
    if promise.kind is Kind.CASE_BOUND and promise.bound is not None:
        within = f" within {promise.matures_at}" if isinstance(promise.matures_at, Limit) else ""
        return f"{_target(promise.bound)} in every case{within}"
    if objective is None:
        return ""
    by = f" by {promise.by.isoformat()}" if promise.by else ""
    return f"{_target(objective)}{by}"
