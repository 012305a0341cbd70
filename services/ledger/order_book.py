"""The written orders (督办单) that the ledger has, with their numbers and states (docs/supervision.md).

An order is a record `step` of that kind. Its number by year follows from the order of the records, so that every
reader finds the same one.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from services.catalog.load.calendars import calendar_of
from services.domain.plan.plan import Plan, SupervisionStep
from services.domain.results.cards import RETRACTED
from services.domain.results.published import Card, Level
from services.domain.supervision.orders import OrderNumber, OrderState, answer_due, order_state
from services.domain.supervision.steps import Act, Held, RedCard
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Instant, Zone
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord
from services.messaging.records.steps import ActReader, CardKey, RecordedStep, instant_of_time


class Order(NamedTuple):
    """A written order."""

    record: int
    """Number of its record in the ledger."""
    number: OrderNumber
    recorded_at: Instant
    step: RecordedStep
    answer_by: str
    """Until when it is to be answered, inclusive: RFC 3339 in the plan's zone."""
    before: tuple[SupervisionStep, ...]
    """The steps that this red card had had."""

    def written(self, plan: Plan) -> str:
        """Its number as people write it: 江北督办〔2021〕3号."""
        return self.number.written(plan.head.supervision.order_number)


@dataclass(slots=True)
class _Matter:
    """One promise and one cycle of a case."""

    acts: list[Act] = field(default_factory=list)
    steps: list[RecordedStep] = field(default_factory=list)


class OrderBook:
    """All orders. Not thread-safe."""

    def __init__(self, plan: Plan) -> None:
        self.orders: list[Order] = []
        """In the order of the ledger."""
        self._zone = Zone(plan.head.timezone)
        self._calendar = calendar_of(plan)
        self._answer_days = plan.head.supervision.answer_days
        self._counts: Counter[int] = Counter()
        self._acts = ActReader()
        self._matters: dict[str, _Matter] = {}
        self._cards: dict[CardKey, Card] = {}
        """The last state of the red cards."""

    def take(self, record: LedgerRecord) -> Order | None:
        """The next record of the ledger; the order, if it is one."""
        request = record.request
        act = self._acts.take(record)
        if act is None and request.kind is not Kind.STEP:
            return None
        matter = self._matters.setdefault(request.subject, _Matter())
        if act is not None:
            matter.acts.append(act)
        if request.kind is not Kind.STEP:
            return None
        try:
            step = RecordedStep.read(request)
        except Unreadable:
            return None
        found = self._order(record, step, matter) if step.step is SupervisionStep.ORDER else None
        matter.steps.append(step)
        return found

    def _order(self, record: LedgerRecord, step: RecordedStep, matter: _Matter) -> Order:
        at = read(record.time)
        year = date.fromordinal(self._zone.day(at)).year
        self._counts[year] += 1
        before = tuple(one.step for one in matter.steps if one.key == step.key and one.raised_at == step.raised_at)
        by = self._zone.text(answer_due(at, self._answer_days, self._calendar, self._zone))
        order = Order(record.number, OrderNumber(year, self._counts[year]), at, step, by, before)
        self.orders.append(order)
        return order

    def take_card(self, card: Card) -> None:
        """The present state of a card. A card that is taken back is cleared."""
        if card.level == Level.RED:
            self._cards[CardKey.of(card)] = card

    def find(self, number: OrderNumber) -> Order | None:
        """The order with a number."""
        return next((one for one in self.orders if one.number == number), None)

    def state(self, order: Order, now: Instant) -> OrderState:
        """What has become of an order. Of a card that is not known the case counts as open."""
        step = order.step
        card = self._cards.get(step.key)
        if card is not None and card.reason == RETRACTED:
            return OrderState.CLOSED
        cleared: Instant | None = None
        if card is not None:
            again = read(card.raised_at) > read(step.raised_at)
            cleared = read(card.raised_at) if again else instant_of_time(card.cleared_at)
        red = RedCard((Held(read(step.raised_at), step.unit, instant_of_time(step.due_at)),), cleared)
        return order_state(order.recorded_at, read(order.answer_by), red, self._matters[step.key.subject].acts, now)
