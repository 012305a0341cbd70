"""What the ledger says of notices: who was notified of what, which notices are under way, and what became of each
attempt. A function of the records alone: two notifiers that have read the same ledger know the same.

The bodies of the records (all numbers are whole):

- `notice`: `subjects` (what the notice says about each, with its `id`, `family` and `status`), `recipients`, `title`,
  `text_zh`, `text_en`, `urgent`, `plan_time`; `checkpoint` where the unit is told one; `silences` = "not asked" where
  the Alertmanager did not answer.
- `suppressed`: `subjects`, `plan_time`, and `by`: what holds them back.
- `taken_over`: `subjects`, each with `to`, `outcome` and `written_at` as in the outbox before there was a ledger;
  `portion`, a number from 1 on, and `complete`, whether it is the last one. Each start of a notifier records one
  without subjects: it has taken over from the start before it.
- `sending`: `notice`, `recipient`, `attempt`, `channel`, `key`, and `rendered`, or `rendered_base64` if it is no text.
- `accepted`, `refused`, `retry`, `uncertain`: `notice`, `recipient`, `attempt`, `reason` or `provider_id`; where they
  apply `after_seconds`, `crashed` (its notifier is gone), `asked` (the provider was asked), `final` (no channel left),
  `closes` (the provider takes nothing by this account for `after_seconds`).
"""

import base64
import logging
from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from services.domain.results.published import Card
from services.ledger.recording import answered_by
from services.messaging.records.cards import card_for_notice
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import GENESIS, Kind, LedgerRecord, hash_of
from services.notifier.attempts import OUTCOMES, Attempt
from services.notifier.notice_subject import Alert, Content, Subject, alert_of
from services.notifier.recipients import LAST_WAY
from services.notifier.traffic import Traffic

log = logging.getLogger(__name__)

TAKING_OVER: Final = "taken-over/"
"""What the ids of requests to take over the outbox begin with."""
OUR_KINDS = frozenset((Kind.NOTICE, Kind.SUPPRESSED, Kind.TAKEN_OVER, Kind.SENDING, *OUTCOMES))
"""Records from which this state is built."""


class NoticeStatus(StrEnum):
    """What a notice says of a subject."""

    RAISED = "raised"
    ENDED = "ended"


class End(StrEnum):
    """How the delivery of a notice to one recipient ends."""

    ACCEPTED = "accepted"
    """A channel of the recipient has taken it."""
    FILE = "file"
    """The file has it: the recipient had no other channel."""
    REFUSED = "refused"
    """Every channel has refused it. At most the file has it, which nobody reads unasked."""
    UNCERTAIN = "uncertain"
    """A channel may have taken it, and none has said so. At most the file has it."""


@dataclass(slots=True)
class Use:
    """How a channel of a recipient did lately."""

    accepted_at: float = 0.0
    """Real seconds since 1970 at which it last took a notice; 0: it never did."""
    failed_at: float = 0.0
    """When it last did not; 0: it never failed."""
    failing_since: float = 0.0
    """When it failed first since it took one; 0: it does not fail."""
    failure: str = ""
    """What it said at last."""


@dataclass(slots=True)
class Notified:
    """A subject that is active by its notices."""

    content: Content
    """What the last notice said about it."""
    units: dict[str, None] = field(default_factory=dict)
    """Who has a notice, in that order: a card may move from one unit to the next."""

    @property
    def last_unit(self) -> str:
        return next(reversed(self.units))


Errand = tuple[int, str]
"""The number of a notice, and one recipient of it."""


@dataclass(slots=True)
class Delivery:
    """A notice on its way to one recipient."""

    notice: LedgerRecord
    recipient: str
    families: tuple[str, ...]
    """What is notified in one order."""
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def errand(self) -> Errand:
        return self.notice.number, self.recipient

    @property
    def urgent(self) -> bool:
        """Whether it waits for no opening hours."""
        return self.notice.request.body.get("urgent") is True


