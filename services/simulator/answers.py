"""What the units of an invented district answer to steps of escalation: late and badly, like real ones.

Some units answer well, some late, some hardly ever. A reply may name a day that will not be kept, or none; a request
for an extension comes too late to change anything; an order may stay without an answer. The same seed and the same step
give the same answer, whenever they are asked for: an answer that is sent again has the same id.
"""

import hashlib
from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Any, NamedTuple

from services.domain.plan.plan import SupervisionStep
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.rfc3339 import read
from services.domain.time.zone import MINUTE_US, Instant, Zone
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.messaging.records.steps import RecordedStep

WRITER = "simulator"


class _Manner(NamedTuple):
    """How a unit answers: shares of steps."""

    share: float
    """Of the units."""
    acknowledges: float
    replies: float
    asks: float
    """For an extension."""
    names_a_day: float
    """Of the replies."""
    latest: int
    """After how many working days at most."""


_MANNERS = (
    _Manner(0.4, acknowledges=0.95, replies=0.7, asks=0.1, names_a_day=0.9, latest=1),
    _Manner(0.4, acknowledges=0.6, replies=0.4, asks=0.2, names_a_day=0.5, latest=4),
    _Manner(0.2, acknowledges=0.2, replies=0.1, asks=0.05, names_a_day=0.3, latest=8),
)
_ANSWERED = {SupervisionStep.REMINDER: 0.2, SupervisionStep.URGING: 0.7, SupervisionStep.ORDER: 1.0}
"""How likely a step is to be replied to, in comparison."""


class Answer(NamedTuple):
    """What a unit says, and when."""

    at: Instant
    request: Request


class Answers:
    """The answers of all units."""

    def __init__(self, calendar: WorkingCalendar, zone: Zone, seed: int) -> None:
        self._calendar = calendar
        self._zone = zone
        self._seed = seed

    def to(self, record: LedgerRecord) -> list[Answer]:
        """The answers that follow from a record of the ledger, by time; most records have none."""
        if record.request.kind is not Kind.STEP:
            return []
        try:
            step = RecordedStep.read(record.request)
        except Unreadable:
            return []
        return sorted(self._to_step(step, read(record.time)), key=lambda answer: answer.at)

    def _to_step(self, step: RecordedStep, recorded: Instant) -> Iterator[Answer]:
        weight = _ANSWERED.get(step.step)
        if weight is None or not step.unit:  # a proposed circular is the operations centre's
            return
        rng, manner = Random(f"{self._seed}/{step.claim}"), self._manner(step.unit)
        begin = max(recorded, read(step.at))
        if rng.random() < manner.acknowledges:
            begin = self._working(begin, rng.randint(0, manner.latest), rng)
            yield self._answer(begin, Kind.ACKNOWLEDGED, step, {})
        draw = rng.random()
        if draw < manner.replies * weight:
            at = self._working(begin, rng.randint(0, manner.latest), rng)
            named = rng.random() < manner.names_a_day
            yield self._answer(at, Kind.REPLIED, step, {"until": self._day(at, rng)} if named else {})
        elif draw > 1 - manner.asks * weight:
            at = self._working(begin, rng.randint(0, manner.latest), rng)
            wanted = {"about": "extension", "reason": "complex_case", "limit": {"amount": 5, "unit": "working_days"}}
            yield self._answer(at, Kind.ASKED, step, wanted)

    def _manner(self, unit: str) -> _Manner:
        return Random(f"{self._seed}/{unit}").choices(_MANNERS, [manner.share for manner in _MANNERS])[0]

    def _working(self, after: Instant, days: int, rng: Random) -> Instant:
        """Some time of a working day, so many of them later, and after an instant."""
        day = self._calendar.roll_forward(self._calendar.add_working_days(self._zone.day(after), days))
        at = self._zone.at(day, 9 * 60 + rng.randint(0, 8 * 60))
        return at if at > after else after + rng.randint(10, 120) * MINUTE_US

    def _day(self, at: Instant, rng: Random) -> str:
        """The day on which a unit says that it will have completed."""
        day = self._calendar.add_working_days(self._zone.day(at), rng.randint(1, 6))
        return date.fromordinal(day).isoformat()

    def _answer(self, at: Instant, kind: Kind, step: RecordedStep, more: dict[str, Any]) -> Answer:
        digest = hashlib.sha256(f"{self._seed}/{step.claim}/{kind}".encode()).hexdigest()[:32]
        key = step.key
        owner, _, subject = key.case.partition(" ")
        about = {"kpi": key.kpi, "cycle": key.cycle, "case": key.case, "owner": owner, "of": subject}
        body = {**about, "by": f"{step.unit}/duty", **more}
        return Answer(at, Request(f"{WRITER}/{digest}", kind, WRITER, key.subject, unit=step.unit, body=body))
