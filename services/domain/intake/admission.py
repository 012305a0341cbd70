"""Admission: from the bytes of one event to a fact, or to the reason for refusing it (docs/contract.md).

It checks everything that can be checked with the event, the plan and the arrival. What depends on the other events of
the case (`id_conflict`, a correction without a target) is found by the fold.

The most expensive step of a worker: functions here avoid models and copies where a plain event allows it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from services.domain.intake.entitlements import Entitlements, SourceRights
from services.domain.intake.event_type import EventType, bad_correction
from services.domain.intake.events import MODELS, Correction, Envelope, Head, text_of
from services.domain.intake.facts import INSTANTS, Fact, case_key, digest_of
from services.domain.intake.json_text import (
    DATA,
    LONGEST_ARRIVAL,
    LONGEST_STAMP,
    is_deep,
    repeats_a_name,
    stamp_length,
)
from services.domain.intake.personal_data import find_personal, may_be_personal
from services.domain.intake.plain_envelope import PlainHead, plain_head, without_ignored
from services.domain.intake.record_headers import InHeaders, read_headers
from services.domain.intake.refusal import Reason, Refused
from services.domain.intake.validation_messages import malformed, refusal_of, unknown_type
from services.domain.plan.plan import Plan
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import MINUTE_US, Instant

LARGEST_EVENT: Final = 64 * 1024
"""Bytes."""

TOLERATED_LEAD_US: Final = 5 * MINUTE_US
"""How far a source's clock may be ahead of ours."""


class JsonCodec(NamedTuple):
    """How JSON is read and written; the domain itself brings no library for it."""

    loads: Callable[[bytes], Any]
    """ValueError where it is not JSON."""
    canonical: Callable[[Any], bytes]
    """RFC 8785; ValueError where there is no canonical form."""
    dumps: Callable[[Any], bytes]
    """Fast, with sorted keys; canonical for texts and whole numbers."""


class Admitted(NamedTuple):
    """An admitted event: the key of its case, and the fact that the case keeps."""

    key: str
    fact: Fact
    owner: str
    subject: str


class _Content(NamedTuple):
    """The checked data of an event, as a fact keeps it."""

    data: Mapping[str, Any]
    plain: bool
    """Whether the codec's `dumps` writes it in canonical form."""


