"""The edge of the domain: from the bytes of one event to a fact, or to the reason why not (docs/contract.md).

Checked here is everything that the event alone, its plan and its arrival can tell. What only the case can know
(`id_conflict`, a correction without a target) is found by the fold.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, cast

from pydantic import TypeAdapter, ValidationError

from services.domain.intake.entitlements import Registry, Said, Speaker
from services.domain.intake.events import MODELS, Correction, Envelope, Head, text_of
from services.domain.intake.facts import FACT_TYPE_OF, Fact, FactType, case_key, digest_of
from services.domain.intake.json_text import (
    DATA,
    LONGEST_ARRIVAL,
    LONGEST_STAMP,
    STAMP,
    STAMP_END,
    is_deep,
    repeats_a_name,
    stamp_length,
)
from services.domain.intake.personal_data import find_personal, may_be_personal
from services.domain.intake.plain_envelope import PlainHead, plain_head, without_ignored
from services.domain.intake.record_headers import Carried, carried
from services.domain.intake.refusal import Reason, Refused
from services.domain.intake.validation_messages import data_fields, data_validator, malformed, refusal_of, unknown_type
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
    """An event that may go on: its case, and what the case will keep of it."""

    key: str
    fact: Fact
    owner: str
    subject: str


class _Content(NamedTuple):
    """The data of an event, found good, as a fact keeps it."""

    data: Mapping[str, Any]
    plain: bool
    """The codec's `dumps` writes it canonically."""


_REMEMBERED: Final = 4096
"""Most events of a source say what others said before (a service item, a unit, two limits, an outcome): that many
different data are judged once only. All facts with the same data share one object; nobody changes a fact's data."""


