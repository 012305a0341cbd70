"""Whether the machinery works, so that silence means "fine" and not "broken"."""

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards.frame import assemble
from dashboards.page import Json, Name, Page
from dashboards.panels import Column, Figure, Frame, Panel, Place, graph, query_table, stat, yes_or_no
from dashboards.signals import unit_names
from dashboards.time_axis import live_only
from services.metric_names import metrics
from services.metric_names.recording_rules import DEAD_LETTER_RATIO, SWEEP_AGE


def pipeline(page: Page) -> Json:
    """From the events to the figures: nothing here needs a choice."""
    panels = [_health(page), _now(page), _events(page), _lag(page), _sweep(page), _partitions(page), _hidden(page)]
    panels.append(_quarantined(page))
    return assemble(page, Name.PIPELINE, page.say("8 系统运行", "8 Pipeline"), [], panels)


def _health(page: Page) -> Panel:
    up, firing = ("否", "no"), ("是", "yes")
    works = yes_or_no(page, firing, up)
    figures = [
        Figure(page.say("导出服务中断", "exporter down"), f"1 - max({_UP})", mapping=works),
        Figure(page.say("告警链路中断", "alerting broken"), _NO_WATCHDOG, mapping=works),
        Figure(
            page.say("数据处理滞后", "streams behind"),
            f"max({SWEEP_AGE}) > bool scalar({_FIVE_MINUTES})",
            mapping=works,
        ),
        Figure(page.say("结果未导出", "rows hidden"), f"max({metrics.ROWS_HIDDEN.name}) > bool 0", mapping=works),
    ]
    return stat(page, Frame(page.say("是否正常", "Does it work?"), Place(24, 4), empty=live_only(page)), figures)


_UP = 'up{job="kpiwatch-exporter"}'
_NO_WATCHDOG = f'1 - (max(ALERTS{{alertname="Watchdog",alertstate="firing"}}) or 0 * max({_UP}))'
_SPEED = f"clamp_min(max(deriv({metrics.CLOCK.name}[5m])), 1)"
"""Plan seconds per real second: 1, unless the clock is a simulated one."""
_FIVE_MINUTES = f"300 * {_SPEED}"


def _now(page: Page) -> Panel:
    figures = [
        Figure(page.say("时钟倍速", "speed of the clock"), _SPEED, "number"),
        Figure(page.say("事件总数", "events ever"), f"max({metrics.EVENTS.name})"),
        Figure(page.say("15分钟拒收占比", "refused in 15 minutes"), DEAD_LETTER_RATIO, "percent"),
        Figure(page.say("隔离办件", "quarantined cases"), f"sum({metrics.QUARANTINED.name})"),
        Figure(
            page.say("反复异常退出的进程", "workers that keep dying"),
            f"count({metrics.WORKER_FAILURES.name}) or 0 * max({_UP} == 1)",
        ),
        Figure(
            page.say("无法识别的记录", "unreadable records"), f"sum({metrics.UNREADABLE.name}) or 0 * max({_UP} == 1)"
        ),
    ]
    return stat(page, Frame(page.say("现在", "Now"), Place(24, 4), empty=live_only(page)), figures)


def _events(page: Page) -> Panel:
    frame = Frame(page.say("每秒事件", "Events per second"), Place(12, 8), empty=live_only(page))
    lines = [
        Figure(page.say("收到", "taken in"), f"sum(rate({metrics.EVENTS.name}[1m]))", "number"),
        Figure(page.say("拒收", "refused"), f"sum(rate({metrics.DEAD_LETTERS.name}[1m]))", "number", dashed=True),
    ]
    return graph(page, frame, lines)


def _lag(page: Page) -> Panel:
    frame = Frame(
        page.say("积压", "Records not read yet"),
        Place(12, 8),
        page.say(
            "各分区待处理事件；导出服务待读记录。", "Events waiting per partition; records the exporter has not read."
        ),
        empty=live_only(page),
    )
    lines = [
        Figure(
            page.say("分区 {{partition}}", "partition {{partition}}"), f"max by (partition) ({metrics.STREAM_LAG.name})"
        ),
        Figure("{{topic}}", f"max by (topic) ({metrics.EXPORTER_LAG.name})", dashed=True),
    ]
    return graph(page, frame, lines)


def _sweep(page: Page) -> Panel:
    frame = Frame(
        page.say("在办件核查间隔（计划时钟）", "Age of the sweep (plan's clock)"),
        Place(12, 8),
        page.say(f"间隔过大时，{page.yellow_card}、{page.red_card}延迟发出。", "Cards are late when it is large."),
        empty=live_only(page),
    )
    return graph(
        page, frame, [Figure(page.say("分区 {{partition}}", "partition {{partition}}"), SWEEP_AGE, "duration")]
    )


def _partitions(page: Page) -> Panel:
    age = page.say("核查间隔", "Sweep age")
    columns = [
        Column(page.say("分区", "Partition"), label="partition"),
        Column(age, f"max by (partition) ({SWEEP_AGE})", shown="duration"),
        Column(page.say("积压", "Lag"), f"max by (partition) ({metrics.STREAM_LAG.name})"),
    ]
    return query_table(
        page,
        Frame(page.say("各分区", "Partitions"), Place(6, 8), empty=live_only(page)),
        "partition",
        columns,
        sort=age,
        most_first=True,
    )


def _hidden(page: Page) -> Panel:
    columns = [
        Column(page.say("原因", "Reason"), label="reason", mapping=_why_hidden(page)),
        Column(page.say("行数", "Rows"), f"max by (reason) ({metrics.ROWS_HIDDEN.name})"),
    ]
    return query_table(
        page,
        Frame(page.say("未导出的结果", "Rows not exported"), Place(6, 8), empty=live_only(page)),
        "reason",
        columns,
    )


def _why_hidden(page: Page) -> ValueMap:
    """Reason → what it is called."""
    words = {
        "outside_plan": page.say("不在方案内", "not in the plan"),
        "over_budget": page.say("超出导出数量上限", "more than may be exported"),
    }
    return ValueMap({reason: ValueMappingResult(text=name) for reason, name in words.items()})


def _quarantined(page: Page) -> Panel:
    count = page.say("办件数", "Cases")
    columns = [
        Column(page.say("单位", "Unit"), label="unit", mapping=unit_names(page)),
        Column(count, f"max by (unit) ({metrics.QUARANTINED.name})"),
    ]
    frame = Frame(
        page.say("隔离办件（无法判定）", "Quarantined cases (cannot be judged)"),
        Place(12, 8),
        page.say(
            "相关承诺显示为“数据未更新”。逐件查看：`kpiwatch cases quarantined`。",
            "The promises that they may be about are stale; kpiwatch cases quarantined lists them.",
        ),
        empty=live_only(page),
    )
    return query_table(page, frame, "unit", columns, sort=count, most_first=True)
