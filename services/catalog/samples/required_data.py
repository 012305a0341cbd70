"""What the sources of a promise must send: for integrators, read off the entry and what the plan declares."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from services.catalog.check.promise_checks import as_tuple
from services.catalog.samples.events import sources_of
from services.domain.judging.bounded_amounts import FULL_TRACE
from services.domain.judging.kinds.in_sync import PLATFORM, VERSION
from services.domain.plan.plan import AttributeSpec, Kind, Plan, Promise, Source

About = Literal["service_item", "collection", "duty", "quantity"]
_FIELDS = ("applicant", "channel", "outcome", "unit", "parent")
"""Fields of a case that a promise may ask for."""
_MEANT_BY: Mapping[str, str] = {"online": "channel", "extended": "case.extended"}
"""What a word of a selection is read from, where it is no field."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What a promise reads of what it is told."""

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
    match promise.kind:
        case Kind.DUTY:
            return Needs("duty", (promise.duty or "",), fields=("period",))
        case Kind.FIGURE:
            quantities = tuple(dict.fromkeys(name for name in (promise.numerator, promise.denominator) if name))
            return Needs("quantity", quantities, fields=("period", "numerator", "denominator"))
        case Kind.CATALOGUE:
            return Needs("collection", (promise.collection or "",), attributes=_of_entries(promise, plan))
    return _of_cases(promise, plan)


def told_by(promise: Promise, plan: Plan) -> tuple[Source, ...]:
    """The sources that may tell of it, in the order of `sources.toml`."""
    found = {source.id: source for subject in needs_of(promise, plan).subjects for source in sources_of(subject, plan)}
    return tuple(source for source in plan.sources.values() if source.id in found)


def _of_entries(promise: Promise, plan: Plan) -> tuple[tuple[str, AttributeSpec], ...]:
    declared = next(each.attributes for each in plan.head.collections if each.id == promise.collection)
    names = [*promise.select, *promise.where]
    if promise.listed or promise.statistic == "in_sync":
        names.append(promise.listed_by)
    if promise.statistic == "in_sync":
        names += [PLATFORM, VERSION]
    names += [promise.quantity] if promise.quantity else []
    return _specified(names, [declared])


def _of_cases(promise: Promise, plan: Plan) -> Needs:
    items = plan.service_items
    codes = tuple(str(code) for code in as_tuple(promise.select.get("service_item", ()))) or tuple(items)
    words = list(_words(promise))
    counted = [count.partition(":") for count in (*promise.counts, promise.measure or "")]
    points = [*promise.start, *promise.stop]
    milestones = [point.partition(":")[2] for point in points if point.startswith("milestone:")]
    milestones += [name for what, _, name in counted if what == "milestone"]
    milestones += [name for what, _, names in counted if what == "order" for name in names.split("<")]
    milestones += [name for wanted in (promise.where, promise.select) for name in as_tuple(wanted.get("reached", ()))]
    quantities = [name for what, _, names in counted if what in ("quantity", "ratio") for name in names.split("/")]
    fields = [_MEANT_BY.get(word, word) for word in words if word in (*_FIELDS, *_MEANT_BY)]
    fields += ["score"] if promise.measure == "rating" else []
    fields += [promise.limit] if isinstance(promise.limit, str) else []
    attributes = [*words, *(name for what, _, name in counted if what == "attribute")]
    if any(what in ("milestone", "quantity") for what, _, _ in counted) and promise.kind is Kind.CASE_BOUND:
        attributes.append(FULL_TRACE)
    return Needs(
        "service_item",
        codes,
        tuple(dict.fromkeys(point for point in ("accepted", *points) if not point.startswith("milestone:"))),
        tuple(dict.fromkeys(milestones)),
        tuple(dict.fromkeys((*promise.runs_in, *promise.nodes))),
        tuple(dict.fromkeys(quantities)),
        tuple(dict.fromkeys(fields)),
        _specified(attributes, [items[code].attributes for code in codes if code in items]),
    )


def _words(promise: Promise) -> Iterator[str]:
    for wanted in (promise.select, promise.unless, promise.where):
        yield from wanted
    yield from promise.known


def _specified(
    names: Iterable[str], declared: Iterable[Mapping[str, AttributeSpec]]
) -> tuple[tuple[str, AttributeSpec], ...]:
    """The declared ones among the names, each with its first declaration."""
    found: dict[str, AttributeSpec] = {}
    for attributes in declared:
        found |= {name: spec for name, spec in attributes.items() if name not in found}
    return tuple((name, found[name]) for name in dict.fromkeys(names) if name in found)
