"""Which cases (or entries) a promise is about: `select`, `unless`, `where` of its entry, compiled to one function."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from services.domain.history.case import Case

Accepts = Callable[[Case], bool]
Wanted = Mapping[str, Any]


def wanted_values(value: Any) -> frozenset[Any]:
    """One value or a list of them, as the set of values accepted."""
    return frozenset(value) if isinstance(value, (tuple, list)) else frozenset((value,))


def compile_selection(wanted: Wanted) -> Accepts:
    """A function that says whether a case has every wanted value. A case that lacks an attribute is not accepted:
    an unknown flag is never taken for the other value."""
    tests = [_test(name, wanted_values(value)) for name, value in wanted.items() if name != "service_item"]
    if not tests:
        return lambda case: True
    if len(tests) == 1:
        return tests[0]
    return lambda case: all(test(case) for test in tests)


def compile_population(select: Wanted, unless: Wanted) -> Accepts:
    """A function that says whether a promise is about a case: selected, and not left out."""
    selected = compile_selection(select)
    if not unless:
        return selected
    excepted = compile_exception(unless)
    return lambda case: selected(case) and not excepted(case)


def compile_exception(unless: Wanted) -> Accepts:
    """A function that says whether a case has every value of `unless`: an unknown value leaves no case out."""
    excepted = compile_selection(unless)
    if "service_item" not in unless:
        return excepted
    items = wanted_values(unless["service_item"])
    return lambda case: case.service_item in items and excepted(case)


def compile_knowledge(names: Sequence[str]) -> Accepts:
    """A function that says whether all of these are known of a case: an unknown value decides nothing."""
    tests = [_knows(name) for name in names]
    if not tests:
        return lambda case: True
    return tests[0] if len(tests) == 1 else lambda case: all(test(case) for test in tests)


def _knows(name: str) -> Accepts:
    match name:
        case "channel":
            return lambda case: bool(case.channels)
        case "applicant":
            return lambda case: case.applicant != "unknown"
        case "outcome":
            return lambda case: case.outcome is not None
        case "unit":
            return lambda case: bool(case.unit)
    return lambda case: case.attributes.get(name) is not None


def _test(name: str, values: frozenset[Any]) -> Accepts:
    match name:
        case "unit":
            return lambda case: case.unit in values
        case "applicant":
            return lambda case: case.applicant in values
        case "outcome":
            return lambda case: case.outcome in values
        case "channel":
            return lambda case: not values.isdisjoint(case.channels)
        case "online":
            return lambda case: case.online in values
        case "parent":
            return lambda case: (case.parent is not None) in values
        case "extended":
            return lambda case: case.extended in values
        case "reached":
            return lambda case: all(name in case.milestones for name in values)
    return lambda case: _matches(case.attributes.get(name), values)


def _matches(value: Any, values: Collection[Any]) -> bool:
    """Lists of codes match by any of them; true and 1 are different things."""
    if value is None:
        return False
    if isinstance(value, list):
        return any(_matches(each, values) for each in value)
    return any(value == each and isinstance(value, bool) == isinstance(each, bool) for each in values)


def accepts_attributes(attributes: Mapping[str, Any], wanted: Wanted) -> bool:
    """The same for an entry of the catalogue, by its attributes alone."""
    return all(_matches(attributes.get(name), wanted_values(value)) for name, value in wanted.items())
