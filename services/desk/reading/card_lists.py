"""Lists of cards and verdicts. A page of each is a range of an SQL index, whatever the size of the table."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, Generic, NamedTuple, TypeVar

from sqlalchemy import Column, ColumnElement, Connection, Select, func, select, tuple_, union_all

from services.desk.reading import schema
from services.desk.reading.cursor import cursor_of, key_of
from services.desk.reading.scope import Scope
from services.domain.results.published import Card, Level
from services.domain.time.zone import Instant, Zone

PAGE: Final = 50
"""Lines on one page."""

Line = TypeVar("Line")


class Page(NamedTuple, Generic[Line]):
    """Lines in an order that does not change."""

    lines: tuple[Line, ...]
    next: str
    """The cursor of the page behind; empty: there is none."""


class CardLine(NamedTuple):
    """A card. Instants are µs since 1970 UTC."""

    name: str
    kpi: str
    case: str
    """Owner and subject with a blank between them."""
    case_key: str
    cycle: int
    node: str
    level: Level
    unit: str
    raised_at: Instant
    due_at: Instant | None
    cleared_at: Instant | None
    reason: str

    def card(self, zone: Zone) -> Card:
        """As it is published."""
        due, cleared = self.due_at, self.cleared_at
        return Card(
            self.kpi, self.case, self.cycle, self.node, self.level, self.unit, zone.text(self.raised_at),
            "" if due is None else zone.text(due), "" if cleared is None else zone.text(cleared), self.reason,
        )  # fmt: skip


class VerdictLine(NamedTuple):
    """A miss, a late entry or a reversal. Times are RFC 3339 in the plan's zone."""

    kpi: str
    case: str
    case_key: str
    cycle: int
    unit: str
    item: str
    verdict: str
    due_at: str
    stopped_at: str
    judged_at: Instant


class CardWish(NamedTuple):
    """Which open cards are listed."""

    unit: str = ""
    promise: str = ""
    level: Level | None = None


class VerdictWish(NamedTuple):
    """Which verdicts on a promise are listed."""

    unit: str = ""
    verdict: str = ""


EVERY_VERDICT: Final = VerdictWish()

_ORDER: Final = (schema.cards.c.due_at, schema.cards.c.name)


def open_cards(
    connection: Connection, scope: Scope, wish: CardWish, after: str = "", limit: int = PAGE
) -> Page[CardLine]:
    """The open cards on which the viewer's own must act; of who sees everything all, or those of one unit. By time
    left, what has no due instant last. Raises BadCursor."""
    units = _asked_units(scope, wish)
    wanted = _wanted(wish)
    if units is None:
        return _page_of_cards(connection, [wanted], after, limit)
    return _page_of_cards(connection, [[schema.cards.c.unit == unit, *wanted] for unit in units], after, limit)


def _asked_units(scope: Scope, wish: CardWish) -> Sequence[str] | None:
    """The units whose cards are read; None: of all."""
    if scope.everything:
        return (wish.unit,) if wish.unit else None
    return [unit for unit in scope.units if wish.unit in ("", unit)]


def led_cards(
    connection: Connection, scope: Scope, wish: CardWish, after: str = "", limit: int = PAGE
) -> Page[CardLine]:
    """The open cards of the promises that the viewer leads, whoever must act. Raises BadCursor."""
    promises = [kpi for kpi in scope.leads if wish.promise in ("", kpi)]
    wanted = _wanted(wish._replace(promise=""))
    if wish.unit:
        wanted.append(schema.cards.c.unit == wish.unit)
    return _page_of_cards(connection, [[schema.cards.c.kpi == kpi, *wanted] for kpi in promises], after, limit)


def _wanted(wish: CardWish) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if wish.promise:
        wanted.append(schema.cards.c.kpi == wish.promise)
    if wish.level is not None:
        wanted.append(schema.cards.c.level == wish.level)
    return wanted


