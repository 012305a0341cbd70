"""The edge of the domain: from the bytes of one event to a fact, or to the reason why not (CONTRACT §1, §2).

Checked here is everything that the event alone, its plan and its arrival can tell. What only the case can know
(`id_conflict`, a correction without a target) is found by the fold.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, assert_never, cast

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from services.domain.events import (
    LONGEST_CODE,
    LONGEST_LIST,
    LONGEST_TEXT,
    MODELS,
    UNSTATED_REASON,
    CaseAccepted,
    Correction,
    Envelope,
    text_of,
)
from services.domain.facts import RANK_OF, Fact, Rank, case_key, digest_of
from services.domain.personal import MOBILE, may_be_personal, personal_number
from services.domain.plan import AttributeSpec, Plan
from services.domain.refusal import Reason, Refused
from services.domain.zone import MINUTE_US, Instant

LARGEST_EVENT: Final = 64 * 1024
"""Bytes."""

TOLERATED_LEAD_US: Final = 5 * MINUTE_US
"""How far a source's clock may be ahead of ours."""


class JsonCodec(NamedTuple):
    """How JSON is read and written canonically; the domain itself brings no library for it."""

    loads: Callable[[bytes], Any]
    """ValueError where it is not JSON."""
    canonical: Callable[[Mapping[str, Any]], bytes]
    """RFC 8785; ValueError where there is no canonical form."""


class Admitted(NamedTuple):
    """An event that may go on: its case, and what the case will keep of it."""

    key: str
    fact: Fact
    owner: str
    subject: str


class _Speaker(NamedTuple):
    """What a source may speak about; None: anything."""

    units: frozenset[str] | None
    owners: frozenset[str] | None
    real_time: bool
    operations: bool


_ANYBODY = _Speaker(units=None, owners=None, real_time=True, operations=True)

_Attributes = Mapping[str, tuple[AttributeSpec, ...]]
"""Declared attributes by name; several declarations where the service item is not known."""


