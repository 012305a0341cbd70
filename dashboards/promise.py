"""One promise: its value with interval, n and threshold, the words behind it, its windows, and the league of units."""

from collections.abc import Sequence

from dashboards import tables
from dashboards.codes import item_names, roles, strengths, thresholds
from dashboards.frame import assemble, everything, promises, units, windows
from dashboards.page import Json, Name, Page, cell
from dashboards.panels import (
    DIMMED,
    MEASURED,
    Asked,
    Column,
    Figure,
    Frame,
    Order,
    Panel,
    Place,
    Shown,
    Sizes,
    Together,
    graph,
    pace_words,
    query_table,
    stat,
    timeline,
)
from dashboards.queries import counted, measured, of_units, read, row
from dashboards.states import COLOURS, RED_CARD, YELLOW_CARD, window_names
from services.casebook.marks import Mark
from services.casebook.numbers import SHORT
from services.catalog.words.marks import MARKS
from services.domain.results.published import State
from services.metric_names import metrics
from services.metric_names.metrics import Metric
from services.metric_names.recording_rules import rank

_KPI = 'kpi="$kpi"'
_HERE = f'{_KPI},unit="$unit",item="-",window="$window"'
"""The row that the page is about."""


def promise(page: Page) -> Json:
    """The page of `$kpi`, in `$window`, for `$unit` (the whole district at first)."""
    rows = f'{metrics.STATE.name}{{{_KPI},variant="official"}}'
    variables = [
        promises(page),
        windows(page, rows),
        units(page, rows, whole=True),
        everything(page, "item", page.say("事项", "Service item"), rows, "item"),
    ]
    panels = [
        *_standing(page),
        _text(page),
        *_doubts(page),
        _course(page),
        _league(page),
        _windows(page),
        _variants(page),
        _items(page),
        _history(page),
    ]
    return assemble(page, Name.PROMISE, page.say("4 承诺", "4 Promise"), variables, panels)


def _standing(page: Page) -> list[Panel]:
    """State and figures; and beside them what to act on."""
    return [_state(page), _figures(page), *_budget(page)]


def _state(page: Page) -> Panel:
    ranked = rank(metrics.STATE.name, f'variant="official",{_HERE}', "kpi")
    about = page.say(
        "所选承诺在所选统计期、所选单位的状态。口径：同时符合几种状态的，取其中最差的一种。",
        "The state of the promise in the chosen window, for the chosen unit. Computed: rule 10, the worst that holds.",
    )
    return stat(
        page,
        Frame("${kpi:text}", Place(8, 6), about),
        [Figure(page.say("状态", "state"), ranked, "state")],
        Sizes(value=40),
    )


def _figures(page: Page) -> Panel:
    figures = Together(
        (
            Figure(page.say("完成值", "value"), row(metrics.SHOWN, _HERE, "kpi"), "number"),
            Figure(page.say("目标", "target"), read(row(metrics.OBJECTIVE, _HERE, "kpi"))),
            Figure(page.say("区间下限", "lower"), read(row(metrics.LOWER, _HERE, "kpi"))),
            Figure(page.say("区间上限", "upper"), read(row(metrics.UPPER, _HERE, "kpi"))),
        ),
        measured(page, f",{_KPI}"),
    )
    about = page.say(
        "口径：占比按到期办件计，超期未办结件计入分母；区间为威尔逊95%置信区间，均值没有区间。两位小数，不以四舍五入计为达标。",
        "Computed: a share counts matured cases, open overdue ones included; the interval is Wilson's 95 %; a mean has "
        "none. Two digits; nothing is rounded into compliance.",
    )
    return stat(page, Frame("${window:text} · ${unit:text}", Place(16, 7), about), [figures], Sizes(14, 30))