def _page_of_cards(
    connection: Connection, ranges: Sequence[Sequence[ColumnElement[bool]]], after: str, limit: int
) -> Page[CardLine]:
    """The first open cards of several ranges of an index, merged."""
    if not ranges:
        return Page((), "")
    behind = [schema.cards.c.active == 1]
    if after:
        behind.append(tuple_(*_ORDER) > tuple_(*key_of(after, int, str)))
    parts = [_first(select(schema.cards).where(*each, *behind), _ORDER, limit + 1) for each in ranges]
    rows = connection.execute(_merged(parts, ("due_at", "name"), limit + 1)).all()
    lines = tuple(map(_card_line, rows[:limit]))
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(lines, "" if last is None else cursor_of(last.due_at, last.name))


def _first(asked: Select[Any], order: Sequence[Column[Any]], limit: int) -> Select[Any]:
    return select(asked.order_by(*order).limit(limit).subquery())


def _merged(parts: Sequence[Select[Any]], order: Sequence[str], limit: int) -> Select[Any]:
    merged = (union_all(*parts) if len(parts) > 1 else parts[0]).subquery()
    return select(merged).order_by(*(merged.c[name] for name in order)).limit(limit)


def _card_line(row: Any) -> CardLine:
    fields = {name: getattr(row, name) for name in CardLine._fields}
    due = None if row.due_at == schema.DUE_UNKNOWN else row.due_at
    return CardLine(**fields | {"level": Level(row.level), "due_at": due})


def counted(connection: Connection, scope: Scope, unit: str = "") -> dict[Level, int]:
    """How many cards are open: of the viewer's own, or of one of the units that they see."""
    table = schema.cards.c
    asked = select(table.level, func.count()).where(table.active == 1).group_by(table.level)
    units = _asked_units(scope, CardWish(unit=unit))
    if units is not None:
        asked = asked.where(table.unit.in_(units))
    found = {Level(level): count for level, count in connection.execute(asked)}
    return {level: found.get(level, 0) for level in Level}


def cards_named(connection: Connection, names: Sequence[str]) -> dict[str, CardLine]:
    """Cards by the key of their record; one that was retracted is missing."""
    table = schema.cards
    rows = connection.execute(select(table).where(table.c.name.in_(names)))
    return {row.name: _card_line(row) for row in rows}


def promises_of_case(connection: Connection, case_key: str) -> frozenset[str]:
    """Keys of the promises of which the case has a card or a verdict."""
    cards, verdicts = schema.cards.c, schema.verdicts.c
    asked = union_all(
        select(cards.kpi).where(cards.case_key == case_key), select(verdicts.kpi).where(verdicts.case_key == case_key)
    )
    return frozenset(connection.scalars(asked))


def verdicts_of_promise(
    connection: Connection, scope: Scope, kpi: str, after: str = "", wish: VerdictWish = EVERY_VERDICT
) -> Page[VerdictLine]:
    """The cases behind the number of a promise, the latest first: misses, late entries and reversals of the viewer's
    own; of a promise that they lead those of every unit. Raises BadCursor."""
    table = schema.verdicts.c
    order = (table.judged_at.desc(), table.name.desc())
    behind: list[ColumnElement[bool]] = [table.kpi == kpi, *_of_wish(wish)]
    if after:
        behind.append(tuple_(table.judged_at, table.name) < tuple_(*key_of(after, int, str)))
    everyone = scope.everything or kpi in scope.leads
    ranges: list[list[ColumnElement[bool]]] = [[]] if everyone else [[table.unit == unit] for unit in scope.units]
    rows = list(_latest(connection, [[*behind, *each] for each in ranges], order))
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    lines = tuple(VerdictLine(*(getattr(row, name) for name in VerdictLine._fields)) for row in rows[:PAGE])
    return Page(lines, "" if last is None else cursor_of(last.judged_at, last.name))


def _of_wish(wish: VerdictWish) -> list[ColumnElement[bool]]:
    table = schema.verdicts.c
    pairs = ((table.unit, wish.unit), (table.verdict, wish.verdict))
    return [column == value for column, value in pairs if value]


def _latest(
    connection: Connection, ranges: Sequence[Sequence[ColumnElement[bool]]], order: Sequence[ColumnElement[Any]]
) -> Iterator[Any]:
    """The first rows of several ranges, in one order."""
    rows = [
        row
        for each in ranges
        for row in connection.execute(select(schema.verdicts).where(*each).order_by(*order).limit(PAGE + 1))
    ]
    rows.sort(key=lambda row: (row.judged_at, row.name), reverse=True)
    yield from rows[: PAGE + 1]