class NoticeState:
    """The state of every subject by its notices, and of every notice that is under way."""

    def __init__(self) -> None:
        self.notified: dict[str, Notified] = {}
        """Subject → what was notified, until its end is."""
        self.held: dict[str, set[str]] = {}
        """Subject → the units whose notice was held back, which is noted; when nothing holds it back any more and the
        subject is active, they get it."""
        self.raised_at: dict[str, str] = {}
        """Subject → real time (RFC 3339) of its first notice; where a mirrored card starts after a restart."""
        self.turns: dict[str, int] = {}
        """Subject → how many ends of it were notified: after each it may be raised again."""
        self.ledger = ""
        """Which ledger it is: the hash of its first record."""
        self.under_way: dict[Errand, Delivery] = {}
        """What is not delivered yet, in the order of the notices."""
        self.ended: Counter[tuple[str, End]] = Counter()
        """(unit, how) → how many deliveries have ended so."""
        self.used: dict[tuple[str, str], Use] = {}
        """(recipient, channel) → how it did."""
        self.traffic = Traffic()
        """How much each account was called lately."""
        self.taken_over: set[int] = set()
        """The portions of the outbox from before there was a ledger that are in it."""
        self.outbox_is_taken_over = False
        """Whether all of it is."""
        self.answered: set[str] = set()
        """Ids of the requests to take over the outbox that the keeper has answered, in whatever way: it answers none
        of them again."""
        self._touched: dict[Errand, None] = {}
        self._portions = 0
        self._queues: dict[tuple[str, str], deque[int]] = {}
        """(recipient, family) → the numbers of its notices that are under way."""

    # ---- reading the ledger ----------------------------------------------------------------------------------
    def note(self, record: LedgerRecord) -> None:
        """The next record of the ledger. One of these kinds that has another form is logged and passed over."""
        kind, asked = record.request.kind, answered_by(record.request)
        if record.number == 1:
            self.ledger = hash_of(GENESIS, record.value())
        if asked.startswith(TAKING_OVER):
            self.answered.add(asked)
        if kind not in OUR_KINDS:
            return
        try:
            if kind is Kind.SENDING:
                self._note_sending(record)
            elif kind in OUTCOMES:
                self._note_outcome(record)
            else:
                self._note_subjects(record)
        except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError):
            log.warning("record %d of the ledger has not the form of a %s: passed over", record.number, kind.value)

    def _note_subjects(self, record: LedgerRecord) -> None:
        request = record.request
        for content in list(request.body["subjects"]):
            unit, outcome = request.unit, "suppressed" if request.kind is Kind.SUPPRESSED else "delivered"
            at = record.written_at
            if request.kind is Kind.TAKEN_OVER:
                content = dict(content)
                unit, outcome, at = content.pop("to"), content.pop("outcome"), content.pop("written_at")
            self._note_subject(unit, content, at, suppressed=outcome == "suppressed")
        if request.kind is Kind.TAKEN_OVER:
            self._note_taken_over(request.body)
        elif request.kind is Kind.NOTICE:
            self._begin(record)

    def _note_taken_over(self, body: Mapping[str, Any]) -> None:
        if "portion" not in body:
            return
        self.taken_over.add(body["portion"])
        if body["complete"] is True:
            self._portions = body["portion"]
        self.outbox_is_taken_over = 0 < self._portions <= len(self.taken_over)

    def _note_subject(self, unit: str, content: Mapping[str, Any], at: str, *, suppressed: bool) -> None:
        id, status = content["id"], NoticeStatus(content["status"])
        if not all(isinstance(one, str) for one in (unit, id, at)):
            raise TypeError("no subject")
        if status is NoticeStatus.ENDED:
            for memory in (self.notified, self.held, self.raised_at):
                memory.pop(id, None)
            self.turns[id] = self.turns.get(id, 0) + 1
            return
        if id not in self.notified:
            self.raised_at[id] = at
        if suppressed:
            self.held.setdefault(id, set()).add(unit)
            return
        notified = self.notified.setdefault(id, Notified({}))
        notified.content = {name: value for name, value in content.items() if name not in ("id", "status", "family")}
        notified.units[unit] = None

    def _begin(self, record: LedgerRecord) -> None:
        body = record.request.body
        families = tuple(dict.fromkeys(str(one.get("family", one["id"])) for one in body["subjects"]))
        for recipient in body["recipients"]:
            delivery = Delivery(record, recipient, families)
            self.under_way[delivery.errand] = delivery
            self._touched[delivery.errand] = None
            for family in families:
                self._queues.setdefault((recipient, family), deque()).append(record.number)

    def _note_sending(self, record: LedgerRecord) -> None:
        body = record.request.body
        delivery = self.under_way.get((body["notice"], body["recipient"]))
        if delivery is None or body["attempt"] != len(delivery.attempts) + 1:
            return
        attempt = Attempt(
            number=body["attempt"],
            channel=body["channel"],
            rendered=rendered_of(body),
            writer=record.request.writer,
            began_at=_seconds(record.written_at),
        )
        if delivery.attempts:
            self._end_call(delivery, delivery.attempts[-1], attempt.began_at)
        self.traffic.begin(attempt.channel, delivery.recipient)
        delivery.attempts.append(attempt)
        self._touched[delivery.errand] = None

    def _note_outcome(self, record: LedgerRecord) -> None:
        kind, body = record.request.kind, record.request.body
        delivery = self.under_way.get((body["notice"], body["recipient"]))
        if delivery is None:
            return
        if body.get("final") is True:
            self._end(delivery, kind)
            return
        place = int(body["attempt"]) - 1
        if place < 0:
            raise ValueError("no attempt")
        before = delivery.attempts[place]
        delivery.attempts[place] = after = replace(
            before,
            outcome=kind,
            ended_at=_seconds(record.written_at),
            after_seconds=float(body.get("after_seconds", 0)),
            crashed=body.get("crashed") is True,
            asked=body.get("asked") is True,
        )
        self._touched[delivery.errand] = None
        self._end_call(delivery, before, after.ended_at)
        self._note_use(delivery.recipient, after, str(body.get("reason", "")))
        if body.get("closes") is True:
            self.traffic.close(after.channel, after.ended_at + after.after_seconds)
        if kind is Kind.ACCEPTED:
            self._end(delivery, kind)

    def _end_call(self, delivery: Delivery, attempt: Attempt, at: float) -> None:
        """An attempt is over, if it was not before."""
        if attempt.outcome is None:
            self.traffic.end(attempt.channel, delivery.recipient, at)

    def _note_use(self, recipient: str, attempt: Attempt, reason: str) -> None:
        use = self.used.setdefault((recipient, attempt.channel), Use())
        if attempt.outcome is Kind.ACCEPTED:
            use.accepted_at, use.failing_since = attempt.ended_at, 0.0
        elif not attempt.crashed:  # which says nothing of the channel
            use.failed_at, use.failure = attempt.ended_at, reason
            use.failing_since = use.failing_since or attempt.began_at

    def _end(self, delivery: Delivery, kind: Kind) -> None:
        del self.under_way[delivery.errand]
        self._touched.pop(delivery.errand, None)
        self.ended[delivery.notice.request.unit, end_of(delivery.attempts, kind)] += 1
        for family in delivery.families:
            queue = self._queues[delivery.recipient, family]
            queue.remove(delivery.notice.number)
            if queue:  # it may be the turn of this one now
                self._touched[queue[0], delivery.recipient] = None
            else:
                del self._queues[delivery.recipient, family]

    # ---- what it says ----------------------------------------------------------------------------------------
    def has_notice(self, subject: Subject) -> bool:
        """Whether the subject's unit has a notice that the subject is active."""
        notified = self.notified.get(subject.id)
        return notified is not None and subject.unit in notified.units

    def is_held(self, subject: Subject) -> bool:
        """Whether it is noted that the notice to the subject's unit was held back."""
        return subject.unit in self.held.get(subject.id, ())

    def touched(self) -> list[Errand]:
        """Deliveries under way of which something is on record since the last time, and those whose turn has come."""
        found, self._touched = list(self._touched), {}
        return found

    def may_be_sent(self, delivery: Delivery) -> bool:
        """Whether no earlier notice about the same subject is under way to the same recipient."""
        number, recipient = delivery.errand
        return all(self._queues[recipient, family][0] == number for family in delivery.families)

    def cards(self) -> list[Card]:
        """The cards that are active by their notices."""
        found = []
        for notified in self.notified.values():
            try:
                found.append(card_for_notice({"unit": notified.last_unit, **notified.content}))
            except Unreadable:
                continue  # an alert, or a step
        return found

    def alerts(self) -> list[Alert]:
        """The alerts that are active by their notices."""
        found = (alert_of(id, notified.content) for id, notified in self.notified.items())
        return [alert for alert in found if alert is not None]


