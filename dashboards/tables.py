"""Tables that stand on several dashboards: promises and units, the worst first, each row a way on.

Numbers stand before names, so that a phone shows them without scrolling.
"""

from grafana_foundation_sdk.models.dashboard import ValueMappingResult

from dashboards.page import Name, Page, cell
from dashboards.panels import MEASURED, Column, Frame, Order, Panel, pace_words, query_table
from dashboards.queries import NONE, PROMISE, described, of_units, official, read
from dashboards.states import COLOURS, mapping, window_names
from services.casebook.marks import BY_SOURCE, Mark
from services.casebook.numbers import SHORT
from services.domain.results.published import State
from services.metric_names import metrics
from services.metric_names.recording_rules import (
    ASPIRED,
    CARDS,
    RANKS,
    UNIT_RANK,
    UNIT_SHOWN,
    UNIT_STATE_AT_MIDNIGHT,
    rank,
)

DISTRICT = '="ALL"'
CHOSEN_UNIT = '="$unit"'
ANY_UNIT = '!="ALL"'

Links = tuple[tuple[str, str], ...]


def promise_link(page: Page, **variables: str) -> Links:
    """From a row about a promise to its page, in the window of that row."""
    chosen = {"kpi": cell("kpi"), "window": cell("window")} | variables
    return ((page.say("看该承诺", "To the promise"), page.link(Name.PROMISE, **chosen)),)


def unit_link(page: Page) -> Links:
    """From a row about a unit to its page."""
    return ((page.say("看该单位", "To the unit"), page.link(Name.UNIT, unit=cell("unit"))),)


def cards_link(page: Page, unit: str, kpi: str, level: str) -> Links:
    """From a number of cards to the desk's list of exactly these; without a desk to the command that lists them.

    `unit`, `kpi`: whose cards, of which promise; empty or `ALL`: of all.
    """
    if page.desk:
        return ((page.say("看办件", "To the cases"), page.desk_link("/cards", unit=unit, promise=kpi, level=level)),)
    return _to_the_command(page, unit)


def verdicts_link(page: Page, unit: str, kpi: str, verdict: str) -> Links:
    """From a number of misses or late entries to the desk's list of exactly these, or to the command."""
    if page.desk:
        address = page.desk_link(f"/promises/{kpi}", unit=unit, verdict=verdict)
        return ((page.say("看办件", "To the cases"), f"{address}#behind"),)
    return _to_the_command(page, unit)


def counted_link(page: Page, mark: str, kpi: str = "", unit: str = "", **more: str) -> Links:
    """From a number beside a figure to the desk's list of exactly the cases that it counts; without a desk to the
    command that lists them.

    `mark`: of `services.casebook.marks`, or the name of a signal, which has no `kpi`; `unit`: of signals about
    reporting a source; `more`: `window`, else the official one; `item`.
    """
    if not page.desk and mark in BY_SOURCE:
        return ()
    if page.desk:
        address = page.desk_link("/counted", mark=mark, promise=kpi, unit=unit, **more)
        return ((page.say("看办件", "To the cases"), address),)
    return _to_the_command(page, unit)


def _to_the_command(page: Page, unit: str) -> Links:
    """The unit's page says which command lists cases; of the whole district the units are listed first."""
    if unit in ("", "ALL"):
        return ((page.say("看各单位", "To the units"), page.link(Name.PROMISES)),)
    return ((page.say("看列出办件的命令", "To the command that lists them"), page.link(Name.UNIT, unit=unit)),)


def promises(page: Page, frame: Frame, unit: str, only: str = "") -> Panel:
    """Promises by state, the worst first. `unit`: a matcher; `only`: matchers of kpi_promise_info."""
    objective = page.label("objective_text")
    chosen = _only(f"{UNIT_RANK}{{unit{unit}}}", only)
    whose = "ALL" if unit == DISTRICT else "$unit"
    red = f'sum by (kpi) (max by (kpi, unit, level) ({metrics.CARDS_OPEN.name}{{level="red"{_of(unit)}}}))'
    state, onward = page.say("状态", "State"), promise_link(page, unit=whose)
    columns = [
        Column(state, described(page, f"max by (kpi, window) ({chosen})", objective), shown="state", links=onward),
        Column(page.say("完成值", "Figure"), f"max by (kpi) ({UNIT_SHOWN}{{unit{unit}}})", shown="number"),
        Column(page.say("计量单位", "Counted in"), label=MEASURED, width=90),
        Column(page.say("承诺", "Promise"), label=PROMISE, shown="text", links=onward),
        Column(page.say("目标", "Target"), label=objective, shown="text"),
        Column(page.say("样本量", "n"), official(metrics.N, unit)),
        Column(page.red_card, red, zero=True, links=cards_link(page, whose, cell("kpi"), "red")),
        Column("kpi", label="kpi", unseen=True),
        Column("window", label="window", unseen=True),
    ]
    return query_table(page, frame, "kpi", columns, Order(state), f"max by (kpi) ({chosen})")


