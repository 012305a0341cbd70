"""Steps of escalation as they become due: requests for records of the ledger (docs/supervision.md).

All state comes from two places: the present red cards (`alert.cards`) and the ledger, which has the steps that were
taken and what was said. So a notifier that is started again asks for what is due and not recorded. Two notifiers ask
for the same claims, and the keeper records the first. A request names the latest record of its subject that is known
here (`seen`): where a reply or a decision came first, the keeper refuses the step, and it is counted again with that.

At most one step of a card comes at a time, and the days to the next count from its record. So after an outage nobody
gets several at once, and a 通报 is proposed only after a 督办单 that is on record.

A step that was due before the ledger began is left out: nobody is urged in one hour for the matters of a year. So is
one of a card that was cleared before the step could be asked for.
"""

import logging
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from services.domain.plan.plan import Plan, SupervisionStep
from services.domain.plan.unit_history import UnitHistory
from services.domain.results.published import Card, Level
from services.domain.supervision.steps import Act, Held, RedCard, StepDue, Terms, steps_due
from services.domain.supervision.terms import PlanTerms
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Instant
from services.ledger.recording import STALE, answered_by
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import STALE_MAKING, Kind, LedgerRecord, Request
from services.messaging.records.steps import ActReader, CardKey, RecordedStep, instant_of_time
from services.notifier.notice_subject import is_active

log = logging.getLogger(__name__)

_NEVER: Instant = 1 << 62


def has_readable_times(card: Card) -> bool:
    """Whether the steps of a card can be counted."""
    try:
        read(card.raised_at)
        instant_of_time(card.due_at)
    except ValueError:
        return False
    return True


class _Pending(NamedTuple):
    """What will be due of a card if nothing is said or done any more."""

    terms: Terms
    steps: tuple[StepDue, ...]
    """Not recorded, in their order: those after the first will be counted anew, from its record."""
    may_be_circulated: bool
    """Whether a 督办单 is on record, or the plan has none."""

    def next_step(self, begin: Instant) -> StepDue | None:
        """The step that comes next, of those since the ledger began."""
        step = next((one for one in self.steps if one.at >= begin), None)
        if step is not None and step.step is SupervisionStep.CIRCULAR and not self.may_be_circulated:
            return None
        return step


class _OnRecord(NamedTuple):
    """A step that is on record."""

    step: RecordedStep
    at: Instant
    """When it was recorded."""


@dataclass(slots=True)
class _Subject:
    """What the ledger says of one promise and one cycle of a case."""

    acts: list[Act] = field(default_factory=list)
    steps: list[_OnRecord] = field(default_factory=list)
    latest: int = 0
    """Number of the latest record that makes a request stale."""
    cards: dict[CardKey, Card] = field(default_factory=dict)
    """Its red cards that are active."""
    first: dict[CardKey, Card] = field(default_factory=dict)
    """Their states when they turned red: the first that was read. By the limit of then it is decided whether the count
    goes on from an earlier card."""


