"""The alerts of each promise: it is missed, or at risk, for the whole district or for a unit."""

from collections.abc import Iterator
from typing import NamedTuple

from services.alert_rules.alert import OPERATIONS, Alert, Waits, plan_time
from services.alert_rules.durations import HOUR, MINUTE
from services.alert_rules.expressions import unit_name
from services.catalog.words.misses import pace_in_full, too_many, until_missed
from services.catalog.words.phrases import objective_words
from services.catalog.words.promise_text import objective
from services.catalog.words.wording import COLOUR_OF_A_MISS, SEVERITY_OF_A_MISS, unit_of_measure
from services.domain.plan.plan import CasePromise, Plan, Promise, Strength, Title
from services.domain.results.budget import allows_none, may_count_misses, short_window
from services.domain.results.published import State
from services.metric_names.alert_pages import VALUE_OF_LABEL
from services.metric_names.metrics import MISSES_LEFT, MISSES_PACE
from services.metric_names.recording_rules import UNIT_SHOWN, UNIT_STATE


class _Bad(NamedTuple):
    """A state that a promise alerts for."""

    alert: str
    state: State
    words: Title
    """The state; in Chinese with the target in it."""
    waits: Waits


_MISSED = _Bad("KpiMissed", State.MISSED, Title(zh="未达目标{}", en="is missed"), plan_time(5 * MINUTE, 15 * MINUTE))
_AT_RISK = _Bad(
    "KpiAtRisk", State.AT_RISK, Title(zh="有未达标风险，目标{}", en="is at risk"), plan_time(30 * MINUTE, HOUR)
)


def promise_alerts(promise: Promise, plan: Plan) -> Iterator[Alert]:
    """The alerts of a promise; one without a target never alerts."""
    if promise.strength is Strength.DIRECTIONAL:
        return
    for scope in ("district", "unit"):
        for bad in (_MISSED, _AT_RISK):
            yield _alert(promise, plan, scope, bad)


def _alert(promise: Promise, plan: Plan, scope: str, bad: _Bad) -> Alert:
    severity, level = _severity(promise.strength, bad)
    target = objective(promise, plan)
    labels = {
        "kpi": promise.id,
        "severity": severity,
        "level": level,
        "strength": promise.strength.value,
        "scope": scope,
    }
    if scope == "district":
        labels["unit"] = promise.lead[0] if promise.lead else OPERATIONS
    return Alert(
        bad.alert,
        _condition(promise.id, scope, bad),
        labels,
        _summary(promise, plan, scope, bad),
        bad.waits,
        {"clause": promise.clause, "objective_zh": target.zh, "objective_en": target.en},
        {
            "kpi": promise.id,
            "unit": "ALL" if scope == "district" else VALUE_OF_LABEL.format("unit"),
            "window": promise.official_window.value,
        },
    )


def _severity(strength: Strength, bad: _Bad) -> tuple[str, str]:
    """Severity and colour of an alert."""
    if bad is _MISSED:
        return SEVERITY_OF_A_MISS[strength], COLOUR_OF_A_MISS[strength]
    return ("inform", "none") if strength is Strength.ASPIRATIONAL else ("review", "yellow")


def _summary(promise: Promise, plan: Plan, scope: str, bad: _Bad) -> Title:
    """The sentence of the alert: who, which promise, in which state, its figure."""
    in_district = scope == "district"
    whom_zh, whom_en = ("全区", "the district") if in_district else (unit_name("zh"), unit_name("en"))
    value, target, words = _figure(promise, plan, scope), objective_words(promise.target), bad.words
    name = "按期率" if isinstance(promise, CasePromise) and promise.clock.limit is not None else "完成值"
    aimed = target.zh.removeprefix("应为")
    against = words.zh.format(aimed if aimed[0].isdigit() else f"（{aimed}）")
    left, fast = _misses_left(promise, scope), _pace(promise, scope)
    behind = Title(zh=f"{left.zh}{fast.zh}", en=f"{left.en}{fast.en}")
    return Title(
        zh=f"{whom_zh}：{promise.title.zh}（{promise.id}）{name}{value.zh}，{against}{behind.zh}",
        en=f"{promise.title.en} ({promise.id}) {words.en} for {whom_en}: {value.en}, target {target.en}{behind.en}",
    )


