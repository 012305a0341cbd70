"""The alerts about the pipeline: they say whether no alert means that all is well.

What is about the machinery (a worker that is behind) waits in real time; what it compares on the plan's clock is
multiplied by the speed of that clock.
"""

from collections.abc import Iterator

from services.alert_rules.alert import OPERATIONS, Alert, plan_time, real_time, to_operations
from services.alert_rules.durations import DAY, HOUR, MINUTE
from services.alert_rules.expressions import (
    REFUSED,
    begins_in_working_hours,
    one_of_words,
    promise_name,
    source_name,
    unit_name,
)
from services.domain.plan.plan import Plan, Terms, Title
from services.metric_names import desk_metrics, metrics
from services.metric_names.alert_pages import VALUE_OF_LABEL
from services.metric_names.recording_rules import CLOCK, DEAD_LETTER_RATIO, SWEEP_AGE
from services.runtime.worker_failures import REPEATED

EXPORTER_JOB = "kpiwatch-exporter"

MAXIMUM_DEAD_LETTER_RATIO = 0.05
MINIMUM_DEAD_LETTERS = 10
"""Fewer refused events in 15 minutes are no ratio: a bad event in a quiet night must not page."""
MAXIMUM_LAG_RECORDS = 10_000
PIPELINE_DOWN_SECONDS = 5 * MINUTE
MAXIMUM_SWEEP_AGE_SECONDS = 10 * MINUTE
"""Longer than PIPELINE_DOWN_SECONDS: where no partition is processed, that alert is first and holds back the rest."""
FIGURES_OLD_SECONDS = 5 * MINUTE
CALENDAR_NOTICE_SECONDS = 30 * DAY

BACKLOG_SHRINKS = (
    f"(max by (partition) (delta({metrics.STREAM_LAG.name}[5m])) < 0"
    f" and on (partition) max by (partition) ({metrics.STREAM_LAG.name}) > {MAXIMUM_LAG_RECORDS})"
)
"""A worker that reads an archive, or the backlog of an outage: its sweeps wait until it has read that."""

_STAGES_ZH = {"cases": "办件处理", "kpis": "数据汇总"}
_HIDDEN_ZH = {"outside_plan": "不在方案内", "over_budget": "超出导出数量上限"}
_HIDDEN_EN = {"outside_plan": "they are not in the plan", "over_budget": "there are more than may be exported"}

WATCHDOG = Alert(
    "Watchdog",
    "vector(1)",
    {"severity": "none", "level": "none", "unit": OPERATIONS},
    Title(
        zh="告警链路正常（此告警应始终存在）",
        en="alerting works (this alert is always there)",
    ),
    None,
)


def pipeline_alerts(speed: float, plan: Plan) -> Iterator[Alert]:
    """All of them. `speed`: of the plan's clock."""
    yield from _sources_and_calendar(plan.names.terms, source_name(plan))
    yield from _machinery(speed, plan.names.terms)
    yield from _records()
    yield WATCHDOG


def _sources_and_calendar(terms: Terms, source: Title) -> Iterator[Alert]:
    silent = f"max by (source, unit) ({metrics.SOURCE_SILENT.name}) == 1"
    yield Alert(
        "SourceSilent",
        begins_in_working_hours(silent, "SourceSilent", "source"),
        {"severity": "act", "level": "yellow"},
        Title(
            zh=f"{source.zh}超过通常间隔未报送数据",
            en=f"{source.en} has been silent for longer than its usual delay",
        ),
        plan_time(15 * MINUTE, 15 * MINUTE),
    )
    red = f'max by (kpi, unit) ({metrics.CARDS_OPEN.name}{{level="red"}}) > 0'
    yield Alert(
        "CardRed",
        red,
        {"severity": "inform", "level": "red"},
        Title(
            zh=f"{unit_name('zh')}：{promise_name('zh')}（{{{{ $labels.kpi }}}}）"
            f"现有{{{{ $value }}}}件{terms.red_card.zh}办件未办结",
            en=f"{unit_name('en')} has {{{{ $value }}}} cases with a {terms.red_card.en} for {promise_name('en')}"
            " ({{ $labels.kpi }})",
        ),
        plan_time(MINUTE, 15 * MINUTE),
        chosen={"unit": VALUE_OF_LABEL.format("unit")},
    )
    left = f"(min({metrics.CALENDAR_END.name}) - {CLOCK})"
    yield Alert(
        "CalendarEnding",
        f"{left} < {CALENDAR_NOTICE_SECONDS}",
        to_operations("review"),
        Title(
            zh="国务院已公布的节假日安排剩余不足30天，此后的期限均为暂定",
            en="the published working days end within 30 days; deadlines after that are provisional",
        ),
        plan_time(HOUR, HOUR),
    )
    yield Alert(
        "CalendarProvisional",
        f"{left} <= 0",
        to_operations("act"),
        Title(
            zh="当前日期的节假日安排尚未公布，暂按周一至周五为工作日推算，期限和判定均为暂定",
            en="the published working days have ended: Monday to Friday is assumed, every new deadline is provisional",
        ),
        plan_time(HOUR, HOUR),
    )


