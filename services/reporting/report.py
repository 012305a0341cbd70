"""What the lead units send each month (section 四 of the plan): per measure, the state of each promise.

Every figure is a cell of a value row and knows which: nothing is computed here but counts of rows, and which of two
figures is the better one.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from services.catalog.words.promise_text import in_words
from services.catalog.words.unit_names import unit_title
from services.domain.plan.plan import Plan, Promise, Title, Window
from services.domain.plan.unit_history import UnitHistory
from services.domain.results.budget import short_window
from services.domain.results.published import State, ValueRow
from services.domain.time.zone import Zone
from services.figures.promises import change, in_force, promises_by_state
from services.figures.shown import Shown, row_key, shown
from services.messaging.records.values import objective_of
from services.reporting.charts import Charts, Line, Point
from services.reporting.times import ReportTimes

_DISTRICT = "ALL"
RESTATED = "restated"
"""Follows the key of a row that `kpiwatch replay --restated` writes."""
COLUMNS = (
    "value",
    "lower",
    "upper",
    "objective",
    "n",
    "open_overdue",
    "late_entry_n",
    "justified_n",
    "suspended_share",
    "unmeasured_n",
    "awaiting_n",
    "provisional_n",
    "unclassified_n",
)
"""What is shown of a row."""


@dataclass(frozen=True, slots=True)
class RowShown:
    """A value row on a page."""

    row: ValueRow
    unit: Title
    cells: Mapping[str, Shown]
    state: State
    never_red: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A promise in a report."""

    promise: Promise
    words: Title
    official: RowShown
    """The whole district, in the official window."""
    short: RowShown | None
    """The same in the month or the last 30 days, where that is published."""
    previous: RowShown | None
    """`official` at the end of the month before."""
    restated: RowShown | None
    """The same once more, by what is known now: with what arrived after that month had ended."""
    restated_month: RowShown | None
    """The month before by itself, likewise, where its window is published."""
    change: Title | None
    """From then to now."""
    chart: str
    points: tuple[ValueRow, ...]
    """What is drawn."""
    units: tuple[RowShown, ...]
    """The row of each unit, in the official window."""
    leads: tuple[Title, ...]
    responsible: tuple[Title, ...]

    @property
    def state(self) -> State:
        """That of the whole district, in the official window."""
        return self.official.state

    @property
    def is_corrected(self) -> bool:
        """Whether what arrived since the end of the month before changes its figure."""
        if self.previous is None or self.restated is None:
            return False
        before, now = self.previous.row, self.restated.row
        return any(getattr(before, column) != getattr(now, column) for column in _RESTATED)


