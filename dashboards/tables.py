"""Tables that stand on several dashboards: promises and units, the worst first, each row a way on."""

from dashboards.page import Name, Page, cell
from dashboards.panels import Column, Frame, Panel, Place, query_table
from dashboards.queries import named, of_units, official, others, shares
from dashboards.states import window_names
from services.domain.results.published import State
from services.metric_names import metrics
from services.metric_names.recording_rules import ASPIRED, RANKS, UNIT_RANK, UNIT_STATE_AT_MIDNIGHT, UNIT_VALUE, rank

DISTRICT = '="ALL"'
CHOSEN_UNIT = '="$unit"'
ANY_UNIT = '!="ALL"'


def promise_link(page: Page, **variables: str) -> tuple[tuple[str, str], ...]:
    """From a row about a promise to its page, in the window of that row."""
    chosen = {"kpi": cell("kpi"), "window": cell("window")} | variables
    return ((page.say("看该承诺", "To the promise"), page.link(Name.PROMISE, **chosen)),)


def unit_link(page: Page) -> tuple[tuple[str, str], ...]:
    """From a row about a unit to its page."""
    return ((page.say("看该单位", "To the unit"), page.link(Name.UNIT, unit=cell("unit"))),)


def cases_link(page: Page, unit: str, kpi: str) -> tuple[tuple[str, str], ...]:
    """To the cases behind a number: on the units' page if there is one, else to what the unit's dashboard says."""
    if page.desk:
        return ((page.say("看办件", "To its cases"), page.desk_link(unit, kpi)),)
    return ((page.say("看单位及办件", "To the unit and its cases"), page.link(Name.UNIT, unit=unit)),)


def promises(page: Page, frame: Frame, unit: str, only: str = "") -> Panel:
    """Promises by state, the worst first; the state at midnight where it was another one.

    `unit`: a matcher; `only`: matchers of kpi_promise_info.
    """
    title, measured = page.label("title"), page.label("unit_of_measure")
    labels = ("measure", title, measured, page.label("objective_text"))
    chosen = _only(f"{UNIT_RANK}{{unit{unit}}}", only)
    value = _only(f"max by (kpi) ({UNIT_VALUE}{{unit{unit}}})", only)
    whose = "ALL" if unit == DISTRICT else "$unit"
    red = f'sum by (kpi) (max by (kpi, unit, level) ({metrics.CARDS_OPEN.name}{{level="red"{_of(unit)}}}))'
    before = rank(UNIT_STATE_AT_MIDNIGHT, f"unit{unit}", "kpi")
    state = page.say("状态", "State")
    columns = [
        Column(state, chosen_with(chosen, labels), shown="state", links=promise_link(page, unit=whose)),
        Column(page.say("编号", "KPI"), label="kpi", links=promise_link(page, unit=whose), width=90),
        Column(page.say("承诺", "Promise"), label=title, shown="text", links=promise_link(page, unit=whose), width=300),
        Column(page.say("今日零时", "At midnight"), _only(before, only), shown="state"),
        Column(page.say("目标", "Target"), label=page.label("objective_text"), shown="text"),
        Column(page.say("占比", "Share"), shares(value), shown="percent"),
        Column(page.say("数值", "Figure"), others(value), shown="number"),
        Column(page.say("计量单位", "Counted in"), label=measured),
        Column(page.say("样本量 n", "n"), _only(official(metrics.N, unit), only)),
        Column(page.say("超期未办结", "Open overdue"), _only(official(metrics.OPEN_OVERDUE, unit), only)),
        Column(page.red_card, _only(red, only)),
        Column(page.say("指标（任务）", "Measure"), label="measure", links=measure_link(page), width=80),
        Column(page.say("统计期", "Window"), label="window", mapping=window_names(page), width=80),
    ]
    return query_table(page, frame, "kpi", columns, sort=state)


