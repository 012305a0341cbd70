"""The JSON Schema of each type of event, for those who write or check events by program.

A schema says the form of an event. Whether it is accepted also depends on the plan (units, service items, sources), on
its case and on when it arrives: `kpiwatch validate` says that.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from services.catalog.load.schema import DIALECT, Schema
from services.catalog.words.event_names import EVENT_NAMES
from services.domain.intake.events import IGNORED, MODELS
from services.domain.intake.facts import FACT_TYPE_OF

_LONG_ESCAPES: Final = {r"\U000e0000": "\U000e0000", r"\U000e007f": "\U000e007f"}
"""JSON Schema has the regular expressions of ECMAScript, which have no `\\U`."""


def event_schemas() -> Mapping[str, Schema]:
    """By the type of event."""
    return {name: _schema(name) for name in MODELS}


def chinese_name(name: str) -> str:
    """What a type of event is called."""
    return EVENT_NAMES[FACT_TYPE_OF[name]]


def file_of(name: str) -> str:
    """The file of a type's schema, under the folder of the documents."""
    return f"schema/events/{name}.schema.json"


def as_json(content: object) -> str:
    """As it is committed. Characters beyond the first plane, which no editor shows, are escapes."""
    text = json.dumps(content, ensure_ascii=False, indent=2)
    return "".join(json.dumps(each)[1:-1] if ord(each) > 0xFFFF else each for each in text) + "\n"


def _schema(name: str) -> Schema:
    made: Schema = _with_long_characters(MODELS[name].model_json_schema())
    made["title"] = name
    made["description"] = (
        f"{chinese_name(name)}. A CloudEvent 1.0 of the type {name}; docs/contract.md says when it is sent."
    )
    # accepted with any value, and not kept
    made["properties"] |= dict.fromkeys(sorted(IGNORED), True)
    return {"$schema": DIALECT, **made}


def _with_long_characters(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_long_characters(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_with_long_characters(each) for each in value]
    if isinstance(value, str):
        for escape, character in _LONG_ESCAPES.items():
            value = value.replace(escape, character)
    return value