def worst(page: Page, frame: Frame, many: int) -> Panel:
    """The promises of the district that are farthest from their target, with who leads them; the missed ones first, as
    everywhere."""
    far = f"(max by (kpi) ({metrics.DISTANCE.name}{{unit{DISTRICT}}}) > 0)"
    # the state before the distance; no distance reaches a thousand
    order = f"1000 * (10 - max by (kpi) ({UNIT_RANK}{{unit{DISTRICT}}})) + on (kpi) clamp_max({far}, 999)"
    farthest = f"topk({many}, {order})"
    state = f"(max by (kpi, window) ({UNIT_RANK}{{unit{DISTRICT}}}) and on (kpi) {farthest})"
    red = f'sum by (kpi) (max by (kpi, unit, level) ({metrics.CARDS_OPEN.name}{{level="red"}}))'
    onward, sorting = promise_link(page, unit="ALL"), page.say("次序", "Order")
    columns = [
        Column(
            page.say("状态", "State"),
            f"{described(page, state)} * on (kpi) group_left ({_LEAD}) {_leads(page)}",
            shown="state",
            links=onward,
            width=100,
        ),
        Column(
            page.say("完成值", "Figure"), f"max by (kpi) ({UNIT_SHOWN}{{unit{DISTRICT}}})", shown="number", width=80
        ),
        Column(page.say("目标", "Target"), read(official(metrics.OBJECTIVE, DISTRICT)), shown="number", width=80),
        Column(page.say("计量单位", "Counted in"), label=MEASURED, width=90),
        Column(page.say("承诺", "Promise"), label=PROMISE, shown="text", links=onward),
        Column(page.say("牵头单位", "Lead"), label=_LEAD, shown="text", width=200),
        Column(page.say("样本量", "n"), official(metrics.N, DISTRICT), width=70),
        Column(page.red_card, red, zero=True, links=cards_link(page, "", cell("kpi"), "red"), width=70),
        Column(
            page.say("剩余允许数", "Misses left"),
            f"max by (kpi) ({metrics.MISSES_LEFT.name}{{unit{DISTRICT}}})",
            links=counted_link(page, Mark.MISSED, cell("kpi")),
            width=100,
        ),
        Column(
            page.say("本月÷允许", "Pace"),
            f"max by (kpi) ({metrics.MISSES_PACE.name}{{unit{DISTRICT}}})",
            shown="number",
            mapping=pace_words(page),
            links=counted_link(page, Mark.MISSED, cell("kpi"), window=SHORT),
            width=104,
        ),
        Column(sorting, farthest, unseen=True),
        Column("kpi", label="kpi", unseen=True),
        Column("window", label="window", unseen=True),
    ]
    return query_table(page, frame, "kpi", columns, Order(sorting, most_first=True), farthest)


_LEAD = "lead"


def _leads(page: Page) -> str:
    """Who leads each promise, as series by kpi with the label _LEAD: of many the first two."""
    label, between, others = page.label("lead"), page.say("、", ", "), page.say("等", " and others")
    text = f'{metrics.PROMISE_TEXT.name}{{variant="official"}}'
    named = f'label_replace({text}, "{_LEAD}", "$1", "{label}", "(.*)")'
    one = f"[^{between.strip()}]+"
    named = f'label_replace({named}, "{_LEAD}", "${{1}}{others}", "{label}", "({one}{between}{one}){between}.*")'
    return f"max by (kpi, {_LEAD}) ({named})"