class Admission:
    """Judges one event after the other against a plan's registries. Compiled once, then cheap."""

    def __init__(self, plan: Plan, codec: JsonCodec, *, trust_receivedat: bool = False) -> None:
        """`trust_receivedat`: the events come from the service's own topic or an export of it; from outside the
        attribute is refused."""
        self._codec = codec
        self._trust_receivedat = trust_receivedat
        self._open = plan.head.open
        self._speakers = {
            source.id: _Speaker(
                units=None if "*" in source.units else frozenset(source.units),
                owners=None if "*" in source.owners else frozenset(source.owners),
                real_time=source.real_time,
                operations=source.operations,
            )
            for source in plan.sources.values()
        }
        self._units = frozenset(plan.units)
        items = plan.service_items.values()
        self._item_attributes = {item.code: {n: (spec,) for n, spec in item.attributes.items()} for item in items}
        self._any_attributes = _together(item.attributes for item in items)
        self._collections = {
            entry.id: {name: (spec,) for name, spec in entry.attributes.items()} for entry in plan.head.collections
        }
        self._registered = _registers(plan)
        self._forms = {kind: _Form.of(kind, model) for kind, model in MODELS.items()}

    def admit(
        self,
        raw: bytes | None,
        *,
        received: Instant | None = None,
        now: Instant | None = None,
        key: bytes | None = None,
        headers: Iterable[tuple[str, bytes]] | None = None,
    ) -> Admitted:
        """The fact that an event's bytes stand for. Refused says why there is none.

        `received` is when it arrived, where the carrier knows; a trusted `receivedat` goes before it, `recordedat` and
        then `time` stand in for it. `now`, if later, moves the bound of what is in the future. `key` is the record's
        key, compared with the case key. `headers` are the record's: with `ce_specversion` among them the event is in
        binary mode.
        """
        event = self._event(raw, headers)
        form = self._form(event)
        try:
            if form.rank is Rank.CORRECTION:
                envelope = form.validate(_with_whole_replacement(event))
            else:
                envelope = form.validate(event)
        except ValidationError as error:
            raise _refusal_of(error, form) from None
        source = envelope.source
        owner = envelope.caseowner or source
        subject = envelope.subject or ""
        speaker = self._speaker(source, owner)
        recorded = envelope.recordedat
        if recorded is None and not speaker.real_time:
            raise Refused(
                Reason.INVALID_VALUE,
                "recordedat",
                "it is missing, and the source is not registered as real-time",
                "write when the unit's own system recorded it, RFC 3339 with offset",
            )
        if (arrival := envelope.receivedat) is None:
            arrival = received if received is not None else recorded if recorded is not None else envelope.time
        elif self._trust_receivedat:
            event = {name: value for name, value in event.items() if name != "receivedat"}
        else:
            raise _stamped_from_outside("receivedat")
        latest = TOLERATED_LEAD_US + (arrival if now is None or now < arrival else now)
        if envelope.time > latest:
            raise _from_the_future("time", envelope.time, latest)
        if form.rank is Rank.CORRECTION:
            content = self._correction(cast(Correction, envelope), event["data"], speaker, latest)
        else:
            content = self._content(event.get("data"), envelope, form, speaker, "data")
        case = case_key(owner, subject)
        if key is not None and key != case.encode():
            raise Refused(
                Reason.WRONG_KEY,
                "",
                "the record's key is not the case key",
                "key it by (caseowner or source) + U+001F + subject, and partition by murmur2 of the key",
            )
        try:
            digest = digest_of(self._codec.canonical(event))
        except ValueError:
            raise Refused(
                Reason.INVALID_VALUE,
                "data",
                "a number in it is not the same for every reader",
                "write whole numbers below 2^53, or a text",
            ) from None
        return Admitted(
            case,
            Fact(
                envelope.time,
                form.rank,
                source,
                envelope.id,
                arrival,
                digest,
                content,
                recorded,
            ),
            owner,
            subject,
        )

    def _event(self, raw: bytes | None, headers: Iterable[tuple[str, bytes]] | None) -> dict[str, Any]:
        """The JSON object of the bytes, without the number of a person in it."""
        if raw is None:
            raise _malformed("the record has no value", "send the event as the record's value")
        if len(raw) > LARGEST_EVENT:
            raise Refused(
                Reason.TOO_LARGE,
                "",
                f"it has {len(raw)} bytes, and an event has at most {LARGEST_EVENT}",
                "keep documents where they are and send a reference",
            )
        binary = _binary_attributes(headers) if headers else None
        try:
            event = self._codec.loads(raw) if raw or binary is None else None
        except ValueError as error:  # also for bytes that are not UTF-8
            raise _malformed(f"it is not JSON in UTF-8 ({error})", "write one JSON object in UTF-8") from None
        except RecursionError:
            raise _malformed("it is nested too deeply", "write the event as the contract has it") from None
        if binary is not None:
            event = binary if event is None else {**binary, "data": event}
        elif type(event) is not dict:
            raise _malformed(
                "it is JSON, but not an object",
                "write one CloudEvent, a JSON object, per record or line",
            )
        if binary is not None or may_be_personal(raw):
            _refuse_personal(event, "")
        return cast(dict[str, Any], event)

    def _form(self, event: dict[str, Any]) -> "_Form":
        kind = event.get("type")
        form = self._forms.get(kind) if type(kind) is str else None
        if form is not None:
            return form
        if event.get("specversion") != "1.0":
            raise _malformed("it is not a CloudEvent 1.0", _AS_CLOUDEVENT)
        if type(kind) is not str:
            raise Refused(
                Reason.INVALID_VALUE,
                "type",
                "it is missing or not a text",
                "write the event's type",
            )
        raise _unknown_type("type")

    def _speaker(self, source: str, owner: str) -> _Speaker:
        speaker = self._speakers.get(source)
        if speaker is None:
            if self._open:
                return _ANYBODY
            raise Refused(
                Reason.UNKNOWN_SOURCE,
                "source",
                "the source is not registered",
                "have it entered in the plan's sources.toml, or write the source as it is registered",
            )
        if owner != source and not self._open and speaker.owners is not None and owner not in speaker.owners:
            raise Refused(
                Reason.NOT_ENTITLED,
                "caseowner",
                "the source may not report on this owner's cases",
                "leave caseowner out for cases of your own, or have the owner entered in sources.toml",
            )
        return speaker

    def _content(
        self,
        given: dict[str, Any] | None,
        envelope: Envelope,
        form: "_Form",
        speaker: _Speaker,
        path: str,
    ) -> dict[str, Any]:
        """The data, checked against the plan and without what is unknown or none."""
        if not given:
            return dict(form.always)
        defaults = form.defaults
        content = {
            n: value for n, value in given.items() if value is not None and value != defaults.get(n, _NO_DEFAULT)
        }
        if not self._open:
            self._judge(content, form, speaker, path)
        attributes = content.get("attributes")
        if attributes and None in attributes.values():
            content["attributes"] = {name: value for name, value in attributes.items() if value is not None}
        if "due_at" in content:
            content["due_at"] = cast(CaseAccepted, envelope).data.due_at
        return {**form.always, **content} if form.always else content

    def _judge(self, content: dict[str, Any], form: "_Form", speaker: _Speaker, path: str) -> None:
        """Refuses what the plan's registries do not know, and what the source may not say."""
        unit = content.get("unit")
        if unit is not None:
            if unit not in self._units:
                raise Refused(
                    Reason.UNKNOWN_UNIT,
                    f"{path}.unit",
                    "the plan has no such unit",
                    "write a unit's id as in the plan's units.toml",
                )
            if speaker.units is not None and unit not in speaker.units:
                raise Refused(
                    Reason.NOT_ENTITLED,
                    f"{path}.unit",
                    "the source may not speak for this unit",
                    "name one of the source's own units, or have the unit entered for it in sources.toml",
                )
        item = content.get("service_item")
        if item is not None and item not in self._item_attributes:
            raise Refused(
                Reason.UNKNOWN_SERVICE_ITEM,
                f"{path}.service_item",
                "the plan has no such service item",
                "write a code as in the plan's service_items.toml",
            )
        for field, register in form.registered:
            code = content.get(field)
            if code is not None and (known := self._registered[register]) is not None and code not in known:
                raise Refused(
                    Reason.INVALID_VALUE,
                    f"{path}.{field}",
                    f"the plan has no such {register}",
                    f"the plan has: {', '.join(sorted(known)) or 'none'}",
                )
        if form.decides and not speaker.operations and content["decision"] != "requested":
            raise Refused(
                Reason.NOT_ENTITLED,
                f"{path}.decision",
                "only the operations centre decides",
                'ask for it with case.justified and the decision "requested"',
            )
        attributes = content.get("attributes")
        if attributes:
            declared: _Attributes
            if item is not None:
                declared = self._item_attributes[item]
            elif form.is_entry:
                declared = self._collections[content["collection"]]
            else:
                declared = self._any_attributes
            for name, value in attributes.items():
                specs = declared.get(name)
                if specs is None:
                    raise Refused(
                        Reason.UNKNOWN_FIELD,
                        f"{path}.attributes.{name}",
                        "no such attribute is declared for it in the plan",
                        f"declared are: {', '.join(sorted(declared)) or 'none'}",
                    )
                if value is not None and not any(_fits(spec, value) for spec in specs):
                    raise Refused(
                        Reason.INVALID_VALUE,
                        f"{path}.attributes.{name}",
                        "the value is not what the plan declares",
                        f"write {' or '.join(_wanted(spec) for spec in specs)}",
                    )

    def _correction(
        self,
        correction: Correction,
        given: dict[str, Any],
        speaker: _Speaker,
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
                "data": self._content(
                    given["event"].get("data"),
                    replacement,
                    form,
                    speaker,
                    "data.event.data",
                ),
            },
        }