def claim_of(subject: Subject, unit: str, turn: int) -> str:
    """What one notice only may have: the transition of a subject, to a unit, since its last end."""
    status = NoticeStatus.RAISED if subject.active else NoticeStatus.ENDED
    whose = unit if subject.active else "*"  # one end for all, whoever held it last
    return f"notice/{whose}/{subject.id}/{status}/{turn}"


def end_of(attempts: Iterable[Attempt], kind: Kind) -> End:
    """How a delivery has ended, of its attempts and of the kind of its last record."""
    outcomes = {(one.channel == LAST_WAY, one.outcome) for one in attempts}
    if (False, Kind.ACCEPTED) in outcomes:
        return End.ACCEPTED
    if (False, Kind.UNCERTAIN) in outcomes or kind is Kind.UNCERTAIN:
        return End.UNCERTAIN
    by_file = (True, Kind.ACCEPTED) in outcomes
    return End.FILE if by_file and all(is_file for is_file, _ in outcomes) else End.REFUSED


def written(rendered: bytes) -> dict[str, str]:
    """The bytes of an attempt, as its record has them."""
    try:
        return {"rendered": rendered.decode()}
    except UnicodeDecodeError:
        return {"rendered_base64": base64.b64encode(rendered).decode()}


def rendered_of(body: Mapping[str, Any]) -> bytes:
    """The bytes of an attempt. Raises KeyError, TypeError or ValueError."""
    if "rendered" in body:
        return str(body["rendered"]).encode()
    return base64.b64decode(body["rendered_base64"], validate=True)


def state_of(records: Iterable[LedgerRecord]) -> NoticeState:
    """The state after these records."""
    state = NoticeState()
    for record in records:
        state.note(record)
    return state


def _seconds(written_at: str) -> float:
    return datetime.fromisoformat(written_at).timestamp()
