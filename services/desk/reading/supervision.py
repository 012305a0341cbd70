"""What the ledger says to a viewer: notices, written orders (督办单), and the record of a case. As in `reading`, every
question takes the viewer, and what is another unit's is not in the answer. Any thread may ask.
"""

import threading
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from services.desk.access import About, Access, Viewer, may
from services.desk.acting.record_lines import is_of_the_centre
from services.desk.reading.case_seen import CaseSeen
from services.desk.reading.reading import Reading
from services.domain.intake.facts import KEY_SEPARATOR
from services.domain.results.explain import Explanation
from services.domain.results.published import Level
from services.domain.supervision.orders import OrderNumber, OrderState
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Instant
from services.ledger.index import LedgerIndex
from services.ledger.order_book import Order, OrderBook
from services.messaging.records import cards as card_records
from services.messaging.records.ledger import Kind, LedgerRecord, subject_of_case

PAGE: Final = 50
_OF_ORDERS: Final = (
    Kind.STEP, Kind.REPLIED, Kind.ASKED, Kind.DECIDED, Kind.IN_FORCE, Kind.NOT_IN_FORCE,
)  # fmt: skip
"""What orders and their states follow from (`OrderBook`)."""


class OrderLine(NamedTuple):
    """A written order."""

    order: Order
    number: str
    """As people write it: 江北督办〔2021〕3号."""
    state: OrderState

    @property
    def case_key(self) -> str:
        """The case that it is about."""
        return key_of_name(self.order.step.key.case)


def key_of_name(case: str) -> str:
    """The key of a case as people write it: owner and subject with a blank between them."""
    return case.replace(" ", KEY_SEPARATOR, 1)


class Supervision:
    """The questions."""

    def __init__(self, ledger: LedgerIndex, reading: Reading) -> None:
        self._ledger = ledger
        self._reading = reading
        self._lock = threading.Lock()
        self._book: OrderBook | None = None
        self._read_to = 0

    # ---- orders --------------------------------------------------------------------------------------
    def orders(self, viewer: Viewer, now: Instant, before: int | None = None) -> list[OrderLine]:
        """The latest written orders to the viewer's own, the latest first; `before`: those with an earlier record. One
        more than PAGE where there are more. Raises LedgerUnavailable, ReadingUnavailable."""
        scope = self._reading.scope(viewer)
        with self._lock:  # the book takes one reader at a time
            book = self._current_book()
            mine = [
                order
                for order in reversed(book.orders)
                if (before is None or order.record < before) and (scope.everything or order.step.unit in scope.units)
            ][: PAGE + 1]
            self._take_cards(book, mine)
            plan = self._reading.plan
            return [OrderLine(order, order.written(plan), book.state(order, now)) for order in mine]

    def order(self, number: OrderNumber) -> Order | None:
        """The written order of a number, for who may see it. Raises LedgerUnavailable."""
        with self._lock:
            return self._current_book().find(number)

    def _current_book(self) -> OrderBook:
        """The book up to the last record of the index."""
        last = self._ledger.place().number
        if self._book is None or last < self._read_to:  # an index that was built anew has not come so far yet
            self._book, self._read_to = OrderBook(self._reading.plan), 0
        for record in self._ledger.of_kinds(_OF_ORDERS, after=self._read_to):
            self._book.take(record)
            self._read_to = record.number
        return self._book

    def _take_cards(self, book: OrderBook, orders: Sequence[Order]) -> None:
        """The present state of the red cards of these orders."""
        names = [_card_name(order) for order in orders]
        found = self._reading.cards(names)
        for name in names:
            line = found.get(name)
            gone = card_records.retracted_of_name(card_records.name_of_key(name.encode()))
            card = gone if line is None else line.card(self._reading.law.zone)
            if card is not None:
                book.take_card(card)

    # ---- notices -------------------------------------------------------------------------------------
    def notices(self, viewer: Viewer, before: int | None = None) -> list[LedgerRecord]:
        """The latest notices to the viewer's own, the latest first; one more than PAGE where there are more. Raises
        LedgerUnavailable."""
        scope = self._reading.scope(viewer)
        units = None if scope.everything else scope.units
        return self._ledger.latest_of_units(Kind.NOTICE, units, PAGE + 1, before)

    def notice(self, number: int) -> LedgerRecord | None:
        """A notice, for who may see it: `about_notice`. Raises LedgerUnavailable."""
        found = self._ledger.record(number)
        return found if found is not None and found.request.kind is Kind.NOTICE else None

    def about_notice(self, number: int) -> About | None:
        """Whose a notice is; None: there is none with this number. Raises LedgerUnavailable."""
        found = self.notice(number)
        if found is None:
            return None
        return self._reading.about_units([found.request.unit])

    # ---- the record of a case ------------------------------------------------------------------------
    def record_of(self, viewer: Viewer, seen: CaseSeen) -> list[LedgerRecord]:
        """What the ledger has about a case, in order, as far as the viewer sees the case. Raises LedgerUnavailable,
        ReadingUnavailable."""
        scope, explanation = self._reading.scope(viewer), seen.explanation
        promises = self._reading.promises_of_case(seen.case_key) | _promises(explanation)
        if seen.is_led:
            promises &= frozenset(scope.leads)
        cycles = max((cycle.case.cycle for cycle in explanation.cycles), default=1) if explanation is not None else 1
        records = self._ledger.about(_subjects(promises, seen.case_key, cycles))
        records = [each for each in records if may(viewer, Access.OPERATE) or not is_of_the_centre(each)]
        return [record for record in records if seen.last_day is None or read(record.time) < seen.as_of]

    def may_read_texts(self, viewer: Viewer, seen: CaseSeen, about: About) -> bool:
        """Whether the viewer may read what people wrote about a case."""
        return not seen.is_led and may(viewer, Access.READ_TEXTS, about)


def _promises(explanation: Explanation | None) -> frozenset[str]:
    """The promises that say something of a case, also where it has no card yet."""
    cycles = () if explanation is None else explanation.cycles
    return frozenset(each.judgement.kpi for cycle in cycles for each in cycle.promises)


def _subjects(promises: Iterable[str], case_key: str, cycles: int) -> list[str]:
    case = case_key.replace(KEY_SEPARATOR, " ", 1)
    return [subject_of_case(kpi, case, cycle) for kpi in sorted(promises) for cycle in range(1, cycles + 1)]


def _card_name(order: Order) -> str:
    """The key of the red card of an order."""
    key = order.step.key
    return "|".join((key.kpi, key_of_name(key.case), str(key.cycle), key.node, Level.RED))