MOST_REMEMBERED: Final = 4096
"""Most events of a source repeat data (a service item, a unit, two limits, an outcome). So many different data are kept
with the result of their check; then all are forgotten, and those in use are soon there again. All facts with the same
data share one object: the data of a fact is never changed."""
LONGEST_REMEMBERED: Final = 1024
"""Bytes. Longer data is checked each time, so that no sender fills the memory with it."""


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Admission:
    """Checks events against the contract and a plan. Built once per plan, then called once per event."""

    def __init__(self, plan: Plan, codec: JsonCodec, *, trust_receivedat: bool = False) -> None:
        """`trust_receivedat`: the events come from the service's own topic or from an export of it. In events from
        outside, the attribute and the record's header of that name are refused."""
        self._codec = codec
        self._trust_receivedat = trust_receivedat
        self._entitlements = Entitlements(plan)
        self._event_types = {name: EventType.of(name, model) for name, model in MODELS.items()}
        self._head: Callable[[Any], Head] = TypeAdapter(Head).validator.validate_python
        self._contents: dict[tuple[str, str, bytes], _Content] = {}

    def admit(
        self,
        raw: bytes | None,
        *,
        received: Instant | None = None,
        now: Instant | None = None,
        key: bytes | None = None,
        headers: Iterable[tuple[str, bytes | None]] | None = None,
    ) -> Admitted:
        """The fact of an event. Raises Refused, and nothing else, whatever the bytes, the key and the headers are.

        `raw`: the record's value. `received`: when it arrived, if the carrier knows. A trusted `receivedat` takes
        precedence: the event's own, then the record's header. Without any of them `recordedat`, then `time` is taken as
        the arrival, but not later than `now`, if that is given. `key`: the record's key; it is compared with the case
        key last. `headers`: those of the record; `ce_specversion` among them means binary mode.

        The digest is of the canonical JSON without `receivedat` and without the standard extensions that are ignored:
        an event that is sent again with another `traceparent` is a duplicate.
        """
        try:
            return self._admit(raw, received, now, key, read_headers(headers) if headers else _NO_HEADERS)
        except Refused as refused:
            raise self._for_depth(raw, refused) from None
        except Exception as error:
            raise _not_foreseen(error) from error

    def _admit(
        self,
        raw: bytes | None,
        received: Instant | None,
        now: Instant | None,
        key: bytes | None,
        in_headers: InHeaders,
    ) -> Admitted:
        written = self._event(raw, in_headers.attributes)
        event_type = self._event_type(written)
        event = written
        envelope: PlainHead | Envelope | None = None if event_type.is_checked_whole else plain_head(written)
        if envelope is None:
            event, envelope = self._full_envelope(written, event_type)
        owner, subject = envelope.caseowner or envelope.source, envelope.subject or ""
        rights = self._entitlements.rights(envelope.source, owner, envelope.recordedat)
        arrival = self._arrival_of(envelope, event, in_headers, received, now)
        if envelope.receivedat is not None:
            event = _without_arrival(event)
        latest = arrival + TOLERATED_LEAD_US
        if envelope.time > latest:
            raise _from_the_future("time", envelope.time, latest)
        if event_type.is_checked_whole:
            content = self._whole_content(event, envelope, event_type, rights, latest)
        else:
            content = self._content(event, event_type, rights)
        payload = self._payload(raw, written, event, content, in_headers)
        case = case_key(owner, subject)
        if key is not None and key != case.encode():
            raise _wrong_key()
        digest = digest_of(payload)
        recorded = envelope.recordedat
        fact = Fact(
            envelope.time, event_type.rank, envelope.source, envelope.id, arrival, digest, content.data, recorded
        )
        return Admitted(case, fact, owner, subject)

    def _full_envelope(self, written: dict[str, Any], event_type: EventType) -> tuple[dict[str, Any], Envelope]:
        """The event without the extensions that are ignored, and its envelope as validated by a model."""
        event = without_ignored(written)
        if event is not written and is_deep(written):
            raise _too_deep()
        return event, event_type.validated(event) if event_type.is_checked_whole else self._head_of(event, event_type)

    def _payload(
        self,
        raw: bytes | None,
        written: dict[str, Any],
        event: dict[str, Any],
        content: _Content,
        in_headers: InHeaders,
    ) -> bytes:
        """The canonical bytes of the event, of which the digest is made. Refuses a name that is there twice."""
        # every other attribute is a text under an ASCII name: as plain as the data
        payload = self._codec.dumps(event) if content.plain else self._codec.canonical(event)
        if in_headers.attributes is not None:
            again = self._codec.dumps(written.get("data"))
        else:
            again = payload if written is event else self._codec.dumps(written)
        self._refuse_repeated_names(raw, again)
        return payload

    def _arrival_of(
        self,
        envelope: PlainHead | Envelope,
        event: Mapping[str, Any],
        in_headers: InHeaders,
        received: Instant | None,
        now: Instant | None,
    ) -> Instant:
        """When the event arrived: its own `receivedat`, or the header's, or the carrier's time, or `recordedat`, or
        `time`, whichever is there first. The last two are not later than now."""
        if envelope.receivedat is not None:
            if not self._trust_receivedat:
                raise _stamped_from_outside("receivedat")
            if len(event["receivedat"]) > LONGEST_ARRIVAL:
                raise _too_long_arrival()
            return envelope.receivedat
        if "receivedat" in event:
            raise Refused(Reason.INVALID_VALUE, "receivedat", "it is null", "leave it out")
        if in_headers.received is not None:
            return self._arrival(in_headers.received)
        if received is not None:
            return received
        arrival = envelope.recordedat if envelope.recordedat is not None else envelope.time
        return arrival if now is None or arrival <= now else now

    def _event(self, raw: bytes | None, attributes: dict[str, Any] | None) -> dict[str, Any]:
        """The event as an object of JSON. Refuses one that is too large or that holds the number of a person.

        `attributes`: those that came as headers; None unless the record is in binary mode."""
        if raw is None:
            raise malformed("the record has no value", "send the event as the record's value")
        if attributes is not None:
            return self._binary_event(raw, attributes)
        if len(raw) > LARGEST_EVENT:
            # an export wrote the arrival into the event
            stamp = stamp_length(raw) if len(raw) <= LARGEST_EVENT + LONGEST_STAMP and self._trust_receivedat else 0
            _refuse_large(len(raw) - stamp)
        event = self._json(raw)
        if type(event) is not dict:
            raise malformed(
                "it is JSON, but not an object",
                "write one CloudEvent, a JSON object, per record or line",
            )
        if may_be_personal(raw):
            _refuse_deep_or_personal(event)
        return event

    def _binary_event(self, raw: bytes, attributes: dict[str, Any]) -> dict[str, Any]:
        """The event of a record in binary mode. Its size is that of the same event as one line."""
        _refuse_large(len(raw) + len(self._codec.dumps(attributes)) + len(DATA))
        data = self._json(raw) if raw else None
        event = attributes if data is None else {**attributes, "data": data}
        _refuse_deep_or_personal(event)
        return event

    def _json(self, raw: bytes) -> Any:
        try:
            return self._codec.loads(raw)
        except ValueError as error:  # also for bytes that are not UTF-8
            raise malformed(
                f"it is not JSON in UTF-8 ({error})", "write one JSON object in UTF-8 (not in GBK)"
            ) from None

    def _arrival(self, text: str) -> Instant:
        """The arrival in the record's header."""
        if not self._trust_receivedat:
            raise _stamped_from_outside("receivedat")
        if len(text) > LONGEST_ARRIVAL:
            raise _too_long_arrival()
        try:
            return instant_from(text)
        except ValueError:
            raise Refused(
                Reason.INVALID_VALUE,
                "receivedat",
                "the record's header is not an RFC 3339 time",
                "leave the header out: only the service's own feeds write it",
            ) from None

    @staticmethod
    def _refuse_repeated_names(raw: bytes | None, written: bytes) -> None:
        """Refuses JSON with the same name twice in an object. `written`: the same content, serialized again."""
        if raw and repeats_a_name(raw, written):
            raise malformed(
                "a name stands twice in one of its objects, and readers disagree on which holds",
                "write each name once",
            )

    def _for_depth(self, raw: bytes | None, refused: Refused) -> Refused:
        """Nesting too deep is the reason that is reported, whatever else was found first."""
        if raw is None or len(raw) > LARGEST_EVENT or refused.code is Reason.MALFORMED:
            return refused
        try:
            return _too_deep() if is_deep(self._codec.loads(raw)) else refused
        except ValueError:
            return refused

    def _event_type(self, event: dict[str, Any]) -> EventType:
        kind = event.get("type")
        event_type = self._event_types.get(kind) if type(kind) is str else None
        if event_type is not None:
            return event_type
        if event.get("specversion") != "1.0":
            raise malformed("it is not a CloudEvent 1.0")
        if type(kind) is not str:
            raise Refused(
                Reason.INVALID_VALUE,
                "type",
                "it is missing or not a text",
                "write the event's type",
            )
        raise unknown_type("type")

    def _head_of(self, event: dict[str, Any], event_type: EventType) -> Head:
        try:
            return self._head(event)
        except ValidationError as error:
            raise refusal_of(error, event_type.name) from None

    def _content(self, event: dict[str, Any], event_type: EventType, rights: SourceRights) -> _Content:
        """The checked data of an event: remembered if the source has sent the same data before, else checked now."""
        data = event.get("data")
        if event_type.has_due_at and type(data) is dict and data.get("due_at") is not None:
            return self._content_with_due_at(event, data, event_type, rights)
        try:
            same = event["source"], event_type.name, self._codec.dumps(data) if "data" in event else b""
        except TypeError:
            raise _too_deep() from None
        content = self._contents.get(same)
        if content is None:
            if not event_type.has_good_data(data):
                event_type.validated(event)  # says what is wrong, or that this type needs no data
            content = _Content(self._data(data, event_type, rights, "data"), self._is_plain(data))
            if len(same[2]) <= LONGEST_REMEMBERED:
                remember(self._contents, same, content)
        return content

    def _content_with_due_at(
        self, event: dict[str, Any], data: Mapping[str, Any], event_type: EventType, rights: SourceRights
    ) -> _Content:
        """A due date differs from case to case, so it is not remembered with the other data."""
        try:
            due_at = instant_from(data["due_at"])
        except ValueError:
            event_type.validated(event)  # says what is wrong with it
            raise
        others = {name: value for name, value in data.items() if name != "due_at"}
        content = self._content({**event, "data": others}, event_type, rights)
        return _Content({**content.data, "due_at": due_at}, content.plain)

    def _whole_content(
        self,
        event: dict[str, Any],
        envelope: PlainHead | Envelope,
        event_type: EventType,
        rights: SourceRights,
        latest: Instant,
    ) -> _Content:
        """The data of an event whose envelope and data were validated together."""
        if isinstance(envelope, Correction):
            data = self._correction(envelope, event["data"], rights, latest)
        else:
            data = self._data(event.get("data"), event_type, rights, "data")
            if event_type.is_decision:
                self._check_decision(data, latest, "data")
        return _Content(data, self._is_plain(event.get("data")))

    def _is_plain(self, data: object) -> bool:
        try:
            return data is None or self._codec.canonical(data) == self._codec.dumps(data)
        except ValueError:
            raise Refused(
                Reason.INVALID_VALUE,
                "data",
                "a number in it is not the same for every reader",
                "write whole numbers below 2^53, or a text",
            ) from None

    def _data(
        self, given: dict[str, Any] | None, event_type: EventType, rights: SourceRights, path: str
    ) -> dict[str, Any]:
        """The data as a fact keeps it: checked against the plan, without defaults and nulls, times as instants."""
        if not given:
            return dict(event_type.always)
        content = _without_defaults(given, event_type.defaults)
        self._entitlements.check(content, event_type.references, rights, path)
        attributes = content.get("attributes")
        if attributes and None in attributes.values():
            content["attributes"] = {name: value for name, value in attributes.items() if value is not None}
        for name in INSTANTS.intersection(content):
            content[name] = instant_from(content[name])
        return {**event_type.always, **content} if event_type.always else content

    def _check_decision(self, decision: Mapping[str, Any], latest: Instant, path: str) -> None:
        """Refuses a decision on what has not arrived yet, and one from outside that does not say on what it is."""
        through = decision.get("through")
        if through is not None and through > latest:
            raise _from_the_future(f"{path}.through", through, latest)
        if self._trust_receivedat or decision["decision"] == "requested":
            return  # in the archive there are decisions from before these fields
        if through is None:
            raise _missing(f"{path}.through", "the last arrival (receivedat) that the deciders had seen")
        if "cycle" not in decision and "period" not in decision:
            raise _missing(f"{path}.cycle", "the cycle of the case; of a duty or a figure unit and period")

    def _correction(
        self,
        correction: Correction,
        given: dict[str, Any],
        rights: SourceRights,
        latest: Instant,
    ) -> dict[str, Any]:
        """The data of a correction: the id of the event that it corrects, and what replaces it."""
        target = correction.data.of
        if target == correction.id:
            raise bad_correction(
                "data.of",
                "a correction cannot correct itself",
                "name the id of an earlier event",
            )
        replacement = correction.data.event
        if replacement is None:
            return {"of": target, "event": None}
        _refuse_other_subject(correction, replacement)
        if replacement.receivedat is not None and not self._trust_receivedat:
            raise _stamped_from_outside("data.event.receivedat")
        if replacement.time > latest:
            raise _from_the_future("data.event.time", replacement.time, latest)
        event_type = self._event_types[replacement.type]
        data = self._data(given["event"].get("data"), event_type, rights, "data.event.data")
        if event_type.is_decision:
            self._check_decision(data, latest, "data.event.data")
        return {
            "of": target,
            "event": {
                "type": replacement.type,
                "time": replacement.time,
                "recorded": replacement.recordedat,
                "data": data,
            },
        }


