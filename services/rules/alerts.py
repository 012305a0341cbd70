"""The rules for Prometheus: recording rules, the alerts of each promise, the alerts of the pipeline.

An alert is a symptom. Prometheus compares and never computes working time; "now" is kpi_clock_timestamp_seconds,
never time(). Two kinds of hold time: those about the plan run on the plan's clock and are divided by its speed; those
about the machinery (a worker that is behind) are real, and what they compare on the plan's clock is multiplied by it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from services.catalog.wording import objective_text, unit_of_measure
from services.domain.plan import Plan, Promise, Strength, Window
from services.domain.published import State
from services.messaging import metrics
from services.messaging.records import (
    CARDS,
    CLOCK,
    DEAD_LETTER_RATIO,
    STATE_COUNT,
    SWEEP_AGE,
    UNIT_RANK,
    UNIT_STATE,
    UNIT_STATE_AT_MIDNIGHT,
    UNIT_VALUE,
    WORKING,
    rank,
)
from services.rules.durations import DAY, HOUR, MINUTE, of_plan, text

Rule = dict[str, Any]

OPERATIONS = "operations"
"""The unit of alerts about the machinery: the operations centre."""

EXPORTER_JOB = "kpiwatch-exporter"

SEVERITY_OF_A_MISS = {Strength.HARD: "act", Strength.SOFT: "review", Strength.ASPIRATIONAL: "inform"}
"""What a miss asks for: hard, act today; soft, give a reason or have it reviewed; aspirational, know (DESIGN §4.10).
The pipeline's alerts add `page`: wake somebody."""

_COLOUR_OF_A_MISS = {Strength.HARD: "red", Strength.SOFT: "yellow", Strength.ASPIRATIONAL: "none"}

MAXIMUM_DEAD_LETTER_RATIO = 0.05
MAXIMUM_LAG_RECORDS = 10_000
MAXIMUM_SWEEP_AGE_SECONDS = 5 * MINUTE
PIPELINE_DOWN_SECONDS = 10 * MINUTE
CALENDAR_NOTICE_SECONDS = 30 * DAY


def rule_groups(plan: Plan, speed: float, runbooks: str) -> Rule:
    """The rules file. `speed`: of the plan's clock; `runbooks`: what a runbook's link begins with."""
    promises = _official(plan)
    alerts = Alerts(speed, runbooks)
    return {
        "groups": [
            {"name": "kpiwatch.records", "rules": list(_records(promises))},
            {"name": "kpiwatch.promises", "rules": [rule for promise in promises for rule in alerts.of(promise)]},
            {"name": "kpiwatch.pipeline", "rules": list(alerts.of_the_pipeline())},
        ]
    }


def _official(plan: Plan) -> list[Promise]:
    """One entry per promise; of several versions the last names it."""
    return list({promise.id: promise for promise in plan.promises if promise.variant == "official"}.values())


def _records(promises: Iterable[Promise]) -> Iterator[Rule]:
    by_window: defaultdict[Window, list[str]] = defaultdict(list)
    for promise in promises:
        by_window[promise.official_window].append(promise.id)
    for record, metric, labels in (
        (UNIT_STATE, metrics.STATE, "kpi, unit, state"),
        (UNIT_STATE_AT_MIDNIGHT, metrics.STATE_AT_MIDNIGHT, "kpi, unit, state"),
        (UNIT_VALUE, metrics.VALUE, "kpi, unit"),
    ):
        for window, kpis in sorted(by_window.items()):
            chosen = f'variant="official",item="-",window="{window}",kpi=~"{"|".join(sorted(kpis))}"'
            expr = f"max by ({labels}) ({metric.name}{{{chosen}}})"
            yield {"record": record, "expr": expr, "labels": {"window": window.value}}
    yield {"record": UNIT_RANK, "expr": rank(UNIT_STATE, "", "kpi, unit, window")}
    yield {"record": STATE_COUNT, "expr": f'count by (state) ({UNIT_STATE}{{unit="ALL"}})'}
    cards = metrics.CARDS_OPEN.name
    yield {"record": CARDS, "expr": f"sum by (unit, level) (max by (kpi, unit, level) ({cards}))"}
    yield {"record": CLOCK, "expr": f"max({metrics.CLOCK.name})"}
    yield {"record": WORKING, "expr": f"max({metrics.WORKING_HOURS.name})"}
    yield {
        "record": SWEEP_AGE,
        "expr": f"scalar(max({metrics.CLOCK.name})) - min by (partition) ({metrics.SWEEP.name})",
    }
    # records through the pipeline in real time, no case counters: the only place where a rate is taken
    bad, every = f"sum(increase({metrics.DEAD_LETTERS.name}[15m]))", f"sum(increase({metrics.EVENTS.name}[15m]))"
    yield {"record": DEAD_LETTER_RATIO, "expr": f"{bad} / clamp_min({every}, 1)"}


