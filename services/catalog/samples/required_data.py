"""What the sources of a promise must send: for integrators, read off the entry and what the plan declares."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from services.catalog.samples.events import sources_of
from services.domain.plan.plan import AttributeSpec, CasePromise, EntryPromise, Plan, Promise, Source, as_tuple

About = Literal["service_item", "collection", "duty", "quantity"]
_MEANT_BY: Mapping[str, str] = {
    **{field: field for field in ("applicant", "channel", "outcome", "unit", "parent")},
    "online": "channel",
    "extended": "case.extended",
}
"""What a word of a selection is read from, where it is no attribute."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a promise reads in the events that it receives."""

    about: About
    """Which field of the events names the subjects, and"""
    subjects: tuple[str, ...]
    """the codes that it may have there."""
    points: tuple[str, ...] = ()
    """`applied`, `accepted`, `completed`: the events between which the clock runs."""
    milestones: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    quantities: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    """Fields of the data, beside `service_item` and `unit`."""
    attributes: tuple[tuple[str, AttributeSpec], ...] = ()


def needs_of(promise: Promise, plan: Plan) -> Needs:
    """What must be sent for a promise to be judged."""
    if isinstance(promise, CasePromise):
        return _of_cases(promise, plan)
    codes = tuple(dict.fromkeys(code for _, code in promise.subjects))
    if isinstance(promise, EntryPromise):
        return Needs("collection", codes, attributes=_of_entries(promise, plan))
    if promise.about == "duty":
        return Needs("duty", codes, fields=("period",))
    return Needs("quantity", codes, fields=("period", "numerator", "denominator"))


def sources_for(promise: Promise, plan: Plan) -> tuple[Source, ...]:
    """The sources that may report on it, in the order of `sources.toml`."""
    found = {source.id: source for subject in needs_of(promise, plan).subjects for source in sources_of(subject, plan)}
    return tuple(source for source in plan.sources.values() if source.id in found)


def _of_entries(promise: EntryPromise, plan: Plan) -> tuple[tuple[str, AttributeSpec], ...]:
    declared = next(each.attributes for each in plan.head.collections if each.id == promise.collection)
    wanted = [name for values in promise.conditions().values() for name in values]
    return _specified([*wanted, *(need.name for need in promise.attribute_needs())], [declared])


def _of_cases(promise: CasePromise, plan: Plan) -> Needs:
    items = plan.service_items
    codes = tuple(code for _, code in promise.subjects) or tuple(items)
    points = ("accepted", *promise.start, *promise.stop)
    named: dict[str, list[str]] = defaultdict(list)
    for reference in promise.references():
        named[reference.what].append(reference.name)
    named["milestone"] += (
        *as_tuple(promise.condition.get("reached", ())),
        *as_tuple(promise.select.get("reached", ())),
    )
    asked = [*chain.from_iterable(promise.conditions().values()), *promise.known_fields]
    fields = [_MEANT_BY[word] for word in asked if word in _MEANT_BY]
    attributes = (*asked, *named["codes"], *promise.optional_attributes)
    return Needs(
        "service_item",
        codes,
        _once(point for point in points if not point.startswith("milestone:")),
        _once(named["milestone"]),
        _once(named["node"]),
        _once(named["quantity"]),
        _once([*fields, *promise.event_fields]),
        _specified(attributes, [items[code].attributes for code in codes if code in items]),
    )


def _once(names: Iterable[str]) -> tuple[str, ...]:
    """Each name, where it comes first."""
    return tuple(dict.fromkeys(names))


def _specified(
    names: Iterable[str], declared: Iterable[Mapping[str, AttributeSpec]]
) -> tuple[tuple[str, AttributeSpec], ...]:
    """The declared ones among the names, each with its first declaration."""
    found: dict[str, AttributeSpec] = {}
    for attributes in declared:
        found |= {name: spec for name, spec in attributes.items() if name not in found}
    return tuple((name, found[name]) for name in dict.fromkeys(names) if name in found)
