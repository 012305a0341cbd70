"""Whether the machinery works, so that silence means "fine" and not "broken"."""

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards import tables
from dashboards.codes import CODE, coded
from dashboards.frame import assemble
from dashboards.machinery import (
    ALERTING_BROKEN,
    EXPORTER_DOWN,
    ROWS_HIDDEN,
    SPEED,
    STREAMS_BEHIND,
    UP,
    live_only,
)
from dashboards.page import Json, Name, Page, cell
from dashboards.panels import (
    Asked,
    Column,
    Figure,
    Frame,
    Order,
    Panel,
    Place,
    Sizes,
    Together,
    graph,
    query_table,
    stat,
    yes_or_no,
)
from dashboards.signals import unit_names
from services.domain.judging.quarantine import QUARANTINED
from services.metric_names import metrics
from services.metric_names.metrics import BUCKET, Metric
from services.metric_names.recording_rules import DEAD_LETTER_RATIO, SWEEP_AGE


def pipeline(page: Page) -> Json:
    """From the events to the figures: nothing here needs a choice."""
    panels = [_health(page), *_now(page), _events(page), _lag(page), _sweep(page), _partitions(page), _hidden(page)]
    panels += [_quarantined(page), _waiting(page)]
    return assemble(page, Name.PIPELINE, page.say("9 系统运行", "9 Pipeline"), [], panels)


def _health(page: Page) -> Panel:
    works = yes_or_no(page, ("是", "yes"), ("否", "no"))
    figures = [
        Figure(page.say("导出服务中断", "exporter down"), EXPORTER_DOWN, mapping=works),
        Figure(page.say("告警链路中断", "alerting broken"), ALERTING_BROKEN, mapping=works),
        Figure(page.say("数据处理滞后", "streams behind"), STREAMS_BEHIND, mapping=works),
        Figure(page.say("结果未导出", "rows hidden"), ROWS_HIDDEN, mapping=works),
    ]
    about = page.say(
        "四项检查，任一为“是”即须处理。口径：导出服务没有应答；没有自检告警；在办件核查落后超过5分钟；有结果未导出。",
        "Four checks; one “yes” needs somebody. Computed: the exporter does not answer; no self-test alert; the "
        "sweep is "
        "more than five minutes behind; rows are not exported.",
    )
    frame = Frame(page.say("是否正常", "Does it work?"), Place(24, 7), about, live_only(page))
    return stat(page, frame, figures, Sizes(14, 32))


def _now(page: Page) -> list[Panel]:
    stuck = Together(
        (
            Figure(
                page.say("已隔离办件", "quarantined"),
                f"sum({metrics.QUARANTINED.name})",
                dimmed=True,
                links=tables.counted_link(page, QUARANTINED),
            ),
            Figure(
                page.say("异常退出的进程", "workers that die"),
                f"(count({metrics.WORKER_FAILURES.name}) or 0 * max({UP} == 1))",
                dimmed=True,
            ),
        )
    )
    records = Together(
        (
            Figure(page.say("事件总数", "events ever"), f"max({metrics.EVENTS.name})"),
            Figure(
                page.say("无法识别的记录", "unreadable"),
                f"(sum({metrics.UNREADABLE.name}) or 0 * max({UP} == 1))",
                dimmed=True,
            ),
        )
    )
    flow: list[Asked] = [
        records,
        Figure(page.say("系统时间倍速", "clock's speed"), SPEED, "number"),
        Figure(page.say("15分钟拒收", "refused, 15 min"), DEAD_LETTER_RATIO, "percent"),
    ]
    doubtful = page.say(
        "系统当前无法处理的办件和进程。口径：现有已隔离办件；连续异常退出三次以上的进程数。",
        "What the machinery cannot do now. Computed: cases in quarantine; workers that died three times in a row.",
    )
    about = page.say(
        "事件报送情况。口径：自始至今的事件数和无法识别的记录数；系统时间每秒走过的秒数；近15分钟拒收事件数÷收到事件数。",
        "How events come in. Computed: events and unreadable records since the beginning; seconds of the plan's clock "
        "per second; refused events of 15 minutes, of those that came in.",
    )
    return [
        stat(page, Frame(page.say("现在", "Now"), Place(8, 7), doubtful, live_only(page)), [stuck], Sizes(14, 32)),
        stat(page, Frame(page.say("事件", "Events"), Place(16, 7), about, live_only(page)), flow, Sizes(14, 32)),
    ]


