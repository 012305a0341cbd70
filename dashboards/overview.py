"""The district at a glance: how many promises stand where, what changed today, which are worst, and with whom."""

from dashboards import tables
from dashboards.codes import alert_names, severities
from dashboards.frame import assemble
from dashboards.page import Json, Name, Page
from dashboards.panels import Column, Figure, Frame, Panel, Place, query_table, stat, tall, timeline
from dashboards.queries import counted, how_many, named
from dashboards.states import RED_CARD, YELLOW_CARD, looks
from dashboards.time_axis import live_only
from services.metric_names.recording_rules import CARDS, UNIT_RANK


def overview(page: Page) -> Json:
    """The first page: nothing here needs a choice."""
    rows = len({promise.id for promise in page.plan.promises})
    panels = [
        _states(page),
        _cards(page),
        tables.changed(
            page,
            Frame(
                page.say("今日变化", "Changed today"),
                Place(24, 7),
                page.say(
                    "与计划时钟今日零时相比，全区状态不同的承诺。",
                    "Promises whose state in the district is another one than when the day of the plan's clock began.",
                ),
                empty=page.say(
                    "今日零时以来没有变化（页首须有数据）", "No change since midnight (if the top shows figures)"
                ),
            ),
        ),
        tables.promises(
            page,
            Frame(
                page.say("全部承诺（由差到好）", "Every promise, the worst first"),
                Place(24, tall(rows)),
                page.say(
                    "正式统计期的数值。点状态、编号或名称看该承诺及各单位排名。",
                    "Figures of the official window. State, KPI or title lead to the promise and its league of units.",
                ),
            ),
            tables.DISTRICT,
        ),
        tables.units(page, Place(14, 14)),
        _alerts(page),
        _history(page),
    ]
    return assemble(page, Name.OVERVIEW, page.say("1 全区总览", "1 District overview"), [], panels)


def _states(page: Page) -> Panel:
    figures = [
        Figure(look.text, how_many(f'{UNIT_RANK}{{unit="ALL"}} == {look.rank:g}'), colour=look.colour)
        for look in looks(page)
    ]
    about = page.say(
        "全区各承诺在其正式统计期的状态。“仅监测”：方案未定数值，只看趋势，不评价。",
        "The state of each promise in its official window. “No target”: the plan prints no threshold; never judged.",
    )
    return stat(page, Frame(page.say("承诺状态", "Promises by state"), Place(24, 5), about), figures)


def _cards(page: Page) -> Panel:
    figures = [
        Figure(f"▲ {page.yellow_card}", counted(f'{CARDS}{{level="yellow"}}'), colour=YELLOW_CARD),
        Figure(f"■ {page.red_card}", counted(f'{CARDS}{{level="red"}}'), colour=RED_CARD),
    ]
    return stat(
        page, Frame(page.say(f"未解除的{page.yellow_card}、{page.red_card}", "Active cards"), Place(24, 4)), figures
    )


def _alerts(page: Page) -> Panel:
    frame = Frame(
        page.say("当前告警", "Alerts that fire"),
        Place(10, 14),
        page.say(
            "“告警链路自检”应始终存在：没有这一条，说明告警链路中断。",
            "“Alerting works” is always there: without it, alerting is broken.",
        ),
        empty=live_only(page),
    )
    firing = 'count by (alertname, severity) (ALERTS{alertstate="firing"})'
    columns = [
        Column(page.say("告警", "Alert"), label="alertname", mapping=alert_names(page)),
        Column(page.say("要求", "Asks for"), label="severity", mapping=severities(page)),
        Column(page.say("数量", "How many"), firing),
    ]
    return query_table(page, frame, "alertname", columns)


def _history(page: Page) -> Panel:
    frame = Frame(page.say("状态历史（正式统计期）", "States over time (official window)"), Place(24, 16))
    title = page.label("title")
    series = named(f'max by (kpi) ({UNIT_RANK}{{unit="ALL"}})', title)
    return timeline(page, frame, series, f"{{{{kpi}}}} {{{{{title}}}}}")
