"""From an error of validation to a refusal in the words of the contract."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

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
    """Validates the type's data by itself; it raises ValidationError."""
    form: Any = model.model_fields["data"].annotation
    return TypeAdapter(form).validator.validate_python


def refusal_of(error: ValidationError, event_type: str) -> Refused:
    """The first thing that is wrong with an event's form, in the words of the contract."""
    errors = error.errors(include_url=False)
    if any(each["loc"][:1] == ("specversion",) for each in errors):
        return malformed("it is not a CloudEvent 1.0")
    first = errors[0]
    place = [str(part) for part in first["loc"] if part not in MODELS]
    if first["type"] in ("attribute_value", "attribute_reach"):
        place.append(str(first["ctx"]["name"]))
    path = ".".join(place)
    if first["type"] == "extra_forbidden":
        fields = _known_fields(event_type, place)
        return Refused(Reason.UNKNOWN_FIELD, path, f"{event_type} has no such field here", fields)
    if first["type"] == "naive_time":
        return Refused(Reason.NAIVE_TIME, path, first["msg"], "write the offset: 2021-09-16T09:12:00+08:00")
    return Refused(Reason.INVALID_VALUE, path, *_invalid_value(first, place[-1:]))


def _invalid_value(error: ErrorDetails, field: list[str]) -> tuple[str, str]:
    """What is wrong with a value, and what would be right. `field`: the last name of its path, if it has one."""
    kind = error["type"]
    sentence, remedy = _SENTENCES.get(kind, ("the value is not allowed here", ""))
    if kind == "value_error":
        return str(error["ctx"]["error"]), remedy
    if kind in ("literal_error", "enum"):
        return sentence, f"write {error['ctx']['expected']}"
    if kind == "string_pattern_mismatch" and field != ["datacontenttype"]:
        return sentence, _MONTH if field == ["period"] else _VISIBLE
    if not remedy:
        remedy = error["msg"].replace("Input should", "it should").replace("String should", "it should")
    return sentence, remedy


_MONTH: Final = "write a month of the years 1901 to 2199: 2021-10"
_VISIBLE: Final = "leave out control characters and such as cannot be seen or turn the direction of the text"
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
    "half_a_period": (
        "of unit and period one is missing",
        "name both: whose duty or figure, and of which month",
    ),
    "two_subjects": (
        "it names a cycle, and a unit with its period",
        "name the cycle of a case, or unit and period of a duty or figure",
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