def _events(page: Page) -> Panel:
    about = page.say(
        "收到和拒收的速度。口径：近1分钟的平均，按实际时间。",
        "How fast events come in and are refused. Computed: the mean of one minute, in real time.",
    )
    frame = Frame(page.say("每秒事件", "Events per second"), Place(12, 8), about, live_only(page))
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
            "还没有处理的记录。口径：各分区待处理事件数；导出服务待读记录数。",
            "Records that wait. Computed: events waiting per partition; records that the exporter has not read.",
        ),
        empty=live_only(page),
    )
    lines = [
        Figure(
            page.say("分区 {{partition}}", "partition {{partition}}"), f"max by (partition) ({metrics.STREAM_LAG.name})"
        ),
        Figure(
            page.say("导出服务 {{topic}}", "exporter {{topic}}"),
            f"max by (topic) ({metrics.EXPORTER_LAG.name})",
            dashed=True,
        ),
    ]
    return graph(page, frame, lines)


def _sweep(page: Page) -> Panel:
    frame = Frame(
        page.say("在办件核查间隔（系统时间）", "Age of the sweep (plan's clock)"),
        Place(12, 8),
        page.say(
            f"间隔过大时，{page.yellow_card}、{page.red_card}延迟发出。口径：系统时间减去该分区最近一次核查的时刻，单位小时。",
            "Cards are late when it is large. Computed: the plan's clock less the last sweep of the partition, "
            "in hours.",
        ),
        empty=live_only(page),
    )
    return graph(
        page, frame, [Figure(page.say("分区 {{partition}}", "partition {{partition}}"), f"{SWEEP_AGE} / 3600", "hours")]
    )


def _partitions(page: Page) -> Panel:
    age = page.say("核查间隔（小时）", "Sweep age (hours)")
    columns = [
        Column(age, f"max by (partition) ({SWEEP_AGE}) / 3600", shown="hours"),
        Column(page.say("积压", "Lag"), f"max by (partition) ({metrics.STREAM_LAG.name})"),
        Column(page.say("分区", "Partition"), label="partition"),
    ]
    about = page.say(
        "各分区处理是否及时。口径：同左侧两图，此刻的值。",
        "Whether each partition keeps up. Computed: as in the graphs, at this moment.",
    )
    frame = Frame(page.say("各分区", "Partitions"), Place(6, 8), about, live_only(page))
    return query_table(page, frame, "partition", columns, Order(age, most_first=True))


def _hidden(page: Page) -> Panel:
    columns = [
        Column(page.say("行数", "Rows"), f"max by (reason) ({metrics.ROWS_HIDDEN.name})"),
        Column(page.say("原因", "Reason"), label="reason", mapping=_why_hidden(page)),
    ]
    about = page.say(
        "已计算、未导出的结果。口径：此刻未导出的行数，按原因。",
        "Rows that were computed and are not exported. Computed: how many at this moment, by reason.",
    )
    frame = Frame(page.say("未导出的结果", "Rows not exported"), Place(6, 8), about, live_only(page))
    return query_table(page, frame, "reason", columns)


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
        Column(
            count,
            coded(f"max by (unit) ({metrics.QUARANTINED.name})", "unit"),
            links=tables.counted_link(page, QUARANTINED, unit=cell(CODE)),
        ),
        Column(page.say("单位", "Unit"), label="unit", mapping=unit_names(page)),
        Column("code", label=CODE, unseen=True),
    ]
    frame = Frame(
        page.say("已隔离办件（无法判定）", "Quarantined cases (cannot be judged)"),
        Place(12, 8),
        page.say(
            "相关承诺显示为“数据未更新”。逐件查看：`kpiwatch cases quarantined`。口径：此刻隔离的办件数，"
            "按事件中第一个单位。",
            "The promises that they may be about are stale; `kpiwatch cases quarantined` lists them. Computed: "
            "cases in "
            "quarantine now, by the first unit that their events name.",
        ),
        empty=live_only(page),
    )
    return query_table(page, frame, "unit", columns, Order(count, most_first=True))


def _waiting(page: Page) -> Panel:
    about = page.say(
        f"事件从到达系统到产生结果所需的时间，按实际时间。口径：近5分钟事件中，50%和99%不超过的秒数。{page.yellow_card}、"
        f"{page.red_card}：判定并发出；完成值：可供采集。",
        "How long an event waits for its effect, in real time, from its arrival in Kafka. Computed: within how many "
        "seconds 50 % and 99 % of the events of 5 minutes were judged with their cards sent, and could be scraped in "
        "the values.",
    )
    frame = Frame(
        page.say("事件处理用时（秒）", "From event to effect (seconds)"), Place(12, 8), about, live_only(page)
    )
    card, value = page.say(f"{page.yellow_card}、{page.red_card}", "card"), page.say("完成值", "value")
    lines = [
        Figure(f"{name} p{round(share * 100)}", _within(metric, share), "number", dashed=share < 0.9)
        for name, metric in ((card, metrics.EVENT_TO_CARD), (value, metrics.EVENT_TO_VALUE))
        for share in (0.99, 0.5)
    ]
    return graph(page, frame, lines)


def _within(metric: Metric, share: float) -> str:
    """Within how many seconds so many of the events of 5 minutes had their answer."""
    return f"histogram_quantile({share}, sum by (le) (rate({metric.name}{BUCKET}[5m])))"
