"""One unit (单位): its promises and what changed today, its cards, what makes one doubt its numbers, and its cases."""

from dashboards import tables
from dashboards.frame import assemble, units
from dashboards.page import Json, Name, Page, cell
from dashboards.panels import (
    Column,
    Figure,
    Frame,
    Order,
    Panel,
    Place,
    Sizes,
    Together,
    query_table,
    stat,
    timeline,
    words,
)
from dashboards.queries import PROMISE, counted, described, how_many, named
from dashboards.states import RED_CARD, YELLOW_CARD, looks
from services.casebook.marks import BY_SOURCE, SIGNALS
from services.catalog.words.marks import SIGNALS as SIGNAL_NAMES
from services.domain.judging.data_quality import PREFIX
from services.domain.judging.quarantine import QUARANTINED
from services.domain.results.published import State
from services.metric_names import metrics
from services.metric_names.recording_rules import ASPIRED, RANKS, UNIT_RANK

_HERE = 'unit="$unit"'


def unit(page: Page) -> Json:
    """The page of `$unit`."""
    about = page.say(
        "该单位受理的办件，按正式统计期计。点状态看承诺。口径：每项承诺按其条款计算，见承诺页。",
        "Of the cases that it accepted, in the official window. State leads to the promise. Computed: by the "
        "formula of "
        "each promise, which its page has.",
    )
    title = page.say("该单位的承诺（由差到好）", "Its promises, the worst first")
    panels = [
        *_standing(page),
        _open_cards(page),
        _cases(page),
        tables.promises(page, Frame(title, Place(24, 12), about), tables.CHOSEN_UNIT),
        *_signals(page),
        _cards(page),
        _history(page),
    ]
    chosen = [units(page, UNIT_RANK, whole=False)]
    return assemble(page, Name.UNIT, page.say("5 单位", "5 Unit"), chosen, panels)


def _standing(page: Page) -> list[Panel]:
    """How many promises stand where: no more numbers in a panel than a phone shows."""
    figures = {
        look.rank: Figure(
            look.text, how_many(f"{UNIT_RANK}{{{_HERE}}} == {look.rank:g}"), colour=look.colour, dimmed=True
        )
        for look in looks(page)
    }
    about = page.say(
        "该单位各承诺在其正式统计期的状态。口径：每项承诺计一次。",
        "The state of each of its promises in its official window. Computed: each promise counts once.",
    )
    first = [figures.pop(rank) for rank in (RANKS[State.MISSED], ASPIRED, RANKS[State.AT_RISK], RANKS[State.MET])]
    others = tuple(figures.values())
    return [
        stat(page, Frame(title, Place(6, 7), about), [Together(tuple(some))], Sizes(14, 32))
        for title, some in (
            ("${unit:text}", first),
            (page.say("尚不能评价", "Not judged yet"), others[:3]),
            (page.say("不评价", "Not judged"), others[3:]),
        )
    ]


def _open_cards(page: Page) -> Panel:
    cards = f'max by (kpi, unit, level) ({metrics.CARDS_OPEN.name}{{{_HERE},level="%s"}})'

    def figure(sign: str, name: str, level: str, colour: str) -> Figure:
        links = tables.cards_link(page, "$unit", "", level)
        return Figure(f"{sign} {name}", f"({counted(cards % level)})", colour=colour, dimmed=True, links=links)

    figures = Together(
        (figure("■", page.red_card, "red", RED_CARD), figure("▲", page.yellow_card, "yellow", YELLOW_CARD))
    )
    about = page.say(
        "该单位名下未解除的牌，点数字看办件。口径：各承诺的牌数之和。",
        "Active cards on which it has to act; a number leads to the cases. Computed: the sum over its promises.",
    )
    title = page.say(f"{page.red_card}、{page.yellow_card}", "Cards")
    return stat(page, Frame(title, Place(6, 7), about), [figures], Sizes(16, 48))