def _budget(page: Page) -> list[Panel]:
    """What to act on: how much the objective still allows, and the cards."""
    missed = tables.counted_link(page, Mark.MISSED, "$kpi", "$unit")
    of_month = tables.counted_link(page, Mark.MISSED, "$kpi", "$unit", window=SHORT)
    counts = Together(
        (
            Figure(page.say("样本量", "n"), row(metrics.N, _HERE, "kpi")),
            Figure(
                page.say("超期未办结", "open overdue"),
                row(metrics.OPEN_OVERDUE, _HERE, "kpi"),
                links=tables.counted_link(page, Mark.OVERDUE, "$kpi", "$unit"),
            ),
            Figure(page.say("剩余允许数", "misses left"), _of_unit(metrics.MISSES_LEFT), links=missed),
        )
    )
    pace = Figure(
        page.say("本月件数÷允许数", "pace of misses"),
        _of_unit(metrics.MISSES_PACE),
        "number",
        mapping=pace_words(page),
        links=of_month,
    )
    cards = Together((_cards(page, "yellow"), _cards(page, "red")))
    about = page.say(
        "目标还允许几件超期或不符合（按正式统计期）。口径：剩余允许数为0时，再有一件即未达标；负数为已超出的件数；均值等没有此数。"
        "本月件数÷允许数：本月超期或不符合的件数÷目标允许的件数，大于1即多于允许；目标不允许而本月已有的，为“已超出”。牌数为全区各单位未解除的牌。",
        "How many misses the target still allows, in the official window. Computed: 0: the next miss loses it; "
        "negative: "
        "so many are too many; a mean has none. Pace: misses of the month per what is allowed; above 1: faster than "
        "allowed; “exceeded”, too: the target allows none, and there are some. Cards: active ones of the district.",
    )
    return [
        stat(
            page,
            Frame(page.say("超期与剩余允许数", "What is left"), Place(16, 7), about),
            [counts, pace],
            Sizes(14, 30),
        ),
        stat(page, Frame(page.say("牌（全区）", "Cards (district)"), Place(8, 7), about), [cards], Sizes(14, 48)),
    ]


def _of_unit(metric: Metric) -> str:
    """A figure of the official definition that has one row only for each unit."""
    return f'max by (kpi) ({metric.name}{{{_KPI},unit="$unit"}})'


def _cards(page: Page, level: str) -> Figure:
    sign, name, colour = {
        "yellow": ("▲", page.yellow_card, YELLOW_CARD),
        "red": ("■", page.red_card, RED_CARD),
    }[level]
    series = counted(f'max by (kpi, unit, level) ({metrics.CARDS_OPEN.name}{{{_KPI},level="{level}"}})')
    links = tables.cards_link(page, "", "$kpi", level)
    return Figure(f"{sign} {name}", f"({series})", colour=colour, dimmed=True, links=links)


def _text(page: Page) -> Panel:
    formula, lead = page.label("formula"), page.label("lead")
    labels = f"kpi, clause, {formula}, {lead}, threshold, {page.label('notes')}"
    text = f'max by ({labels}) ({metrics.PROMISE_TEXT.name}{{variant="official",{_KPI}}})'
    target = page.label("objective_text")
    informed = f'max by (kpi, measure, {target}, strength) ({metrics.PROMISE_INFO.name}{{variant="official"}})'
    columns = [
        Column(page.say("目标", "Target"), label=target, shown="text", width=150),
        Column(page.say("约束力", "Strength"), label="strength", mapping=strengths(page), width=90),
        Column(
            page.say("方案原文", "Words of the plan"),
            label="clause",
            shown="text",
            links=tables.measure_link(page),
            width=380,
        ),
        Column(page.say("口径", "What is computed"), label=formula, shown="text", width=380),
        Column(page.say("说明", "Notes"), label=page.label("notes"), shown="text"),
        Column(page.say("牵头单位", "Lead"), label=lead, shown="text", width=150),
        Column(page.say("目标值依据", "Threshold"), label="threshold", mapping=thresholds(page), width=110),
        Column("measure", label="measure", unseen=True),
        Column("", f"{text} * on (kpi) group_left (measure, {target}, strength) {informed}", hidden=True),
    ]
    about = page.say(
        "方案原文和本系统的计算口径。口径：见表中“口径”一栏。非方案指标：目标值、期限或容差由本系统设定，方案未载明。",
        "What the plan says, and what is computed of it: the column “what is computed”. Local: the threshold, date or "
        "tolerance is set by us; the plan does not print it.",
    )
    frame = Frame(page.say("方案原文与口径", "Clause and formula"), Place(24, 7), about)
    return query_table(page, frame, "kpi", columns)


