"""Records of the ledger that people make about a case: decisions of the operations centre, and what units say. This
module alone knows the fields of their bodies.

- All: `kpi`, `case`, `owner` and `of` (the case's owner and subject), `cycle`, `by`.
- `decided`: `about`, `decision`; `type` and `data` of the event that follows from it. No event follows from the refusal
  of an extension. `withdraws`: the number of a decision.
  `again`: the number of a decision that was not in force, and whose event is sent again.
- `asked`: `about`, `reason`, `limit`; `type` and `data`, where it is a reason: that one was given matters to the judge.
- `replied`: `until`, the day by which the unit says that it will have completed.
- `in_force`, `not_in_force`: `decision`, the number of its record; `reasons`, why the gateway refuses its event.
"""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple, Self, TypeGuard

from services.domain.history.decisions import OPERATIONS
from services.domain.intake.facts import KEY_SEPARATOR, FactType, case_key
from services.domain.plan.plan import id_of
from services.domain.results.cards import case_name
from services.messaging.records.fields import Unreadable, text, whole
from services.messaging.records.ledger import (
    EVENT_ID,
    KEEPERS_ID,
    LONGEST,
    Kind,
    LedgerRecord,
    Request,
    subject_of_case,
)


class About(StrEnum):
    """What is decided, or asked for."""

    LATE_ENTRY = "late_entry"
    REASON = "reason"
    EXTENSION = "extension"
    WITHDRAWAL = "withdrawal"
    """An earlier decision is struck out."""


class Matter(NamedTuple):
    """One promise and one cycle of a case. Of a duty or a figure the cycle is its month as a number: 202110."""

    kpi: str
    """Key of the promise."""
    case_key: str
    cycle: int

    @property
    def subject(self) -> str:
        """What records about it have as subject."""
        return subject_of_case(self.kpi, case_name(self.case_key), self.cycle)

    def fields(self) -> dict[str, Any]:
        """As the bodies of records have it."""
        owner, _, subject = self.case_key.partition(KEY_SEPARATOR)
        names = {"case": case_name(self.case_key), "owner": owner, "of": subject}
        return {"kpi": self.kpi, "cycle": self.cycle, **names}

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """Of the body of a record. Raises Unreadable."""
        key = case_key(text(body, "owner"), text(body, "of"))
        return cls(text(body, "kpi"), key, whole(body, "cycle"))

    def checked(self) -> Self:
        """The same. ValueError where the name of the case is too long for a record."""
        if len(self.subject) > LONGEST:
            raise ValueError(f"the name of the case is longer than a record may have: {LONGEST} characters")
        return self


class Decision(NamedTuple):
    """A decision as the ledger has it."""

    matter: Matter
    about: About
    decision: str
    """`accepted`, `rejected`, `granted`, `refused` or `withdrawn`."""
    by: str
    """Who has decided: an office or a number of the staff."""
    type: str = ""
    """Of the event that follows; empty: none does."""
    data: Mapping[str, Any] = {}
    withdraws: int | None = None
    again: int | None = None
    """Of the decision that this one repeats, and whose event is sent again."""

    def request(self, id: str, writer: str, seen: int) -> Request:
        """What is asked of the keeper. ValueError where the name of the case is too long for a record."""
        body = {**self.matter.checked().fields(), "about": self.about.value, "decision": self.decision, "by": self.by}
        if self.type:
            body |= {"type": self.type, "data": dict(self.data)}
        claims: tuple[str, ...] = ()
        if self.withdraws is not None:
            body["withdraws"] = self.withdraws
            claims = (f"withdrawn/{self.withdraws}",)
        if self.again is not None:
            body["again"] = self.again
        return Request(id, Kind.DECIDED, writer, self.matter.subject, claims=claims, seen=seen, body=body)

    @classmethod
    def read(cls, record: LedgerRecord) -> Self:
        """Of a record of the ledger. Raises Unreadable."""
        body = record.request.body
        try:
            about = About(text(body, "about"))
        except ValueError:
            raise Unreadable("it is about nothing that is known") from None
        withdraws = body.get("withdraws")
        return cls(
            matter=Matter.read(body),
            about=about,
            decision=text(body, "decision"),
            by=text(body, "by", ""),
            type=text(body, "type", ""),
            data=_data(body),
            withdraws=None if withdraws is None else whole(body, "withdraws"),
        )


class Statement(NamedTuple):
    """What a unit says about a case."""

    kind: Kind
    """`acknowledged`, `replied` or `asked`."""
    matter: Matter
    unit: str
    by: str
    more: Mapping[str, Any] = {}
    """What else the kind has."""
    text: str = ""
    """Salted hash of what the unit says in words; empty: nothing."""

    def request(self, id: str, writer: str) -> Request:
        """What is asked of the keeper. ValueError where the name of the case is too long for a record."""
        body = {**self.matter.checked().fields(), "by": self.by, **self.more}
        texts = {"text": self.text} if self.text else {}
        return Request(id, self.kind, writer, self.matter.subject, unit=self.unit, body=body, texts=texts)


def _data(body: Mapping[str, Any]) -> Mapping[str, Any]:
    data = body.get("data", {})
    if type(data) is not dict:
        raise Unreadable("its field data is no JSON object")
    return data