def _cases(page: Page) -> Panel:
    about = page.say(
        "查看所计办件的方法。口径：督办台或者命令列出的就是所计的办件。",
        "How to see the cases behind a number. Computed: the lists are of exactly the cases that were counted.",
    )
    frame = Frame(page.say("该单位的办件", "Its cases"), Place(24, 5), about)
    if page.desk:
        kept, cases = page.desk_link("/promises"), page.desk_link("/cases")
        red, yellow = (page.desk_link("/cards", unit="$unit", level=level) for level in ("red", "yellow"))
        return words(
            frame,
            page.say(
                f"督办台：[{page.red_card}]({red}) · [{page.yellow_card}]({yellow}) · [承诺]({kept}) · [办件]({cases})",
                f"At the desk: [{page.red_card}]({red}) · [{page.yellow_card}]({yellow}) · [promises]({kept}) · "
                f"[cases]({cases})",
            ),
        )
    return words(
        frame,
        page.say(
            "尚未设置督办台的地址（KPIWATCH_DESK_URL）。在此之前请运行：\n\n"
            "- `kpiwatch cases list --unit $unit --level red`：有牌的办件；加`--promise 编号`：只列一项承诺的\n"
            "- `kpiwatch cases counted overdue --promise 编号 --unit $unit`：超期未办结等各数所计的办件\n"
            "- `kpiwatch status --unit $unit`：全部承诺；`kpiwatch cases show 办件号`：一件的判定依据",
            "The address of the desk is not set yet (KPIWATCH_DESK_URL). Until then run:\n\n"
            "- `kpiwatch cases list --unit $unit --level red`: cases with a card; `--promise KPI`: of one promise\n"
            "- `kpiwatch cases counted overdue --promise KPI --unit $unit`: the cases behind a number\n"
            "- `kpiwatch status --unit $unit`: all its promises; `kpiwatch cases show CASE`: why it is judged so",
        ),
    )


def _cards(page: Page) -> Panel:
    standing = f"max by (kpi, window) ({UNIT_RANK}{{{_HERE}}})"
    cards = f'sum by (kpi) ({metrics.CARDS_OPEN.name}{{{_HERE},level="%s"}})'
    verdicts = f'sum by (kpi) ({metrics.VERDICTS.name}{{{_HERE},verdict="%s"}})'
    kpi, red = cell("kpi"), page.red_card

    def of_cards(title: str, level: str) -> Column:
        links = tables.cards_link(page, "$unit", kpi, level)
        return Column(title, cards % level, links=links, zero=True, width=70)

    def of_verdicts(title: str, verdict: str) -> Column:
        links = tables.verdicts_link(page, "$unit", kpi, verdict)
        return Column(title, verdicts % verdict, links=links, zero=True, width=110)

    columns = [
        Column(page.say("状态", "State"), described(page, standing), shown="state", links=tables.promise_link(page)),
        of_cards(red, "red"),
        of_cards(page.yellow_card, "yellow"),
        of_verdicts(page.say("累计超期、不符合", "Misses ever"), "missed"),
        of_verdicts(page.say("逾期补录待认定", "Late entries"), "met_by_late_entry"),
        Column(page.say("承诺", "Promise"), label=PROMISE, shown="text", links=tables.promise_link(page)),
        Column("kpi", label="kpi", unseen=True),
        Column("window", label="window", unseen=True),
    ]
    about = page.say(
        "点数字看办件。口径：未解除的牌数；自始至今的超期、不符合判定和待认定的逾期补录。",
        "A number leads to its cases. Computed: active cards; recorded misses and late entries since the beginning.",
    )
    title = page.say(f"{page.yellow_card}、{page.red_card}与判定", "Cards and verdicts")
    rows = f"max by (kpi) ({UNIT_RANK}{{{_HERE}}})"
    return query_table(page, Frame(title, Place(12, 9), about), "kpi", columns, Order(red, most_first=True), rows)


def _signals(page: Page) -> list[Panel]:
    # those by source are on the dashboard of sources
    signals = [signal for signal in SIGNALS if signal not in BY_SOURCE]
    figures = tuple(
        Figure(
            page.name(SIGNAL_NAMES[signal]),
            f"({counted(_signalled(signal))})",
            dimmed=True,
            links=tables.counted_link(page, signal, unit="$unit"),
        )
        for signal in signals
    )
    about = page.say(
        "使数据存疑的办件，点数字看办件。口径：近30天内有该情形的办件数；停留办件按环节计，一件可计多次。",
        "Cases that make one doubt the numbers; a number leads to its cases. Computed: how many of the last 30 days; "
        "passages through nodes one by one.",
    )
    title, half = page.say("数据疑点", "Signals"), len(figures) // 2
    return [
        stat(page, Frame(title, Place(12, 7), about), [Together(some)], Sizes(14, 28))
        for some in (figures[:half], figures[half:])
    ]


def _signalled(signal: str) -> str:
    if signal == QUARANTINED:  # by promise each case would count once for each
        return f"{metrics.QUARANTINED.name}{{{_HERE}}}"
    return f'{metrics.SIGNAL.name}{{{_HERE},signal="{signal.removeprefix(PREFIX)}"}}'


def _history(page: Page) -> Panel:
    about = page.say(
        "该单位各承诺的状态随时间的变化。口径：每次采样时正式统计期的状态。",
        "How the states of its promises went. Computed: the state in the official window at each sample.",
    )
    frame = Frame(page.say("状态历史（正式统计期）", "States over time (official window)"), Place(12, 9), about)
    title = page.label("title")
    series = named(f"max by (kpi) ({UNIT_RANK}{{{_HERE}}})", title)
    return timeline(page, frame, series, f"{{{{kpi}}}} {{{{{title}}}}}")