class Escalation:
    """Which steps are due and not recorded. Not thread-safe."""

    def __init__(self, plan: Plan, calendar: WorkingCalendar, writer: str) -> None:
        self._writer = writer
        self._terms = PlanTerms(plan, calendar)
        self._units = UnitHistory(plan.units.values(), self._terms.zone)
        self._subjects: dict[str, _Subject] = {}
        self._acts = ActReader()
        self._pending: dict[CardKey, _Pending] = {}
        self._asked: dict[str, RecordedStep] = {}
        """Id of a request that has no answer yet → its step. One for each subject at a time: the record of a step
        makes a request for the next one stale that did not know it."""
        self._refused: set[str] = set()
        """The claims of steps that the keeper refuses for another reason than a later record. Asked for again, they
        would be refused again."""
        self._begin: Instant | None = None
        """When the ledger began: the time of its first record. Of an empty one, when it was first asked what is due."""
        self._soonest: Instant = _NEVER
        """Before this instant nothing is due."""

    # ---- what is known -----------------------------------------------------------------------------------
    def take_card(self, card: Card) -> None:
        """The present state of a card."""
        if card.level != Level.RED:
            return
        key = CardKey.of(card)
        subject = self._subjects.setdefault(key.subject, _Subject())
        if is_active(card):
            subject.cards[key] = card
            if key not in subject.first or read(subject.first[key].raised_at) != read(card.raised_at):
                subject.first[key] = card
        else:
            subject.cards.pop(key, None)
            subject.first.pop(key, None)
        self._count(key, subject)

    def take(self, record: LedgerRecord) -> None:
        """The next record of the ledger."""
        if record.number == 1:
            self._begin = read(record.time)
        self._answered(record)
        request = record.request
        act = self._acts.take(record)
        if not request.subject or (act is None and request.kind not in STALE_MAKING):
            return
        subject = self._subjects.setdefault(request.subject, _Subject())
        if request.kind in STALE_MAKING:
            subject.latest = record.number
        if act is not None:
            subject.acts.append(act)
        if request.kind is Kind.STEP:
            try:
                subject.steps.append(_OnRecord(RecordedStep.read(request), read(record.time)))
            except Unreadable as wrong:
                log.warning("record %d of the ledger is no step: %s", record.number, wrong)
        for key in list(subject.cards):
            self._count(key, subject)

    def _answered(self, record: LedgerRecord) -> None:
        step = self._asked.pop(answered_by(record.request), None)
        if step is None:
            return
        self._soonest = 0  # it may have been refused: what is due is asked for again
        reason = record.request.body.get("reason")
        if record.request.kind is Kind.NOT_RECORDED and reason != STALE:
            log.warning("a step is not asked for again: record %d of the ledger refuses it (%s)", record.number, reason)
            self._refused.add(step.claim)

    def _count(self, key: CardKey, subject: _Subject) -> None:
        """Count the steps of a card anew."""
        card = subject.cards.get(key)
        terms = None if card is None else self._terms.of(card.kpi, read(card.raised_at))
        if card is None or terms is None:
            self._pending.pop(key, None)
            return
        self._pending[key] = _pending(key, card, subject, terms)
        self._soonest = min([self._soonest, *(one.at for one in self._pending[key].steps)])

    # ---- what is due -------------------------------------------------------------------------------------
    def due(self, now: Instant) -> list[Request]:
        """Requests for the steps that are due and not recorded, in the order of their times; of a subject the first,
        once the one before it is answered. The ledger must have been read to its end."""
        if self._begin is None:
            self._begin = now
        if now < self._soonest:
            return []
        found = sorted(self._steps(now, self._begin), key=lambda step: (step.at, step.key, step.step))
        later = (one.at for pending in self._pending.values() for one in pending.steps if one.at > now)
        self._soonest = min(later, default=_NEVER)
        first: dict[str, RecordedStep] = {}
        for step in found:
            first.setdefault(step.key.subject, step)
        asked = {step.key.subject for step in self._asked.values()}
        return [self._request(one) for subject, one in first.items() if subject not in asked]

    def _steps(self, now: Instant, begin: Instant) -> Iterator[RecordedStep]:
        for key, pending in self._pending.items():
            card = self._subjects[key.subject].cards[key]
            step = pending.next_step(begin)
            if step is not None and step.at <= now:
                written = self._written(key, card, step, pending.terms)
                if written.claim not in self._refused:
                    yield written

    def _written(self, key: CardKey, card: Card, step: StepDue, terms: Terms) -> RecordedStep:
        zone = terms.zone
        return RecordedStep(
            key=key,
            step=step.step,
            at=zone.text(step.at),
            unit=self._units.at(card.unit, step.at),
            raised_at=card.raised_at,
            due_at=card.due_at,
            days=step.days,
        )

    def _request(self, step: RecordedStep) -> Request:
        id = f"{self._writer}/step/{uuid.uuid4().hex}"
        self._asked[id] = step
        return step.request(id, self._writer, self._subjects[step.key.subject].latest)


def _pending(key: CardKey, card: Card, subject: _Subject, terms: Terms) -> _Pending:
    """The steps of a card, also those to come, without the ones that are recorded."""
    raised = read(card.raised_at)
    recorded = [one.step.taken(one.at) for one in subject.steps if one.step.key == key]
    has = {one.step for one in recorded if one.raised_at == raised}
    red = RedCard((Held(raised, card.unit, instant_of_time(subject.first[key].due_at)),))
    steps = steps_due(red, subject.acts, terms, _NEVER, recorded)
    ordered = terms.ladder.order is None or any(one.step is SupervisionStep.ORDER for one in recorded)
    return _Pending(terms, tuple(one for one in steps if one.step not in has), ordered)