def changed(page: Page, frame: Frame) -> Panel:
    """The promises whose state is another one now than when the plan's day began; one row that says so, if none."""
    before = rank(UNIT_STATE_AT_MIDNIGHT, f"unit{DISTRICT}", "kpi, unit, window")
    # the two records are not of one moment: what is back where it was has not changed
    now = f"({UNIT_RANK}{{unit{DISTRICT}}} != on (kpi, unit, window) {before})"
    found = described(page, f"max by (kpi, window) ({now})")
    nothing = page.say("今日零时以来没有变化", "No change since midnight")
    none = f'label_replace(label_replace({NONE}, "{PROMISE}", "{nothing}", "", ""), "kpi", "-", "", "")'
    looks = mapping(page)
    looks.options["0"] = ValueMappingResult(text=f"– {page.say('无', 'none')}", color=COLOURS[State.NO_DATA], index=99)
    state = page.say("现在", "Now")
    columns = [
        Column(state, f"{found} or {none} unless on () ({now})", mapping=looks, links=promise_link(page), width=130),
        Column(page.say("今日零时", "At midnight"), f"max by (kpi) ({before})", shown="state"),
        Column(page.say("承诺", "Promise"), label=PROMISE, shown="text", links=promise_link(page)),
        Column("kpi", label="kpi", unseen=True),
        Column("window", label="window", unseen=True),
    ]
    return query_table(page, frame, "kpi", columns, Order(state), f"max by (kpi) ({now})")


def cards(page: Page, frame: Frame) -> Panel:
    """Units by their red and yellow cards."""
    title = page.label("title")
    red = page.red_card
    columns = [
        Column(
            red,
            of_units(f'(max by (unit) ({CARDS}{{level="red"}}) or 0 * max by (unit) ({CARDS}))', title),
            links=cards_link(page, cell("unit"), "", "red"),
        ),
        Column(
            page.yellow_card,
            f'max by (unit) ({CARDS}{{level="yellow"}})',
            zero=True,
            links=cards_link(page, cell("unit"), "", "yellow"),
        ),
        Column(page.say("单位", "Unit"), label=title, shown="text", links=unit_link(page)),
        Column("unit", label="unit", unseen=True),
    ]
    return query_table(page, frame, "unit", columns, Order(red, most_first=True), f"max by (unit) ({CARDS})")


def units(page: Page, frame: Frame) -> Panel:
    """Units by the number of bad states."""
    title = page.label("title")
    of_units_ranked = f"{UNIT_RANK}{{unit{ANY_UNIT}}}"
    either = " or ".join(f"{of_units_ranked} == {number:g}" for number in (RANKS[State.MISSED], ASPIRED))
    everyone = f"count by (unit) ({of_units_ranked})"
    first = f"✗ {page.say('未达标承诺', 'Missed promises')}"
    columns = [
        Column(first, of_units(f"(count by (unit) ({either}) or 0 * {everyone})", title), links=unit_link(page)),
        Column(
            page.red_card,
            f'max by (unit) ({CARDS}{{level="red"}})',
            zero=True,
            links=cards_link(page, cell("unit"), "", "red"),
        ),
        Column(
            page.yellow_card,
            f'max by (unit) ({CARDS}{{level="yellow"}})',
            zero=True,
            links=cards_link(page, cell("unit"), "", "yellow"),
        ),
        Column(page.say("承诺数", "Promises"), everyone),
        Column(page.say("单位", "Unit"), label=title, shown="text", links=unit_link(page)),
        Column("unit", label="unit", unseen=True),
    ]
    return query_table(page, frame, "unit", columns, Order(first, most_first=True), everyone)


def standings(page: Page, frame: Frame, standing: str) -> Panel:
    """The state of each unit's promises, the worst first. `standing`: ranks by kpi, unit and window."""
    title, state = page.label("title"), page.say("状态", "State")
    columns = [
        Column(state, of_units(standing, title), shown="state", links=unit_link(page)),
        Column(page.say("编号", "KPI"), label="kpi", links=promise_link(page), width=90),
        Column(page.say("单位", "Unit"), label=title, shown="text", links=unit_link(page)),
        Column(page.say("统计期", "Window"), label="window", mapping=window_names(page), width=80),
        Column("unit", label="unit", unseen=True),
    ]
    return query_table(page, frame, "unit", columns, Order(state))


def measure_link(page: Page) -> Links:
    """To all promises of the same measure of the plan."""
    return ((page.say("看该指标（任务）", "To the measure"), page.link(Name.MEASURE, measure=cell("measure"))),)


def _only(series: str, only: str) -> str:
    return f'{series} and on (kpi) {metrics.PROMISE_INFO.name}{{variant="official",{only}}}' if only else series


def _of(unit: str) -> str:
    return "" if unit == DISTRICT else f",unit{unit}"