_AS_CLOUDEVENT: Final = 'write a JSON object with "specversion": "1.0" and the attributes of a CloudEvent'
_NO_DEFAULT: Final = object()


class _Form(NamedTuple):
    """What is known of a type before an event of it comes."""

    kind: str
    rank: Rank
    validate: Callable[[Any], Envelope]
    defaults: Mapping[str, Any]
    """Values of data that say no more than their absence."""
    always: Mapping[str, Any]
    """Data that a fact has even where the event says nothing."""
    registered: tuple[tuple[str, str], ...]
    """Fields of data whose codes the plan lists, with the name of the list."""
    is_entry: bool
    """Its attributes are those of a collection."""
    decides: bool

    @classmethod
    def of(cls, kind: str, model: type[Envelope]) -> "_Form":
        fields = _data_fields(model)
        suspends = kind in ("case.suspended", "case.resumed")
        return cls(
            kind=kind,
            rank=RANK_OF[kind],
            validate=TypeAdapter(model).validator.validate_python,
            defaults={name: field.default for name, field in fields.items() if field.default is not None},
            always={"reason": fields["reason"].default} if suspends else {},
            registered=tuple(
                (field, register)
                for field, register in _REGISTERS
                if field in fields
                and (register != "reason" or kind in _REGISTERED_REASONS)
                # a figure is counted by its source; its quantity belongs to no case
                and (register != "quantity" or kind == "case.measured")
            ),
            is_entry="collection" in fields,
            decides="decision" in fields,
        )