class Alerts:
    """Alerting rules at one speed of the clock."""

    def __init__(self, speed: float, runbooks: str) -> None:
        self._speed = speed
        self._runbooks = runbooks

    def of(self, promise: Promise) -> Iterator[Rule]:
        """The alerts of a promise; one without a target never alerts."""
        if promise.strength is Strength.DIRECTIONAL:
            return
        severity = SEVERITY_OF_A_MISS[promise.strength]
        for scope in ("district", "unit"):
            yield self._of_state(
                "KpiMissed",
                promise,
                scope,
                State.MISSED,
                severity=severity,
                level=_COLOUR_OF_A_MISS[promise.strength],
                hold=5 * MINUTE,
                keep=15 * MINUTE,
                zh="未达标",
                en="is missed",
            )
            yield self._of_state(
                "KpiAtRisk",
                promise,
                scope,
                State.AT_RISK,
                severity="inform" if promise.strength is Strength.ASPIRATIONAL else "review",
                level="none" if promise.strength is Strength.ASPIRATIONAL else "yellow",
                hold=30 * MINUTE,
                keep=HOUR,
                zh="有风险",
                en="is at risk",
            )
        yield self._stale(promise)

    def of_the_pipeline(self) -> Iterator[Rule]:
        """The alerts that tell whether silence means "fine"."""
        silent = f"max by (source, unit) ({metrics.SOURCE_SILENT.name}) == 1"
        yield self._rule(
            "SourceSilent",
            _beginning_in_working_hours(silent, "SourceSilent", "source"),
            {"severity": "act", "level": "yellow"},
            zh="数据源 {{ $labels.source }} 超过通常间隔未报送数据",
            en="source {{ $labels.source }} has been silent for longer than its usual delay",
            hold=self._plan(15 * MINUTE),
            keep=self._plan(15 * MINUTE),
        )
        red = f'max by (kpi, unit) ({metrics.CARDS_OPEN.name}{{level="red"}}) > 0'
        yield self._rule(
            "CardRed",
            red,
            {"severity": "inform", "level": "red"},
            zh="{{ $labels.unit }} 的 {{ $labels.kpi }} 有 {{ $value }} 张红牌",
            en="{{ $labels.unit }} has {{ $value }} red cards for {{ $labels.kpi }}",
            keep=self._plan(15 * MINUTE),
        )
        end = f"min({metrics.CALENDAR_END.name})"
        yield self._rule(
            "CalendarEnding",
            f"({end} - {CLOCK}) < {CALENDAR_NOTICE_SECONDS}",
            _operations("review"),
            zh="已公布的工作日历不足30天，其后的期限均为暂定",
            en="published working days end within 30 days; deadlines after that are provisional",
            hold=self._plan(HOUR),
        )
        yield from self._of_the_machinery()
        yield self._rule(
            "Watchdog",
            "vector(1)",
            {"severity": "none", "level": "none", "unit": OPERATIONS},
            zh="告警链路正常（此告警应始终存在）",
            en="alerting works (this alert is always there)",
        )

    def _of_the_machinery(self) -> Iterator[Rule]:
        exporter = f'up{{job="{EXPORTER_JOB}"}} == 1'
        yield self._rule(
            "ExporterDown",
            f"absent({exporter})",
            _operations("page"),
            zh="指标导出服务不可用，所有指标无法更新",
            en="no exporter answers: no figure is up to date",
            hold=text(MINUTE),
            keep=text(MINUTE),
        )
        nobody = f"(absent({metrics.SWEEP.name}) and on () {exporter})"
        yield self._rule(
            "PipelineDown",
            f"min({SWEEP_AGE}) > {self._real(PIPELINE_DOWN_SECONDS)} or {nobody}",
            _operations("page"),
            zh="流计算停止：没有任何分区在处理案件",
            en="the streams stand still: no partition of cases is being looked at",
            hold=text(2 * MINUTE),
            keep=text(MINUTE),
        )
        yield self._rule(
            "SweepOld",
            f"{SWEEP_AGE} > {self._real(MAXIMUM_SWEEP_AGE_SECONDS)}",
            _operations("page"),
            zh="分区 {{ $labels.partition }} 的在办案件未按时检查，黄牌红牌可能延迟",
            en="open cases of partition {{ $labels.partition }} are not looked at: cards may be late",
            hold=text(2 * MINUTE),
            keep=text(MINUTE),
        )
        yield self._rule(
            "StreamLagHigh",
            f"max by (partition) ({metrics.STREAM_LAG.name}) > {MAXIMUM_LAG_RECORDS}",
            _operations("act"),
            zh="分区 {{ $labels.partition }} 积压 {{ $value }} 条事件",
            en="partition {{ $labels.partition }} has {{ $value }} events waiting",
            hold=text(5 * MINUTE),
            keep=text(2 * MINUTE),
        )
        yield self._rule(
            "DeadLetterRatioHigh",
            f"{DEAD_LETTER_RATIO} > {MAXIMUM_DEAD_LETTER_RATIO}",
            _operations("act"),
            zh="15分钟内超过5%的事件被拒收",
            en="more than 5 % of the events of 15 minutes were refused",
            hold=text(5 * MINUTE),
            keep=text(10 * MINUTE),
        )
        yield self._rule(
            "RowsHidden",
            f"max by (reason) ({metrics.ROWS_HIDDEN.name}) > 0",
            _operations("review"),
            zh="{{ $value }} 行结果未导出（{{ $labels.reason }}）",
            en="{{ $value }} value rows are not exported ({{ $labels.reason }})",
            hold=text(15 * MINUTE),
        )

    def _of_state(
        self,
        name: str,
        promise: Promise,
        scope: str,
        state: State,
        *,
        severity: str,
        level: str,
        hold: float,
        keep: float,
        zh: str,
        en: str,
    ) -> Rule:
        where = "=" if scope == "district" else "!="
        labels = {
            "kpi": promise.id,
            "severity": severity,
            "level": level,
            "strength": promise.strength.value,
            "scope": scope,
        }
        if scope == "district":
            labels["unit"] = _lead(promise)
        of_whom_zh, of_whom_en = ("全区", "the district") if scope == "district" else ("{{ $labels.unit }}",) * 2
        value, unit = _value(promise, scope), unit_of_measure(promise)
        return self._rule(
            name,
            f'max by (kpi, unit) ({UNIT_STATE}{{kpi="{promise.id}",unit{where}"ALL",state="{state}"}}) == 1',
            labels,
            zh=f"{of_whom_zh}：{promise.title.zh}（{promise.id}）{zh}：{value} {unit.zh}",
            en=f"{promise.title.en} ({promise.id}) {en} for {of_whom_en}: {value} {unit.en}",
            hold=self._plan(hold),
            keep=self._plan(keep),
            clause=promise.clause,
            objective=objective_text(promise),
        )

    def _stale(self, promise: Promise) -> Rule:
        stale = f'max by (kpi) ({UNIT_STATE}{{kpi="{promise.id}",unit="ALL",state="{State.STALE}"}}) == 1'
        return self._rule(
            "KpiStale",
            _beginning_in_working_hours(stale, "KpiStale", "kpi"),
            {"kpi": promise.id, "strength": promise.strength.value, "scope": "district", **_operations("review")},
            zh=f"{promise.title.zh}（{promise.id}）数据不新：数据源静默或计算滞后",
            en=f"{promise.title.en} ({promise.id}) is stale: a source is silent or the streams are behind",
            hold=self._plan(15 * MINUTE),
            keep=self._plan(15 * MINUTE),
        )

    def _rule(
        self,
        name: str,
        expr: str,
        labels: dict[str, str],
        *,
        zh: str,
        en: str,
        hold: str = "",
        keep: str = "",
        **annotations: str,
    ) -> Rule:
        return {
            "alert": name,
            "expr": expr,
            **({"for": hold} if hold else {}),
            **({"keep_firing_for": keep} if keep else {}),
            "labels": labels,
            "annotations": {
                "summary_zh": zh,
                "summary_en": en,
                **annotations,
                "runbook_url": f"{self._runbooks}{name}.md",
            },
        }

    def _plan(self, seconds: float) -> str:
        return of_plan(seconds, self._speed)

    def _real(self, seconds: float) -> str:
        """Real seconds, as the plan's clock counts them."""
        return f"{seconds * self._speed:.0f}"


def _operations(severity: str) -> dict[str, str]:
    return {"severity": severity, "level": "none", "unit": OPERATIONS}


def _lead(promise: Promise) -> str:
    return promise.lead[0] if promise.lead else OPERATIONS


def _beginning_in_working_hours(condition: str, alert: str, same: str) -> str:
    """True while the condition is, if it was so in working hours once: an alert never begins at night, and one that
    stands does not end with the day and come back in the morning."""
    standing = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    return f"({condition} and on () {WORKING} == 1) or ({condition} and on ({same}) {standing})"


def _value(promise: Promise, scope: str) -> str:
    """The figure, read when the alert is written; all its digits, so that nothing is rounded into compliance."""
    series, unit = f"{UNIT_VALUE}{{kpi='{promise.id}',unit='%s'}}", '"ALL"' if scope == "district" else "$labels.unit"
    found = '{{ . | first | value | printf "%.6g" }}'
    return f'{{{{ with query (printf "{series}" {unit}) }}}}{found}{{{{ else }}}}-{{{{ end }}}}'
