"""What must be reached by a date (完成时限): how much is done, how much time is left, and whether the pace suffices."""

from dashboards import tables
from dashboards.frame import assemble, choice
from dashboards.page import Json, Name, Page
from dashboards.panels import (
    MEASURED,
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
)
from dashboards.queries import PROMISE, described, measured, named, official, read
from dashboards.states import COLOURS
from services.domain.results.published import State
from services.metric_names import metrics
from services.metric_names.metrics import Metric
from services.metric_names.recording_rules import CLOCK, UNIT_RANK, UNIT_SHOWN

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
    return assemble(page, Name.DEADLINES, page.say("7 时限与进度", "7 Deadlines and burn-up"), [which], panels)


def _left(due: str) -> str:
    """Whole days on the plan's clock."""
    return f"floor(({due} - scalar({CLOCK})) / {_DAY_SECONDS})"


def _dated(page: Page) -> Panel:
    due = f"max by (kpi) ({_DUE})"
    dated = f'max by (kpi, window) ({UNIT_RANK}{{unit="ALL"}} and on (kpi) {_DUE})'
    left, objective = page.say("剩余天数", "Days left"), page.label("objective_text")
    columns = [
        Column(
            page.say("状态", "State"),
            described(page, dated, objective),
            shown="state",
            links=tables.promise_link(page),
        ),
        Column(left, _left(due), width=90),
        Column(page.say("已完成", "Done"), f'max by (kpi) ({UNIT_SHOWN}{{unit="ALL"}})', shown="number"),
        Column(page.say("计量单位", "Counted in"), label=MEASURED, width=90),
        Column(page.say("承诺", "Promise"), label=PROMISE, shown="text", links=tables.promise_link(page)),
        Column(page.say("目标", "Target"), label=objective, shown="text"),
        Column(page.say("期限", "Due"), f"{due} * 1000", shown="moment"),
        Column("kpi", label="kpi", unseen=True),
        Column("window", label="window", unseen=True),
    ]
    about = page.say(
        "按近30天进度预计不能按期完成的为“有风险”，能按期完成的为推进中。口径：剩余天数为期限当日24时减去系统时间，向下取整。",
        "“At risk”: the pace of the last 30 days does not reach it; else the promise is in progress. Computed: "
        "days left "
        "are from the plan's clock to 24:00 of the day it is due, whole days.",
    )
    frame = Frame(page.say("有期限的承诺（由近到远）", "Dated promises, the nearest first"), Place(24, 10), about)
    return query_table(page, frame, "kpi", columns, Order(left), f"max by (kpi) ({dated})")


def _burn_up(page: Page) -> Panel:
    foretold = [metric for metric in metrics.ALL if metric.name.startswith(_FORECAST)]
    here = f'{official(metrics.OBJECTIVE, tables.DISTRICT)} and on (kpi) {metrics.PROMISE_INFO.name}{{kpi="$kpi"}}'
    lines = Together(
        (
            Figure(
                page.say("已完成", "done"),
                f'max by (kpi) ({UNIT_SHOWN}{{unit="ALL",kpi="$kpi"}})',
                "number",
                COLOURS[State.UNTARGETED],
            ),
            Figure(page.say("目标", "target"), read(f"({here})"), colour="text", dashed=True),
            *(
                Figure(
                    page.say(*_FORESEEN[metric.name.removeprefix(_FORECAST)]),
                    read(_of(metric)),
                    colour=COLOURS[State.PROVISIONAL],
                    dashed=True,
                )
                for metric in foretold
            ),
        ),
        measured(page, ',kpi="$kpi"'),
    )
    about = page.say(
        "完成了多少，照现有进度到期时会是多少。口径：预测按近30天的进度外推到期限当日，附95%区间。",
        "How much is done, and what it will be at its date. Computed: the pace of the last 30 days, continued "
        "until the "
        "day it is due, with its 95 % interval.",
    )
    return graph(page, Frame(page.say("${kpi:text} 进度", "Burn-up of ${kpi:text}"), Place(24, 10), about), [lines])


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
    about = page.say(
        "各单位是否按期报送。口径：该单位应报送的各期中，按期报送的是否达到目标。",
        "Whether each unit reports in time. Computed: whether as many of its periods were reported in time as "
        "promised.",
    )
    frame = Frame(page.say("报送任务：各单位（由差到好）", "Duties: units, the worst first"), Place(14, 12), about)
    return tables.standings(page, frame, owing)


def _calendar(page: Page) -> Panel:
    end = f"min({metrics.CALENDAR_END.name})"
    figures = [
        Figure(page.say("已公布至", "published until"), f"{end} * 1000", "moment"),
        Figure(page.say("剩余天数", "days left"), _left(end)),
    ]
    about = page.say(
        "工作日历已公布到哪一天，其后的期限均为暂定。口径：节假日安排通知所覆盖的最后一天；剩余天数按系统时间，向下取整。",
        "Until when the working days are published; deadlines after that are provisional. Computed: the last day "
        "that a "
        "notice covers; days left by the plan's clock, whole days.",
    )
    return stat(page, Frame(page.say("工作日历", "Calendar"), Place(10, 12), about), figures, Sizes(18, 32))