class Admission:
    """Judges one event after the other against a plan's registries. Compiled once, then cheap."""

    def __init__(self, plan: Plan, codec: JsonCodec, *, trust_receivedat: bool = False) -> None:
        """`trust_receivedat`: the events come from the service's own topic or an export of it; from outside the
        attribute and the record's header of that name are refused."""
        self._codec = codec
        self._trust_receivedat = trust_receivedat
        self._registry = Registry(plan)
        self._forms = {event_type: _Form.of(event_type, model) for event_type, model in MODELS.items()}
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
        """The fact that an event's bytes stand for. Refused says why there is none; whatever the bytes, the key and the
        headers are, nothing else is raised.

        `received` is when it arrived, where the carrier knows; a trusted `receivedat` goes before it: the event's own,
        else the record's header. Else `recordedat` and then `time` stand in for it, and nothing arrived later than
        `now`, where that is given. `key` is the record's key, compared with the case key after all else. `headers` are
        the record's: with `ce_specversion` among them the event is in binary mode.

        The payload hash is of the canonical JSON without `receivedat` and without the standard extensions that are
        ignored: sent again with another `traceparent`, an event is a duplicate.
        """
        try:
            return self._admit(raw, received, now, key, headers)
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
        headers: Iterable[tuple[str, bytes | None]] | None,
    ) -> Admitted:
        told = carried(headers) if headers else _NOTHING_CARRIED
        written = event = self._event(raw, told.attributes)
        form = self._form(event)
        envelope: PlainHead | Envelope | None = None if form.is_told_whole else plain_head(event)
        if envelope is None:
            event = without_ignored(event)
            if event is not written and is_deep(written):
                raise _too_deep()
            envelope = form.whole(event) if form.is_told_whole else self._head_of(event, form)
        owner, subject, recorded = envelope.caseowner or envelope.source, envelope.subject or "", envelope.recordedat
        speaker = self._registry.speaker(envelope.source, owner)
        if recorded is None and not speaker.real_time:
            raise _not_recorded()
        arrival = self._arrival_of(envelope, event, told, received, now)
        if envelope.receivedat is not None:
            event = {name: value for name, value in event.items() if name != "receivedat"}
        latest = arrival + TOLERATED_LEAD_US
        if envelope.time > latest:
            raise _from_the_future("time", envelope.time, latest)
        if form.is_told_whole:
            content = self._told_whole(event, envelope, form, speaker, latest)
        else:
            content = self._content(event, form, speaker)
        # every other attribute is a text under an ASCII name: as plain as the data
        payload = self._codec.dumps(event) if content.plain else self._codec.canonical(event)
        if not content.plain or not _is_brief(raw, payload, written):
            is_whole = written is event and told.attributes is None
            self._refuse_repeated_names(
                raw, payload if is_whole else self._codec.dumps(written.get("data") if told.attributes else written)
            )
        case = case_key(owner, subject)
        if key is not None and key != case.encode():
            raise _wrong_key()
        digest = digest_of(payload)
        fact = Fact(envelope.time, form.rank, envelope.source, envelope.id, arrival, digest, content.data, recorded)
        return Admitted(case, fact, owner, subject)

    def _arrival_of(
        self,
        envelope: PlainHead | Envelope,
        event: Mapping[str, Any],
        told: Carried,
        received: Instant | None,
        now: Instant | None,
    ) -> Instant:
        """When the event arrived, by the first of these that is there: its own `receivedat`, the header's, the
        carrier's time, `recordedat`, `time`; of the last two not later than now."""
        if envelope.receivedat is not None:
            if not self._trust_receivedat:
                raise _stamped_from_outside("receivedat")
            if len(event["receivedat"]) > LONGEST_ARRIVAL:
                raise _too_long_arrival()
            return envelope.receivedat
        if "receivedat" in event:
            raise Refused(Reason.INVALID_VALUE, "receivedat", "it is null", "leave it out")
        if told.received is not None:
            return self._arrival(told.received)
        if received is not None:
            return received
        arrival = envelope.recordedat if envelope.recordedat is not None else envelope.time
        return arrival if now is None or arrival <= now else now

    def _event(self, raw: bytes | None, binary: dict[str, Any] | None) -> dict[str, Any]:
        """The JSON object of the bytes, without the number of a person in it. `binary`: the attributes that came as
        headers."""
        if raw is None:
            raise malformed("the record has no value", "send the event as the record's value")
        if len(raw) > LARGEST_EVENT or binary is not None:
            self._refuse_large(raw, binary)
        try:
            event = self._codec.loads(raw) if raw or binary is None else None
        except ValueError as error:  # also for bytes that are not UTF-8
            raise malformed(
                f"it is not JSON in UTF-8 ({error})", "write one JSON object in UTF-8 (not in GBK)"
            ) from None
        if binary is not None:
            event = binary if event is None else {**binary, "data": event}
        elif type(event) is not dict:
            raise malformed(
                "it is JSON, but not an object",
                "write one CloudEvent, a JSON object, per record or line",
            )
        if binary is not None or may_be_personal(raw):
            if is_deep(event):
                raise _too_deep()
            _refuse_personal(event)
        return cast(dict[str, Any], event)

    def _refuse_large(self, raw: bytes, binary: dict[str, Any] | None) -> None:
        """Refuses what is larger than an event may be: as one line, and without the arrival that an export wrote into
        it."""
        size = len(raw)
        if binary is not None:
            size += len(self._codec.dumps(binary)) + len(DATA)
        elif size <= LARGEST_EVENT + LONGEST_STAMP and self._trust_receivedat:
            size -= stamp_length(raw)
        if size > LARGEST_EVENT:
            raise Refused(
                Reason.TOO_LARGE,
                "",
                f"it is larger than an event may be: {LARGEST_EVENT} bytes",
                "keep documents where they are and send a reference",
            )

    def _arrival(self, text: str) -> Instant:
        """The arrival that the record's header says."""
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
        """Refuses JSON with the same name twice in an object; `written`: the same content written again."""
        if raw and repeats_a_name(raw, written):
            raise malformed(
                "a name stands twice in one of its objects, and readers disagree on which holds",
                "write each name once",
            )

    def _for_depth(self, raw: bytes | None, refused: Refused) -> Refused:
        """What is nested too deeply is refused for that, whatever was found first."""
        if raw is None or len(raw) > LARGEST_EVENT or refused.code is Reason.MALFORMED:
            return refused
        try:
            return _too_deep() if is_deep(self._codec.loads(raw)) else refused
        except ValueError:
            return refused

    def _form(self, event: dict[str, Any]) -> "_Form":
        kind = event.get("type")
        form = self._forms.get(kind) if type(kind) is str else None
        if form is not None:
            return form
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

    def _head_of(self, event: dict[str, Any], form: "_Form") -> Head:
        try:
            return self._head(event)
        except ValidationError as error:
            raise refusal_of(error, form.event_type) from None

    def _content(self, event: dict[str, Any], form: "_Form", speaker: Speaker) -> _Content:
        """The data as the fact keeps it: remembered, or judged now. A due date differs from case to case, so it is
        read by itself."""
        data = event.get("data")
        due_at: Instant | None = None
        if form.has_due_at and type(data) is dict and data.get("due_at") is not None:
            try:
                due_at = instant_from(data["due_at"])
            except ValueError:
                form.whole(event)  # says what is wrong with it
            data = {name: value for name, value in data.items() if name != "due_at"}
        try:
            told = (event["source"], form.event_type, self._codec.dumps(data) if "data" in event else b"")
        except TypeError:
            raise _too_deep() from None
        content = self._contents.get(told)
        if content is None:
            if not form.has_good_data(data):
                form.whole(event)  # says what is wrong, or that no data is fine
            content = _Content(self._data(data, form, speaker, "data"), self._is_plain(data))
            if len(self._contents) >= _REMEMBERED:
                self._contents.clear()
            self._contents[told] = content
        if due_at is not None:
            return _Content({**content.data, "due_at": due_at}, content.plain)
        return content

    def _told_whole(
        self, event: dict[str, Any], envelope: PlainHead | Envelope, form: "_Form", speaker: Speaker, latest: Instant
    ) -> _Content:
        if isinstance(envelope, Correction):
            data = self._correction(envelope, event["data"], speaker, latest)
        else:
            data = self._data(event.get("data"), form, speaker, "data")
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

    def _data(self, given: dict[str, Any] | None, form: "_Form", speaker: Speaker, path: str) -> dict[str, Any]:
        """The data, checked against the plan and without what is unknown or none."""
        if not given:
            return dict(form.always)
        defaults = form.defaults
        content = {
            n: value for n, value in given.items() if value is not None and value != defaults.get(n, _NO_DEFAULT)
        }
        self._registry.judge(content, form.said, speaker, path)
        attributes = content.get("attributes")
        if attributes and None in attributes.values():
            content["attributes"] = {name: value for name, value in attributes.items() if value is not None}
        if "due_at" in content:
            content["due_at"] = instant_from(content["due_at"])
        return {**form.always, **content} if form.always else content

    def _correction(
        self,
        correction: Correction,
        given: dict[str, Any],
        speaker: Speaker,
        latest: Instant,
    ) -> dict[str, Any]:
        """What a correction says: whom it corrects, and what holds instead."""
        target = correction.data.of
        if target == correction.id:
            raise _bad_correction(
                "data.of",
                "a correction cannot correct itself",
                "name the id of an earlier event",
            )
        replacement = correction.data.event
        if replacement is None:
            return {"of": target, "event": None}
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
                raise _bad_correction(
                    f"data.event.{name}",
                    f"the replacement has another {name} than the correction",
                    "correct an event of the same source and case; strike out the other with event null",
                )
        if replacement.receivedat is not None and not self._trust_receivedat:
            raise _stamped_from_outside("data.event.receivedat")
        if replacement.time > latest:
            raise _from_the_future("data.event.time", replacement.time, latest)
        form = self._forms[replacement.type]
        return {
            "of": target,
            "event": {
                "type": replacement.type,
                "time": replacement.time,
                "recorded": replacement.recordedat,
                "data": self._data(given["event"].get("data"), form, speaker, "data.event.data"),
            },
        }


