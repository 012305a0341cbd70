"""Whether the sources (数据源) speak, and whether what they say can be believed: silence is never green."""

from dashboards import tables
from dashboards.codes import CODE, CODE_OF_UNIT, coded, names, refusals
from dashboards.frame import assemble
from dashboards.machinery import live_only
from dashboards.page import Json, Name, Page, cell
from dashboards.panels import (
    Column,
    Figure,
    Frame,
    Order,
    Panel,
    Place,
    Sizes,
    Together,
    query_table,
    stat,
    tall,
    yes_or_no,
)
from dashboards.queries import how_many
from dashboards.signals import all_signal_names, source_names, unit_names
from dashboards.states import GREEN, RED
from services.casebook.marks import SIGNALS
from services.catalog.words.anomalies import ANOMALIES
from services.catalog.working_time import working_day_seconds
from services.domain.judging.data_quality import ANOMALY, BACKDATED, PREFIX, UNCLASSIFIED
from services.domain.judging.quarantine import QUARANTINED
from services.metric_names import metrics
from services.metric_names.recording_rules import DEAD_LETTER_RATIO


def sources(page: Page) -> Json:
    """All sources: nothing here needs a choice."""
    panels = [_summary(page), _sources(page), _refused(page), _signals(page), _anomalies(page), _of_figures(page)]
    return assemble(page, Name.SOURCES, page.say("8 数据源", "8 Sources"), [], panels)


def _summary(page: Page) -> Panel:
    silent = f"max by (source) ({metrics.SOURCE_SILENT.name})"
    counts = Together(
        (
            Figure(f"✗ {page.say('未报送', 'silent')}", f"({how_many(f'{silent} == 1')})", colour=RED, dimmed=True),
            Figure(f"✓ {page.say('正常', 'speaking')}", f"({how_many(f'{silent} == 0')})", colour=GREEN, dimmed=True),
            Figure(page.say("拒收总数", "refused ever"), f"sum({metrics.DEAD_LETTERS.name})"),
        )
    )
    refused = Figure(page.say("15分钟拒收", "refused, 15 min"), DEAD_LETTER_RATIO, "percent")
    about = page.say(
        "多少数据源在报送，多少事件被拒收。口径：超过登记的通常间隔未报送的计为未报送；拒收占比为近15分钟拒收事件数÷收到事件数。",
        "How many sources speak, how many events are refused. Computed: silent: longer than the registered usual "
        "delay; "
        "refused: events of 15 minutes that were refused, of those that came in.",
    )
    return stat(page, Frame(page.say("报送情况", "Summary"), Place(24, 7), about), [counts, refused], Sizes(14, 32))


def _sources(page: Page) -> Panel:
    backdated = 'sum by (unit) (%s{signal="backdated"})'
    unclassified = f'{metrics.SIGNAL.name}{{signal="unclassified"}}'
    share = f"{backdated % metrics.SIGNAL.name} / ({backdated % metrics.SIGNAL_OF.name} > 0)"
    state, day = page.say("状态", "State"), working_day_seconds(page.plan)
    columns = [
        Column(
            state,
            coded(f"max by (source, unit) ({metrics.SOURCE_SILENT.name})", "source"),
            mapping=yes_or_no(page, ("未报送", "silent"), ("正常", "speaking")),
            width=110,
        ),
        Column(
            page.say("未报送（工作日）", "Silent (working days)"),
            f"max by (source) ({metrics.SOURCE_SILENCE.name}) / {day}",
            shown="working_days",
            width=140,
        ),
        Column(page.say("数据源", "Source"), label="source", mapping=source_names(page)),
        Column("code", label=CODE, unseen=True),
        Column(page.say("联系单位", "Whom to ask"), label="unit", mapping=unit_names(page)),
        Column(
            page.say("最近事件", "Last event"),
            f"max by (source) ({metrics.SOURCE_LAST_EVENT.name}) * 1000",
            shown="moment",
        ),
        Column(
            page.say("先办后录占比", "Backdated"),
            f'max by (source) (label_replace({share}, "source", "$1", "unit", "(.*)"))',
            shown="percent",
            links=tables.counted_link(page, BACKDATED, unit=cell(CODE)),
            width=120,
        ),
        Column(
            page.say("要素未填报", "Unclassified"),
            f'sum by (source) (label_replace({unclassified}, "source", "$1", "unit", "(.*)"))',
            zero=True,
            links=tables.counted_link(page, UNCLASSIFIED, unit=cell(CODE)),
            width=110,
        ),
    ]
    hours = f"{day / 3600:g}"
    about = page.say(
        "超过登记的通常间隔未报送的列为“未报送”，其承诺显示为“数据未更新”；未登记间隔的数据源不作此判断。"
        f"口径：未报送时长按工作时间计，一个工作日为{hours}小时；先办后录为近30天事后补录的办件占比；要素未填报按承诺计，一件可计多次。",
        "Silent: longer than its registered usual delay; its promises are stale; a source without one is never. "
        "Computed: "
        f"silence in working time, a working day has {hours} hours; backdated: share of the cases of 30 days that were "
        "entered afterwards; unclassified: by promise, so that a case may count several times.",
    )
    frame = Frame(page.say("各数据源", "Sources"), Place(24, tall(len(page.plan.sources))), about)
    return query_table(page, frame, "source", columns, Order(state, most_first=True))


