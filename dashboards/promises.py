"""Every promise of the district, its units, the alerts, and how the states went."""

from dashboards import tables
from dashboards.codes import alert_names, severities
from dashboards.frame import assemble
from dashboards.machinery import live_only
from dashboards.page import Json, Name, Page
from dashboards.panels import Column, Frame, Panel, Place, query_table, tall, timeline
from dashboards.queries import named
from services.metric_names.recording_rules import UNIT_RANK


def promises(page: Page) -> Json:
    """What the overview leaves out: nothing here needs a choice."""
    panels = [_promises(page), _units(page), _alerts(page), _history(page)]
    return assemble(page, Name.PROMISES, page.say("2 全部承诺", "2 All promises"), [], panels)


def _promises(page: Page) -> Panel:
    about = page.say(
        "正式统计期的完成值。点状态或承诺看该承诺及各单位排名。口径：每项承诺按其条款计算，见承诺页；完成值不以四舍五入计为达标。",
        "Figures of the official window. State or title lead to the promise and its league of units. Computed: by the "
        "formula of each promise, which its page has; nothing is rounded into compliance.",
    )
    rows = len({promise.id for promise in page.plan.promises})
    frame = Frame(page.say("全部承诺（由差到好）", "Every promise, the worst first"), Place(24, tall(rows)), about)
    return tables.promises(page, frame, tables.DISTRICT)


def _units(page: Page) -> Panel:
    about = page.say(
        "点单位名称看其全部承诺和办件。口径：该单位正式统计期未达标的承诺项数；未解除的牌数。",
        "The unit's name leads to all its promises and cases. Computed: promises of the unit that are missed in their "
        "official window; active cards.",
    )
    title = page.say(f"各单位：未达标承诺与{page.yellow_card}、{page.red_card}", "Units: missed promises and cards")
    return tables.units(page, Frame(title, Place(14, 14), about))


def _alerts(page: Page) -> Panel:
    about = page.say(
        "“告警链路自检”应始终存在：没有这一条，说明告警链路中断。口径：正在触发的告警条数。",
        "“Alerting works” is always there: without it, alerting is broken. Computed: how many alerts fire.",
    )
    firing = 'count by (alertname, severity) (ALERTS{alertstate="firing"})'
    onward = ((page.say("看告警", "To the alerts"), page.link(Name.ALERTS)),)
    columns = [
        Column(page.say("数量", "How many"), firing),
        Column(page.say("告警", "Alert"), label="alertname", mapping=alert_names(page), links=onward),
        Column(page.say("要求", "Asks for"), label="severity", mapping=severities(page)),
    ]
    frame = Frame(page.say("当前告警", "Alerts that fire"), Place(10, 14), about, live_only(page))
    return query_table(page, frame, "alertname", columns)


def _history(page: Page) -> Panel:
    about = page.say(
        "各承诺的状态随时间的变化。口径：每次采样时正式统计期的状态。",
        "How the state of each promise went. Computed: the state in the official window at each sample.",
    )
    frame = Frame(page.say("状态历史（正式统计期）", "States over time (official window)"), Place(24, 22), about)
    title = page.label("title")
    series = named(f'max by (kpi) ({UNIT_RANK}{{unit="ALL"}})', title)
    return timeline(page, frame, series, f"{{{{kpi}}}} {{{{{title}}}}}")