def _doubts(page: Page) -> list[Panel]:
    def figure(mark: Mark, metric: Metric, shown: Shown = "count", name: str = "") -> Figure:
        links = tables.counted_link(page, mark, "$kpi", "$unit", window="$window")
        return Figure(name or page.name(MARKS[mark]), row(metric, _HERE, "kpi"), shown, links=links)

    shares = Together(
        (
            figure(Mark.SUSPENDED, metrics.SUSPENDED_SHARE, "percent", page.say("暂停计时占比", "suspended")),
            figure(Mark.EXTENDED, metrics.EXTENDED_SHARE, "percent", page.say("延期占比", "extended")),
            figure(Mark.WITHDRAWN, metrics.WITHDRAWN_SHARE, "percent", page.say("撤回占比", "withdrawn")),
        )
    )
    counts = Together(
        (
            figure(Mark.UNMEASURED, metrics.UNMEASURED),
            figure(Mark.AWAITING, metrics.AWAITING),
            figure(Mark.PROVISIONAL, metrics.PROVISIONAL),
            figure(Mark.UNCLASSIFIED, metrics.UNCLASSIFIED),
        )
    )
    justified = figure(Mark.JUSTIFIED, metrics.JUSTIFIED)
    late = figure(Mark.LATE_ENTRY, metrics.LATE_ENTRY)
    verdicts = f'max by (kpi, unit, verdict) ({metrics.VERDICTS.name}{{{_KPI},verdict="%s"}})'
    ever = (
        Figure(
            page.say("累计超期、不符合", "misses ever"),
            f"({counted(verdicts % 'missed')})",
            links=tables.verdicts_link(page, "", "$kpi", "missed"),
        ),
        Figure(
            page.say("更正后不再计入", "reversals"),
            f"({counted(verdicts % 'reversed')})",
            links=tables.verdicts_link(page, "", "$kpi", "reversed"),
        ),
    )
    times = Together(
        (
            Figure(page.say("中位数", "median"), row(metrics.P50, _HERE, "kpi"), "number"),
            Figure(page.say("95%分位数", "P95"), row(metrics.P95, _HERE, "kpi"), "number"),
        )
    )
    about = page.say(
        "该完成值是否可信：多少办件曾暂停计时、延期、撤回、逾期补录，或者未报送数据。口径：所选统计期内的办件数或占到期办件之比；"
        "累计超期、不符合和更正后不再计入的为全区自始至今。",
        "Whether the figure can be believed: whose clock was stopped, what was extended, withdrawn, entered late. "
        "Computed: cases of the window, or their share of the matured ones; misses ever and reversals: of the "
        "district, "
        "since the beginning.",
    )
    title = page.say("可信度", "Reliability")
    parts: list[tuple[int, list[Asked]]] = [
        (9, [shares, justified]),
        (5, [counts]),
        (5, [Together((late, *ever))]),
        (5, [times]),
    ]
    return [stat(page, Frame(title, Place(width, 7), about), asked, Sizes(14, 28)) for width, asked in parts]


def _course(page: Page) -> Panel:
    lines = Together(
        (
            Figure(page.say("完成值", "value"), row(metrics.SHOWN, _HERE, "kpi"), "number", COLOURS[State.UNTARGETED]),
            Figure(page.say("目标", "target"), read(row(metrics.OBJECTIVE, _HERE, "kpi")), colour="text", dashed=True),
            Figure(page.say("区间下限", "lower"), read(row(metrics.LOWER, _HERE, "kpi")), colour=DIMMED, dashed=True),
            Figure(page.say("区间上限", "upper"), read(row(metrics.UPPER, _HERE, "kpi")), colour=DIMMED, dashed=True),
        ),
        measured(page, f",{_KPI}"),
    )
    about = page.say(
        "完成值随时间的变化，虚线为目标和95%置信区间。口径：同上方完成值。",
        "How the figure went; dashed: target and 95 % interval. Computed: as the value above.",
    )
    empty = page.say("此统计期尚无完成值", "No figure in this window yet")
    return graph(page, Frame(page.say("走势", "Course"), Place(24, 9), about, empty), [lines])


def _league(page: Page) -> Panel:
    title = page.label("title")
    chosen = f'{_KPI},item="-",window="$window",unit{tables.ANY_UNIT}'
    ranked = rank(metrics.STATE.name, f'variant="official",{chosen}', "kpi, unit")
    ranked = f"({ranked} * on (kpi) group_left ({MEASURED}) {measured(page, f',{_KPI}')})"
    red = f'sum by (unit) (max by (kpi, unit, level) ({metrics.CARDS_OPEN.name}{{{_KPI},level="red"}}))'
    cases = tables.cards_link(page, cell("unit"), "$kpi", "red")
    overdue = tables.counted_link(page, Mark.OVERDUE, "$kpi", cell("unit"))
    state = page.say("状态", "State")
    columns = [
        Column(state, of_units(ranked, title), shown="state", links=tables.unit_link(page)),
        Column(page.say("完成值", "Figure"), row(metrics.SHOWN, chosen, "unit"), shown="number"),
        Column(page.say("计量单位", "Counted in"), label=MEASURED, width=90),
        Column(page.say("单位", "Unit"), label=title, shown="text", links=tables.unit_link(page)),
        Column(page.say("样本量", "n"), row(metrics.N, chosen, "unit")),
        Column(
            page.say("超期未办结", "Open overdue"), row(metrics.OPEN_OVERDUE, chosen, "unit"), links=overdue, width=110
        ),
        Column(page.red_card, red, zero=True, links=cases),
        Column("unit", label="unit", unseen=True),
    ]
    about = page.say(
        f"点单位看该单位页面，点超期未办结或{page.red_card}看办件。口径：同一口径、同一统计期，按受理单位。",
        f"The unit leads to its page; open overdue and {page.red_card} lead to the cases. Computed: by the same "
        f"formula, "
        "in the same window, by the unit that accepted the cases.",
    )
    frame = Frame(
        page.say("各单位排名（由差到好）", "League of units, the worst first"),
        Place(24, 12),
        about,
        page.say("该承诺在此统计期内没有分单位的完成值。", "no figures by unit for this promise in this window."),
    )
    rows = f'max by (unit) ({metrics.STATE.name}{{variant="official",{chosen}}})'
    return query_table(page, frame, "unit", columns, Order(state), rows)