_NO_DEFAULT: Final = object()


class _Form(NamedTuple):
    """What is known of a type before an event of it comes."""

    event_type: str
    rank: int
    validate: Callable[[Any], Envelope]
    validate_data: Callable[[Any], object]
    said: Said
    defaults: Mapping[str, Any]
    """Values of data that say no more than their absence."""
    has_due_at: bool
    always: Mapping[str, Any]
    """Data that a fact has even where the event says nothing."""
    is_told_whole: bool
    """Its envelope and its data depend on each other."""

    @classmethod
    def of(cls, event_type: str, model: type[Envelope]) -> "_Form":
        fields = data_fields(model)
        suspends = event_type in ("case.suspended", "case.resumed")
        return cls(
            event_type=event_type,
            rank=int(FACT_TYPE_OF[event_type]),
            validate=TypeAdapter(model).validator.validate_python,
            validate_data=data_validator(model),
            said=Said.by(event_type, model),
            defaults={name: field.default for name, field in fields.items() if field.default is not None},
            has_due_at="due_at" in fields,
            always={"reason": fields["reason"].default} if suspends else {},
            is_told_whole=FACT_TYPE_OF[event_type] in (FactType.CORRECTION, FactType.SOURCE_HEARTBEAT),
        )

    def has_good_data(self, data: object) -> bool:
        """Whether there is data, and in the form of the type."""
        try:
            self.validate_data(data)
        except ValidationError:
            return False
        return True

    def whole(self, event: dict[str, Any]) -> Envelope:
        """The event in the form of its type, or Refused."""
        try:
            return self.validate(_with_whole_replacement(event) if self.rank == FactType.CORRECTION else event)
        except ValidationError as error:
            raise refusal_of(error, self.event_type) from None