def _misses_left(promise: Promise, scope: str) -> Title:
    """How many misses are left, or too many, when the alert is written; empty where that is not known."""
    if not may_count_misses(promise):
        return Title(zh="", en="")
    unit = '"ALL"' if scope == "district" else "$labels.unit"
    series = f"{MISSES_LEFT.name}{{kpi='{promise.id}',unit='%s'}}"
    number = '{{ . | first | value | printf "%.0f" }}'
    found = ((f"max({series} >= 0) + 1", until_missed), (f"-max({series} < 0)", too_many))
    zh = en = ""
    for asked, in_words in found:
        said, begin = in_words(promise, number), f'{{{{ with query (printf "{asked}" {unit}) }}}}'
        zh, en = f"{zh}{begin}，{said.zh}{{{{ end }}}}", f"{en}{begin}; {said.en}{{{{ end }}}}"
    return Title(zh=zh, en=en)


def _pace(promise: Promise, scope: str) -> Title:
    """How fast the misses of the month come, when the alert is written; empty where there are none, or it is not
    known."""
    window = short_window(promise) if may_count_misses(promise) and promise.about != "entry" else None
    if window is None:
        return Title(zh="", en="")
    unit = '"ALL"' if scope == "district" else "$labels.unit"
    asked = f"max({MISSES_PACE.name}{{kpi='{promise.id}',unit='%s'}}) > 0"
    times = "" if allows_none(promise) else '{{ . | first | value | printf "%.2f" }}'
    said, begin = pace_in_full(promise, window, times), f'{{{{ with query (printf "{asked}" {unit}) }}}}'
    return Title(zh=f"{begin}，{said.zh}{{{{ end }}}}", en=f"{begin}; {said.en}{{{{ end }}}}")


def _figure(promise: Promise, plan: Plan, scope: str) -> Title:
    """The figure with its unit; a share in per cent."""
    if promise.figure_unit == "share":
        share = _value(promise, scope)
        return Title(zh=f"{share}%", en=f"{share} %")
    value, unit = _value(promise, scope), unit_of_measure(promise, plan)
    return Title(zh=f"{value}{'个' * (promise.figure_unit == 'working_days')}{unit.zh}", en=f"{value} {unit.en}")


def _condition(kpi: str, scope: str, bad: _Bad) -> str:
    """True while a promise is in a state, and on while it is stale or unmeasured if the alert fired before: missing
    data never resolves an alert."""
    where, same = ("=", "kpi") if scope == "district" else ("!=", "kpi, unit")

    def is_in(state: str) -> str:
        return f'max by (kpi, unit) ({UNIT_STATE}{{kpi="{kpi}",unit{where}"ALL",state{state}}}) == 1'

    active = f'ALERTS{{alertname="{bad.alert}",alertstate="firing",kpi="{kpi}",scope="{scope}"}}'
    is_bad, is_unknown = is_in(f'="{bad.state}"'), is_in(f'=~"{State.STALE}|{State.UNMEASURED}"')
    return f"{is_bad} or ({is_unknown} and on ({same}) {active})"


def _value(promise: Promise, scope: str) -> str:
    """The figure as it is read (decision 0287), looked up when the alert is written; of a share per cent."""
    unit = '"ALL"' if scope == "district" else "$labels.unit"
    found = '{{ . | first | value | printf "%.10g" }}'
    asked = f"{UNIT_SHOWN}{{kpi='{promise.id}',unit='%s'}}"
    return f'{{{{ with query (printf "{asked}" {unit}) }}}}{found}{{{{ else }}}}-{{{{ end }}}}'
