"""Which cases (or entries) a promise is about: `select`, `unless`, `where` of its entry, compiled to one function.

A test has three answers: true, false, and None where the case does not say. An unknown value is never taken for the
wanted one, nor for another.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from services.domain.history.case import Case

Accepts = Callable[[Case], bool | None]
"""True, false, or None: a value is unknown, and no known one differs."""
Wanted = Mapping[str, Any]
Unset = Mapping[tuple[str, str], Any]
"""(service item, attribute) → the value that a case has which leaves the attribute out."""
_NOTHING: Unset = MappingProxyType({})


def wanted_values(value: Any) -> frozenset[Any]:
    """One value or a list of them, as the set of values accepted."""
    return frozenset(value) if isinstance(value, (tuple, list)) else frozenset((value,))


def compile_selection(wanted: Wanted, unset: Unset = _NOTHING) -> Accepts:
    """A function that says whether a case has every wanted value."""
    tests = [_test(name, wanted_values(value), unset) for name, value in wanted.items() if name != "service_item"]
    if not tests:
        return lambda case: True
    if len(tests) == 1:
        return tests[0]

    def has_all(case: Case) -> bool | None:
        answer: bool | None = True
        for test in tests:
            found = test(case)
            if not found:
                if found is not None:
                    return False
                answer = None
        return answer

    return has_all


def compile_population(select: Wanted, unless: Wanted, unset: Unset = _NOTHING) -> Accepts:
    """A function that says whether a promise is about a case: selected, and not left out. An unknown value leaves no
    case out."""
    selected = compile_selection(select, unset)
    if not unless:
        return selected
    excepted = compile_exception(unless, unset)
    return lambda case: False if excepted(case) else selected(case)


def compile_exception(unless: Wanted, unset: Unset = _NOTHING) -> Accepts:
    """A function that says whether a case has every value of `unless`."""
    excepted = compile_selection(unless, unset)
    if "service_item" not in unless:
        return excepted
    items = wanted_values(unless["service_item"])
    return lambda case: excepted(case) if case.service_item in items else False


def compile_knowledge(names: Sequence[str], unset: Unset = _NOTHING) -> Accepts:
    """A function that says whether all of these are known of a case: an unknown value decides nothing. The outcome of
    an open case is not known yet, though none is owed and no selection waits for it."""
    tests = [_knows(name, unset) for name in names]
    if not tests:
        return lambda case: True
    return tests[0] if len(tests) == 1 else lambda case: all(test(case) for test in tests)


def _knows(name: str, unset: Unset) -> Accepts:
    read = _FIELDS.get(name)
    if read is not None:
        return lambda case: read(case) not in (None, _NONE_YET)
    return lambda case: _attribute(name, case, unset) is not None


def _test(name: str, values: frozenset[Any], unset: Unset) -> Accepts:
    if name == "reached":
        return lambda case: all(milestone in case.milestones for milestone in values)
    read = _FIELDS.get(name)
    if read is None:
        return _of_attribute(name, values, unset)

    def has(case: Case) -> bool | None:
        value = read(case)
        if value is None:
            return None
        return value in values if not isinstance(value, set) else not values.isdisjoint(value)

    return has


_NONE_YET = ""
"""The outcome of an open case: it is none of those that a selection can want."""


def _outcome(case: Case) -> str | None:
    """Of an open case none is owed yet."""
    return _NONE_YET if case.completed_at is None and case.outcome is None else case.outcome


_FIELDS: Mapping[str, Callable[[Case], Any]] = {
    "unit": lambda case: case.unit or None,
    "applicant": lambda case: None if case.applicant == "unknown" else case.applicant,
    "outcome": _outcome,
    "channel": lambda case: case.channels or None,
    "online": lambda case: case.online,
    "parent": lambda case: case.parent is not None,
    "extended": lambda case: case.extended,
}
"""What is no attribute: its value, or None where it is not known."""


def _of_attribute(name: str, values: frozenset[Any], unset: Unset) -> Accepts:
    """Whether a case has one of these values of an attribute."""

    def has(case: Case) -> bool | None:
        value = _attribute(name, case, unset)
        if type(value) is str:  # nearly all are texts
            return value in values
        return None if value is None else _matches(value, values)

    return has


def _attribute(name: str, case: Case, unset: Unset) -> Any:
    """The value of an attribute, or what leaving it out means; None: not known."""
    value = case.attributes.get(name)
    return unset.get((case.service_item, name)) if value is None and unset else value


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
