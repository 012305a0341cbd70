"""Attributes as a plan declares them: which names, and whether a value is one of theirs."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias, assert_never, cast

from services.domain.intake.events import LONGEST_CODE, LONGEST_LIST, LONGEST_TEXT
from services.domain.plan.plan import AttributeSpec

Declared: TypeAlias = Mapping[str, tuple[AttributeSpec, ...]]
"""By name; with several declarations where the service item is not known."""


def together(declarations: Iterable[Mapping[str, AttributeSpec]]) -> Declared:
    """Every attribute that some service item declares, with each of its declarations."""
    found: dict[str, tuple[AttributeSpec, ...]] = {}
    for declared in declarations:
        for name, spec in declared.items():
            if spec not in found.get(name, ()):
                found[name] = (*found.get(name, ()), spec)
    return found


def fits(spec: AttributeSpec, value: object) -> bool:
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


def wanted(spec: AttributeSpec) -> str:
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