def _machinery(speed: float, terms: Terms) -> Iterator[Alert]:
    exporter = f'up{{job="{EXPORTER_JOB}"}} == 1'
    yield Alert(
        "ExporterDown",
        f"absent({exporter})",
        to_operations("page"),
        Title(
            zh="数据导出服务中断，看板数据全部停止更新",
            en="no exporter answers: no figure is up to date",
        ),
        real_time(3 * MINUTE, 10 * MINUTE),
    )
    no_sweep = f"(absent({metrics.SWEEP.name}) and on () {exporter})"
    still = f"min({SWEEP_AGE}) > {_real(PIPELINE_DOWN_SECONDS, speed)}"
    yield Alert(
        "PipelineDown",
        f"({still} unless on () {BACKLOG_SHRINKS}) or {no_sweep}",
        to_operations("page"),
        Title(
            zh="数据处理中断：所有分区均未处理办件",
            en="the streams have stopped: no partition of cases is processed",
        ),
        real_time(2 * MINUTE, 5 * MINUTE),
    )
    yield Alert(
        "SweepOld",
        f"{SWEEP_AGE} > {_real(MAXIMUM_SWEEP_AGE_SECONDS, speed)} unless on (partition) {BACKLOG_SHRINKS}",
        to_operations("page"),
        Title(
            zh="分区{{ $labels.partition }}的在办件未按时核查，"
            f"{terms.yellow_card.zh}、{terms.red_card.zh}可能延迟发出",
            en="open cases of partition {{ $labels.partition }} are not checked: cards may be late",
        ),
        real_time(2 * MINUTE, 5 * MINUTE),
    )
    never = f"(absent({metrics.WATERMARK.name}) and on () min({metrics.SWEEP.name}))"
    behind = f"(min({metrics.SWEEP.name}) - max({metrics.WATERMARK.name}))"
    yield Alert(
        "FiguresOld",
        f"{behind} > {_real(FIGURES_OLD_SECONDS, speed)} or {never}",
        to_operations("page"),
        Title(
            zh="办件处理正常，但数据汇总中断：看板数据未更新",
            en="cases are processed, but no figure is updated: the dashboards show old figures",
        ),
        real_time(2 * MINUTE, 5 * MINUTE),
    )
    yield Alert(
        "StreamLagHigh",
        f"max by (partition) ({metrics.STREAM_LAG.name}) > {MAXIMUM_LAG_RECORDS}",
        to_operations("act"),
        Title(
            zh="分区{{ $labels.partition }}积压待处理事件{{ $value }}条",
            en="partition {{ $labels.partition }} has {{ $value }} events waiting",
        ),
        real_time(5 * MINUTE, 2 * MINUTE),
    )


def _records() -> Iterator[Alert]:
    """Records that are refused, cases that are quarantined, workers that die, what is not exported."""
    yield Alert(
        "DeadLetterRatioHigh",
        f"{DEAD_LETTER_RATIO} > {MAXIMUM_DEAD_LETTER_RATIO} and on () {REFUSED} >= {MINIMUM_DEAD_LETTERS}",
        to_operations("act"),
        Title(
            zh="近15分钟内，超过5%的报送事件被拒收",
            en="more than 5 % of the events of 15 minutes were refused",
        ),
        real_time(5 * MINUTE, 10 * MINUTE),
    )
    yield Alert(
        "CaseQuarantined",
        f"sum({metrics.QUARANTINED.name}) > 0",
        to_operations("act"),
        Title(
            zh="{{ $value }}件办件无法判定，已隔离；相关承诺显示为“数据未更新”",
            en="{{ $value }} cases cannot be judged and are quarantined: the promises that they may be about are stale",
        ),
        real_time(2 * MINUTE, 5 * MINUTE),
    )
    yield Alert(
        "WorkerFailing",
        f"max by (stage, worker) ({metrics.WORKER_FAILURES.name}) >= {REPEATED}",
        to_operations("page"),
        Title(
            zh=f"{one_of_words('stage', _STAGES_ZH)}进程"
            " {{ $labels.worker }} 因同一原因连续{{ $value }}次异常退出",
            en="worker {{ $labels.worker }} ({{ $labels.stage }}) has died {{ $value }} times in a row of one cause",
        ),
        real_time(MINUTE, 5 * MINUTE),
    )
    yield Alert(
        "RowsHidden",
        f"max by (reason) ({metrics.ROWS_HIDDEN.name}) > 0",
        to_operations("review"),
        Title(
            zh=f"{{{{ $value }}}}行结果未导出，原因：{one_of_words('reason', _HIDDEN_ZH)}",
            en=f"{{{{ $value }}}} value rows are not exported: {one_of_words('reason', _HIDDEN_EN)}",
        ),
        real_time(15 * MINUTE, 15 * MINUTE),
    )
    yield Alert(
        "RecordsUnreadable",
        f"max by (topic) ({metrics.UNREADABLE.name} or {desk_metrics.INDEX_UNREADABLE.name}) > 0",
        to_operations("review"),
        Title(
            zh="消息主题 {{ $labels.topic }} 中有{{ $value }}条记录无法识别",
            en="{{ $value }} records of {{ $labels.topic }} cannot be read",
        ),
        real_time(15 * MINUTE, 15 * MINUTE),
    )


def _real(seconds: float, speed: float) -> str:
    """Real seconds, as the plan's clock counts them."""
    return f"{seconds * speed:.0f}"