def _with_whole_replacement(event: dict[str, Any]) -> dict[str, Any]:
    """The correction with the envelope of its replacement completed from its own; the replacement's id is its
    target's."""
    data = event.get("data")
    replacement = data.get("event") if type(data) is dict else None
    if type(data) is not dict or type(replacement) is not dict:
        return event
    kind = replacement.get("type")
    if kind == FactType.CORRECTION.event_type:
        raise _bad_correction(
            "data.event.type",
            "a correction is not corrected",
            "send another correction of the first event: the one with the greatest time and id holds",
        )
    if type(kind) is str and kind not in MODELS:
        raise unknown_type("data.event.type")
    inherited = {name: event[name] for name in _INHERITED if name in event}
    return {
        **event,
        "data": {**data, "event": {**inherited, "id": data.get("of"), **replacement}},
    }


_INHERITED: Final = ("specversion", "source", "subject", "caseowner", "recordedat")


def _refuse_personal(event: Mapping[str, Any]) -> None:
    """Refuses the number of a person anywhere in the event. Neither path nor sentence quotes it."""
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
    """The last resort: a defect of ours that one event brings out must not stop the others. Tests hold that no event
    that anybody has thought of comes here."""
    return malformed(
        f"this version cannot read it ({type(error).__name__})",
        "report it with the event; once it is mended, send the event again",
    )


def _stamped(event: Mapping[str, Any]) -> int:
    """How many bytes of it are its arrival, where it was written as briefly as can be: the payload is without it."""
    arrival = event.get("receivedat")
    return 0 if arrival is None else len(STAMP) + len(arrival) + len(STAMP_END) - 1


_ESCAPE: Final = ord("\\")
_NOTHING_CARRIED: Final = Carried(None, None)


def _is_brief(raw: bytes | None, payload: bytes, written: Mapping[str, Any]) -> bool:
    """Whether the event was written as briefly as can be: then no name stands in it twice."""
    return (
        raw is not None
        and len(raw) == len(payload) + (_stamped(written) if "receivedat" in written else 0)
        and _ESCAPE not in raw
    )


def _not_recorded() -> Refused:
    return Refused(
        Reason.INVALID_VALUE,
        "recordedat",
        "it is missing, and the source is not registered as real-time",
        "write when the unit's own system recorded it, RFC 3339 with offset",
    )


def _wrong_key() -> Refused:
    return Refused(
        Reason.WRONG_KEY,
        "",
        "the record's key is not the case key",
        "key it by (caseowner or source) + U+001F + subject, and partition by murmur2 of the key",
    )


def _bad_correction(path: str, sentence: str, remedy: str) -> Refused:
    return Refused(Reason.BAD_CORRECTION, path, sentence, remedy)


def _stamped_from_outside(path: str) -> Refused:
    return Refused(
        Reason.UNKNOWN_FIELD,
        path,
        "the arrival is stamped by the service",
        "leave receivedat out; recordedat says when your own system wrote it",
    )


def _too_long_arrival() -> Refused:
    """An export could not write it into the event, and a replay of the archive would judge otherwise than the live
    system."""
    return Refused(
        Reason.INVALID_VALUE,
        "receivedat",
        f"it is longer than any time: {LONGEST_ARRIVAL} characters",
        "write RFC 3339 with at most nine digits of a second, or leave it out",
    )


def _from_the_future(path: str, time: Instant, latest: Instant) -> Refused:
    return Refused(
        Reason.FROM_THE_FUTURE,
        path,
        f"{text_of(time)} is more than 5 minutes ahead of its arrival at {text_of(latest - TOLERATED_LEAD_US)}",
        "send what has happened, and set the source's clock and offset right",
    )
