"""What must be reached by a date (完成时限): how much is done, how much time is left, and whether the pace suffices."""

from dashboards import tables
from dashboards.frame import assemble, choice
from dashboards.page import Json, Name, Page
from dashboards.panels import Column, Figure, Frame, Panel, Place, graph, query_table, stat
from dashboards.queries import named, official, others, shares
from dashboards.states import COLOURS, window_names
from services.domain.results.published import State
from services.metric_names import metrics
from services.metric_names.metrics import Metric
from services.metric_names.recording_rules import CLOCK, UNIT_RANK, UNIT_VALUE

_DUE = f'{metrics.PROMISE_DUE.name}{{variant="official"}}'
_DAY_SECONDS = 86_400
_DUTY = f'{metrics.PROMISE_INFO.name}{{variant="official",kind="duty"}}'


def deadlines(page: Page) -> Json:
    """Every dated promise, and the burn-up of `$kpi`."""
    title = page.label("title")
    series = f"{named(f'max by (kpi) ({_DUE})', title)}"
    which = choice("kpi", page.say("承诺", "Promise"), series, "kpi", title)
    owed = [_duties(page)] if any(one.about == "duty" for one in page.plan.promises) else []
    panels = [_dated(page), _burn_up(page), *owed, _calendar(page)]
    return assemble(page, Name.DEADLINES, page.say("6 时限与进度", "6 Deadlines and burn-up"), [which], panels)


def _left(due: str) -> str:
    """Days on the plan's clock."""
    return f"({due} - scalar({CLOCK})) / {_DAY_SECONDS}"


def _dated(page: Page) -> Panel:
    title = page.label("title")
    due = f"max by (kpi) ({_DUE})"
    dated = f'{UNIT_RANK}{{unit="ALL"}} and on (kpi) {_DUE}'
    value = f'max by (kpi) ({UNIT_VALUE}{{unit="ALL"}} and on (kpi) {_DUE})'
    objective = f"{official(metrics.OBJECTIVE, tables.DISTRICT)} and on (kpi) {_DUE}"
    left = page.say("剩余天数", "Days left")
    columns = [
        Column(
            page.say("状态", "State"),
            tables.chosen_with(dated, (title, page.label("objective_text"))),
            shown="state",
            links=tables.promise_link(page),
        ),
        Column(page.say("编号", "KPI"), label="kpi", links=tables.promise_link(page), width=90),
        Column(page.say("承诺", "Promise"), label=title, shown="text"),
        Column(page.say("期限", "Due"), f"{due} * 1000", shown="moment"),
        Column(left, _left(due), shown="number"),
        *_figures(page, page.say("已完成", "Done"), value),
        *_figures(page, page.say("目标", "Target"), objective),
        Column(page.say("目标原文", "In words"), label=page.label("objective_text"), shown="text"),
        Column(page.say("统计期", "Window"), label="window", mapping=window_names(page), width=80),
    ]
    about = page.say(
        "天数按计划时钟计；期限为当日24:00。按近30天进度预计不能按期完成的为“有风险”，能按期完成的为“推进中（未到期）”。",
        "Days on the plan's clock; due at 24:00 of the day. “At risk”: the pace of the last 30 days does not reach it; "
        "else the promise is in progress.",
    )
    frame = Frame(page.say("有期限的承诺（由近到远）", "Dated promises, the nearest first"), Place(24, 10), about)
    return query_table(page, frame, "kpi", columns, sort=left)


def _figures(page: Page, title: str, expr: str) -> list[Column]:
    """In per cent and in numbers, as far as the plan has dated promises of either."""
    found = [
        Column(title, others(expr), shown="number") if False in _in_shares(page) else None,
        Column(f"{title} %", shares(expr), shown="percent") if True in _in_shares(page) else None,
    ]
    return [column for column in found if column]


def _in_shares(page: Page) -> set[bool]:
    """Whether the plan's dated promises are counted in shares, or otherwise, or some so and some so."""
    return {one.figure_unit == "share" for one in page.plan.promises if one.target_date and one.is_official}


def _burn_up(page: Page) -> Panel:
    def line(zh: str, en: str, expr: str, colour: str, dashed: bool = False) -> list[Figure]:
        title, kinds = page.say(zh, en), _in_shares(page)
        found = [
            Figure(title, shares(expr), "percent", colour, dashed=dashed) if True in kinds else None,
            Figure(title, others(expr), "number", colour, dashed=dashed) if False in kinds else None,
        ]
        return [figure for figure in found if figure]

    value = f'max by (kpi) ({UNIT_VALUE}{{unit="ALL",kpi="$kpi"}})'
    foretold = [metric for metric in metrics.ALL if metric.name.startswith(_FORECAST)]
    objective = f'{official(metrics.OBJECTIVE, tables.DISTRICT)} and on (kpi) {metrics.PROMISE_INFO.name}{{kpi="$kpi"}}'
    figures = [
        *line("已完成", "done", value, COLOURS[State.UNTARGETED]),
        *line("目标", "target", objective, "text", dashed=True),
        *(
            figure
            for metric in foretold
            for figure in line(
                *_FORESEEN[metric.name.removeprefix(_FORECAST)], _of(metric), COLOURS[State.PROVISIONAL], dashed=True
            )
        ),
    ]
    return graph(page, Frame(page.say("${kpi:text} 进度", "Burn-up of ${kpi:text}"), Place(24, 10)), figures)


def _of(metric: Metric) -> str:
    """What is foretold of the promise for the whole district."""
    return f'max by (kpi) ({metric.name}{{variant="official",unit="ALL",kpi="$kpi"}})'


_FORECAST = "kpi_forecast"
_FORESEEN = {
    "": ("按现有进度到期时", "at its date, at this pace"),
    "_lower": ("预测下限", "forecast, lower"),
    "_upper": ("预测上限", "forecast, upper"),
}
"""End of a forecast metric's name → what it foretells."""


def _duties(page: Page) -> Panel:
    owing = f"max by (kpi, unit, window) ({UNIT_RANK}{{unit{tables.ANY_UNIT}}} and on (kpi) {_DUTY})"
    frame = Frame(page.say("报送任务：各单位（由差到好）", "Duties: units, the worst first"), Place(14, 12))
    return tables.standings(page, frame, owing)


def _calendar(page: Page) -> Panel:
    figures = [
        Figure(
            page.say("已公布的工作日历至", "published working days until"),
            f"min({metrics.CALENDAR_END.name}) * 1000",
            "moment",
        ),
        Figure(page.say("剩余天数", "days left"), _left(f"min({metrics.CALENDAR_END.name})")),
    ]
    about = page.say("其后的期限均为暂定。", "Deadlines after that are provisional.")
    return stat(page, Frame(page.say("工作日历", "Calendar"), Place(10, 12), about), figures)
