"""Whether the sources (数据源) speak, and whether what they say can be believed: silence is never green."""

from grafana_foundation_sdk.models.dashboard import ValueMap, ValueMappingResult

from dashboards.codes import refusals
from dashboards.frame import assemble
from dashboards.page import Json, Name, Page
from dashboards.panels import Column, Figure, Frame, Panel, Place, query_table, stat, tall, yes_or_no
from dashboards.queries import how_many
from dashboards.signals import all_signal_names, unit_names
from dashboards.time_axis import live_only
from services.catalog.words.anomalies import ANOMALIES
from services.domain.judging.data_quality import ANOMALY, PREFIX
from services.domain.judging.quarantine import QUARANTINED
from services.metric_names import metrics
from services.metric_names.recording_rules import DEAD_LETTER_RATIO


def sources(page: Page) -> Json:
    """All sources: nothing here needs a choice."""
    panels = [_summary(page), _sources(page), _refused(page), _signals(page), _anomalies(page)]
    return assemble(page, Name.SOURCES, page.say("7 数据源", "7 Sources"), [], panels)


def _summary(page: Page) -> Panel:
    silent = f"max by (source) ({metrics.SOURCE_SILENT.name})"
    figures = [
        Figure(f"✗ {page.say('未报送', 'silent')}", how_many(f"{silent} == 1"), colour="#C4162A"),
        Figure(f"✓ {page.say('正常', 'speaking')}", how_many(f"{silent} == 0"), colour="#37872D"),
        Figure(page.say("15分钟拒收占比", "refused in 15 minutes"), DEAD_LETTER_RATIO, "percent"),
        Figure(page.say("拒收总数", "refused ever"), f"sum({metrics.DEAD_LETTERS.name})"),
    ]
    return stat(page, Frame(page.say("概况", "Summary"), Place(24, 4)), figures)


def _sources(page: Page) -> Panel:
    backdated = 'sum by (unit) (%s{signal="backdated"})'
    unclassified = f'{metrics.SIGNAL.name}{{signal="unclassified"}}'
    share = f"{backdated % metrics.SIGNAL.name} / ({backdated % metrics.SIGNAL_OF.name} > 0)"
    state = page.say("状态", "State")
    columns = [
        Column(
            state,
            f"max by (source, unit) ({metrics.SOURCE_SILENT.name})",
            mapping=yes_or_no(page, ("未报送", "silent"), ("正常", "speaking")),
            width=110,
        ),
        Column(page.say("数据源", "Source"), label="source"),
        Column(page.say("联系单位", "Whom to ask"), label="unit", mapping=unit_names(page)),
        Column(
            page.say("未报送时长（工作时间）", "Silent for (working time)"),
            f"max by (source) ({metrics.SOURCE_SILENCE.name})",
            shown="duration",
        ),
        Column(
            page.say("最近事件", "Last event"),
            f"max by (source) ({metrics.SOURCE_LAST_EVENT.name}) * 1000",
            shown="moment",
        ),
        Column(
            page.say("先办后录占比", "Backdated"),
            f'max by (source) (label_replace({share}, "source", "$1", "unit", "(.*)"))',
            shown="percent",
        ),
        Column(
            page.say("要素未填报（按承诺计）", "Unclassified, by promise"),
            f'sum by (source) (label_replace({unclassified}, "source", "$1", "unit", "(.*)"))'
            f" or 0 * max by (source) ({metrics.SOURCE_LAST_EVENT.name})",  # 0 where no case leaves out a field
        ),
    ]
    about = page.say(
        "超过登记的通常间隔（工作时间）未报送的列为“未报送”，其承诺显示为“数据未更新”。未登记间隔的数据源不作此判断。",
        "Silent: longer than its registered usual delay in working time; its promises are stale. One without is never.",
    )
    frame = Frame(page.say("各数据源", "Sources"), Place(24, tall(len(page.plan.sources))), about)
    return query_table(page, frame, "source", columns, sort=state, most_first=True)


def _refused(page: Page) -> Panel:
    frame = Frame(
        page.say("拒收事件（死信）", "Refused events (dead letters)"),
        Place(12, 12),
        page.say("逐条查看：`kpiwatch dead-letters list`。", "One by one: `kpiwatch dead-letters list`."),
        empty=live_only(page),
    )
    total = page.say("总数", "Ever")
    columns = [
        Column(page.say("原因", "Reason"), label="reason", mapping=refusals(page)),
        Column(total, f"sum by (reason) ({metrics.DEAD_LETTERS.name})"),
    ]
    return query_table(page, frame, "reason", columns, sort=total, most_first=True)


def _signals(page: Page) -> Panel:
    names = all_signal_names(page)
    # how many cases are quarantined is on the pipeline's page: here each would count once a promise
    chosen = f'{{signal!="{QUARANTINED.removeprefix(PREFIX)}"}}'
    how_many = page.say("办件数", "Cases")
    columns = [
        Column(page.say("信号", "Signal"), label="signal", mapping=names.mapping()),
        Column(how_many, f"sum by (signal) ({metrics.SIGNAL.name}{chosen})"),
        Column(page.say("总数", "Of"), f"sum by (signal) ({metrics.SIGNAL_OF.name}{chosen})"),
    ]
    about = page.say("近30天内使数据存疑的办件。", "Cases of the last 30 days that make one doubt the numbers.")
    frame = Frame(page.say("数据信号", "Signals"), Place(12, 12), about)
    return query_table(page, frame, "signal", columns, sort=how_many, most_first=True)


def _anomalies(page: Page) -> Panel:
    """What does not fit, unit by unit: the code of each is the label `item`."""
    names = ValueMap({code: ValueMappingResult(text=page.name(name)) for code, name in ANOMALIES.items()})
    how_many = page.say("办件数", "Cases")
    columns = [
        Column(page.say("矛盾之处", "What does not fit"), label="item", mapping=names),
        Column(page.say("承办单位", "Unit"), label="unit", mapping=unit_names(page)),
        Column(how_many, f'sum by (item, unit) ({metrics.SIGNAL.name}{{signal="{ANOMALY.removeprefix(PREFIX)}"}})'),
    ]
    about = page.say(
        "逐件查看：`kpiwatch explain`，“存疑”一行。", "Case by case: `kpiwatch explain`, the line “doubtful”."
    )
    frame = Frame(page.say("报送内容前后矛盾", "Facts that do not fit"), Place(24, 10), about)
    return query_table(page, frame, "item", columns, sort=how_many, most_first=True)