def remember(known: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Keep what was checked, and no more than MOST_REMEMBERED of it."""
    if len(known) >= MOST_REMEMBERED:
        known.clear()
    known[key] = value


def _refuse_other_subject(correction: Correction, replacement: Envelope) -> None:
    """Refuses a replacement that is about something else than what it replaces."""
    for name, here, there in (
        ("subject", correction.subject, replacement.subject),
        ("source", correction.source, replacement.source),
        (
            "caseowner",
            correction.caseowner or correction.source,
            replacement.caseowner or replacement.source,
        ),
    ):
        if here != there:
            raise bad_correction(
                f"data.event.{name}",
                f"the replacement has another {name} than the correction",
                "correct an event of the same source and case; strike out the other with event null",
            )


def _refuse_large(size: int) -> None:
    if size > LARGEST_EVENT:
        raise Refused(
            Reason.TOO_LARGE,
            "",
            f"it is larger than an event may be: {LARGEST_EVENT} bytes",
            "keep documents where they are and send a reference",
        )


def _without_arrival(event: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "receivedat"}


_NO_DEFAULT: Final = object()


def _without_defaults(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The data without nulls and without what means the same as a field that is left out."""
    return {n: value for n, value in given.items() if value is not None and value != defaults.get(n, _NO_DEFAULT)}


def _refuse_deep_or_personal(event: Mapping[str, Any]) -> None:
    if is_deep(event):
        raise _too_deep()
    _refuse_personal(event)


def _refuse_personal(event: Mapping[str, Any]) -> None:
    """Refuses the number of a person anywhere in the event. The refusal does not quote it."""
    found = find_personal(event)
    if found is not None:
        raise Refused(
            Reason.PERSONAL_DATA,
            found.path,
            f"there is {'an' if found.kind[0] in 'aeiou' else 'a'} {found.kind} in it",
            "send a keyed hash, or leave it out: the service must not know it",
        )


def _too_deep() -> Refused:
    return malformed("it is nested too deeply", "write the event as the contract has it")


def _not_foreseen(error: Exception) -> Refused:
    """The last resort: a defect of ours that shows at one event must not stop the others. Tests check that no known
    kind of event comes here."""
    return malformed(
        f"this version cannot read it ({type(error).__name__})",
        "report it with the event; once it is mended, send the event again",
    )


_NO_HEADERS: Final = InHeaders(None, None)


def _wrong_key() -> Refused:
    return Refused(
        Reason.WRONG_KEY,
        "",
        "the record's key is not the case key",
        "key it by (caseowner or source) + U+001F + subject, and partition by murmur2 of the key",
    )


def _stamped_from_outside(path: str) -> Refused:
    return Refused(
        Reason.UNKNOWN_FIELD,
        path,
        "the arrival is stamped by the service",
        "leave receivedat out; recordedat says when your own system wrote it",
    )


def _too_long_arrival() -> Refused:
    """An export could not write it into the event, and a replay of the archive would differ from the live system."""
    return Refused(
        Reason.INVALID_VALUE,
        "receivedat",
        f"it is longer than any time: {LONGEST_ARRIVAL} characters",
        "write RFC 3339 with at most nine digits of a second, or leave it out",
    )


def _missing(path: str, what: str) -> Refused:
    return Refused(Reason.INVALID_VALUE, path, "it is missing from a decision", f"write {what}")


def _from_the_future(path: str, time: Instant, latest: Instant) -> Refused:
    return Refused(
        Reason.FROM_THE_FUTURE,
        path,
        f"{text_of(time)} is more than 5 minutes ahead of its arrival at {text_of(latest - TOLERATED_LEAD_US)}",
        "send what has happened, and set the source's clock and offset right",
    )