def event_of(record: LedgerRecord) -> dict[str, Any] | None:
    """The event of /operations that follows from a record; None if none does. Raises Unreadable. Its time is that of
    the record, from which on the decision counts (rule 14)."""
    found = effect_of_request(record.request)
    if found is None:
        return None
    owner, _, subject = Matter.read(record.request.body).case_key.partition(KEY_SEPARATOR)
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{EVENT_ID}{record.number}",
        "source": OPERATIONS,
        "type": found.type,
        "subject": subject,
        "time": record.time,
        "datacontenttype": "application/json",
        "data": dict(found.data),
    }
    return event if owner == OPERATIONS else {**event, "caseowner": owner}


class Effect(NamedTuple):
    """Type and data of the event that follows from a request, once it is recorded."""

    type: str
    data: Mapping[str, Any]


def effect_of_request(request: Request) -> Effect | None:
    """What follows from a request; None if nothing does. Raises Unreadable where it would be another event than its
    kind may have. What a unit asks for decides nothing: the only event of it says that a reason was given."""
    if request.kind not in (Kind.DECIDED, Kind.ASKED) or not request.body.get("type"):
        return None
    found = Effect(text(request.body, "type"), _data(request.body))
    allowed = _given_reason if request.kind is Kind.ASKED else _decided
    if not allowed(request.body, found):
        raise Unreadable("its event is not one that follows from it")
    return found


def _given_reason(body: Mapping[str, Any], event: Effect) -> bool:
    """Whether the event says that a reason was given, in the matter of the body, and nothing else."""
    matter = Matter.read(body)
    given = {name: text(event.data, name) for name in ("reason",) if name in event.data}
    said = {"kpi": id_of(matter.kpi), "decision": "requested", "cycle": matter.cycle, **given}
    return body.get("about") == About.REASON and event == (_JUSTIFIED, said)


def _decided(body: Mapping[str, Any], event: Effect) -> bool:
    """Whether the event is the one of what was decided, in the matter of the body."""
    about, decision = text(body, "about"), text(body, "decision")
    if _EVENTS.get((about, decision)) != event.type:
        return False
    if about == About.EXTENSION:
        return True
    if about == About.WITHDRAWAL:
        return event == struck_out(whole(body, "withdraws"))
    matter = Matter.read(body)
    named = event.data.get("kpi"), event.data.get("decision"), _cycle_of(event.data)
    return named == (id_of(matter.kpi), decision, matter.cycle)


def _cycle_of(data: Mapping[str, Any]) -> object:
    """The cycle that an event names; of a duty or a figure its month as a number."""
    period = data.get("period")
    return int(period.replace("-", "")) if _is_month(period) else data.get("cycle")


def _is_month(period: object) -> TypeGuard[str]:
    return type(period) is str and _MONTH.fullmatch(period) is not None


_MONTH: Final = re.compile(r"[0-9]{4}(-[0-9]{2}){0,2}")
_JUSTIFIED: Final = FactType.CASE_JUSTIFIED.event_type
_EVENTS: Final[Mapping[tuple[str, str], str]] = {
    (About.LATE_ENTRY, "accepted"): FactType.CASE_CONFIRMED.event_type,
    (About.LATE_ENTRY, "rejected"): FactType.CASE_CONFIRMED.event_type,
    (About.REASON, "accepted"): _JUSTIFIED,
    (About.REASON, "rejected"): _JUSTIFIED,
    (About.EXTENSION, "granted"): FactType.CASE_EXTENDED.event_type,
    (About.WITHDRAWAL, "withdrawn"): FactType.CORRECTION.event_type,
}
"""What it is about, and what was decided → the type of its event."""


def struck_out(number: int) -> tuple[str, dict[str, Any]]:
    """Type and data of the event that strikes out the one of an earlier decision."""
    return FactType.CORRECTION.event_type, {"of": f"{EVENT_ID}{number}", "event": None}


class Refusal(NamedTuple):
    """Why the gateway refuses an event. No value of the event is in it."""

    reason: str
    path: str
    detail: str
    remedy: str


def in_force(record: LedgerRecord, writer: str, again: int = 0) -> Request:
    """The gateway has taken the event of a decision. `again`: number of the record by which it was sent again."""
    return _outcome(record, Kind.IN_FORCE, writer, again, {})


def not_in_force(record: LedgerRecord, writer: str, refusals: list[Refusal], again: int = 0) -> Request:
    """The gateway refuses the event of a decision. `again`: number of the record by which it was sent again."""
    return _outcome(record, Kind.NOT_IN_FORCE, writer, again, {"reasons": [each._asdict() for each in refusals]})


def _outcome(record: LedgerRecord, kind: Kind, writer: str, again: int, more: Mapping[str, Any]) -> Request:
    request = record.request
    return Request(
        id=f"{KEEPERS_ID}in-force/{record.number}" + (f"/{again}" if again else ""),
        kind=kind,
        writer=writer,
        subject=request.subject,
        unit=request.unit,
        body={"decision": record.number, **more},
    )


def sent_again_by(record: LedgerRecord) -> int | None:
    """The number of the decision whose event is sent again by a record; None if it sends none again."""
    again = record.request.body.get("again") if record.request.kind is Kind.DECIDED else None
    return again if type(again) is int else None


def decision_of_outcome(record: LedgerRecord) -> int | None:
    """The number of the decision whose outcome a record is; None if it is none."""
    if record.request.kind not in (Kind.IN_FORCE, Kind.NOT_IN_FORCE):
        return None
    number = record.request.body.get("decision")
    return number if type(number) is int else None
