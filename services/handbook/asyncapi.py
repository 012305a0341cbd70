"""The topics of kpiwatch as an AsyncAPI 3 document: what sources write, and what anybody may read.

It describes kpiwatch, so `receive` is what others write and `send` what others read. The messages of events are their
JSON Schemas. What only processes of ours write for each other (tallies, rows, keys) is not in it.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from services.catalog.samples.promise_samples import samples_of
from services.domain.intake.events import MODELS
from services.domain.intake.refusal import Reason
from services.domain.judging.data_quality import SignalRow
from services.domain.plan.statutory_time import Law
from services.domain.results.published import Card, Level, State, ValueRow, Verdict
from services.handbook.event_schemas import chinese_name, file_of
from services.messaging import topics

Document = dict[str, Any]

VERSION: Final = "3.0.0"
_EVENT_CONTENT: Final = "application/cloudevents+json"
_KEPT: Final = ("cleanup.policy", "retention.ms", "max.message.bytes")
"""Settings of a topic that the Kafka binding of AsyncAPI names."""
_INBOX: Final = "inbox.{source}"


class _Channel(NamedTuple):
    """A topic in the document."""

    name: str
    """In the document: letters only."""
    topic: topics.Topic
    messages: Sequence[str]
    action: str
    says: str
    key: str
    """What the key of a record is."""


def asyncapi(law: Law) -> Document:
    """The document, with sample events of a plan."""
    channels = list(_channels())
    return {
        "asyncapi": VERSION,
        "info": {
            "title": "kpiwatch",
            "version": "1",
            "description": "Case events in; values, cards and verdicts out. docs/contract.md says what each means.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "{bootstrap}",
                "protocol": "kafka-secure",
                "description": "Sources write their inbox over SASL/SCRAM, each as its own user (deploy/inboxes.md).",
                "variables": {"bootstrap": {"default": "127.0.0.1:19092", "description": "KPIWATCH_BOOTSTRAP"}},
            }
        },
        "channels": {each.name: _channel(each) for each in channels},
        "operations": {_operation_name(each): _operation(each) for each in channels},
        "components": {"messages": {**_events(law), **_records()}, "schemas": dict(_schemas())},
    }


def _channels() -> Iterator[_Channel]:
    events, by_name = tuple(_message(name) for name in MODELS), {each.name: each for each in topics.topics(1)}
    case_key = "The case key: owner (caseowner or source), U+001F, subject."
    yield _Channel(
        "inbox", topics.inbox(_INBOX), events, "receive", _OF_INBOX, "Anything, or none: the relay makes it."
    )
    yield _Channel("caseEvents", by_name[topics.CASE_EVENTS], events, "send", _OF_EVENTS, case_key)
    for name, topic, messages, says, key in (
        ("deadLetters", topics.DEAD_LETTER, ("DeadLetter",), _OF_LETTERS, "The place of the event."),
        ("alertCards", topics.ALERT_CARDS, ("Card",), _OF_CARDS, "kpi|case|cycle|node|level"),
        ("caseVerdicts", topics.CASE_VERDICTS, ("Verdict",), _OF_VERDICTS, "kpi|case|cycle"),
        ("kpiValues", topics.KPI_VALUES, ("ValueRow", "Signal"), _OF_VALUES,
         "kpi|variant|unit|item|window; of a signal: signal|signal|unit|item"),
    ):  # fmt: skip
        yield _Channel(name, by_name[topic], messages, "send", says, key)


_OF_INBOX: Final = (
    "What a source with a message queue writes. The relay checks it and writes the good events to case.events."
)
_OF_EVENTS: Final = (
    "Every accepted event, in order of arrival, kept for ever. Delivery is at least once: a reader removes duplicates "
    "by case, source and id."
)
_OF_LETTERS: Final = "Refused events with the reason; kept for 30 days."
_OF_CARDS: Final = "The latest state of each card. A record without a value retracts it."
_OF_VERDICTS: Final = "Misses, late entries and reversals. A record without a value retracts it."
_OF_VALUES: Final = (
    "The latest value of each promise, unit, item and window, and signals of bad data beside them. A value is sent "
    "when it changes, each day and every ten minutes, those of the whole district every 15 seconds: the latest "
    "watermark of all says up to when they are complete. The record under the key arrivals| is for kpiwatch alone."
)


def _channel(each: _Channel) -> Document:
    made: Document = {
        "address": each.topic.name,
        "description": each.says,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in each.messages},
        "bindings": {"kafka": _kafka_topic(each.topic)},
    }
    if each.name == "inbox":
        said = "The id of the source in sources.toml without its first slash, with dots for slashes."
        made["parameters"] = {"source": {"description": said, "examples": ["units.liangjiang-water"]}}
    return made


def _kafka_topic(topic: topics.Topic) -> Document:
    kept: dict[str, Any] = {name: topic.settings[name] for name in _KEPT if name in topic.settings}
    configuration = {name: [value] if name == "cleanup.policy" else int(value) for name, value in kept.items()}
    return {"topicConfiguration": configuration, "bindingVersion": "0.5.0"}


def _operation_name(each: _Channel) -> str:
    return f"{each.action}{each.name[0].upper()}{each.name[1:]}"


def _operation(each: _Channel) -> Document:
    channel = f"#/channels/{each.name}"
    return {
        "action": each.action,
        "channel": {"$ref": channel},
        "summary": f"{each.says.partition('.')[0]}.",
        "description": f"The key of a record: {each.key}",
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in each.messages],
    }


# ---- messages ----------------------------------------------------------------------------------------------
def _message(name: str) -> str:
    """The name of an event's message: `case.node_started` → `CaseNodeStarted`."""
    return "".join(part.capitalize() for part in name.replace(".", "_").split("_"))


