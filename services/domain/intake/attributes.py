"""The attributes that a plan declares: their names, and the values that they may have."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeAlias, assert_never

from services.domain.intake.events import LONGEST_CODE, LONGEST_LIST, LONGEST_TEXT
from services.domain.plan.plan import AttributeSpec

Declared: TypeAlias = Mapping[str, tuple[AttributeSpec, ...]]
"""By name; several declarations where the service item is not known."""


def declarations_of(declarations: Iterable[Mapping[str, AttributeSpec]]) -> Declared:
    """Every attribute that some service item declares, with each of its declarations."""
    found: dict[str, tuple[AttributeSpec, ...]] = {}
    for declared in declarations:
        for name, spec in declared.items():
            if spec not in found.get(name, ()):
                found[name] = (*found.get(name, ()), spec)
    return found


def _is_code(spec: AttributeSpec, value: Any) -> bool:
    if type(value) is not str:
        return False
    return value in spec.values if spec.values else 0 < len(value) <= LONGEST_CODE


def _is_list_of_codes(spec: AttributeSpec, value: Any) -> bool:
    return type(value) is list and all(not spec.values or code in spec.values for code in value)


_FITS: Final[Mapping[str, Callable[[AttributeSpec, Any], bool]]] = {
    "code": _is_code,
    "bool": lambda spec, value: type(value) is bool,
    "integer": lambda spec, value: type(value) is int,
    "number": lambda spec, value: type(value) is int or type(value) is float,
    "text": lambda spec, value: type(value) is str,
    "codes": _is_list_of_codes,
}


def fits(spec: AttributeSpec, value: object) -> bool:
    """Whether the value is of the declared type, and one of the declared values where there are some."""
    return _FITS[spec.type](spec, value)


def expected(spec: AttributeSpec) -> str:
    """What `fits` accepts, as the remedy of a refusal says it."""
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
