"""Steps of escalation as records of the ledger, and what other records say about a red card, as far as it matters to
the steps. This module alone knows the fields of a `step`: those of `RecordedStep`.

Of `replied` it reads `until`, the day (2021-10-11) by which the unit says that it will have completed; of `decided`
`about` and `decision`. A decision whose event the gateway refuses (`not_in_force`) is none.
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
from services.messaging.records.decisions import About
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


_ON_REASONS: Final = {"accepted": ActKind.ACCEPTED, "rejected": ActKind.REJECTED}


def act_of(record: LedgerRecord) -> Act | None:
    """What a record says about a red card; None if it does not matter to the steps."""
    kind = _kind(record.request)
    if kind is None:
        return None
    until = _day(record.request.body) if kind is ActKind.REPLIED else None
    return Act(read(record.time), kind, until)


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
        found = cls.nothing()
        for record in records:
            act = act_of(record)
            if act is not None:
                found.acts.setdefault(record.request.subject, []).append(act)
            if record.request.kind is Kind.STEP:
                with suppress(Unreadable):
                    step = RecordedStep.read(record.request)
                    found.steps.setdefault(step.key, []).append(step.taken(read(record.time)))
        return found


def _kind(request: Request) -> ActKind | None:
    match request.kind:
        case Kind.REPLIED:
            return ActKind.REPLIED
        case Kind.ASKED:
            return ActKind.ASKED
        case Kind.DECIDED:
            return _decision(request.body)
        case Kind.NOT_IN_FORCE:
            return ActKind.REJECTED
    return None


def _decision(body: Mapping[str, Any]) -> ActKind | None:
    match body.get("about"):
        case About.REASON:
            return _ON_REASONS.get(str(body.get("decision")))
        case About.EXTENSION:
            return ActKind.EXTENSION
        case About.WITHDRAWAL:  # of an earlier decision: what it accepted is not accepted any more
            return ActKind.REJECTED
    return None


def _day(body: Mapping[str, Any]) -> int | None:
    """The day that a reply names; None: none, or one that cannot be read."""
    try:
        return date.fromisoformat(str(body.get("until", ""))).toordinal()
    except ValueError:
        return None


def instant_of_time(written: str) -> Instant | None:
    """A time of a card; None where it is empty."""
    return read(written) if written else None
