"""One promise: its value with interval, n and threshold, the words behind it, its windows, and the league of units."""

from collections.abc import Sequence

from dashboards import tables
from dashboards.codes import item_names, roles, strengths, thresholds
from dashboards.frame import assemble, everything, promises, units, windows
from dashboards.page import Json, Name, Page, cell
from dashboards.panels import Column, Figure, Frame, Panel, Place, graph, query_table, stat, timeline
from dashboards.queries import counted, of_units, others, row, shares
from dashboards.states import COLOURS, RED_CARD, YELLOW_CARD, window_names
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
        _standing(page),
        _text(page),
        _doubts(page),
        _course(page),
        _league(page),
        _windows(page),
        _variants(page),
        _items(page),
        _history(page),
    ]
    return assemble(page, Name.PROMISE, page.say("3 承诺", "3 Promise"), variables, panels)


def _standing(page: Page) -> Panel:
    def both(zh: str, en: str, metric: Metric) -> list[Figure]:
        figure, title = row(metric, _HERE, "kpi"), page.say(zh, en)
        return [Figure(title, shares(figure), "percent"), Figure(title, others(figure), "number")]

    figures = [
        Figure(page.say("状态", "state"), rank(metrics.STATE.name, f'variant="official",{_HERE}', "kpi"), "state"),
        *both("数值", "value", metrics.VALUE),
        *both("目标", "target", metrics.OBJECTIVE),
        Figure(page.say("区间下限", "interval, lower"), row(metrics.LOWER, _HERE, "kpi"), "percent"),
        Figure(page.say("区间上限", "interval, upper"), row(metrics.UPPER, _HERE, "kpi"), "percent"),
        Figure(page.say("样本量 n", "n"), row(metrics.N, _HERE, "kpi")),
        Figure(page.say("超期未办结", "open overdue"), row(metrics.OPEN_OVERDUE, _HERE, "kpi")),
        Figure(f"▲ {page.yellow_card}{page.say('（全区）', ' (district)')}", _cards("yellow"), colour=YELLOW_CARD),
        Figure(f"■ {page.red_card}{page.say('（全区）', ' (district)')}", _cards("red"), colour=RED_CARD),
    ]
    about = page.say(
        "占比按到期办件计，超期未办结件计入分母；区间为威尔逊95%置信区间，均值没有区间。不以四舍五入计为达标。",
        "A share counts matured cases, open overdue ones included; the interval is Wilson's 95 %; a mean has none. "
        "Nothing is rounded into compliance.",
    )
    return stat(page, Frame("${kpi:text} · ${window:text} · ${unit:text}", Place(24, 7), about), figures)


def _cards(level: str) -> str:
    return counted(f'max by (kpi, unit, level) ({metrics.CARDS_OPEN.name}{{{_KPI},level="{level}"}})')


def _text(page: Page) -> Panel:
    formula, lead = page.label("formula"), page.label("lead")
    labels = f"kpi, clause, {formula}, {lead}, threshold, {page.label('notes')}"
    text = f'max by ({labels}) ({metrics.PROMISE_TEXT.name}{{variant="official",{_KPI}}})'
    target = page.label("objective_text")
    informed = f'max by (kpi, measure, {target}, strength) ({metrics.PROMISE_INFO.name}{{variant="official"}})'
    columns = [
        Column(page.say("方案原文", "Words of the plan"), label="clause", shown="text", width=320),
        Column(page.say("口径", "What is computed"), label=formula, shown="text", width=320),
        Column(page.say("目标", "Target"), label=target, shown="text"),
        Column(page.say("约束力", "Strength"), label="strength", mapping=strengths(page)),
        Column(page.say("牵头单位", "Lead"), label=lead, shown="text"),
        Column(page.say("目标值来源", "Threshold"), label="threshold", mapping=thresholds(page)),
        Column(page.say("说明", "Notes"), label=page.label("notes"), shown="text", width=320),
        Column(page.say("指标（任务）", "Measure"), label="measure", links=tables.measure_link(page)),
        Column("", f"{text} * on (kpi) group_left (measure, {target}, strength) {informed}", hidden=True),
    ]
    about = page.say(
        "非方案指标：目标值、期限或容差由本系统设定，方案未载明。",
        "Local: the threshold, date or tolerance is set by us; the plan does not print it.",
    )
    frame = Frame(page.say("方案原文与口径", "Clause and formula"), Place(24, 8), about)
    return query_table(page, frame, "kpi", columns)


