"""The tables of docs/contract.md that follow from the models: event types, reasons, columns.

The document itself is written by hand. Between `<!-- generated: NAME -->` and `<!-- end -->` is what this module
gives for NAME; `make generate` writes it again, and a test compares.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from services.domain.intake.events import MODELS, Envelope
from services.domain.intake.refusal import Reason
from services.domain.intake.validation_messages import data_fields
from services.domain.results.published import Card, ValueRow, Verdict

_REQUIRED: Final = {
    "recordedat": "yes, unless the source is registered as real-time",
    "receivedat": "never: the service writes it",
}
"""What the models do not say: it depends on the source and on the way in."""
_OF_ANY_FORM: Final = {"event": "the replacement, or null"}
_BLOCK: Final = re.compile(r"(<!-- generated: ([a-z_]+) -->\n).*?(<!-- end -->)", re.DOTALL)

# What a field of the schema is called in the table, by its JSON type.
_NAMES: Final = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "array": "list",
}


def filled(document: str) -> str:
    """The document with every generated block written again. ValueError for a block that nobody generates."""

    def content(found: re.Match[str]) -> str:
        name = found[2]
        if name not in BLOCKS:
            raise ValueError(f"docs/contract.md: nothing generates the block {name!r}; there are {', '.join(BLOCKS)}")
        return f"{found[1]}{BLOCKS[name]()}{found[3]}"

    return _BLOCK.sub(content, document)


def event_types() -> str:
    """One line for each type of event: the fields of its data, the required ones in bold."""
    lines = ["| type | data |", "|---|---|"]
    lines += [f"| `{name}` | {_data(model)} |" for name, model in MODELS.items()]
    return "\n".join(lines) + "\n"


def envelope() -> str:
    """One line for each attribute of the envelope."""
    schema = Envelope.model_json_schema()
    required = schema.get("required", [])
    lines = ["| attribute | value | required |", "|---|---|---|"]
    for name, field in schema["properties"].items():
        lines.append(f"| `{name}` | {_value(field)} | {_REQUIRED.get(name, 'yes' if name in required else 'no')} |")
    lines += ["| `type` | one of the types below | yes |", "| `data` | object, as the type says | yes, unless empty |"]
    return "\n".join(lines) + "\n"


def reasons() -> str:
    """Every reason code, in the order of the module that defines them."""
    return " ".join(f"`{reason}`" for reason in Reason) + "\n"


def value_columns() -> str:
    """The columns of values.csv, in order."""
    return _columns(ValueRow._fields)


def card_columns() -> str:
    """The columns of cards.csv, in order."""
    return _columns(Card._fields)


def verdict_fields() -> str:
    """The fields of a record of case.verdicts."""
    return _columns(Verdict._fields)


BLOCKS: Final[Mapping[str, Callable[[], str]]] = {
    each.__name__: each for each in (event_types, envelope, reasons, value_columns, card_columns, verdict_fields)
}


def _columns(names: tuple[str, ...]) -> str:
    return f"`{', '.join(names)}`\n"


def _data(model: type[Envelope]) -> str:
    schema = model.model_json_schema()
    required = schema["$defs"].get(_data_name(model), {}).get("required", []) if "$defs" in schema else []
    fields = schema.get("$defs", {}).get(_data_name(model), {}).get("properties", {})
    described = [
        f"{f'**`{name}`**' if name in required else f'`{name}`'} ({_OF_ANY_FORM.get(name) or _value(field)})"
        for name, field in fields.items()
    ]
    return ", ".join(described) or "none"


def _data_name(model: type[Envelope]) -> str:
    annotation: Any = model.model_fields["data"].annotation
    return getattr(annotation, "__name__", "") if data_fields(model) else ""


def _value(field: Mapping[str, Any]) -> str:
    """A value's form in a word: the enumeration itself, `a limit`, `time`, `text` …"""
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(_value(one) for one in field["anyOf"] if one.get("type") != "null"))
    if "enum" in field:
        return " ".join(f"`{one}`" for one in field["enum"])
    if "const" in field:
        return f"`{field['const']}`"
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return "a limit" if name == "Limit" else "an event"
    if field.get("format") == "date-time":
        return "time"
    return _NAMES.get(field.get("type", ""), "value")
