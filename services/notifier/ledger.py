"""What the outbox says: of which subjects a notice was delivered, to whom, and which ones were held back.

The outbox is the only memory of the notifier. A notice in it has `outcome` (`delivered`, or `suppressed` where a
silence or an inhibition held it back), `unit`, `plan_time`, `written_at` and `subjects`; a subject has what the notice
says about it, its `id` and its `status`.
"""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from services.domain.results.published import Card
from services.messaging.records.cards import card_for_notice
from services.messaging.records.fields import Unreadable
from services.notifier.notice_subject import Alert, Content, Subject, alert_of

log = logging.getLogger(__name__)

DELIVERED = "delivered"
SUPPRESSED = "suppressed"


class NoticeStatus(StrEnum):
    """What a notice says of a subject."""

    RAISED = "raised"
    ENDED = "ended"


@dataclass(slots=True)
class Delivered:
    """A subject that is active by its notices."""

    content: Content
    """What the last notice said about it."""
    units: dict[str, None] = field(default_factory=dict)
    """Who has a notice, in that order: a card may move from one unit to the next."""

    @property
    def last_unit(self) -> str:
        return next(reversed(self.units))


class Ledger:
    """The state of every subject by its notices."""

    def __init__(self, notices: Iterable[Mapping[str, Any]]) -> None:
        """`notices`: of the outbox, in order; what is no notice is logged and passed over."""
        self.delivered: dict[str, Delivered] = {}
        """Subject → what was delivered, until its end is."""
        self.held: dict[str, set[str]] = {}
        """Subject → the units whose notice was held back, which is noted; when nothing holds it back any more and the
        subject is active, they get it."""
        self.raised_at: dict[str, str] = {}
        """Subject → real time (RFC 3339) of its first notice; where a mirrored card starts after a restart."""
        for number, notice in enumerate(notices, start=1):
            try:
                self.note(notice)
            except (KeyError, TypeError, ValueError, AttributeError):
                log.warning("record %d of the outbox is no notice: passed over", number)

    def note(self, notice: Mapping[str, Any]) -> None:
        """A notice is in the outbox."""
        suppressed = notice["outcome"] == SUPPRESSED
        unit, written_at = notice["unit"], notice["written_at"]
        for content in notice["subjects"]:
            id, status = content["id"], NoticeStatus(content["status"])
            if not all(isinstance(text, str) for text in (unit, written_at, id)):
                raise TypeError("no notice")
            if status is NoticeStatus.ENDED:
                for memory in (self.delivered, self.held, self.raised_at):
                    memory.pop(id, None)
                continue
            if id not in self.delivered:
                self.raised_at[id] = written_at
            if suppressed:
                self.held.setdefault(id, set()).add(unit)
            else:
                delivered = self.delivered.setdefault(id, Delivered({}))
                delivered.content = {name: value for name, value in content.items() if name not in ("id", "status")}
                delivered.units[unit] = None

    def has_notice(self, subject: Subject) -> bool:
        """Whether the subject's unit has a notice that the subject is active."""
        delivered = self.delivered.get(subject.id)
        return delivered is not None and subject.unit in delivered.units

    def is_held(self, subject: Subject) -> bool:
        """Whether it is noted that the notice to the subject's unit was held back."""
        return subject.unit in self.held.get(subject.id, ())

    def cards(self) -> list[Card]:
        """The cards that are active by their notices."""
        found = []
        for delivered in self.delivered.values():
            try:
                found.append(card_for_notice(delivered.content))
            except Unreadable:
                continue  # an alert
        return found

    def alerts(self) -> list[Alert]:
        """The alerts that are active by their notices."""
        found = (alert_of(id, delivered.content) for id, delivered in self.delivered.items())
        return [alert for alert in found if alert is not None]
