"""`ledger.requests` and `ledger`: what is to be recorded, and what is. This module alone knows their fields.

Anybody who acts asks for a record by a *request*. One process, the keeper, makes *records* of requests, in the order of
the topic, and appends them to `ledger`. Records are numbered without gaps from 1 on, and each holds the hash of the one
before it. A reader accepts a record only if its number and its `previous` fit; every other record is void (`Chain`).
So a second keeper, or one that was frozen, cannot make a second history.

The key of both is the id of the request. The value of a record is its canonical JSON (RFC 8785). Its hash is the
SHA-256 of the hash of the record before it and the SHA-256 of its value, both as bytes: so whoever has only the latter
of some records can still compute the hashes of the others. The salt makes that hash say nothing of a record that
somebody guesses. Texts that people write are not in it, only their salted hashes (`services/ledger/texts.py`).
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Self

from services.messaging.codec import canonical
from services.messaging.records.fields import KeyValue, Unreadable, fields_of, text, time_text, whole

_HASH: Final = re.compile(r"[0-9a-f]{64}")
_TIME: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
GENESIS: Final = "0" * 64
"""What the first record holds in the place of the hash of the one before it."""
MOST_CLAIMS: Final = 2_000
LONGEST: Final = 400
"""Characters of an id, a claim, a subject, a writer or a unit."""
LARGEST: Final = 900_000
"""Bytes of a record."""
DEEPEST: Final = 20
"""How deep the body of a record is nested: a fixed number, so that every reader finds the same records valid."""
KEEPERS_ID: Final = "keeper/"
"""What the ids of the keeper's own requests begin with."""
EVENT_ID: Final = "ledger-"
"""The event of a decision is named after its record: with the record's number behind it."""


class Kind(StrEnum):
    """What a record is about."""

    MISSED = "missed"
    """A case, duty or figure missed a promise."""
    MET_LATE = "met_by_late_entry"
    """It would be met by what arrived late, and waits for a decision."""
    REVERSED = "reversed"
    """A miss that is none any more."""
    NOTICE = "notice"
    """Somebody is to be notified: the intent, with the stored message. Its number is the number of the notice."""
    SENDING = "sending"
    """An attempt begins. A provider is called by the writer of this record only."""
    ACCEPTED = "accepted"
    """The provider has taken it."""
    REFUSED = "refused"
    """The provider does not take it, and will not."""
    RETRY = "retry"
    """The provider does not take it now."""
    UNCERTAIN = "uncertain"
    """The provider may have it: the answer was lost, or the sender crashed, and nobody can be asked."""
    SUPPRESSED = "suppressed"
    """A silence or an inhibition holds the notice back."""
    ACKNOWLEDGED = "acknowledged"
    """A unit has acknowledged a card (签收)."""
    REPLIED = "replied"
    """A unit has answered (回告)."""
    ASKED = "asked"
    """A unit asks: that a reason is accepted (说明理由), or for an extension (申请延期)."""
    STEP = "step"
    """A step of escalation is due: 提醒, 催办, 督办单, or 通报, which is proposed."""
    DECIDED = "decided"
    """The operations centre has decided; the event that follows from it is in the body."""
    IN_FORCE = "in_force"
    """The gateway has taken the event of a decision; `body` has `decision`, the number of its record."""
    NOT_IN_FORCE = "not_in_force"
    """The gateway refuses the event of a decision; `body` has `decision`, the number of its record."""
    VIEWED = "viewed"
    """Who has looked at what: one digest a day."""
    ERASED = "erased"
    """A text was erased, with its salt."""
    CHECKPOINT = "checkpoint"
    """The signed hash of an earlier record."""
    TAKEN_OVER = "taken_over"
    """What was notified before there was a ledger."""
    NOT_RECORDED = "not_recorded"
    """A request that the keeper does not record as asked, and why: `body` has `request` (its id), `reason` and, where
    another record is the reason, `record` (its number). Its texts are erased: no record has them."""


