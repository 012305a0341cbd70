"""One unit (单位): its promises and what changed today, its cards, what makes one doubt its numbers, and its cases."""

from dashboards import tables
from dashboards.frame import assemble, units
from dashboards.page import Json, Name, Page, cell
from dashboards.panels import Column, Figure, Frame, Panel, Place, query_table, stat, timeline, words
from dashboards.queries import counted, how_many, named
from dashboards.signals import BY_SOURCE, signal_names
from dashboards.states import RED_CARD, YELLOW_CARD, looks, window_names
from services.metric_names import metrics
from services.metric_names.recording_rules import UNIT_RANK

_HERE = 'unit="$unit"'


def unit(page: Page) -> Json:
    """The page of `$unit`."""
    panels = [
        _standing(page),
        _cases(page),
        tables.promises(
            page,
            Frame(
                page.say("该单位的承诺（由差到好）", "Its promises, the worst first"),
                Place(24, 12),
                page.say(
                    "该单位受理的办件，按正式统计期计。点状态看承诺。",
                    "Of the cases that it accepted, in the official window. State leads to the promise.",
                ),
            ),
            tables.CHOSEN_UNIT,
        ),
        _signals(page),
        _cards(page),
        _history(page),
    ]
    chosen = [units(page, UNIT_RANK, whole=False)]
    return assemble(page, Name.UNIT, page.say("4 单位", "4 Unit"), chosen, panels)


def _standing(page: Page) -> Panel:
    figures = [
        Figure(look.text, how_many(f"{UNIT_RANK}{{{_HERE}}} == {look.rank:g}"), colour=look.colour)
        for look in looks(page)
    ]
    cards = f'max by (kpi, unit, level) ({metrics.CARDS_OPEN.name}{{{_HERE},level="%s"}})'
    figures += [
        Figure(f"▲ {page.yellow_card}", counted(cards % "yellow"), colour=YELLOW_CARD),
        Figure(f"■ {page.red_card}", counted(cards % "red"), colour=RED_CARD),
    ]
    return stat(page, Frame("${unit:text}", Place(24, 5)), figures)


def _cases(page: Page) -> Panel:
    frame = Frame(page.say("该单位的办件", "Its cases"), Place(24, 5))
    if page.desk:
        address = f"{page.desk.rstrip('/')}/units/$unit"
        return words(
            frame,
            page.say(
                f"[打开单位工作页：办件、{page.yellow_card}、{page.red_card}、回复]({address})",
                f"[Its cases, cards and replies]({address})",
            ),
        )
    return words(
        frame,
        page.say(
            "单位工作页尚未启用（KPIWATCH_DESK_URL）。在此之前请运行：\n\n"
            "- `kpiwatch status --unit $unit`：该单位的全部承诺\n"
            "- `kpiwatch values --as-of 时间 --out values.csv --cards cards.csv`："
            f"全部{page.yellow_card}、{page.red_card}，办件号在 `case` 列\n"
            "- `kpiwatch archive --case 办件号 --out events.jsonl`：该办件的全部事件\n"
            "- `kpiwatch explain 办件号 events.jsonl --as-of 时间`：逐日说明该办件的判定依据",
            "There is no units' page yet (KPIWATCH_DESK_URL). Until then run:\n\n"
            "- `kpiwatch status --unit $unit`: all its promises\n"
            "- `kpiwatch values --as-of TIME --out values.csv --cards cards.csv`: every card, with its case\n"
            "- `kpiwatch archive --case CASE --out events.jsonl`: all events of a case\n"
            "- `kpiwatch explain CASE events.jsonl --as-of TIME`: why it is judged so, day by day",
        ),
    )


def _cards(page: Page) -> Panel:
    title = page.label("title")
    standing = f"max by (kpi, window) ({UNIT_RANK}{{{_HERE}}})"
    cards = f'sum by (kpi) ({metrics.CARDS_OPEN.name}{{{_HERE},level="%s"}})'
    verdicts = f'sum by (kpi) ({metrics.VERDICTS.name}{{{_HERE},verdict="%s"}})'
    cases = tables.cases_link(page, "$unit", cell("kpi"))
    red = page.red_card
    columns = [
        Column(page.say("状态", "State"), named(standing, title), shown="state", links=tables.promise_link(page)),
        Column(page.say("编号", "KPI"), label="kpi", links=tables.promise_link(page), width=90),
        Column(page.say("承诺", "Promise"), label=title, shown="text"),
        Column(red, cards % "red", links=cases),
        Column(page.yellow_card, cards % "yellow", links=cases),
        Column(page.say("累计未达标判定", "Misses ever"), verdicts % "missed", links=cases),
        Column(page.say("补录待确认", "Late entries"), verdicts % "met_by_late_entry", links=cases),
        Column(page.say("统计期", "Window"), label="window", mapping=window_names(page), width=80),
    ]
    frame = Frame(page.say(f"{page.yellow_card}、{page.red_card}与判定", "Cards and verdicts"), Place(12, 9))
    return query_table(page, frame, "kpi", columns, sort=red, most_first=True)


def _signals(page: Page) -> Panel:
    figures = [
        Figure(name, counted(f'{metrics.SIGNAL.name}{{{_HERE},signal="{signal}"}}'))
        for signal, name in signal_names(page).items()
        if signal not in BY_SOURCE  # those are on the dashboard of sources
    ]
    about = page.say(
        "近30天内使数据存疑的办件数。",
        "Cases of the last 30 days that make one doubt the numbers.",
    )
    return stat(page, Frame(page.say("数据信号", "Signals"), Place(24, 4), about), figures)


def _history(page: Page) -> Panel:
    frame = Frame(page.say("状态历史（正式统计期）", "States over time (official window)"), Place(12, 9))
    title = page.label("title")
    series = named(f"max by (kpi) ({UNIT_RANK}{{{_HERE}}})", title)
    return timeline(page, frame, series, f"{{{{kpi}}}} {{{{{title}}}}}")
