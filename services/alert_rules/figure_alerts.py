"""The alerts about any promise that say whether its figure can be believed."""

from collections.abc import Iterator

from services.alert_rules.alert import Alert, Waits, plan_time, to_operations
from services.alert_rules.durations import DAY, HOUR, MINUTE
from services.alert_rules.expressions import (
    begins_in_working_hours,
    by_source,
    in_district,
    percentage,
    promise_name,
    source_name,
)
from services.domain.plan.plan import Plan, Title
from services.domain.results.published import State
from services.metric_names import metrics
from services.metric_names.alert_pages import VALUE_OF_LABEL
from services.metric_names.recording_rules import BACKDATED_SHARE

MAXIMUM_BACKDATED_SHARE = 0.05
MINIMUM_BACKDATED_CASES = 5
"""Of 30 days. The plan prints neither figure: both are ours (非方案指标)."""


def figure_alerts(plan: Plan) -> Iterator[Alert]:
    """All of them."""
    source = source_name(plan)
    yield _any_promise(
        "KpiStale",
        begins_in_working_hours(in_district(State.STALE), "KpiStale", "kpi"),
        "review",
        Title(
            zh="数据未更新：有数据源未按时报送，或系统处理滞后",
            en="is stale: a source is silent or the streams are behind",
        ),
        plan_time(15 * MINUTE, 15 * MINUTE),
    )
    yield _any_promise(
        "KpiUnmeasured",
        in_district(State.UNMEASURED),
        "review",
        Title(
            zh="无法评价：到期办件或应报数据中，缺少评价所需的内容，数据源未报送",
            en="is unmeasured: closed cases lack the fact that would judge them",
        ),
        plan_time(5 * DAY, DAY),  # a month's figures come in its first days
    )
    over = f'{metrics.SIGNAL.name}{{signal="over_quota",unit="ALL",item!~".+/.+"}}'  # its item is the promise
    yield _any_promise(
        "KpiOverQuota",
        f'max by (kpi) (label_replace({over}, "kpi", "$1", "item", "(.+)")) > 0',
        "inform",
        Title(
            zh="超出方案所列数量上限，超出数为{{ $value }}",
            en="exceeds the upper end of the plan's range by {{ $value }}",
        ),
        plan_time(HOUR, DAY),
    )
    backdated = f'max by (unit) ({metrics.SIGNAL.name}{{signal="backdated"}}) >= {MINIMUM_BACKDATED_CASES}'
    often = f"{BACKDATED_SHARE} > {MAXIMUM_BACKDATED_SHARE} and on (source) {by_source(backdated)}"
    yield Alert(
        "BackdatedEntry",
        begins_in_working_hours(f"({often})", "BackdatedEntry", "source"),
        to_operations("review"),
        Title(
            zh=f"{source.zh}近30天办结的办件中，{percentage(MAXIMUM_BACKDATED_SHARE)}%疑似先办后录",
            en=f"{source.en} entered {percentage(MAXIMUM_BACKDATED_SHARE)} % of the cases completed in 30 days"
            " within minutes, long after the fact",
        ),
        plan_time(HOUR, DAY),
    )


def _any_promise(name: str, expr: str, severity: str, words: Title, waits: Waits) -> Alert:
    """One rule for all promises: the label `kpi` says which one it is, its title is looked up."""
    summary = Title(
        zh=f"{promise_name('zh')}（{{{{ $labels.kpi }}}}）{words.zh}",
        en=f"{promise_name('en')} ({{{{ $labels.kpi }}}}) {words.en}",
    )
    chosen = {"kpi": VALUE_OF_LABEL.format("kpi"), "unit": "ALL"}
    return Alert(name, expr, {"scope": "district", **to_operations(severity)}, summary, waits, chosen=chosen)
