"""The rules for Prometheus: recording rules, the alerts of each promise, the alerts of the pipeline.

An alert is a symptom. Prometheus compares and never computes working time; "now" is kpi_clock_timestamp_seconds,
never time(). Two kinds of hold time: those about the plan run on the plan's clock and are divided by its speed; those
about the machinery (a worker that is behind) are real, and what they compare on the plan's clock is multiplied by it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from services.catalog.wording import COLOUR_OF_A_MISS, SEVERITY_OF_A_MISS, objective_text, unit_of_measure
from services.domain.plan.plan import Plan, Promise, Strength, Window
from services.domain.results.published import State
from services.names import metrics
from services.names.recording_rules import (
    BACKDATED_SHARE,
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
from services.process.worker_failures import REPEATED
from services.rules.durations import DAY, HOUR, MINUTE, of_plan, text

Rule = dict[str, Any]

OPERATIONS = "operations"
"""The unit of alerts about the machinery: the operations centre."""

EXPORTER_JOB = "kpiwatch-exporter"


MAXIMUM_DEAD_LETTER_RATIO = 0.05
MINIMUM_DEAD_LETTERS = 10
"""Fewer refused events in 15 minutes are no ratio: one bad event of a quiet night wakes nobody."""
MAXIMUM_BACKDATED_SHARE = 0.05
MINIMUM_BACKDATED_CASES = 5
"""Of 30 days. The plan prints neither figure: both are ours (非方案指标)."""
MAXIMUM_LAG_RECORDS = 10_000
PIPELINE_DOWN_SECONDS = 5 * MINUTE
MAXIMUM_SWEEP_AGE_SECONDS = 10 * MINUTE
"""Longer than PIPELINE_DOWN_SECONDS: where all partitions stand still that is told first, and holds back the rest."""
FIGURES_OLD_SECONDS = 5 * MINUTE
CALENDAR_NOTICE_SECONDS = 30 * DAY


_REFUSED = f"max(increase({metrics.DEAD_LETTER_RECORDS.name}[15m]))"
_BACKLOG_SHRINKS = (
    f"(max by (partition) (delta({metrics.STREAM_LAG.name}[5m])) < 0"
    f" and on (partition) max by (partition) ({metrics.STREAM_LAG.name}) > {MAXIMUM_LAG_RECORDS})"
)
"""A worker that reads an archive or an outage's backlog: its sweeps wait, and it comes to an end by itself."""


