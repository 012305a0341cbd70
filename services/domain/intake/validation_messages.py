"""What is wrong with an event's form, in the words of the contract."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from services.domain.intake.events import LARGEST_NUMBER, LONGEST_LIST, MODELS, Envelope
from services.domain.intake.refusal import Reason, Refused

AS_CLOUDEVENT: Final = 'write a JSON object with "specversion": "1.0" and the attributes of a CloudEvent'


def malformed(sentence: str, remedy: str = AS_CLOUDEVENT) -> Refused:
    """The refusal of what is no event at all."""
    return Refused(Reason.MALFORMED, "", sentence, remedy)


def unknown_type(path: str) -> Refused:
    """The refusal of a type that the contract does not have."""
    return Refused(Reason.UNKNOWN_TYPE, path, "the contract has no such type", f"use one of {', '.join(MODELS)}")


def data_fields(model: type[Envelope]) -> Mapping[str, FieldInfo]:
    """The fields of the type's data."""
    data = model.model_fields["data"].annotation
    return data.model_fields if isinstance(data, type) and issubclass(data, BaseModel) else {}


def data_validator(model: type[Envelope]) -> Callable[[Any], object]:
    """Validates the type's data by itself: ValidationError where its form is wrong."""
    form: Any = model.model_fields["data"].annotation
    return TypeAdapter(form).validator.validate_python


def refusal_of(error: ValidationError, event_type: str) -> Refused:
    """The first thing that is wrong with an event's form, in the words of the contract."""
    errors = error.errors(include_url=False)
    if any(first["loc"][:1] == ("specversion",) for first in errors):
        return malformed("it is not a CloudEvent 1.0")
    first = errors[0]
    place = [str(part) for part in first["loc"] if part not in MODELS]
    context = first.get("ctx", {})
    kind = first["type"]
    if kind in ("attribute_value", "attribute_reach"):
        place.append(str(context["name"]))
    path = ".".join(place)
    if kind == "extra_forbidden":
        return Refused(
            Reason.UNKNOWN_FIELD,
            path,
            f"{event_type} has no such field here",
            _known_fields(event_type, place),
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
    elif kind == "string_pattern_mismatch" and place[-1:] == ["period"]:
        remedy = "write a month of the years 1901 to 2199: 2021-10"
    elif kind == "string_pattern_mismatch" and place[-1:] != ["datacontenttype"]:
        remedy = "leave out control characters and such as cannot be seen or turn the direction of the text"
    elif not remedy:
        remedy = first["msg"].replace("Input should", "it should").replace("String should", "it should")
    return Refused(Reason.INVALID_VALUE, path, sentence, remedy)


_IN_REACH: Final = f"write an amount from -{LARGEST_NUMBER} to {LARGEST_NUMBER}; what is no amount is a text"
_SENTENCES: Final = {
    "missing": ("it is missing", "write it: the type has no meaning without it"),
    "time_form": (
        "it is not an RFC 3339 time",
        "write a date, a time and the offset: 2021-09-16T09:12:00+08:00",
    ),
    "time_reach": (
        "the year is out of reach",
        "write a year from 1901 to 2199; leave out a time that is not known",
    ),
    "time_placeholder": (
        "it is what systems write for a time that is not known",
        "leave out a time that is not known",
    ),
    "number_form": ("it is not a number", "write a number, without quotation marks"),
    "number_reach": ("the number is out of reach", _IN_REACH),
    "attribute_reach": ("the number is out of reach", _IN_REACH),
    "negative": ("it is negative", "write 0 or more: it counts something"),
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
        return f"its data has: {', '.join(data_fields(model)) or 'no fields'}"
    return "leave it out"