def _windows(page: Page) -> Panel:
    chosen = f'{_KPI},unit="$unit",item="-"'
    key = Column(page.say("统计期", "Window"), label="window", mapping=window_names(page))
    about = page.say(
        "同一承诺在各统计期的完成值。口径：同一口径，只是统计期不同；用于评价的是正式统计期。",
        "The promise in each of its windows. Computed: by the same formula; the official window is judged.",
    )
    return _rows(page, Frame(page.say("各统计期", "Windows"), Place(12, 9), about), [key], chosen)


def _variants(page: Page) -> Panel:
    chosen = f'{_KPI},unit="ALL",item="-",window="$window"'
    about = page.say(
        "口径：每个口径按各自的计量单位；正式口径用于评价，其余口径并列公布，仅供参考。",
        "Computed: each definition in its own unit of measure; the official one is judged, the others are published "
        "beside it.",
    )
    title = page.label("title")
    said = [
        Column(page.say("口径", "Definition"), label="variant", mapping=roles(page), width=100),
        Column(page.say("名称", "Title"), label=title, shown="text"),
    ]
    titles = f"max by (kpi, variant, {title}) ({metrics.PROMISE_INFO.name}{{{_KPI}}})"
    frame = Frame(page.say("各口径", "Definitions"), Place(12, 9), about)
    return _rows(page, frame, said, chosen, (title, titles))


def _items(page: Page) -> Panel:
    chosen = f'{_KPI},unit="$unit",item=~"$item",window="$window"'
    about = page.say(
        "按事项或环节分列。口径：同一口径，只计该事项或环节。",
        "By service item or node. Computed: by the same formula, of this item or node only.",
    )
    key = Column(page.say("事项或环节", "Service item or node"), label="item", mapping=item_names(page))
    return _rows(page, Frame(page.say("各事项或环节", "Service items or nodes"), Place(12, 9), about), [key], chosen)


_OFFICIAL = 'variant="official",'


def _rows(page: Page, frame: Frame, by: Sequence[Column], chosen: str, titles: tuple[str, str] | None = None) -> Panel:
    """Rows of the promise by one label, that of the first column of `by`.

    `titles`: where the rows are of all definitions: the label of their titles, and the series that have it.
    """
    key = by[0].label
    official = "" if titles else _OFFICIAL
    kind = "kpi, variant" if titles else "kpi"
    units_of = measured(page, f",{_KPI}", variant="" if titles else "official")
    # a definition may count in another unit of measure than the official one
    state = rank(metrics.STATE.name, f"{official}{chosen}", "kpi, variant" if titles else f"kpi, {key}")
    state = f"{state} * on ({kind}) group_left ({MEASURED}) {units_of}"
    if titles:
        state = f"{state} * on ({kind}) group_left ({titles[0]}) {titles[1]}"

    def of(metric: Metric) -> str:
        return f"max by ({key}) ({metric.name}{{{official}{chosen}}})"

    columns = [
        Column(page.say("状态", "State"), state, shown="state"),
        Column(page.say("完成值", "Figure"), of(metrics.SHOWN), shown="number"),
        Column(page.say("计量单位", "Counted in"), label=MEASURED, width=90),
        *by,
        Column(page.say("样本量", "n"), of(metrics.N)),
    ]
    return query_table(page, frame, key, columns, rows=of(metrics.STATE))


def _history(page: Page) -> Panel:
    ranked = rank(metrics.STATE.name, f'variant="official",{_KPI},item="-",window="$window"', "unit")
    title = page.label("title")
    about = page.say(
        "各单位的状态随时间的变化。口径：每次采样时在所选统计期的状态。",
        "How the state of each unit went. Computed: the state in the chosen window at each sample.",
    )
    frame = Frame(page.say("各单位状态历史", "States of the units over time"), Place(12, 9), about)
    return timeline(page, frame, of_units(ranked, title), f"{{{{{title}}}}}")
