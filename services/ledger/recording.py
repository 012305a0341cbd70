"""The decision of the keeper: which requests become records, as a function of what is recorded already.

Each request gets one answer in the ledger: its own record, or one of the kind `not_recorded` that names it and says
why. A request that has an answer gets no second one, however often it is sent.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, NamedTuple

from services.domain.time.zone import Instant
from services.messaging.records.decisions import effect_of_request
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import (
    GENESIS,
    KEEPERS_ID,
    LARGEST,
    STALE_MAKING,
    Kind,
    LedgerRecord,
    Request,
    hash_of,
    is_hash,
    is_keepers_id,
    is_short_text,
)

KEEPERS_OWN: Final = frozenset(
    (
        Kind.MISSED,
        Kind.MET_LATE,
        Kind.REVERSED,
        Kind.IN_FORCE,
        Kind.NOT_IN_FORCE,
        Kind.CHECKPOINT,
        Kind.NOT_RECORDED,
    )
)
"""What the keeper alone knows: no request of another process becomes such a record."""
VERDICTS: Final = frozenset((Kind.MISSED, Kind.MET_LATE, Kind.REVERSED))

CLAIMED: Final = "claimed"
"""A claim of it is in an earlier record."""
STALE: Final = "stale"
"""Its writer did not know a later record of the subject."""
KEEPERS_ONLY: Final = "keeper"
"""Only the keeper makes records of this kind, or with such an id."""
TOO_LARGE: Final = "size"
"""Its record would be larger than a record may be."""
NO_CANONICAL_FORM: Final = "form"
"""It cannot be read, or it holds a number that is not the same for every reader of JSON."""
NOT_ITS_EVENT: Final = "event"
"""Its event is another one than its kind may have: a unit decides nothing."""

NO_SEEN: Final = "seen"
"""It has to name the latest record that its writer knew, and does not."""
_MOST_TEXTS: Final = 20
"""Of a request that is not recorded."""
_KNOWING: Final = frozenset((Kind.DECIDED, Kind.STEP))


def random_salt() -> str:
    """128 random bits, in hex."""
    return secrets.token_hex(16)


class Times(NamedTuple):
    """When a batch is recorded, as its records say it."""

    time: str
    """The plan's time."""
    written_at: str
    """The real time."""

    @classmethod
    def of(cls, plan: Instant, real: Instant) -> "Times":
        """Of two instants."""
        return cls(utc_text(plan), utc_text(real))


def utc_text(instant: Instant) -> str:
    """RFC 3339 in UTC, to the microsecond."""
    seconds, rest = divmod(instant, 1_000_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:06d}Z"


class Verdict(NamedTuple):
    """The latest record of the keeper about a miss."""

    number: int
    kind: Kind
    unit: str
    due_at: str
    source: str
    """Where the verdict is: id of the topic, partition and offset, with slashes."""


@dataclass(slots=True)
class Known:
    """What is recorded, as far as the next records depend on it: everything, or what concerns one batch."""

    number: int = 0
    """Of the last record."""
    hash: str = GENESIS
    """Of the last record."""
    answered: set[str] = field(default_factory=set)
    """Ids of requests that have an answer."""
    claims: dict[str, int] = field(default_factory=dict)
    """Claim → number of the record that has it."""
    latest: dict[str, int] = field(default_factory=dict)
    """Subject → number of its latest record of a kind that makes a decision stale."""
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    """Subject → the latest record about its miss."""
    time: str = ""
    """Of the last record: the next one is not earlier."""

    def note(self, record: LedgerRecord, hash: str) -> None:
        """The next record of the chain. `hash`: its own."""
        request = record.request
        self.number, self.hash, self.time = record.number, hash, record.time
        self.answered.add(answered_by(request))
        for claim in request.claims:
            self.claims[claim] = record.number
        if not request.subject:
            return
        if request.kind in STALE_MAKING:
            self.latest[request.subject] = record.number
        if request.kind in VERDICTS:
            self.verdicts[request.subject] = verdict_of(record)


def answered_by(request: Request) -> str:
    """The id of the request to which a record of this one is the answer.

    Whoever asks under an id that the keeper alone makes gets an answer that counts for no request: else the keeper's
    own record of that id would be taken for answered."""
    if request.kind is not Kind.NOT_RECORDED:
        return request.id
    asked = _readable(str(request.body.get("request", ""))) or request.id
    return request.id if request.body.get("reason") == KEEPERS_ONLY and is_keepers_id(asked) else asked


