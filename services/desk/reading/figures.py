"""What the index says of promises: the figures that the exporter publishes, too, read from the same rows."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Connection, func, or_, select

from services.desk.reading import schema
from services.desk.reading.record_rows import value_row_of
from services.desk.reading.scope import Scope
from services.domain.plan.plan import Plan, Promise
from services.domain.results.budget import Versions, misses_left_of
from services.domain.results.cards import WHOLE
from services.domain.results.published import Level, State, ValueRow
from services.domain.results.windows import ALL
from services.figures.promises import worst_first

TREND_DAYS: Final = 90
WORST: Final = 10


class Day(NamedTuple):
    """What a promise was at the end of a day, or as of now."""

    day: int
    """Ordinal, in the plan's zone."""
    value: float | None
    state: State


class PromiseLine(NamedTuple):
    """A promise in its official window, of the district or of one unit."""

    promise: Promise
    unit: str
    """`ALL`: the district."""
    item: str
    row: ValueRow
    state: State
    before: State
    """Its state when the day began."""
    gap: float | None
    """The distance to its target (`budget.distance_of`)."""
    trend: tuple[Day, ...] = ()

    @property
    def misses_left(self) -> int | None:
        """See `budget.misses_left_of`; None of a single item."""
        return misses_left_of(self.row, self.promise) if self.item == WHOLE else None

    @property
    def is_red(self) -> bool:
        """Whether it is missed and the plan binds to it (rule 10)."""
        return self.state is State.MISSED and not self.promise.is_never_red


class CardCount(NamedTuple):
    """The open cards of a unit."""

    unit: str
    yellow: int
    red: int


class District(NamedTuple):
    """The district at a glance. Nothing in it is about a single case."""

    lines: tuple[PromiseLine, ...]
    """The official definition of every promise, worst first."""
    cards: tuple[CardCount, ...]
    """In the order of the plan."""
    watermark: str
    """Up to when everything is judged; RFC 3339, empty: nothing is published yet."""

    @property
    def states(self) -> Mapping[State, int]:
        """How many promises are in each state."""
        return Counter(line.state for line in self.lines)

    @property
    def worst(self) -> tuple[PromiseLine, ...]:
        """Those that need somebody first: missed or at risk, ten at most."""
        return tuple(line for line in self.lines if line.state in (State.MISSED, State.AT_RISK))[:WORST]

    @property
    def changed(self) -> tuple[PromiseLine, ...]:
        """Those whose state is another one than when the day began."""
        return tuple(line for line in self.lines if line.state is not line.before)


def district(connection: Connection, plan: Plan) -> District:
    """The district as it is published."""
    table = schema.rows
    asked = select(table).where(table.c.unit == ALL, table.c.item == WHOLE, table.c.variant == "official")
    found = connection.execute(asked).all()
    lines = sorted(_lines(found, plan), key=_rank)
    with_trend = _with_trends(connection, lines)
    watermark = max((row.watermark for row in found), default="")
    return District(tuple(with_trend), tuple(_card_counts(connection, plan)), watermark)


def lines_of(connection: Connection, plan: Plan, scope: Scope) -> list[PromiseLine]:
    """The promises of a unit's own: what its own rows say, and of those that it leads what the district's say. Worst
    first."""
    table = schema.rows.c
    own = table.unit.in_(scope.units)
    led = (table.unit == ALL) & table.kpi.in_(list(scope.leads))
    asked = select(schema.rows).where(or_(own, led), table.item == WHOLE, table.variant == "official")
    lines = sorted(_lines(connection.execute(asked), plan), key=_rank)
    return _with_trends(connection, lines)


def lines_of_promise(connection: Connection, plan: Plan, kpi: str, scope: Scope) -> list[PromiseLine]:
    """The rows of one promise: of the district, and of the units that the viewer may see, in the order of the plan."""
    table = schema.rows.c
    wanted: list[ColumnElement[bool]] = [table.kpi == kpi, table.variant == "official"]
    if not (scope.everything or kpi in scope.leads):
        wanted.append(table.unit.in_([ALL, *scope.units]))
    lines = list(_lines(connection.execute(select(schema.rows).where(*wanted)), plan))
    places = {unit: place for place, unit in enumerate([ALL, *plan.units])}
    lines.sort(key=lambda line: (places.get(line.unit, len(places)), line.item != WHOLE, line.item))
    return _with_trends(connection, lines)


def pace_of_promise(connection: Connection, kpi: str) -> float | None:
    """How fast its misses come in the district this month; None where they are not counted."""
    table = schema.paces.c
    return connection.scalar(select(table.pace).where(table.kpi == kpi, table.unit == ALL))


def _rank(line: PromiseLine) -> tuple[int, bool, Fraction | float, str]:
    return worst_first(line.promise, line.state, line.gap)


def _lines(rows: Iterable[Any], plan: Plan) -> Iterable[PromiseLine]:
    versions = Versions.of(plan)
    for row in rows:
        value_row = value_row_of(row.cells)
        promise = versions.at(value_row)
        if promise is not None:
            state, before = State(row.state), State(row.before)
            yield PromiseLine(promise, row.unit, row.item, value_row, state, before, row.gap)


def _with_trends(connection: Connection, lines: Sequence[PromiseLine]) -> list[PromiseLine]:
    table = schema.history.c
    names = {_name(line): line for line in lines if line.item == WHOLE}
    last = connection.scalar(select(func.max(table.day)).where(table.name.in_(names))) or 0
    asked = select(schema.history).where(table.name.in_(names), table.day > last - TREND_DAYS)
    days: dict[str, list[Day]] = {}
    for row in connection.execute(asked.order_by(table.name, table.day)):
        days.setdefault(row.name, []).append(Day(row.day, row.value, State(row.state)))
    return [line._replace(trend=tuple(days.get(_name(line), ()))) for line in lines]


def _name(line: PromiseLine) -> str:
    """The key of its record (`records.values.row_key`)."""
    row = line.row
    return "|".join((row.kpi, row.variant, row.unit, row.item, row.window))


def _card_counts(connection: Connection, plan: Plan) -> Iterable[CardCount]:
    table = schema.cards.c
    asked = select(table.unit, table.level, func.count()).where(table.active == 1).group_by(table.unit, table.level)
    counts = Counter({(unit, level): count for unit, level, count in connection.execute(asked)})
    units = {unit for unit, _ in counts}
    for unit in [*plan.units, *sorted(units - set(plan.units))]:
        if unit in units:
            yield CardCount(unit, counts[unit, Level.YELLOW], counts[unit, Level.RED])
