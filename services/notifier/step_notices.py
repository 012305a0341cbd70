"""Which notices follow from the steps of escalation in the ledger.

A step is notified once, while its red card is active: nobody is urged about what was completed while the notice waited
for opening hours.
"""

import hashlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace

from services.domain.plan.plan import Plan
from services.domain.results.published import Card, Level
from services.domain.time.rfc3339 import read
from services.ledger.order_book import Order, OrderBook
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord
from services.messaging.records.steps import CardKey, RecordedStep
from services.notifier.notice_subject import Subject, family_of_card, is_active, mirrored_card
from services.notifier.step_sentence import StepSentences

log = logging.getLogger(__name__)


class StepNotices:
    """Not thread-safe."""

    def __init__(self, plan: Plan, number_of: Callable[[Card], str]) -> None:
        """`number_of`: the opaque number of a card at the Alertmanager: a silence of the card holds its steps back."""
        self._plan = plan
        self._number_of = number_of
        self._book = OrderBook(plan)
        self._sentences = StepSentences(plan)
        self._active: dict[CardKey, Card] = {}
        self._new: list[tuple[RecordedStep, Subject]] = []
        self._reported: dict[CardKey, list[Subject]] = {}

    def take(self, record: LedgerRecord) -> None:
        """The next record of the ledger."""
        order = self._book.take(record)
        if record.request.kind is not Kind.STEP:
            return
        try:
            step = RecordedStep.read(record.request)
        except Unreadable as wrong:
            log.warning("record %d of the ledger is no step: %s", record.number, wrong)
            return
        self._new.append((step, self._subject(step, record.request.unit, order)))

    def take_card(self, card: Card) -> list[Subject]:
        """The present state of a card; the steps that are not to be notified any more, if they were not yet."""
        if card.level != Level.RED:
            return []
        key = CardKey.of(card)
        if is_active(card):
            self._active[key] = card
            return []
        self._active.pop(key, None)
        return [replace(one, active=False) for one in self._reported.pop(key, [])]

    def news(self) -> Iterator[Subject]:
        """The steps that are to be notified since the last time. Cards and ledger must have been read to their ends."""
        new, self._new = self._new, []
        for step, subject in new:
            card = self._active.get(step.key)
            if card is not None and read(card.raised_at) == read(step.raised_at):
                self._reported.setdefault(step.key, []).append(subject)
                yield subject

    def _subject(self, step: RecordedStep, unit: str, order: Order | None) -> Subject:
        numbered = () if order is None else (order.written(self._plan), order.answer_by)
        sentence, key = self._sentences.of(step, *numbered), step.key
        card = Card(*key, Level.RED, step.unit, step.raised_at, step.due_at, "", "")
        return Subject(
            id=f"step/{hashlib.sha256(step.claim.encode()).hexdigest()[:32]}",
            family=family_of_card(card),
            mirrored_as=mirrored_card(self._number_of(card), Level.RED),
            group=("step", key.case, str(key.cycle)),
            unit=unit,
            active=True,
            content={"step": step.step.value, "summary_zh": sentence.zh, "summary_en": sentence.en, "unit": step.unit},
        )