_REGISTERS: Final = (
    ("collection", "collection"),
    ("duty", "duty"),
    ("kpi", "promise"),
    ("name", "milestone"),
    ("node", "node"),
    ("quantity", "quantity"),
    ("reason", "reason"),
)
_REGISTERED_REASONS: Final = (
    "case.suspended",
    "case.resumed",
    "case.extended",
    "case.justified",
)


def _registers(plan: Plan) -> dict[str, frozenset[str] | None]:
    """The codes that the plan lists, by what they are codes of. None: it lists none and any will do."""
    items = plan.service_items.values()
    reasons = {*plan.head.reasons, *(r for p in plan.promises for r in p.clock_stops)}
    reasons |= {reason for item in items for reason in item.suspension_maximum}
    return {
        "collection": frozenset(collection.id for collection in plan.head.collections),
        "duty": frozenset(plan.head.duties),
        "promise": frozenset(promise.id for promise in plan.promises),
        "milestone": frozenset(name for item in items for name in item.milestones) or None,
        "node": frozenset(node for item in items for node in item.nodes) or None,
        "quantity": frozenset(quantity for item in items for quantity in item.quantities) or None,
        "reason": frozenset(reasons | {UNSTATED_REASON}) if reasons else None,
    }


def _together(declarations: Iterable[Mapping[str, AttributeSpec]]) -> _Attributes:
    """Every attribute that some service item declares, with each of its declarations."""
    together: dict[str, tuple[AttributeSpec, ...]] = {}
    for declared in declarations:
        for name, spec in declared.items():
            if spec not in together.get(name, ()):
                together[name] = (*together.get(name, ()), spec)
    return together


def _data_fields(model: type[Envelope]) -> Mapping[str, FieldInfo]:
    data = model.model_fields["data"].annotation
    return data.model_fields if isinstance(data, type) and issubclass(data, BaseModel) else {}


def _fits(spec: AttributeSpec, value: object) -> bool:
    kind = type(value)
    match spec.type:
        case "code":
            if spec.values:
                return kind is str and value in spec.values
            return kind is str and 0 < len(cast(str, value)) <= LONGEST_CODE
        case "bool":
            return kind is bool
        case "integer":
            return kind is int
        case "number":
            return kind is int or kind is float
        case "text":
            return kind is str
        case "codes":
            return kind is list and all(not spec.values or code in spec.values for code in cast(list[str], value))
        case _:
            assert_never(spec.type)


def _wanted(spec: AttributeSpec) -> str:
    match spec.type:
        case "code":
            return f"one of {', '.join(spec.values)}" if spec.values else f"a code of at most {LONGEST_CODE} characters"
        case "bool":
            return "true or false"
        case "integer":
            return "a whole number"
        case "number":
            return "a number"
        case "text":
            return f"a text of at most {LONGEST_TEXT} characters"
        case "codes":
            return f"a list of at most {LONGEST_LIST} codes" + (f" of {', '.join(spec.values)}" if spec.values else "")
        case _:
            assert_never(spec.type)


def _with_whole_replacement(event: dict[str, Any]) -> dict[str, Any]:
    """The correction with the envelope of its replacement completed from its own; the replacement's id is its
    target's."""
    data = event.get("data")
    replacement = data.get("event") if type(data) is dict else None
    if type(data) is not dict or type(replacement) is not dict:
        return event
    kind = replacement.get("type")
    if kind == Rank.CORRECTION.event_type:
        raise _bad_correction(
            "data.event.type",
            "a correction is not corrected",
            "send another correction of the first event: the one with the greatest time and id holds",
        )
    if type(kind) is str and kind not in MODELS:
        raise _unknown_type("data.event.type")
    inherited = {name: event[name] for name in _INHERITED if name in event}
    return {
        **event,
        "data": {**data, "event": {**inherited, "id": data.get("of"), **replacement}},
    }


_INHERITED: Final = ("specversion", "source", "subject", "caseowner", "recordedat")


def _binary_attributes(headers: Iterable[tuple[str, bytes]]) -> dict[str, Any] | None:
    """The attributes of an event in binary mode; None if the record is not in binary mode."""
    attributes: dict[str, Any] = {}
    for name, value in headers:
        name = name.lower()
        try:
            if name.startswith("ce_"):
                attributes[name[3:]] = value.decode()
            elif name == "content-type":
                attributes["datacontenttype"] = value.decode()
        except UnicodeDecodeError:
            raise _malformed(f"its header {name} is not UTF-8", "write headers in UTF-8") from None
    return attributes if "specversion" in attributes else None