def _refused(page: Page) -> Panel:
    frame = Frame(
        page.say("拒收事件（死信）", "Refused events (dead letters)"),
        Place(12, 12),
        page.say(
            "逐条查看：`kpiwatch dead-letters list`。口径：尚保留的拒收事件条数，按原因。",
            "One by one: `kpiwatch dead-letters list`. Computed: refused events that are kept, by reason.",
        ),
        empty=live_only(page),
    )
    total = page.say("总数", "Ever")
    columns = [
        Column(total, f"sum by (reason) ({metrics.DEAD_LETTERS.name})"),
        Column(page.say("原因", "Reason"), label="reason", mapping=refusals(page)),
    ]
    return query_table(page, frame, "reason", columns, Order(total, most_first=True))


def _signals(page: Page) -> Panel:
    said = all_signal_names(page)
    chosen = f'{{signal=~"{_OF_CASES}"}}'
    how_many = page.say("办件数", "Cases")
    columns = [
        Column(
            how_many,
            coded(f"sum by (signal) ({metrics.SIGNAL.name}{chosen})", "signal", PREFIX),
            links=tables.counted_link(page, cell(CODE)),
        ),
        Column(page.say("总数", "Of"), f"sum by (signal) ({metrics.SIGNAL_OF.name}{chosen})"),
        Column(page.say("疑点", "Signal"), label="signal", mapping=said.mapping()),
        Column("code", label=CODE, unseen=True),
    ]
    about = page.say(
        "使数据存疑的办件，点办件数看办件。口径：近30天内有该情形的办件数；停留办件按环节计，要素未填报按承诺计；"
        "总数为其中可比的办件数，没有可比的不填。",
        "Cases that make one doubt the numbers; how many leads to them. Computed: how many of the last 30 days "
        "(passages through nodes, and unclassified ones by promise, one by one), and of how many where a share makes "
        "sense.",
    )
    frame = Frame(page.say("数据疑点", "Signals"), Place(12, 12), about)
    return query_table(page, frame, "signal", columns, Order(how_many, most_first=True))


# how many cases are quarantined is on the pipeline's page: here each would count once a promise
_OF_CASES = "|".join(signal.removeprefix(PREFIX) for signal in SIGNALS if signal != QUARANTINED)


def _of_figures(page: Page) -> Panel:
    """Signals that are about figures and declarations: no case can be listed."""
    said, how_many = all_signal_names(page), page.say("数量", "How many")
    beside = f'{{signal!~"{_OF_CASES}|{QUARANTINED.removeprefix(PREFIX)}"}}'
    columns = [
        Column(how_many, f"sum by (signal) ({metrics.SIGNAL.name}{beside})"),
        Column(page.say("疑点", "Signal"), label="signal", mapping=said.mapping()),
    ]
    about = page.say(
        "填报的数据和目录中存疑的地方，不涉及具体办件。口径：此刻有该情形的承诺或申报项的数量之和。",
        "What is doubtful about reported figures and catalogues; no case is behind it. Computed: the sum over promises "
        "or declarations that have it now.",
    )
    frame = Frame(page.say("填报数据与申报的疑点", "Signals of figures and entries"), Place(10, 10), about)
    return query_table(page, frame, "signal", columns, Order(how_many, most_first=True))


def _anomalies(page: Page) -> Panel:
    """What does not fit, unit by unit: the code of each is the label `item`."""
    how_many = page.say("办件数", "Cases")
    columns = [
        Column(
            how_many,
            coded(
                f'sum by (item, unit) ({metrics.SIGNAL.name}{{signal="{ANOMALY.removeprefix(PREFIX)}"}})',
                "item",
                "",
                "unit",
            ),
            links=tables.counted_link(page, ANOMALY, unit=cell(CODE_OF_UNIT), item=cell(CODE)),
        ),
        Column(page.say("矛盾之处", "What does not fit"), label="item", mapping=names(page, ANOMALIES)),
        Column(page.say("承办单位", "Unit"), label="unit", mapping=unit_names(page)),
        Column("code", label=CODE, unseen=True),
        Column("unit_code", label=CODE_OF_UNIT, unseen=True),
    ]
    about = page.say(
        "点办件数看办件；`kpiwatch explain`的“存疑”一行写明哪里矛盾。口径：近30天内报送内容互相矛盾的办件数。",
        "How many leads to the cases; `kpiwatch explain` says in its line “doubtful” what does not fit. Computed: "
        "cases of the last 30 days whose facts do not fit.",
    )
    frame = Frame(page.say("报送内容前后矛盾", "Facts that do not fit"), Place(14, 10), about)
    return query_table(page, frame, "item", columns, Order(how_many, most_first=True))
