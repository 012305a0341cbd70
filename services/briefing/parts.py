"""Numbers and states of value rows as parts of a sentence or a table."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from services.briefing.district import Standing
from services.briefing.model import Cell, Counted, Form, Language, Number, State
from services.catalog.words.wording import state_name
from services.domain.plan.plan import Plan, Promise
from services.domain.results.budget import misses_left_of
from services.domain.results.published import Card, ValueRow
from services.domain.results.published import State as PromiseState
from services.figures.shown import NOTHING, is_share, row_key, shown
from services.ledger.checkpoints import Checkpoint
from services.ledger.order_book import Order

FAILED = "denominator-numerator"
"""In the place of a column: the difference of two."""
MISSES_LEFT = "misses_left"
"""In the place of a column: what `budget.misses_left_of` computes of several."""


def figure(row: ValueRow, column: str, promise: Promise) -> Number | str:
    """A cell of a value row; a dash where it is empty."""
    text = getattr(row, column)
    if not text:
        return NOTHING
    one = shown(row, column, promise)
    relation, _, number = text.rpartition(" ")
    if relation or ".." in text:  # an objective: a relation and a number, or a range
        return Number(one.text, Decimal(number.partition("..")[0]), (one.row,), column, Form.PLAIN)
    form = Form.PER_CENT if is_share(column, promise) else Form.PLAIN
    return Number(one.text, Decimal(number), (one.row,), column, form)


def counted(standings: Iterable[Standing]) -> Number:
    """How many promises."""
    rows = tuple(row_key(one.row) for one in standings)
    return _count(rows, Counted.PROMISES)


def failed(row: ValueRow) -> Number | None:
    """How many do not keep the promise; None where that is no number of cases, or nobody fails."""
    if not row.numerator.isdigit() or not row.denominator.isdigit() or row.numerator == row.denominator:
        return None
    number = Decimal(row.denominator) - Decimal(row.numerator)
    return Number(str(number), number, (row_key(row),), FAILED)


def cards_counted(cards: Iterable[Card]) -> Number:
    """How many cards."""
    return _count(tuple(map(_card_key, cards)), Counted.CARDS)


def _card_key(card: Card) -> str:
    """A row of cards.csv without its case, which a briefing does not name."""
    return "|".join((card.kpi, card.unit, card.node, card.level, card.raised_at, card.due_at, card.cleared_at))


def orders_counted(orders: Iterable[Order], plan: Plan) -> Number:
    """How many written orders."""
    return _count(tuple(_order_key(order, plan) for order in orders), Counted.ORDERS)


def units_counted(orders: Sequence[Order], plan: Plan) -> Number:
    """How many units have one of these orders."""
    units = len({order.step.unit for order in orders})
    return Number(str(units), Decimal(units), tuple(_order_key(order, plan) for order in orders), Counted.UNITS)


def _order_key(order: Order, plan: Plan) -> str:
    return f"{order.record}|{order.written(plan)}|{order.step.unit}"


def record_number(checkpoint: Checkpoint) -> Number:
    """The number of the record that a checkpoint is about."""
    number = checkpoint.number
    return Number(str(number), Decimal(number), (f"{number}:{checkpoint.hash}",), Counted.RECORD)


def _count(rows: tuple[str, ...], of: Counted) -> Number:
    return Number(str(len(rows)), Decimal(len(rows)), rows, of)


def left(row: ValueRow, promise: Promise) -> Number | None:
    """How many misses are left; None where some are too many, or where misses are not counted."""
    found = misses_left_of(row, promise)
    if found is None or found < 0:
        return None
    return Number(str(found), Decimal(found), (row_key(row),), MISSES_LEFT)


def state(row: ValueRow, promise: Promise, language: Language) -> State:
    """The state of a row. Words say it, so that it needs no sign beside its colour."""
    known = PromiseState(row.state)
    name = state_name(known, row.provisional_n, never_red=promise.is_never_red)
    colour = "effort" if promise.is_never_red and known is PromiseState.MISSED else known.value
    return State(language.of(name), colour, row_key(row))


def joined(cells: Iterable[Cell], between: str) -> Cell:
    """Cells one after the other, with a text between them."""
    found: list[str | Number | State] = []
    for cell in cells:
        found += [between, *cell] if found else cell
    return tuple(found)