def _refuse_personal(event: Mapping[str, Any], path: str) -> None:
    """Refuses numbers of persons in a subject, a reason or an attribute; whole numbers only where a check digit tells."""
    for place, text in _texts(event, path):
        found = personal_number(str(text))
        if found and not (type(text) is int and found == MOBILE):
            raise Refused(
                Reason.PERSONAL_DATA,
                place,
                f"there is {'an' if found[0] in 'aeiou' else 'a'} {found} in it",
                "send a keyed hash, or leave it out: the service must not know it",
            )


def _texts(event: Mapping[str, Any], path: str) -> Iterator[tuple[str, object]]:
    yield f"{path}subject", event.get("subject", "")
    data = event.get("data")
    if type(data) is not dict:
        return
    for name in ("reason", "authority", "parent"):
        yield f"{path}data.{name}", data.get(name, "")
    attributes = data.get("attributes")
    if type(attributes) is dict:
        for name, value in attributes.items():
            for content in value if type(value) is list else (value,):
                yield f"{path}data.attributes.{name}", content
    if not path and type(data.get("event")) is dict:
        yield from _texts(data["event"], "data.event.")


def _malformed(sentence: str, remedy: str) -> Refused:
    return Refused(Reason.MALFORMED, "", sentence, remedy)


def _unknown_type(path: str) -> Refused:
    return Refused(
        Reason.UNKNOWN_TYPE,
        path,
        "the contract has no such type",
        f"use one of {', '.join(MODELS)}",
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


def _from_the_future(path: str, time: Instant, latest: Instant) -> Refused:
    return Refused(
        Reason.FROM_THE_FUTURE,
        path,
        f"{text_of(time)} is more than 5 minutes ahead of its arrival at {text_of(latest - TOLERATED_LEAD_US)}",
        "send what has happened, and set the source's clock and offset right",
    )


def _refusal_of(error: ValidationError, form: _Form) -> Refused:
    """The first thing that is wrong with an event's form, in the words of the contract."""
    errors = error.errors(include_url=False)
    if any(first["loc"][:1] == ("specversion",) for first in errors):
        return _malformed("it is not a CloudEvent 1.0", _AS_CLOUDEVENT)
    first = errors[0]
    place = [str(part) for part in first["loc"] if part not in MODELS]
    context = first.get("ctx", {})
    kind = first["type"]
    if kind == "attribute_value":
        place.append(str(context["name"]))
    path = ".".join(place)
    if kind == "extra_forbidden":
        return Refused(
            Reason.UNKNOWN_FIELD,
            path,
            f"{form.kind} has no such field here",
            _known_fields(form.kind, place),
        )
    if kind == "naive_time":
        return Refused(
            Reason.NAIVE_TIME,
            path,
            first["msg"],
            "write the offset: 2021-09-16T09:12:00+08:00",
        )
    sentence, remedy = _SENTENCES.get(kind, ("the value is not allowed here", ""))
    if kind == "value_error":
        sentence = str(context["error"])
    elif kind in ("literal_error", "enum"):
        remedy = f"write {context['expected']}"
    elif not remedy:
        remedy = first["msg"].replace("Input should", "it should").replace("String should", "it should")
    return Refused(Reason.INVALID_VALUE, path, sentence, remedy)


_SENTENCES: Final = {
    "missing": ("it is missing", "write it: the type has no meaning without it"),
    "time_form": (
        "it is not an RFC 3339 time",
        "write a date, a time and the offset: 2021-09-16T09:12:00+08:00",
    ),
    "attributes_form": ("attributes are an object", 'write {"name": value}'),
    "attribute_value": (
        "the value is neither a scalar nor a list of codes",
        f"write true, false, a number, a text, or a list of at most {LONGEST_LIST} codes",
    ),
    "empty_reclassification": (
        "the reclassification changes nothing",
        "name what the case is now",
    ),
    "value_error": ("", "write a value that the contract allows"),
    "literal_error": ("the value is not one of the contract's", ""),
    "model_type": ("it is not an object", "write an object: {…}"),
    "model_attributes_type": ("it is not an object", "write an object: {…}"),
    "string_pattern_mismatch": ("the text has not the form that the field has", ""),
    "string_type": ("it is not a text", "write a text in quotation marks"),
    "int_type": (
        "it is not a whole number",
        "write a whole number, without quotation marks",
    ),
}


def _known_fields(kind: str, place: list[str]) -> str:
    model = MODELS[kind]
    if len(place) == 1:
        return f"the envelope has: {', '.join(model.model_fields)}"
    if len(place) == 2 and place[0] == "data":
        return f"its data has: {', '.join(_data_fields(model)) or 'no fields'}"
    return "leave it out"
