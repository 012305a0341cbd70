"""What `kpiwatch status` writes: a summary, the worst promises, open cards by unit, and the summary again.

Every line fits the terminal. A name is shortened with …, a number never: where a terminal is too narrow, columns are
left out, those that matter least first. East Asian characters are two cells wide.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from services.catalog.words.misses import left_in_short, pace_in_short
from services.catalog.words.unit_names import unit_title
from services.catalog.words.wording import SIGNS, STATE_NAMES, measure_title, state_name
from services.cli.status_reading import DistrictStatus, troubles
from services.domain.judging.data_quality import FORECASTS
from services.domain.plan.plan import Plan, Promise, Title
from services.domain.results.budget import (
    Versions,
    distance_of,
    is_official,
    misses_left_of,
    pace_of,
    shows_the_month,
)
from services.domain.results.cards import WHOLE
from services.domain.results.published import Card, Level, State, ValueRow
from services.domain.results.windows import ALL
from services.figures.promises import worst_first
from services.figures.shown import NOTHING, rounded

_STYLES = {
    State.MISSED: "bold red",
    State.AT_RISK: "yellow",
    State.UNMEASURED: "magenta",
    State.STALE: "magenta",
    State.INSUFFICIENT: "cyan",
    State.PROVISIONAL: "cyan",
    State.NO_DATA: "dim",
    State.MET: "green",
    State.UNTARGETED: "blue",
}
_ASPIRED = "bold cyan"
_NEEDS_NOBODY: Final = (State.NO_DATA, State.MET, State.UNTARGETED)
"""States that are listed only if they are asked for."""
_IN_SUMMARY: Final = (State.MISSED, State.AT_RISK, State.MET)
_FIXED_LINES: Final = 11
"""Of a screen: all that is neither a promise nor a unit: summaries, headings, what is not listed, blank lines, and the
line on which the shell asks for the next command."""
_FEWEST_LINES: Final = 3
_NAME_CELLS: Final = 12
"""A name has so much room at least: six Chinese characters;"""
_COMFORTABLE_CELLS: Final = 24
"""and so much before a column is shown that nobody asked for."""
_ASKED_FOR: Final = 5
"""`Column.keep` of the columns that matter, and more."""


class Wish(NamedTuple):
    """What is to be shown."""

    unit: str = ALL
    states: tuple[State, ...] = ()
    """Empty: those that need somebody."""
    worst: int = 10
    everything: bool = False
    english: bool = False

    def say(self, title: Title) -> str:
        """A title in the language that was asked for."""
        return title.en if self.english else title.zh

    def either(self, zh: str, en: str) -> str:
        """The same of two texts."""
        return en if self.english else zh


class Size(NamedTuple):
    """Of a terminal."""

    width: int
    height: int | None = None
    """None: as long as it takes."""


class Line(NamedTuple):
    """A promise in its official window."""

    promise: Promise
    row: ValueRow
    red_cards: int
    pace: float | None = None
    """Of its misses in the month (`budget.pace_of`)."""

    @property
    def state(self) -> State:
        return State(self.row.state)

    @property
    def is_red(self) -> bool:
        """Whether its state is shown in red: not that of an effort (rule 10)."""
        return self.state is State.MISSED and not self.promise.is_never_red


@dataclass(frozen=True)
class Column:
    """A column of the promises."""

    heading: str
    cells: list[Text]
    is_number: bool = True
    keep: int = 0
    """What matters least has the smallest number and is left out first."""

    @property
    def width(self) -> int:
        """What its widest cell needs."""
        return max(cell_len(self.heading), *(cell_len(cell.plain) for cell in self.cells), 0)

    @property
    def is_empty(self) -> bool:
        return not any(cell.plain for cell in self.cells)


class StatusView:
    """Writes the status of a plan's district, or of one of its units."""

    def __init__(self, plan: Plan, wish: Wish) -> None:
        self._plan, self._wish = plan, wish
        self._versions = Versions.of(plan)
        self._say, self._either = wish.say, wish.either

    def page(self, published: DistrictStatus, size: Size) -> Group:
        """Everything, for a terminal of a size."""
        lines = self.lines(published)
        chosen = self._chosen(lines)
        wrong = self._wrong(published)
        cards = [card for card in published.cards if not card.cleared_at and self._is_asked(card.unit)]
        room = None if size.height is None else self._room(published, size)
        listed = chosen if self._wish.everything else chosen[: self._wish.worst]
        summary = self.summary(lines, cards, size.width)
        parts: list[RenderableType] = [summary, self._as_of(published, size.width), *wrong, Text()]
        parts += self._promises(listed, len(lines), published, size.width)
        parts += self._cards(cards, None if room is None else max(room - len(listed), _FEWEST_LINES), size.width)
        return Group(*parts, Text(), summary)

    def fitting(self, published: DistrictStatus, size: Size) -> Group:
        """As much as a screen takes, the worst of it."""
        wanted = len(published.rows) if self._wish.everything else self._wish.worst
        most = max(min(wanted, self._room(published, size) - _FEWEST_LINES), 1)
        view = StatusView(self._plan, self._wish._replace(worst=most, everything=False))
        return view.page(published, size)

    # ---- which promises ------------------------------------------------------------------------------
    def lines(self, published: DistrictStatus) -> list[Line]:
        """The official definition of every promise in its official window, worst first; of two versions of a promise
        that one by which its row was computed."""
        red = Counter(
            card.kpi
            for card in published.cards
            if card.level == Level.RED and not card.cleared_at and self._is_asked(card.unit)
        )
        found, paces = [], dict[str, float | None]()
        for row in published.rows:
            promise = self._versions.at(row)
            if promise is None or row.unit != self._wish.unit:
                continue
            if is_official(row, promise):
                found.append(Line(promise, row, red[promise.id]))
            elif shows_the_month(row, promise):
                paces[promise.id] = pace_of(row, promise)
        found = [line._replace(pace=paces.get(line.promise.id)) for line in found]
        return sorted(found, key=lambda one: worst_first(one.promise, one.state, distance_of(one.row, one.promise)))

    def _chosen(self, lines: list[Line]) -> list[Line]:
        """Those of the states that were asked for."""
        if self._wish.states:
            return [line for line in lines if line.state in self._wish.states]
        return lines if self._wish.everything else [line for line in lines if line.state not in _NEEDS_NOBODY]

    def _is_asked(self, unit: str) -> bool:
        return self._wish.unit in (ALL, unit)

    # ---- above and below -----------------------------------------------------------------------------
    def summary(self, lines: Sequence[Line], cards: Sequence[Card], width: int) -> Text:
        """One line: how many promises are in which state, and how many cards are open."""
        promises, other, levels = self._counted_states(lines), self._counted_others(lines), self._counted_cards(cards)
        whom = f"{self._whom()}{self._either('：', ': ')}"
        parts = [*promises, other, *levels]
        if cell_len(whom) + _cells(parts) > width:
            parts = [*promises, *levels]
        line = Text(whom)
        line.truncate(max(width - _cells(parts), 4), overflow="ellipsis")
        return line + Text("  ").join(parts)

    def _counted_states(self, lines: Sequence[Line]) -> list[Text]:
        states = Counter(line.state for line in lines)
        return [
            _count(f"{SIGNS[state]} {self._say(STATE_NAMES[state])}", states[state], _STYLES[state])
            for state in _IN_SUMMARY
        ]

    def _counted_others(self, lines: Sequence[Line]) -> Text:
        others = sum(line.state not in _IN_SUMMARY for line in lines)
        return Text(self._either(f"其他 {others}", f"other {others}"), "dim")

    def _counted_cards(self, cards: Sequence[Card]) -> list[Text]:
        levels, terms = Counter(card.level for card in cards), self._plan.names.terms
        return [
            _count(self._say(terms.red_card), levels[Level.RED], "bold red"),
            _count(self._say(terms.yellow_card), levels[Level.YELLOW], "yellow"),
        ]

    def _whom(self) -> str:
        if self._wish.unit == ALL:
            return self._either("全区", "District")
        return self._say(unit_title(self._wish.unit, self._plan))

    def _as_of(self, published: DistrictStatus, width: int) -> Text:
        """Up to when everything is judged, and when it was computed, by the plan's clock."""
        through, computed = (_clock(text) for text in (published.watermark, published.computed_at))
        through = through or self._either("未知", "an unknown time")
        short = self._either(f"数据截至 {through}", f"as of {through}")
        long = short + self._either(f"，计算于 {computed}（系统时间）", f", computed at {computed} (plan time)")
        return Text(long if computed and cell_len(long) <= width else short, "dim")

    def _wrong(self, published: DistrictStatus) -> list[Text]:
        """What is wrong with the machinery, and how many cases cannot be judged."""
        found = [Text(line, "bold red") for line in troubles(published)]
        if published.quarantined:
            found.append(quarantine_line(published.quarantined, self._either))
        return found

    def _room(self, published: DistrictStatus, size: Size) -> int:
        """How many promises and units a screen takes."""
        assert size.height is not None
        wrong = sum(-(-cell_len(line.plain) // (size.width - 1)) + 1 for line in self._wrong(published))
        return size.height - _FIXED_LINES - wrong

    # ---- the promises --------------------------------------------------------------------------------
    def _promises(self, listed: Sequence[Line], of: int, published: DistrictStatus, width: int) -> list[RenderableType]:
        if not listed:
            return [Text(self._either("没有需要处理的承诺", "No promise needs anything"), "green"), Text()]
        parts: list[RenderableType] = [table_of(self.columns(listed, published), width)]
        if more := of - len(listed):
            parts.append(Text(self._either(f"另有{more}项承诺未列出：--all", f"{more} more promises: --all"), "dim"))
        return [*parts, Text()]

    def columns(self, listed: Sequence[Line], published: DistrictStatus) -> list[Column]:
        """The columns of the promises; the one that is named by `keep=NAME` takes what room is left."""
        either = self._either

        def column(zh: str, en: str, keep: int, cells: Iterable[str | Text], *, is_number: bool = True) -> Column:
            return Column(
                either(zh, en), [Text() + cell if isinstance(cell, str) else cell for cell in cells], is_number, keep
            )

        return [
            column("状态", "state", _ALWAYS, map(self._state, listed), is_number=False),
            column("编号", "KPI", _ALWAYS, (line.promise.id for line in listed), is_number=False),
            column("承诺", "promise", _NAME, (self._say(line.promise.title) for line in listed), is_number=False),
            column("完成值", "value", _ALWAYS, map(self._value, listed)),
            column("目标", "target", 8, (self._target(line.promise) for line in listed)),
            column("样本量", "n", 5, (line.row.n for line in listed)),
            column("剩余允许数", "misses left", 7, map(self._left, listed)),
            column("本月件数", "misses of the month", 1, map(self._pace, listed)),
            column("红牌", "red", 6, (_red(line.red_cards) for line in listed)),
            column("超期未办结", "open late", 3, (_blank_zero(line.row.open_overdue) for line in listed)),
            column("预测", "forecast", 2, (forecast(published, line) for line in listed)),
        ]

    def _state(self, line: Line) -> Text:
        name = state_name(line.state, line.row.provisional_n, never_red=line.promise.is_never_red)
        style = _ASPIRED if line.state is State.MISSED and not line.is_red else _STYLES[line.state]
        return Text(f"{SIGNS[line.state]} {self._say(name)}", style)

    def _value(self, line: Line) -> str:
        """The figure; with its unit where no target says it."""
        figure = rounded(line.row, line.promise)
        if line.promise.target is not None or figure == NOTHING or line.promise.figure_unit == "share":
            return figure
        return f"{figure} {self._say(measure_title(line.promise.figure_unit))}"

    def _target(self, promise: Promise) -> str:
        """The threshold with its unit."""
        if promise.target is None:
            return NOTHING
        if promise.target.unit == "share":
            return promise.target.written
        return f"{promise.target.written} {self._say(measure_title(promise.target.unit))}"

    def _left(self, line: Line) -> Text:
        left = misses_left_of(line.row, line.promise)
        if left is None:
            return Text()
        style = "bold red" if left < 0 and not line.promise.is_never_red else ""
        return Text(self._say(left_in_short(line.promise, left)), style)

    def _pace(self, line: Line) -> str:
        return "" if line.pace is None else self._say(pace_in_short(line.pace))

    # ---- cards ---------------------------------------------------------------------------------------
    def _cards(self, cards: Sequence[Card], most: int | None, width: int) -> list[RenderableType]:
        """Open cards by unit, the unit with most red cards first, and how many of them are about a node only."""
        if not cards:
            return [Text(self._either("没有未解除的红黄牌", "No card is open"), "green")]
        red, yellow, of_nodes = _by_unit(cards)
        units = sorted(red.keys() | yellow.keys(), key=lambda unit: (-red[unit], -yellow[unit], unit))
        shown = units if self._wish.everything or most is None else units[:most]
        terms, either = self._plan.names.terms, self._either

        def counted(heading: str, counts: Counter[str], keep: int, style: str = "") -> Column:
            return Column(heading, [Text(_blank_zero(counts[unit]), style) for unit in shown], keep=keep)

        names = [Text(self._say(unit_title(one, self._plan))) for one in shown]
        columns = [
            Column(either("未解除的红黄牌", "open cards"), names, is_number=False, keep=_NAME),
            counted(self._say(terms.red_card), red, _ALWAYS, "bold red"),
            counted(self._say(terms.yellow_card), yellow, 8),
            counted(either("其中环节亮牌", "of nodes"), of_nodes, 1),
        ]
        parts: list[RenderableType] = [table_of(columns, min(width, 78))]
        if more := len(units) - len(shown):
            parts.append(Text(either(f"另有{more}个单位：--all", f"{more} more units: --all"), "dim"))
        return parts


_ALWAYS: Final = 9
_NAME: Final = 99
"""`Column.keep` of the one column that is shortened."""


def table_of(columns: Sequence[Column], width: int) -> Table:
    """The columns that a terminal of a width takes; names get what is left. Columns without any cell are left out."""
    kept = _kept(columns, width)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, expand=True, width=width, header_style="dim")
    for column in kept:
        justify: JustifyMethod = "right" if column.is_number else "left"
        ratio, least = (1, 1) if column.keep == _NAME else (None, column.width)
        table.add_column(
            column.heading, justify=justify, no_wrap=True, overflow="ellipsis", ratio=ratio, min_width=least
        )
    for cells in zip(*(column.cells for column in kept), strict=True):
        table.add_row(*cells)
    return table


def _kept(columns: Sequence[Column], width: int) -> list[Column]:
    """Those for which there is room; a name has more of it before a column is shown that nobody asked for."""
    kept = [column for column in columns if not column.is_empty]
    for column in sorted((column for column in kept if column.keep < _ALWAYS), key=lambda column: column.keep):
        of_name = _NAME_CELLS if column.keep >= _ASKED_FOR else _COMFORTABLE_CELLS
        if _needs(kept, of_name) > width:
            kept.remove(column)
    return kept


def _needs(columns: Sequence[Column], of_name: int) -> int:
    """How wide a table of these columns is, with a cell between them, if the name has so many."""
    widths = (min(column.width, of_name) if column.keep == _NAME else column.width for column in columns)
    return sum(widths) + len(columns) - 1


def _by_unit(cards: Iterable[Card]) -> tuple[Counter[str], Counter[str], Counter[str]]:
    """Unit → its red cards, its yellow ones, and those that are about a node only."""
    red, yellow, of_nodes = Counter[str](), Counter[str](), Counter[str]()
    for card in cards:
        (red if card.level == Level.RED else yellow)[card.unit] += 1
        of_nodes[card.unit] += card.node != WHOLE
    return red, yellow, of_nodes


def _count(name: str, count: int, style: str) -> Text:
    """A name and a number; a zero is dimmed."""
    return Text(f"{name} {count}", style if count else "dim")


def _cells(parts: Iterable[Text]) -> int:
    """How wide they are with two blanks between them."""
    return sum(part.cell_len + 2 for part in parts) - 2


def _red(count: int) -> Text:
    return Text(_blank_zero(count), "bold red")


def _blank_zero(count: int | str) -> str:
    return "" if count in (0, "0") else str(count)


def _clock(text: str) -> str:
    """A time as people read it; empty: there is none. What is no time stays as it is."""
    try:
        return datetime.fromisoformat(text).strftime("%Y-%m-%d %H:%M")
    except ValueError:
        return text


def quarantine_line(count: int, either: Callable[[str, str], str]) -> Text:
    """How many cases cannot be judged, and what to do. `either`: of a Chinese and an English text the one asked for."""
    said = either(f"已隔离办件{count}件", f"quarantined cases: {count}")
    return Text(f"{said} → kpiwatch cases quarantined", "bold red")


def forecast(published: DistrictStatus, line: Line) -> str:
    """What a dated figure is forecast to be at its date, with its 95 % interval; else empty."""
    promise, row = line.promise, line.row
    figures = [published.forecasts.get((name, row.unit, promise.key), "") for name in FORECASTS]
    if not all(figures):
        return ""
    expected, lower, upper = (rounded(_figure(each), promise) for each in figures)
    return f"→ {expected} ({lower}–{upper})"


def _figure(value: str) -> ValueRow:
    return ValueRow(**dict.fromkeys(ValueRow._fields, "") | {"value": value})