def _events(law: Law) -> Document:
    """The message of each type of event, with the first sample of it that a promise has."""
    samples: dict[str, Any] = {}
    for promise in law.plan.promises:
        for sample in samples_of(promise, law):
            for event in sample.events:
                samples.setdefault(str(event["type"]), event)
    return {_message(name): _event(name, samples.get(name)) for name in MODELS}


def _event(name: str, sample: Any) -> Document:
    examples = {} if sample is None else {"examples": [{"name": "sample", "payload": sample}]}
    return {
        "name": name,
        "title": f"{name} {chinese_name(name)}",
        "contentType": _EVENT_CONTENT,
        "payload": {"$ref": f"./{file_of(name)}"},
        **examples,
    }


def _records() -> Document:
    return {
        name: {"name": name, "payload": {"$ref": f"#/components/schemas/{name}"}}
        for name in ("DeadLetter", "Card", "Verdict", "ValueRow", "Signal")
    }


# ---- what kpiwatch writes ----------------------------------------------------------------------------------
_TEXT: Final[Document] = {"type": "string"}
_WHOLE: Final[Document] = {"type": "integer", "minimum": 0}
_TIME: Final[Document] = {"type": "string", "description": "RFC 3339 in the plan's zone; empty: none."}
_TIMES: Final[dict[str, Document]] = {"computed_at": _TIME, "watermark": _TIME}


def _schemas() -> Iterator[tuple[str, Document]]:
    yield "DeadLetter", _of_letter()
    yield "Card", _object(_texts(Card._fields), cycle=_WHOLE, level={"enum": list(Level)}, **_times(Card._fields))
    yield "Verdict", _object(_texts(Verdict._fields), cycle=_WHOLE, **_times(Verdict._fields))
    row = _texts(ValueRow._fields) | _TIMES
    yield "ValueRow", _object(row, state={"enum": list(State)}, state_at_midnight={"enum": list(State)})
    yield "Signal", _object(_texts(SignalRow._fields) | _TIMES)


def _texts(names: Sequence[str]) -> dict[str, Document]:
    return dict.fromkeys(names, _TEXT)


def _times(names: Sequence[str]) -> Mapping[str, Document]:
    return dict.fromkeys((name for name in names if name.endswith("_at")), _TIME)


def _object(properties: Mapping[str, Document], **more: Document) -> Document:
    """An object that has all of these. A later version may add fields, so others are not excluded."""
    made = {**properties, **more}
    return {"type": "object", "required": list(made), "properties": made}


def _of_letter() -> Document:
    or_null = {"type": ["integer", "null"]}
    made = _object(
        _texts(("path", "sentence", "remedy", "received_at")),
        reason={"enum": list(Reason)},
        original={"type": "string", "contentEncoding": "base64", "description": "The event as it came."},
    )
    made["properties"] |= {
        "topic": _TEXT, "partition": _WHOLE, "offset": or_null, "file": _TEXT, "line": _WHOLE, "digest": _TEXT,
        "headers": {"type": "array", "description": "Name and value (base64) of each header of the record."},
        "whole": {"type": "object", "description": "Length and hash, where only the head of the event is kept."},
    }  # fmt: skip
    return made
