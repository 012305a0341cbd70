"""What the reading pages say of a line: names in the place of codes, times as people read them, in one language."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Final, NamedTuple

from markupsafe import Markup

from services.catalog.words.card_reasons import CARD_REASONS
from services.catalog.words.case_verdicts import case_verdict, miss_word
from services.catalog.words.misses import left_in_short, left_in_words, pace_in_short
from services.catalog.words.names import NameBook, names_for
from services.catalog.words.phrases import limit_words
from services.catalog.words.sample_names import is_by_limit
from services.catalog.words.source_names import source_title
from services.catalog.words.supervision import ORDER_STATES
from services.catalog.words.times import day_title, time_title
from services.catalog.words.unit_names import unit_title
from services.catalog.words.wording import SIGNS, state_name, unit_of_measure, window_names
from services.desk.acting.assigned import AssignmentState
from services.desk.asking import Asked
from services.desk.pages import reading_words
from services.desk.pages.sparkline import sparkline
from services.desk.reading.case_seen import token_of
from services.desk.reading.figures import PromiseLine
from services.domain.plan.plan import Plan, Promise, Title, Window
from services.domain.results.cards import WHOLE
from services.domain.results.published import Level, State
from services.domain.results.windows import ALL
from services.domain.supervision.orders import OrderState
from services.domain.time.limits import Limit
from services.domain.time.zone import MINUTE_US, Instant, instant_of
from services.explanation.phrases import clock, in_english_marks
from services.figures.shown import NOTHING, shown

_COLOURS: Final = {State.MISSED: "red", State.AT_RISK: "yellow", State.MET: "green"}
_ASSIGNMENTS: Final = {
    AssignmentState.OPEN: ("●", "yellow"),
    AssignmentState.ACKNOWLEDGED: ("●", "yellow"),
    AssignmentState.OVERDUE: ("■", "red"),
    AssignmentState.ANSWERED: ("✓", "green"),
    AssignmentState.CLOSED: ("✓", "soft"),
}
_HOUR_US: Final = 60 * MINUTE_US
_DAY_US: Final = 24 * _HOUR_US


class Tag(NamedTuple):
    """A word with a sign and a colour, which says nothing that the word does not."""

    sign: str
    word: str
    colour: str


class SaidOf:
    """Says it for one request."""

    def __init__(self, ask: Asked) -> None:
        self._plan: Plan = ask.desk.plan
        self._zone = ask.desk.zone
        self._english = ask.language == "en"
        self._now = ask.now
        self._promises = {each.key: each for each in self._plan.promises}
        self._windows = window_names(self._plan.head)

    def say(self, title: Title) -> str:
        """A title in the language of the page."""
        return title.en if self._english else title.zh

    @property
    def colon(self) -> str:
        """What stands between a name and what it is."""
        return ": " if self._english else "："

    def punctuated(self, text: str) -> str:
        """A text of several parts, between which explanations put Chinese marks."""
        return in_english_marks(text) if self._english else text

    # ---- promises ------------------------------------------------------------------------------------
    def promise(self, kpi: str) -> str:
        """The title of a promise; of one that the plan does not have its key."""
        found = self._promises.get(kpi)
        return kpi if found is None else self.say(found.title)

    def promise_and_id(self, kpi: str) -> str:
        """Its title, and how it is cited."""
        return f"{self.promise(kpi)} ({kpi})" if self._english else f"{self.promise(kpi)}（{kpi}）"

    def state(self, state: State, provisional_n: str = "", *, never_red: bool = False) -> Tag:
        """A state."""
        colour = "soft" if never_red and state is State.MISSED else _COLOURS.get(state, "soft")
        return Tag(SIGNS[state], self.say(state_name(state, provisional_n, never_red=never_red)), colour)

    def state_of(self, line: PromiseLine) -> Tag:
        """The state of a promise."""
        return self.state(line.state, line.row.provisional_n, never_red=line.promise.is_never_red)

    def before(self, line: PromiseLine) -> Tag:
        """Its state when the day began."""
        return self.state(line.before, never_red=line.promise.is_never_red)

    def cell(self, line: PromiseLine, column: str) -> str:
        """A cell of its row, as it is read."""
        return shown(line.row, column, line.promise).text

    def value(self, line: PromiseLine) -> str:
        """Its figure with what it is counted in."""
        return self._with_unit(self.cell(line, "value"), line.promise)

    def target(self, line: PromiseLine) -> str:
        """What its figure must reach."""
        return self._with_unit(self.cell(line, "objective"), line.promise)

    def _with_unit(self, text: str, promise: Promise) -> str:
        if text == NOTHING or promise.figure_unit == "share":
            return text
        return f"{text} {self.say(unit_of_measure(promise, self._plan))}"

    def misses_left(self, line: PromiseLine) -> str:
        """How many misses are left, or too many; a dash where misses are not counted."""
        left = line.misses_left
        return NOTHING if left is None else self.say(left_in_short(line.promise, left))

    def misses_left_in_full(self, line: PromiseLine) -> str:
        """The same as a sentence; empty where misses are not counted."""
        left = line.misses_left
        return "" if left is None else self.say(left_in_words(line.promise, left))

    def pace(self, pace: float) -> str:
        """How fast misses come this month."""
        return self.say(pace_in_short(pace))

    def window(self, promise: Promise) -> str:
        """Its official window."""
        return self.say(self._windows[promise.official_window])

    def named_window(self, window: Window) -> str:
        """A window by its name."""
        return self.say(self._windows[window])

    def trend(self, line: PromiseLine) -> Markup:
        """Its trend; empty where there are too few days."""
        return sparkline(line.trend, line.promise.target, self._trend_words(line))

    def _trend_words(self, line: PromiseLine) -> str:
        known = [day for day in line.trend if day.value is not None]
        if len(known) < 2:
            return ""
        values = [self._figure(day.value or 0.0, line.promise) for day in (known[0], known[-1])]
        days = [self.day(date.fromordinal(day.day)) for day in (known[0], known[-1])]
        target = self.target(line)
        if self._english:
            return f"Trend of {len(known)} days: {values[0]} on {days[0]}, {values[1]} on {days[1]}; target {target}"
        return f"{len(known)}天的趋势：{days[0]}为{values[0]}，{days[1]}为{values[1]}；目标{target}"

    @staticmethod
    def _figure(value: float, promise: Promise) -> str:
        return f"{value * 100:.6g} %" if promise.figure_unit == "share" else f"{value:.6g}"

    def item(self, line: PromiseLine) -> str:
        """The item of its row; empty of the whole."""
        return "" if line.item == WHOLE else self._item(line.promise, line.item)

    def item_of(self, kpi: str, item: str) -> str:
        """A service item or a node of a promise; of no promise a service item."""
        promise = self._promises.get(kpi)
        return self.service_item(item) if promise is None else self._item(promise, item)

    def _item(self, promise: Promise, item: str) -> str:
        names = names_for(promise, self._plan)
        known = self._plan.service_items.get(item)
        return self.say(names.node(item) if known is None else known.title)

    # ---- units, cards, cases -------------------------------------------------------------------------
    def unit(self, id: str) -> str:
        """The name of a unit; of the row about all of them 全区."""
        return self.say(reading_words.WHOLE_DISTRICT) if id == ALL else self.say(unit_title(id, self._plan))

    def source(self, id: str) -> str:
        """The name of a source."""
        return self.say(source_title(id, self._plan))

    def units(self, ids: Iterable[str]) -> str:
        """Several units."""
        return ("; " if self._english else "、").join(self.unit(id) for id in ids)

    def card(self, level: str) -> Tag:
        """A card."""
        terms = self._plan.names.terms
        if level == Level.RED:
            return Tag("■", self.say(terms.red_card), "red")
        return Tag("▲", self.say(terms.yellow_card), "yellow")

    def node(self, node: str, kpi: str = "") -> str:
        """A node; empty of the whole case."""
        if node == WHOLE:
            return ""
        promise = self._promises.get(kpi)
        return self.say((names_for(promise, self._plan) if promise else NameBook(self._plan)).node(node))

    def service_item(self, code: str) -> str:
        """The title of a service item."""
        found = self._plan.service_items.get(code)
        return code if found is None else self.say(found.title)

    def reason(self, code: str) -> str:
        """Why a card was cleared."""
        return self.say(CARD_REASONS[code]) if code in CARD_REASONS else code

    def assignment(self, state: AssignmentState) -> Tag:
        """The state of an assignment."""
        sign, colour = _ASSIGNMENTS[state]
        return Tag(sign, self.say(reading_words.ASSIGNMENT_STATES[state]), colour)

    def order(self, state: OrderState) -> str:
        """The state of a written order."""
        return self.say(ORDER_STATES[state])

    def limit(self, limit: Limit | None) -> str:
        """A duration that the plan gives."""
        return NOTHING if limit is None else self.say(limit_words(limit))

    @staticmethod
    def case_path(case_key: str) -> str:
        """The address of a case."""
        return f"/cases/{token_of(case_key)}"

    # ---- times ---------------------------------------------------------------------------------------
    def clock(self, at: Instant | str | None) -> str:
        """A time in the plan's zone; the end of a day is its 24:00. `at`: an instant, or RFC 3339."""
        if not at:
            return NOTHING
        instant = instant_of(datetime.fromisoformat(at)) if isinstance(at, str) else at
        return self.say(time_title(instant, self._zone))

    def sortable(self, at: Instant | None) -> str:
        """A time in a file, which sorts as a text does: `2021-10-08 14:05`."""
        return "" if at is None else clock(at, self._zone)

    def day(self, day: date) -> str:
        """A day."""
        return self.say(day_title(day))

    def day_of(self, ordinal: int) -> str:
        """The same of its ordinal."""
        return self.day(date.fromordinal(ordinal))

    def verdict(self, verdict: str, promise: Promise) -> str:
        """A verdict on a case."""
        return self.say(case_verdict(verdict, promise))

    def of_misses(self, title: Title, promise: Promise) -> str:
        """A title with the word for a miss of the promise in it."""
        return self.say(Title(zh=title.zh.replace("%s", miss_word(promise)), en=title.en))

    def left(self, due: Instant | None, kpi: str = "") -> str:
        """How much time is left, or by how much it is over: calendar time, in days and hours. `kpi`: the promise; one
        without a limit has no due time."""
        if due is None:
            promise = self._promises.get(kpi)
            return NOTHING if promise and not is_by_limit(promise) else self.say(reading_words.DUE_UNKNOWN)
        amount = self._amount(abs(due - self._now))
        if due < self._now:
            return f"{self.say(reading_words.OVERDUE_BY)}{amount}"
        return f"{self.say(reading_words.LEFT)}{amount}"

    def _amount(self, duration: int) -> str:
        days, rest = divmod(duration, _DAY_US)
        hours, rest = divmod(rest, _HOUR_US)
        units = ((days, "天", " d"), (hours, "小时", " h"), (rest // MINUTE_US, "分钟", " min"))
        said = [(number, zh, en) for number, zh, en in units if number][:2] or [(0, "分钟", " min")]
        return (" " if self._english else "").join(f"{number}{en if self._english else zh}" for number, zh, en in said)


def reading_page(ask: Asked, template: str, **content: Any) -> Any:
    """A page that reads: its template has `of`, which says what a line is, and `w`, the words."""
    return ask.page(template, of=SaidOf(ask), w=reading_words, **content)
