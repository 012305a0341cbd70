"""Records of the ledger that people make about a case: decisions of the operations centre, and what units say. This
module alone knows the fields of their bodies.

- All: `kpi`, `case`, `owner` and `of` (the case's owner and subject), `cycle`, `by`, `role` (`unit` or `operations`;
  records of older versions have none). What a person wrote to it is in the store of texts.
- `decided`: `about`, `decision`; `type` and `data` of the event that follows from it. No event follows from the refusal
  of an extension. `withdraws`: the number of a decision.
  `again`: the number of a decision that was not in force, and whose event is sent again.
  Of an assignment `to`, the unit, `why`, a code of `ASSIGNED_FOR` (`services/catalog/words/assignments.py`), and
  `until`, the last day on which it is to answer; records of older versions have neither. Of a 通报 `step`, the number
  of the step by which it was proposed, and `units`, those to which it is issued; older records name none. No event
  follows.
- `acknowledged`: `until`, the last day on which that holds.
- `asked`: `about`, `reason`, `limit`; `type` and `data`, where it is a reason: that one was given matters to the judge.
  Of a request that the unit takes back `about` is `withdrawal` and `withdraws` its number; where an event followed from
  that, `type` and `data` strike it out.
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

UNIT: Final = "unit"
OPERATIONS_CENTRE: Final = "operations"
"""The roles in which people act."""


class About(StrEnum):
    """What is decided, or asked for."""

    LATE_ENTRY = "late_entry"
    REASON = "reason"
    EXTENSION = "extension"
    WITHDRAWAL = "withdrawal"
    """An earlier decision is struck out."""
    ASSIGNMENT = "assignment"
    """A unit is to answer (交办)."""
    CIRCULAR = "circular"
    """Whether a 通报 that was proposed is issued."""


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
    """`accepted`, `rejected`, `granted`, `refused`, `withdrawn`, `assigned`, `issued` or `not_issued`."""
    by: str
    """Who has decided: an office or a number of the staff."""
    type: str = ""
    """Of the event that follows; empty: none does."""
    data: Mapping[str, Any] = {}
    withdraws: int | None = None
    again: int | None = None
    """Of the decision that this one repeats, and whose event is sent again."""
    to: str = ""
    """Of an assignment: the unit."""
    why: str = ""
    """Of an assignment: a code of `ASSIGNED_FOR`."""
    until: str = ""
    """Of an assignment: the last day on which the unit is to answer: 2021-10-15."""
    step: int | None = None
    """Of a 通报: number of the record by which it was proposed."""
    units: tuple[str, ...] = ()
    """Of a 通报 that is issued: the units that read it (各有关单位)."""
    texts: Mapping[str, str] = {}
    """Name → salted hash of a text that was written to it."""

    def request(self, id: str, writer: str, seen: int) -> Request:
        """What is asked of the keeper. ValueError where the name of the case is too long for a record."""
        said = {"about": self.about.value, "decision": self.decision, "by": self.by, "role": OPERATIONS_CENTRE}
        body: dict[str, Any] = {**self.matter.checked().fields(), **said}
        if self.type:
            body |= {"type": self.type, "data": dict(self.data)}
        named = {"to": self.to, "why": self.why, "until": self.until, "units": list(self.units)}
        body |= {name: value for name, value in named.items() if value}
        numbers = {"withdraws": self.withdraws, "again": self.again, "step": self.step}
        body |= {name: value for name, value in numbers.items() if value is not None}
        of_one = ((withdrawn_claim, self.withdraws), ("circular/{}".format, self.step))
        claims = tuple(claim(number) for claim, number in of_one if number is not None)
        subject = self.matter.subject
        return Request(id, Kind.DECIDED, writer, subject, "", claims, seen=seen, body=body, texts=self.texts)

    @classmethod
    def read(cls, record: LedgerRecord) -> Self:
        """Of a record of the ledger. Raises Unreadable."""
        body = record.request.body
        try:
            about = About(text(body, "about"))
        except ValueError:
            raise Unreadable("it is about nothing that is known") from None
        return cls(
            matter=Matter.read(body),
            about=about,
            decision=text(body, "decision"),
            by=text(body, "by", ""),
            type=text(body, "type", ""),
            data=_data(body),
            withdraws=_number(body, "withdraws"),
            to=text(body, "to", ""),
            why=text(body, "why", ""),
            until=text(body, "until", ""),
            step=_number(body, "step"),
            units=units_of(body),
            texts=record.request.texts,
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
    texts: Mapping[str, str] = {}
    """Name → salted hash of a text that was written to it."""
    seen: int | None = None
    """Of a request that is taken back: the ledger was known up to this record. A later decision makes it stale."""

    def request(self, id: str, writer: str) -> Request:
        """What is asked of the keeper. ValueError where the name of the case is too long for a record."""
        body = {**self.matter.checked().fields(), "by": self.by, "role": UNIT, **self.more}
        claims = (withdrawn_claim(body["withdraws"]),) if "withdraws" in body else ()
        subject = self.matter.subject
        return Request(id, self.kind, writer, subject, self.unit, claims, self.seen, body=body, texts=self.texts)


def withdrawn_claim(number: int) -> str:
    """What one record only may have: that a decision or a request is withdrawn."""
    return f"withdrawn/{number}"


def units_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The units to which a 通报 is issued, by the body of its decision. Raises Unreadable."""
    units = body.get("units", [])
    if type(units) is not list or not all(type(one) is str for one in units):
        raise Unreadable("its field units is no list of texts")
    return tuple(units)


def _number(body: Mapping[str, Any], name: str) -> int | None:
    return whole(body, name) if body.get(name) is not None else None


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
    kind may have. What a unit asks for decides nothing: its only events say that a reason was given, or take that
    back."""
    if request.kind not in (Kind.DECIDED, Kind.ASKED) or not request.body.get("type"):
        return None
    found = Effect(text(request.body, "type"), _data(request.body))
    allowed = _asked if request.kind is Kind.ASKED else _decided
    if not allowed(request.body, found):
        raise Unreadable("its event is not one that follows from it")
    return found


def _asked(body: Mapping[str, Any], event: Effect) -> bool:
    """Whether the event is one that follows from a request: that a reason was given, or that it is taken back."""
    if body.get("about") == About.WITHDRAWAL:
        return event == struck_out(whole(body, "withdraws"))
    return _given_reason(body, event)


def taken_back_by(record: LedgerRecord) -> int | None:
    """The number of the request that a unit takes back by a record; None: it takes none back."""
    body = record.request.body
    number = body.get("withdraws") if body.get("about") == About.WITHDRAWAL else None
    return number if record.request.kind is Kind.ASKED and type(number) is int else None


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
