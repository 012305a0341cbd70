"""Steps of escalation as records of the ledger, and what other records say about a red card, as far as it matters to
the steps. This module alone knows the fields of a `step`: those of `RecordedStep`.

Of `replied` it reads `until`, the day (2021-10-11) by which the unit says that it will have completed; of `decided`
`about`, `decision` and `withdraws`; of `in_force` and `not_in_force` `decision`, the number of a record.
"""

import hashlib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, Final, NamedTuple, Self

from services.domain.plan.plan import SupervisionStep
from services.domain.results.published import Card
from services.domain.supervision.steps import Act, ActKind, Taken
from services.domain.time.rfc3339 import read
from services.domain.time.zone import Instant
from services.messaging.records.decisions import About, decision_of_outcome, taken_back_by
from services.messaging.records.fields import Unreadable, text, time_text, whole
from services.messaging.records.ledger import LONGEST, Kind, LedgerRecord, Request, subject_of_case


class CardKey(NamedTuple):
    """At most one red card of these is active at a time."""

    kpi: str
    case: str
    """Owner and subject with a blank between them."""
    cycle: int
    node: str

    @classmethod
    def of(cls, card: Card) -> Self:
        """Of a card."""
        return cls(card.kpi, card.case, card.cycle, card.node)

    @property
    def subject(self) -> str:
        """What records about it have as subject."""
        return subject_of_case(self.kpi, self.case, self.cycle)


class RecordedStep(NamedTuple):
    """A step as the ledger has it. Times are RFC 3339 in the plan's zone."""

    key: CardKey
    step: SupervisionStep
    at: str
    """From when on it was due."""
    unit: str
    """Who had the card then."""
    raised_at: str
    due_at: str
    """The limit that was missed; empty where there is none."""
    days: int
    """How many working days were counted."""

    @classmethod
    def read(cls, request: Request) -> Self:
        """Of a request or a record for one. Raises Unreadable."""
        body = request.body
        try:
            step = SupervisionStep(text(body, "step"))
        except ValueError:
            raise Unreadable("its step is none that is known") from None
        for name in ("at", "raised_at", "due_at"):
            time_text(body, name)
        key = CardKey(text(body, "kpi"), text(body, "case"), whole(body, "cycle"), text(body, "node"))
        return cls(
            key=key,
            step=step,
            at=text(body, "at"),
            unit=text(body, "of", ""),
            raised_at=text(body, "raised_at"),
            due_at=text(body, "due_at", ""),
            days=whole(body, "days"),
        )

    def request(self, id: str, writer: str, seen: int) -> Request:
        """What is asked of the keeper. A proposal belongs to the operations centre, any other step to the unit."""
        body: dict[str, Any] = {**self.key._asdict(), **self._asdict(), "step": self.step.value, "of": self.unit}
        del body["key"], body["unit"]
        return Request(
            id=id,
            kind=Kind.STEP,
            writer=writer,
            subject=self.key.subject,
            unit="" if self.step is SupervisionStep.CIRCULAR else self.unit,
            claims=(self.claim,),
            seen=seen,
            body=body,
        )

    @property
    def claim(self) -> str:
        """Each step is recorded once for a red card, whoever asks for it."""
        end = f"/{self.key.node}/{self.raised_at}/{self.step.value}"
        plain = f"step/{self.key.subject}{end}"
        if len(plain) <= LONGEST:
            return plain
        return f"step/{hashlib.sha256((self.key.subject + end).encode()).hexdigest()}"

    def taken(self, recorded_at: Instant) -> Taken:
        """As the next step depends on it."""
        return Taken(self.step, read(self.raised_at), instant_of_time(self.due_at), recorded_at)


_DECISIONS: Final = {
    (About.REASON, "accepted"): ActKind.ACCEPTED,
    (About.REASON, "rejected"): ActKind.REJECTED,
    (About.EXTENSION, "granted"): ActKind.GRANTED,
    (About.EXTENSION, "refused"): ActKind.REFUSED,
}
_ENDED_BY: Final = {ActKind.ACCEPTED: ActKind.REJECTED, ActKind.GRANTED: ActKind.SETTLED}
"""What a decision is turned into by its withdrawal, and by the gateway that refuses its event."""


class ActReader:
    """Reads what records say about red cards, in the order of the ledger. Not thread-safe."""

    def __init__(self) -> None:
        self._decided: dict[int, ActKind] = {}
        """Number of a record → the decision, of those that can come to an end."""

    def take(self, record: LedgerRecord) -> Act | None:
        """The next record of the ledger: what it says about a red card; None if it does not matter to the steps."""
        kind = self._kind(record)
        if kind is None:
            return None
        if record.request.kind is Kind.DECIDED and kind in _ENDED_BY:
            self._decided[record.number] = kind
        until = _day(record.request.body) if kind is ActKind.REPLIED else None
        return Act(read(record.time), kind, until)

    def _kind(self, record: LedgerRecord) -> ActKind | None:
        body = record.request.body
        match record.request.kind:
            case Kind.REPLIED:
                return ActKind.REPLIED
            case Kind.ASKED:
                return ActKind.ASKED if taken_back_by(record) is None else ActKind.REFUSED
            case Kind.DECIDED if body.get("about") == About.WITHDRAWAL:
                return self._end_of(body.get("withdraws"))
            case Kind.DECIDED:
                return _decision(body)
            case Kind.NOT_IN_FORCE:
                return self._end_of(decision_of_outcome(record))
            case Kind.IN_FORCE:
                end = self._end_of(decision_of_outcome(record))
                return end if end is ActKind.SETTLED else None
        return None

    def _end_of(self, number: object) -> ActKind | None:
        """What ends the decision of a record; None: that record is no decision that excuses anybody."""
        decided = self._decided.get(number) if type(number) is int else None
        return None if decided is None else _ENDED_BY[decided]


def _decision(body: Mapping[str, Any]) -> ActKind | None:
    about, decision = body.get("about"), body.get("decision")
    return next((kind for made, kind in _DECISIONS.items() if made == (about, decision)), None)


class OnRecord(NamedTuple):
    """What a ledger says about red cards, in the order of its records."""

    acts: dict[str, list[Act]]
    """Subject → what was said and decided."""
    steps: dict[CardKey, list[Taken]]
    """The steps that were taken."""

    @classmethod
    def nothing(cls) -> Self:
        """Of an empty ledger."""
        return cls({}, {})

    @classmethod
    def of(cls, records: Iterable[LedgerRecord]) -> Self:
        """Of the valid records of a ledger."""
        found, reader = cls.nothing(), ActReader()
        for record in records:
            act = reader.take(record)
            if act is not None:
                found.acts.setdefault(record.request.subject, []).append(act)
            if record.request.kind is Kind.STEP:
                with suppress(Unreadable):
                    step = RecordedStep.read(record.request)
                    found.steps.setdefault(step.key, []).append(step.taken(read(record.time)))
        return found


def _day(body: Mapping[str, Any]) -> int | None:
    """The day that a reply names; None: none, or one that cannot be read."""
    try:
        return date.fromisoformat(str(body.get("until", ""))).toordinal()
    except ValueError:
        return None


def instant_of_time(written: str) -> Instant | None:
    """A time of a card; None where it is empty."""
    return read(written) if written else None