class RequestInvalid(ValueError):
    """A request that no reader can read, or that is too large. It is of no use to send it again. The text says what is
    wrong, and quotes nothing of it."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asks the keeper to record."""

    id: str
    """One request makes one record at most, however often it is sent."""
    kind: Kind
    writer: str
    """The process that asks: its name, and random digits of this start of it."""
    subject: str = ""
    """What it is about, as `subject_of_card` and its neighbours write it; empty: nothing in particular."""
    unit: str = ""
    """Whose account it belongs to; empty: the operations centre."""
    claims: tuple[str, ...] = ()
    """What only one record may have. A request of which a claim is taken is not recorded: a record `not_recorded` names
    the record that has the claim."""
    seen: int | None = None
    """The number of the latest record of the subject that the writer knew. If there is a later one of a kind that
    matters to it (`STALE_MAKING`), the request is not recorded."""
    body: Mapping[str, Any] = field(default_factory=dict)
    """What else the kind needs. No text that a person wrote."""
    texts: Mapping[str, str] = field(default_factory=dict)
    """Name → salted hash of a text that a person wrote, in hex."""

    def record(self) -> KeyValue:
        """As it is sent."""
        return self.id.encode(), canonical(self._fields())

    def checked_record(self) -> KeyValue:
        """As another process than the keeper sends it, once it is certain that the keeper can read and may record it.
        Raises RequestInvalid."""
        if is_keepers_id(self.id):
            raise RequestInvalid("the ledger cannot record this: its id is of a form that the keeper alone makes")
        try:
            key, value = self.record()
            if Request.decode(value).record() != (key, value):
                raise RequestInvalid("it holds a number that not every reader of JSON reads alike")
        except (TypeError, ValueError) as error:  # TypeError: it holds what JSON does not have
            reason = str(error) if isinstance(error, (Unreadable, RequestInvalid)) else "it has no canonical form"
            raise RequestInvalid(f"the ledger cannot record this: {reason}") from None
        if value is not None and len(value) > LARGEST:
            raise RequestInvalid(f"the ledger cannot record this: it has more than {LARGEST:,} bytes")
        return key, value

    def _fields(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "kind": self.kind.value,
            "writer": self.writer,
            "subject": self.subject,
            "unit": self.unit,
            "claims": list(self.claims),
            "seen": self.seen,
            "body": dict(self.body),
            "texts": dict(self.texts),
        }

    @classmethod
    def decode(cls, value: bytes | None) -> Self:
        """A request of a record of the topic. Raises Unreadable."""
        return cls.of(fields_of(value))

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """A request of its fields. Raises Unreadable."""
        for name in ("id", "writer", "subject", "unit"):
            written = text(fields, name, None if name in ("id", "writer") else "")
            if not is_short_text(written):
                raise Unreadable(f"its field {name} is too long, or holds NUL")
        try:
            kind = Kind(fields.get("kind", ""))
        except ValueError:
            raise Unreadable("its kind is none that is known") from None
        seen = fields.get("seen")
        return cls(
            id=fields["id"],
            kind=kind,
            writer=fields["writer"],
            subject=fields.get("subject", ""),
            unit=fields.get("unit", ""),
            claims=_claims(fields.get("claims", [])),
            seen=None if seen is None else whole(fields, "seen"),
            body=_body(fields),
            texts=_texts(_object(fields, "texts")),
        )


STALE_MAKING: Final = frozenset(
    (Kind.MISSED, Kind.MET_LATE, Kind.REVERSED, Kind.REPLIED, Kind.ASKED, Kind.STEP, Kind.DECIDED)
)
"""A decision that was made without knowing one of these is refused: notices and attempts do not matter to it."""


@dataclass(frozen=True, slots=True)
class LedgerRecord:
    """One record of the ledger."""

    number: int
    """From 1 on, without gaps."""
    previous: str
    """The hash of the record before it."""
    time: str
    """When the keeper recorded it: the plan's time, RFC 3339 in UTC."""
    written_at: str
    """The same in real time; under a simulated clock the two differ."""
    request: Request
    salt: str
    """Random, in hex."""
    _value: bytes = field(default=b"", init=False, compare=False, repr=False)
    """Its canonical bytes, once they were asked for."""

    def value(self) -> bytes:
        """Its canonical bytes. ValueError where it has none."""
        if not self._value:
            object.__setattr__(self, "_value", self._canonical())
        return self._value

    def _canonical(self) -> bytes:
        own = {
            "number": self.number,
            "previous": self.previous,
            "time": self.time,
            "written_at": self.written_at,
            "salt": self.salt,
        }
        return canonical({**self.request._fields(), **own})

    def record(self) -> KeyValue:
        """As it is sent."""
        return self.request.id.encode(), self.value()

    @classmethod
    def decode(cls, value: bytes | None) -> Self:
        """A record of the topic. Raises Unreadable, also where the bytes are not the canonical ones."""
        fields = fields_of(value)
        found = cls(
            number=whole(fields, "number"),
            previous=_hash(fields, "previous"),
            time=_time(fields, "time"),
            written_at=_time(fields, "written_at"),
            request=Request.of(fields),
            salt=text(fields, "salt"),
        )
        if not found._is_written_as(value):
            raise Unreadable("its bytes are not those of a record of the ledger")
        return found

    def _is_written_as(self, value: bytes | None) -> bool:
        try:
            return self._canonical() == value  # not kept: whoever reads a ledger keeps many records
        except ValueError:  # it has no canonical form
            return False