def verdict_of(record: LedgerRecord) -> Verdict:
    """What a record of the keeper says about a miss."""
    request = record.request
    due_at, source = (_readable(str(request.body.get(name, ""))) for name in ("due_at", "source"))
    return Verdict(record.number, request.kind, request.unit, due_at, source)


def record_requests(
    known: Known, requests: Iterable[Request], times: Times, keeper: str, salt: Callable[[], str] = random_salt
) -> Iterator[LedgerRecord]:
    """The records of requests, in their order; `known` is carried on with each before the next request is asked for.

    A time of the plan never runs backwards, also where a clock was set back: a grant counts from it.

    Args:
        known: what is recorded, at least as far as these requests depend on it.
        keeper: name of the process, which is the writer of its refusals.
        salt: of each record.
    """
    for request in requests:
        if answered_by(request) in known.answered:
            continue
        refusal = _refusal(known, request)
        asked = _refused(refusal, keeper) if refusal else request
        made = LedgerRecord(known.number + 1, known.hash, max(times.time, known.time), times.written_at, asked, salt())
        record, value = _writable(made, keeper)
        known.note(record, hash_of(known.hash, value))
        yield record


class _Refusal(NamedTuple):
    request: Request
    reason: str
    record: int | None = None


def _refusal(known: Known, request: Request) -> _Refusal | None:
    """Why a request is not recorded as asked; None if it is."""
    for claim in request.claims:
        if claim in known.claims:
            return _Refusal(request, CLAIMED, known.claims[claim])
    if request.seen is not None:
        latest = known.latest.get(request.subject, 0)
        if latest > request.seen:
            return _Refusal(request, STALE, latest)
    return None


def _writable(record: LedgerRecord, keeper: str) -> tuple[LedgerRecord, bytes]:
    """A record and its bytes; the refusal of its request where it has none, or no reader could read them: such a
    record would be void, and the keeper would wait for it without end."""
    try:
        value = record.value()
        LedgerRecord.decode(value)
        reason = TOO_LARGE if len(value) > LARGEST else ""
    except ValueError:  # Unreadable is one
        reason = NO_CANONICAL_FORM
    if not reason:
        return record, value
    request = replace(record.request, subject=_readable(record.request.subject), unit=_readable(record.request.unit))
    refused = replace(record, request=_refused(_Refusal(request, reason), keeper))
    return refused, refused.value()


def _readable(text: str) -> str:
    """A text that a record may have as its subject or unit, and the index in a column; empty: it is none."""
    return text if is_short_text(text) else ""


def _refused(refusal: _Refusal, keeper: str) -> Request:
    """What is recorded in the place of a request."""
    request = refusal.request
    body: dict[str, str | int] = {"request": request.id, "reason": refusal.reason}
    if refusal.record is not None:
        body["record"] = refusal.record
    return Request(
        id=f"{KEEPERS_ID}not-recorded/{hashlib.sha256(request.id.encode()).hexdigest()}",
        kind=Kind.NOT_RECORDED,
        writer=keeper,
        subject=request.subject,
        unit=request.unit,
        body=body,
        texts=_unrecorded_texts(request),
    )


def _unrecorded_texts(request: Request) -> dict[str, str]:
    """The texts of a request that is not recorded: they are erased, since no record has them."""
    hashes = [hash for hash in request.texts.values() if is_hash(hash)]
    return {f"text-{place}": hash for place, hash in enumerate(hashes[:_MOST_TEXTS], start=1)}


def of_others(request: Request, keeper: str) -> Request:
    """A request as it came from another process: what only the keeper may record is refused, what would have an event
    that it may not have, and what was decided without naming what it knew."""
    if request.kind in KEEPERS_OWN or is_keepers_id(request.id):
        return _refused(_Refusal(request, KEEPERS_ONLY), keeper)
    if request.kind in _KNOWING and request.seen is None:
        return _refused(_Refusal(request, NO_SEEN), keeper)
    try:
        effect_of_request(request)
    except Unreadable:
        return _refused(_Refusal(request, NOT_ITS_EVENT), keeper)
    return request


def refusal_of_key(key: bytes | None, keeper: str) -> list[Request]:
    """The answer to a record of `ledger.requests` that is no request: its key is the id. Empty: the key is no id."""
    try:
        id = (key or b"").decode()
    except UnicodeDecodeError:
        return []
    if not id or not is_short_text(id) or is_keepers_id(id):
        return []
    return [_refused(_Refusal(Request(id, Kind.NOT_RECORDED, keeper), NO_CANONICAL_FORM), keeper)]