def changed(page: Page, frame: Frame) -> Panel:
    """The promises whose state is another one now than when the plan's day began."""
    title = page.label("title")
    before = f"{UNIT_STATE_AT_MIDNIGHT}{{unit{DISTRICT}}}"
    now = f"{UNIT_RANK}{{unit{DISTRICT}}} and on (kpi, unit, window) {before}"
    state = page.say("现在", "Now")
    columns = [
        Column(state, chosen_with(f"({now})", (title,)), shown="state", links=promise_link(page)),
        Column(
            page.say("今日零时", "At midnight"), rank(UNIT_STATE_AT_MIDNIGHT, f"unit{DISTRICT}", "kpi"), shown="state"
        ),
        Column(page.say("编号", "KPI"), label="kpi", links=promise_link(page), width=90),
        Column(page.say("承诺", "Promise"), label=title, shown="text", links=promise_link(page)),
        Column(page.say("统计期", "Window"), label="window", mapping=window_names(page), width=80),
    ]
    return query_table(page, frame, "kpi", columns, sort=state)


def units(page: Page, place: Place) -> Panel:
    """Units by the number of bad states."""
    title = page.label("title")
    cards = f'max by (kpi, unit, level) ({metrics.CARDS_OPEN.name}{{level="%s"}})'
    of_units_ranked = f"{UNIT_RANK}{{unit{ANY_UNIT}}}"
    either = " or ".join(f"{of_units_ranked} == {number:g}" for number in (RANKS[State.MISSED], ASPIRED))
    missed = f"count by (unit) ({either})"
    standing = f"count by (unit) ({UNIT_RANK}{{unit{ANY_UNIT}}})"
    frame = Frame(
        page.say(f"各单位：未达标承诺与{page.yellow_card}、{page.red_card}", "Units: missed promises and cards"),
        place,
        page.say("点单位名称看其全部承诺和办件。", "The unit's name leads to all its promises and cases."),
    )
    first = page.say("未达标承诺", "Missed promises")
    columns = [
        Column(page.say("单位", "Unit"), label=title, shown="text", links=unit_link(page), width=220),
        Column(page.say("承诺数", "Promises"), of_units(standing, title)),
        Column(f"✗ {first}", missed, links=unit_link(page)),
        Column(page.red_card, f"sum by (unit) ({cards % 'red'})", links=unit_link(page)),
        Column(page.yellow_card, f"sum by (unit) ({cards % 'yellow'})", links=unit_link(page)),
        Column(page.say("代码", "Code"), label="unit"),
    ]
    return query_table(page, frame, "unit", columns, sort=f"✗ {first}", most_first=True)


def standings(page: Page, frame: Frame, standing: str) -> Panel:
    """The state of each unit's promises, the worst first. `standing`: ranks by kpi, unit and window."""
    title, state = page.label("title"), page.say("状态", "State")
    columns = [
        Column(state, of_units(standing, title), shown="state", links=unit_link(page)),
        Column(page.say("编号", "KPI"), label="kpi", links=promise_link(page), width=90),
        Column(page.say("单位", "Unit"), label=title, shown="text", links=unit_link(page)),
        Column(page.say("统计期", "Window"), label="window", mapping=window_names(page), width=80),
        Column(page.say("代码", "Code"), label="unit"),
    ]
    return query_table(page, frame, "unit", columns, sort=state)


def measure_link(page: Page) -> tuple[tuple[str, str], ...]:
    """To all promises of the same measure of the plan."""
    return ((page.say("看该指标（任务）", "To the measure"), page.link(Name.MEASURE, measure=cell("measure"))),)


def chosen_with(series: str, labels: tuple[str, ...]) -> str:
    """Series of promises with their texts, one per promise and window."""
    return named(f"max by (kpi, window) ({series})", *labels)


def _only(series: str, only: str) -> str:
    return f'{series} and on (kpi) {metrics.PROMISE_INFO.name}{{variant="official",{only}}}' if only else series


def _of(unit: str) -> str:
    return "" if unit == DISTRICT else f",unit{unit}"