_RESTATED = ("value", "n", "numerator", "denominator", "state", "open_overdue", "late_entry_n")


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of the plan, or a section of it."""

    item: int | str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """One page: of the district, or of a unit that leads."""

    unit: Title | None
    """Who leads; None: the district."""
    measures: tuple[Measure, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        return tuple(entry for measure in self.measures for entry in measure.entries)

    @property
    def states(self) -> list[tuple[State, int]]:
        """How many promises are in each state, worst first."""
        return [(state, len(entries)) for state, entries in promises_by_state(self.entries).items()]

    @property
    def corrected(self) -> list[Entry]:
        """Those whose figure of the month before is another one by what is known now."""
        return [entry for entry in self.entries if entry.is_corrected]

    def in_state(self, *states: State) -> list[Entry]:
        """The promises in one of these states: those that `states` counts."""
        by_state = promises_by_state(self.entries)
        return [entry for state in states for entry in by_state.get(state, ())]


class Reports:
    """The reports of a plan as of a time."""

    def __init__(
        self, plan: Plan, times: ReportTimes, rows: Iterable[ValueRow], restated: Iterable[ValueRow] = ()
    ) -> None:
        """`rows`: the value rows as of each of `times`; only what is shown of them is kept. `restated`: those of the
        end of the month before by what is known now."""
        self._plan = plan
        self._zone = Zone(plan.head.timezone)
        self._times = times
        self._history = UnitHistory(plan.units.values(), self._zone)
        self._promises = in_force(plan, self._zone.day(times.as_of - 1))
        self._rows = {row_key(row): row for row in rows if self._is_shown(row)}
        self._restated = {row_key(row): row for row in restated if self._is_shown(row)}
        self._units = sorted({row.unit for row in self._rows.values()} - {_DISTRICT})
        charts = Charts()
        self._entries = [entry for promise in self._promises.values() for entry in self._entry(promise, charts)]

    @property
    def leads(self) -> list[str]:
        """The units that lead a promise, in the plan's order of promises."""
        return list(dict.fromkeys(unit for promise in self._promises.values() for unit in self._leads(promise)))

    def _leads(self, promise: Promise) -> list[str]:
        """The units that lead a promise; for one that has ended its successor."""
        return list(dict.fromkeys(self._history.at(unit, self._times.as_of - 1) for unit in promise.lead))

    def of_the_district(self) -> Report:
        """Every promise."""
        return Report(None, _by_measure(self._entries))

    def of_unit(self, unit: str) -> Report:
        """The promises that a unit leads."""
        return Report(
            self._title(unit), _by_measure([one for one in self._entries if unit in self._leads(one.promise)])
        )

    def _is_shown(self, row: ValueRow) -> bool:
        promise = self._promises.get((row.kpi, row.variant))
        return (
            promise is not None and row.item == "-" and row.window in (promise.official_window, short_window(promise))
        )

    def _entry(self, promise: Promise, charts: Charts) -> Iterator[Entry]:
        official = self._row(promise, _DISTRICT, promise.official_window, self._times.as_of)
        if official is None:
            return
        short = short_window(promise)
        previous = self._row(promise, _DISTRICT, promise.official_window, self._times.previous)
        points = tuple(self._points(promise))
        units = (self._row(promise, unit, promise.official_window, self._times.as_of) for unit in self._units)
        yield Entry(
            promise=promise,
            words=in_words(promise, self._plan),
            official=official,
            short=self._row(promise, _DISTRICT, short, self._times.as_of) if short else None,
            previous=previous,
            restated=self._restated_row(promise, promise.official_window),
            restated_month=self._restated_row(promise, short) if short is Window.MONTH else None,
            change=change(promise, previous.row, official.row) if previous else None,
            chart=self._chart(promise, points, official.row, charts),
            points=points,
            units=tuple(row for row in units if row is not None),
            leads=tuple(map(self._title, self._leads(promise))),
            responsible=tuple(map(self._title, promise.responsible)),
        )

    def _row(self, promise: Promise, unit: str, window: Window, time: int) -> RowShown | None:
        key = "|".join((promise.id, promise.variant, unit, "-", window, self._zone.text(time)))
        row = self._rows.get(key)
        return None if row is None else self._shown(promise, row)

    def _restated_row(self, promise: Promise, window: Window) -> RowShown | None:
        """The row of the whole district as of the end of the month before, by what is known now."""
        end = self._zone.text(self._times.previous)
        row = self._restated.get("|".join((promise.id, promise.variant, _DISTRICT, "-", window, end)))
        if row is None:
            return None
        found = self._shown(promise, row)
        cells = {name: cell._replace(row=f"{cell.row}|{RESTATED}") for name, cell in found.cells.items()}
        return replace(found, cells=cells)

    def _shown(self, promise: Promise, row: ValueRow) -> RowShown:
        cells = {column: shown(row, column, promise) for column in COLUMNS}
        return RowShown(row, self._title(row.unit), cells, State(row.state), promise.is_never_red)

    def _points(self, promise: Promise) -> Iterator[ValueRow]:
        """The rows of the trend that have a figure."""
        for time in self._times.trend:
            found = self._row(promise, _DISTRICT, promise.official_window, time)
            if found is not None and found.row.value:
                yield found.row

    def _chart(self, promise: Promise, points: tuple[ValueRow, ...], official: ValueRow, charts: Charts) -> str:
        times = {self._zone.text(time): time for time in self._times.trend}
        drawn = [
            Point(
                times[row.window_end],
                float(row.value),
                *(shown(row, cell, promise) for cell in ("value", "window_end")),
            )
            for row in points
        ]
        threshold = official.objective and Line(objective_of(official.objective), shown(official, "objective", promise))
        return charts.trend(drawn, threshold or None)

    def _title(self, unit: str) -> Title:
        if unit == _DISTRICT:
            return Title(zh="全区", en="whole district")
        return unit_title(unit, self._plan)


def _by_measure(entries: Iterable[Entry]) -> tuple[Measure, ...]:
    """Measures in the order of their numbers, sections after them."""
    measures: dict[int | str, list[Entry]] = {}
    for entry in entries:
        measures.setdefault(entry.promise.item, []).append(entry)
    order = sorted(measures, key=lambda item: (isinstance(item, str), item if isinstance(item, int) else 0, str(item)))
    return tuple(Measure(item, tuple(measures[item])) for item in order)