def _doubts(page: Page) -> Panel:
    def of(zh: str, en: str, metric: Metric, shown: str = "count") -> Figure:
        expr = row(metric, _HERE, "kpi")
        return Figure(page.say(zh, en), expr, "percent" if shown == "percent" else "count")

    verdicts = f'max by (kpi, unit, verdict) ({metrics.VERDICTS.name}{{{_KPI},verdict="%s"}})'
    figures = [
        of("暂停计时占比", "suspended", metrics.SUSPENDED_SHARE, "percent"),
        of("延期占比", "extended", metrics.EXTENDED_SHARE, "percent"),
        of("撤回占比", "withdrawn", metrics.WITHDRAWN_SHARE, "percent"),
        of("理由成立", "justified", metrics.JUSTIFIED),
        of("逾期补录（待确认）", "late entries, unconfirmed", metrics.LATE_ENTRY),
        of("未报送，无法评价", "unmeasured", metrics.UNMEASURED),
        of("待报送", "awaiting report", metrics.AWAITING),
        of("暂定", "provisional", metrics.PROVISIONAL),
        of("要素未填报，无法归类", "unclassified", metrics.UNCLASSIFIED),
        Figure(page.say("中位数", "median"), row(metrics.P50, _HERE, "kpi"), "number"),
        Figure(page.say("95%分位数", "95th percentile"), row(metrics.P95, _HERE, "kpi"), "number"),
        Figure(page.say("累计未达标判定", "misses ever"), counted(verdicts % "missed")),
        Figure(page.say("更正判定", "reversals"), counted(verdicts % "reversed")),
    ]
    about = page.say(
        "该数值是否可信：多少办件曾暂停计时、延期、撤回、逾期补录，或者未报送数据。",
        "Whether the figure can be believed: whose clock was stopped, what was extended, withdrawn, entered late.",
    )
    return stat(page, Frame(page.say("可信度", "Reliability of the figure"), Place(24, 5), about), figures)


def _course(page: Page) -> Panel:
    def line(zh: str, en: str, metric: Metric, colour: str, dashed: bool = False) -> list[Figure]:
        figure, title = row(metric, _HERE, "kpi"), page.say(zh, en)
        return [
            Figure(title, shares(figure), "percent", colour, dashed=dashed),
            Figure(title, others(figure), "number", colour, dashed=dashed),
        ]

    figures = [
        *line("数值", "value", metrics.VALUE, COLOURS[State.UNTARGETED]),
        *line("目标", "target", metrics.OBJECTIVE, "text", dashed=True),
        Figure(page.say("区间下限", "lower"), row(metrics.LOWER, _HERE, "kpi"), "percent", "#7B8087", dashed=True),
        Figure(page.say("区间上限", "upper"), row(metrics.UPPER, _HERE, "kpi"), "percent", "#7B8087", dashed=True),
    ]
    empty = page.say("此统计期尚无数值", "No figure in this window yet")
    return graph(page, Frame(page.say("走势", "Course"), Place(24, 9), empty=empty), figures)