def rule_groups(plan: Plan, speed: float, runbooks: str) -> Rule:
    """The rules file. `speed`: of the plan's clock; `runbooks`: what a runbook's link begins with."""
    promises = _official(plan)
    alerts = Alerts(speed, runbooks)
    return {
        "groups": [
            {"name": "kpiwatch.records", "rules": list(_records(promises))},
            {"name": "kpiwatch.promises", "rules": [rule for promise in promises for rule in alerts.of(promise)]},
            {"name": "kpiwatch.figures", "rules": list(alerts.of_the_figures())},
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
    # records through the pipeline in real time, no case counters: only of these a rate is taken
    yield {"record": DEAD_LETTER_RATIO, "expr": f"{_REFUSED} / clamp_min(max(increase({metrics.EVENTS.name}[15m])), 1)"}
    shares = (f'max by (unit) ({metric.name}{{signal="backdated"}})' for metric in (metrics.SIGNAL, metrics.SIGNAL_OF))
    yield {"record": BACKDATED_SHARE, "expr": _by_source(" / ".join(shares))}


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
                level=COLOUR_OF_A_MISS[promise.strength],
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

    def of_the_figures(self) -> Iterator[Rule]:
        """The alerts about any promise that tell whether its figure can be believed."""
        yield self._of_any_promise(
            "KpiStale",
            _beginning_in_working_hours(_district(State.STALE), "KpiStale", "kpi"),
            "review",
            zh="数据不新：数据源静默或计算滞后",
            en="is stale: a source is silent or the streams are behind",
            hold=15 * MINUTE,
            keep=15 * MINUTE,
        )
        yield self._of_any_promise(
            "KpiUnmeasured",
            _district(State.UNMEASURED),
            "review",
            zh="无法计量：办结案件中缺少据以判断的事实",
            en="is unmeasured: closed cases lack the fact that would judge them",
            hold=5 * DAY,  # a month's figures come in its first days
            keep=DAY,
        )
        over = f'{metrics.SIGNAL.name}{{signal="over_quota",unit="ALL",item!~".+/.+"}}'  # its item is the promise
        yield self._of_any_promise(
            "KpiOverQuota",
            f'max by (kpi) (label_replace({over}, "kpi", "$1", "item", "(.+)")) > 0',
            "inform",
            zh="超过方案所列数量上限 {{ $value }}",
            en="exceeds the upper end of the plan's range by {{ $value }}",
            hold=HOUR,
            keep=DAY,
        )
        backdated = f'max by (unit) ({metrics.SIGNAL.name}{{signal="backdated"}}) >= {MINIMUM_BACKDATED_CASES}'
        often = f"{BACKDATED_SHARE} > {MAXIMUM_BACKDATED_SHARE} and on (source) {_by_source(backdated)}"
        yield self._rule(
            "BackdatedEntry",
            _beginning_in_working_hours(f"({often})", "BackdatedEntry", "source"),
            _operations("review"),
            zh="数据源 {{ $labels.source }} 近30天 {{ $value | humanizePercentage }} 的办结案件疑似先办后录",
            en="source {{ $labels.source }} entered {{ $value | humanizePercentage }} of the cases completed in 30 days"
            " in one breath, long after the fact",
            hold=self._plan(HOUR),
            keep=self._plan(DAY),
        )

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
            hold=self._plan(MINUTE),
            keep=self._plan(15 * MINUTE),
        )
        left = f"(min({metrics.CALENDAR_END.name}) - {CLOCK})"
        yield self._rule(
            "CalendarEnding",
            f"{left} < {CALENDAR_NOTICE_SECONDS}",
            _operations("review"),
            zh="已公布的工作日历不足30天，其后的期限均为暂定",
            en="published working days end within 30 days; deadlines after that are provisional",
            hold=self._plan(HOUR),
            keep=self._plan(HOUR),
        )
        yield self._rule(
            "CalendarProvisional",
            f"{left} <= 0",
            _operations("act"),
            zh="已公布的工作日历已用尽，当前按周一至周五暂算，期限与结论均为暂定",
            en="the published working days have ended: Monday to Friday is assumed, every new deadline is provisional",
            hold=self._plan(HOUR),
            keep=self._plan(HOUR),
        )
        yield from self._of_the_machinery()
        yield from self._of_what_it_reads()
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
            hold=text(3 * MINUTE),
            # longer than a promise's alert takes to stand again, so that an outage ends and begins none of them
            keep=text(10 * MINUTE),
        )
        nobody = f"(absent({metrics.SWEEP.name}) and on () {exporter})"
        still = f"min({SWEEP_AGE}) > {self._real(PIPELINE_DOWN_SECONDS)}"
        yield self._rule(
            "PipelineDown",
            f"({still} unless on () {_BACKLOG_SHRINKS}) or {nobody}",
            _operations("page"),
            zh="流计算停止：没有任何分区在处理案件",
            en="the streams stand still: no partition of cases is being looked at",
            hold=text(2 * MINUTE),
            keep=text(5 * MINUTE),
        )
        yield self._rule(
            "SweepOld",
            f"{SWEEP_AGE} > {self._real(MAXIMUM_SWEEP_AGE_SECONDS)} unless on (partition) {_BACKLOG_SHRINKS}",
            _operations("page"),
            zh="分区 {{ $labels.partition }} 的在办案件未按时检查，黄牌红牌可能延迟",
            en="open cases of partition {{ $labels.partition }} are not looked at: cards may be late",
            hold=text(2 * MINUTE),
            keep=text(5 * MINUTE),
        )
        never = f"(absent({metrics.WATERMARK.name}) and on () min({metrics.SWEEP.name}))"
        behind = f"(min({metrics.SWEEP.name}) - max({metrics.WATERMARK.name}))"
        yield self._rule(
            "FiguresOld",
            f"{behind} > {self._real(FIGURES_OLD_SECONDS)} or {never}",
            _operations("page"),
            zh="案件在处理，但指标没有更新：看板上的数字已过时",
            en="cases are looked at, but no figure follows: what the dashboards show is old",
            hold=text(2 * MINUTE),
            keep=text(5 * MINUTE),
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

    def _of_what_it_reads(self) -> Iterator[Rule]:
        """Records that are refused, cases that are quarantined, workers that die, what is not shown."""
        yield self._rule(
            "DeadLetterRatioHigh",
            f"{DEAD_LETTER_RATIO} > {MAXIMUM_DEAD_LETTER_RATIO} and on () {_REFUSED} >= {MINIMUM_DEAD_LETTERS}",
            _operations("act"),
            zh="15分钟内超过5%的事件被拒收",
            en="more than 5 % of the events of 15 minutes were refused",
            hold=text(5 * MINUTE),
            keep=text(10 * MINUTE),
        )
        yield self._rule(
            "CaseQuarantined",
            f"sum({metrics.QUARANTINED.name}) > 0",
            _operations("act"),
            zh="{{ $value }} 件办件无法判定，已隔离；相关承诺显示为“数据陈旧”",
            en="{{ $value }} cases cannot be judged and are quarantined: the promises that they may be about are stale",
            hold=text(2 * MINUTE),
            keep=text(5 * MINUTE),
        )
        yield self._rule(
            "WorkerFailing",
            f"max by (stage, worker) ({metrics.WORKER_FAILURES.name}) >= {REPEATED}",
            _operations("page"),
            zh="流计算进程 {{ $labels.worker }}（{{ $labels.stage }}）因同一原因连续 {{ $value }} 次异常退出",
            en="worker {{ $labels.worker }} ({{ $labels.stage }}) has died {{ $value }} times in a row of one cause",
            hold=text(MINUTE),
            keep=text(5 * MINUTE),
        )
        yield self._rule(
            "RowsHidden",
            f"max by (reason) ({metrics.ROWS_HIDDEN.name}) > 0",
            _operations("review"),
            zh="{{ $value }} 行结果未导出（{{ $labels.reason }}）",
            en="{{ $value }} value rows are not exported ({{ $labels.reason }})",
            hold=text(15 * MINUTE),
            keep=text(15 * MINUTE),
        )
        yield self._rule(
            "RecordsUnreadable",
            f"max by (topic) ({metrics.UNREADABLE.name}) > 0",
            _operations("review"),
            zh="主题 {{ $labels.topic }} 中有 {{ $value }} 条记录无法识别",
            en="{{ $value }} records of {{ $labels.topic }} are not what the topic promises",
            hold=text(15 * MINUTE),
            keep=text(15 * MINUTE),
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
            _not_ended_by_ignorance(promise.id, where, state, name, scope),
            labels,
            zh=f"{of_whom_zh}：{promise.title.zh}（{promise.id}）{zh}：{value} {unit.zh}",
            en=f"{promise.title.en} ({promise.id}) {en} for {of_whom_en}: {value} {unit.en}",
            hold=self._plan(hold),
            keep=self._plan(keep),
            clause=promise.clause,
            objective=objective_text(promise),
        )

    def _of_any_promise(
        self, name: str, expr: str, severity: str, *, zh: str, en: str, hold: float, keep: float
    ) -> Rule:
        """One rule for all promises; which it is says the label `kpi`, its title is looked up."""
        return self._rule(
            name,
            expr,
            {"scope": "district", **_operations(severity)},
            zh=f"{_title('zh')}（{{{{ $labels.kpi }}}}）{zh}",
            en=f"{_title('en')} ({{{{ $labels.kpi }}}}) {en}",
            hold=self._plan(hold),
            keep=self._plan(keep),
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


def _district(state: State) -> str:
    """The promises that stand so for the whole district."""
    return f'max by (kpi) ({UNIT_STATE}{{unit="ALL",state="{state}"}}) == 1'


def _not_ended_by_ignorance(kpi: str, where: str, state: State, alert: str, scope: str) -> str:
    """True while a promise stands in a state, and on while it is stale if it did so before: that nobody knows any more
    is no news of an end. `where`: how the unit compares with the whole district."""

    def is_in(state: State) -> str:
        return f'max by (kpi, unit) ({UNIT_STATE}{{kpi="{kpi}",unit{where}"ALL",state="{state}"}}) == 1'

    same = "kpi" if scope == "district" else "kpi, unit"
    standing = f'ALERTS{{alertname="{alert}",alertstate="firing",kpi="{kpi}",scope="{scope}"}}'
    return f"{is_in(state)} or ({is_in(State.STALE)} and on ({same}) {standing})"


def _by_source(signal: str) -> str:
    """A signal of a source carries it as its unit."""
    return f'max by (source) (label_replace({signal}, "source", "$1", "unit", "(.+)"))'


def _beginning_in_working_hours(condition: str, alert: str, same: str) -> str:
    """True while the condition is, if it was so in working hours once: an alert never begins at night, and one that
    stands does not end with the day and come back in the morning."""
    standing = f'ALERTS{{alertname="{alert}",alertstate="firing"}}'
    return f"({condition} and on () {WORKING} == 1) or ({condition} and on ({same}) {standing})"


def _title(language: str) -> str:
    """A promise's title, looked up when the alert is written."""
    info = f"{metrics.PROMISE_INFO.name}{{variant='official',kpi='%s'}}"
    found = f'{{{{ . | first | label "title_{language}" }}}}'
    return f'{{{{ with query (printf "{info}" $labels.kpi) }}}}{found}{{{{ end }}}}'


def _value(promise: Promise, scope: str) -> str:
    """The figure, read when the alert is written; all its digits, so that nothing is rounded into compliance."""
    series, unit = f"{UNIT_VALUE}{{kpi='{promise.id}',unit='%s'}}", '"ALL"' if scope == "district" else "$labels.unit"
    found = '{{ . | first | value | printf "%.6g" }}'
    return f'{{{{ with query (printf "{series}" {unit}) }}}}{found}{{{{ else }}}}-{{{{ end }}}}'