def is_keepers_id(id: str) -> bool:
    """Whether an id is of a form that the keeper alone makes: nobody else's request may have it."""
    return id.startswith((KEEPERS_ID, EVENT_ID))


def is_short_text(written: str) -> bool:
    """Whether a text may be an id, a claim, a subject, a writer or a unit."""
    return len(written) <= LONGEST and "\0" not in written  # PostgreSQL has no NUL


def is_hash(written: str) -> bool:
    """Whether a text is a SHA-256 in hex."""
    return _HASH.fullmatch(written) is not None


def content_hash(value: bytes) -> str:
    """The SHA-256 of the canonical bytes of a record; in hex."""
    return hashlib.sha256(value).hexdigest()


def chained(previous: str, content: str) -> str:
    """The hash of a record, of the hash of the one before it and its own `content_hash`; in hex."""
    return hashlib.sha256(bytes.fromhex(previous) + bytes.fromhex(content)).hexdigest()


def hash_of(previous: str, value: bytes) -> str:
    """The hash of a record, of the hash of the one before it and its own canonical bytes; in hex."""
    return chained(previous, content_hash(value))


class Chain:
    """Which records are of the ledger, in the order of the topic."""

    def __init__(self, number: int = 0, hash: str = GENESIS) -> None:
        """After the record with this number and hash; by default before the first."""
        self.number = number
        self.hash = hash
        self.void = 0
        """Records that were passed over."""

    def take(self, value: bytes | None) -> LedgerRecord | None:
        """The record, if it is the next one; None if it is void. Raises Unreadable where it is no record: then it is
        void, too."""
        try:
            found = LedgerRecord.decode(value)
        except Unreadable:
            self.void += 1
            raise
        if found.number != self.number + 1 or found.previous != self.hash:
            self.void += 1
            return None
        self.number, self.hash = found.number, hash_of(self.hash, value or b"")
        return found


def subject_of_case(kpi: str, case: str, cycle: int) -> str:
    """A promise and one cycle of a case. `case`: owner and subject as people write it (`owner subject`)."""
    return f"case|{kpi}|{case}|{cycle}"


def subject_of_period(kpi: str, unit: str, period: str) -> str:
    """A promise, and a duty or a figure of a unit for a period."""
    return f"period|{kpi}|{unit}|{period}"


def _hash(fields: Mapping[str, Any], name: str) -> str:
    written = text(fields, name)
    if not is_hash(written):
        raise Unreadable(f"its field {name} is no hash")
    return written


def _time(fields: Mapping[str, Any], name: str) -> str:
    """All times have one form, so that the later one is the greater text."""
    written = time_text(fields, name)
    if not _TIME.fullmatch(written):
        raise Unreadable(f"its field {name} is no time in UTC to the microsecond")
    return written


def _claims(given: object) -> tuple[str, ...]:
    if type(given) is not list or len(given) > MOST_CLAIMS:
        raise Unreadable("its claims are no list, or too many")
    if not all(type(one) is str and one and is_short_text(one) for one in given):
        raise Unreadable("one of its claims is no text, empty or too long, or holds NUL")
    return tuple(given)


def _object(fields: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = fields.get(name, {})
    if type(found) is not dict:
        raise Unreadable(f"its field {name} is no JSON object")
    return found


def _body(fields: Mapping[str, Any]) -> dict[str, Any]:
    body = _object(fields, "body")
    if not _is_within(body, DEEPEST):
        raise Unreadable("its field body is nested too deep")
    return body


def _is_within(value: object, levels: int) -> bool:
    """Whether a value of JSON is nested no deeper than so many levels."""
    if type(value) is dict:
        return levels > 0 and all(_is_within(one, levels - 1) for one in value.values())
    if type(value) is list:
        return levels > 0 and all(_is_within(one, levels - 1) for one in value)
    return True


def _texts(given: Mapping[str, Any]) -> dict[str, str]:
    if not all(type(one) is str and len(one) == 64 for one in given.values()):
        raise Unreadable("one of its texts is no hash")
    return dict(given)