def _league(page: Page) -> Panel:
    title = page.label("title")
    chosen = f'{_KPI},item="-",window="$window",unit{tables.ANY_UNIT}'
    cases = tables.cases_link(page, cell("unit"), "$kpi")
    value = row(metrics.VALUE, chosen, "kpi, unit")
    ranked = rank(metrics.STATE.name, f'variant="official",{chosen}', "unit")
    red = f'sum by (unit) (max by (kpi, unit, level) ({metrics.CARDS_OPEN.name}{{{_KPI},level="red"}}))'
    state = page.say("状态", "State")
    columns = [
        Column(state, of_units(ranked, title), shown="state", links=tables.unit_link(page)),
        Column(page.say("单位", "Unit"), label=title, shown="text", links=tables.unit_link(page), width=220),
        Column(page.say("占比", "Share"), f"max by (unit) ({shares(value)})", shown="percent"),
        Column(page.say("数值", "Figure"), f"max by (unit) ({others(value)})", shown="number"),
        Column(page.say("样本量 n", "n"), row(metrics.N, chosen, "unit")),
        Column(page.say("区间下限", "Lower"), row(metrics.LOWER, chosen, "unit"), shown="percent"),
        Column(page.say("区间上限", "Upper"), row(metrics.UPPER, chosen, "unit"), shown="percent"),
        Column(page.say("超期未办结", "Open overdue"), row(metrics.OPEN_OVERDUE, chosen, "unit"), links=cases),
        Column(page.red_card, red, links=cases),
        Column(page.say("代码", "Code"), label="unit"),
    ]
    about = page.say(
        f"同一口径、同一统计期。点单位看该单位页面，点超期未办结或{page.red_card}看办件。",
        "By the same formula, in the same window. The unit leads to its page; open overdue and "
        f"{page.red_card} lead to the cases.",
    )
    frame = Frame(
        page.say("各单位排名（由差到好）", "League of units, the worst first"),
        Place(24, 12),
        about,
        empty=page.say("该承诺在此统计期内没有分单位的数值", "No figures by unit for this promise in this window"),
    )
    return query_table(page, frame, "unit", columns, sort=state)


def _windows(page: Page) -> Panel:
    chosen = f'{_KPI},unit="$unit",item="-"'
    key = Column(page.say("统计期", "Window"), label="window", mapping=window_names(page))
    return _rows(page, Frame(page.say("各统计期", "Windows"), Place(12, 9)), [key], chosen)


def _variants(page: Page) -> Panel:
    chosen = f'{_KPI},unit="ALL",item="-",window="$window"'
    about = page.say(
        "正式口径用于评价；其余口径并列公布，仅供参考。",
        "official is judged; the other definitions are published beside it.",
    )
    frame = Frame(page.say("各口径", "Definitions"), Place(12, 9), about)
    title = page.label("title")
    said = [
        Column(page.say("口径", "Definition"), label="variant", mapping=roles(page), width=100),
        Column(page.say("名称", "Title"), label=title, shown="text"),
    ]
    titles = f"max by (variant, {title}) ({metrics.PROMISE_INFO.name}{{{_KPI}}})"
    state = f"{_state_of(chosen, 'variant', official='')} * on (variant) group_left ({title}) {titles}"
    return _rows(page, frame, said, chosen, official="", state=state)


def _items(page: Page) -> Panel:
    chosen = f'{_KPI},unit="$unit",item=~"$item",window="$window"'
    frame = Frame(page.say("各事项或环节", "Service items or nodes"), Place(12, 9))
    key = Column(page.say("事项或环节", "Service item or node"), label="item", mapping=item_names(page))
    return _rows(page, frame, [key], chosen)


_OFFICIAL = 'variant="official",'


def _state_of(chosen: str, key: str, official: str = _OFFICIAL) -> str:
    return rank(metrics.STATE.name, f"{official}{chosen}", key)


def _rows(
    page: Page, frame: Frame, by: Sequence[Column], chosen: str, official: str = _OFFICIAL, state: str = ""
) -> Panel:
    """Rows of the promise by one label, that of the first column of `by`; `state`: with the labels of the others."""
    key = by[0].label

    def of(metric: Metric) -> str:
        return f"max by (kpi, {key}) ({metric.name}{{{official}{chosen}}})"

    columns = [
        Column(page.say("状态", "State"), state or _state_of(chosen, key), shown="state"),
        *by,
        Column(page.say("占比", "Share"), f"max by ({key}) ({shares(of(metrics.VALUE))})", shown="percent"),
        Column(page.say("数值", "Figure"), f"max by ({key}) ({others(of(metrics.VALUE))})", shown="number"),
        Column(page.say("样本量 n", "n"), f"max by ({key}) ({of(metrics.N)})"),
        Column(page.say("95%分位数", "P95"), f"max by ({key}) ({of(metrics.P95)})", shown="number"),
    ]
    return query_table(page, frame, key, columns)


def _history(page: Page) -> Panel:
    ranked = rank(metrics.STATE.name, f'variant="official",{_KPI},item="-",window="$window"', "unit")
    title = page.label("title")
    frame = Frame(page.say("各单位状态历史", "States of the units over time"), Place(12, 9))
    return timeline(page, frame, of_units(ranked, title), f"{{{{{title}}}}}")
