"""Samples of the entries of a catalogue."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from services.catalog.samples.case_writer import another
from services.catalog.samples.events import ALL, Expected, Name, SampleHistory, Scene, reporter_of
from services.catalog.samples.register_writer import end_of, first_day, history_of
from services.domain.plan.kinds.catalogue import PLATFORM, VERSION, CataloguePromise
from services.domain.plan.plan import AttributeSpec, as_tuple
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant

TEN = 10 * 60
"""The minute of the day at which entries are reported."""


def _declared(promise: CataloguePromise, law: Law) -> Mapping[str, AttributeSpec]:
    found = next(each for each in law.plan.head.collections if each.id == promise.collection)
    return found.attributes


def _entry(
    promise: CataloguePromise,
    history: SampleHistory,
    attributes: Mapping[str, Any],
    subject: str = "",
    minute: int = TEN,
) -> str:
    """Report the state of an entry; the unit in whose name."""
    law = history.law
    reporter = reporter_of(promise, promise.collection, law.plan)
    data = {"collection": promise.collection, "unit": reporter.unit, "attributes": dict(attributes)}
    history.add("item.upserted", law.zone.at(first_day(promise, law), minute), reporter.source, data, subject=subject)
    return reporter.unit


def scenes(promise: CataloguePromise, law: Law) -> Iterator[Scene]:
    """An entry that counts, and one that differs in one attribute; of a mean or a sum, two amounts."""
    if promise.statistic == "in_sync":
        yield from _in_sync(promise, law)
        return
    wanted = {name: as_tuple(value)[0] for name, value in {**promise.select, **promise.where}.items()}
    until = end_of(promise.by, law) if promise.by is not None else 0
    if promise.statistic in ("mean", "sum"):
        yield from _of_amounts(promise, law, wanted, until)
        return
    if promise.listed:
        wanted[promise.listed_by] = promise.listed[0]
    history = history_of(promise, law, "counts")
    unit = _entry(promise, history, wanted)
    yield Scene("counts", history, Expected("counted", 1, 1, Fraction(1), unit if promise.listed else ALL), until)
    out = _left_out(promise, law, wanted)
    if out is not None:
        history = history_of(promise, law, "does_not_count")
        unit = _entry(promise, history, out)
        yield Scene("does_not_count", history, _expected_out(promise, unit), until)


def _expected_out(promise: CataloguePromise, unit: str) -> Expected:
    """What is seen of a promise where the only entry does not count."""
    if promise.statistic != "share":
        return Expected(None, 0, 0, Fraction(0))
    if promise.where:
        return Expected("counted", 1, 0, Fraction(0), unit if promise.listed else ALL)
    return Expected(None, len(promise.listed), 0, Fraction(0) if promise.listed else None)


def _left_out(promise: CataloguePromise, law: Law, wanted: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The same entry with another value of one attribute, so that it does not count; None where every entry does."""
    tests = promise.where or promise.select or ({promise.listed_by: promise.listed} if promise.listed else {})
    for name, value in tests.items():
        return {**wanted, name: another(name, value, _declared(promise, law).get(name))}
    return None


def _of_amounts(promise: CataloguePromise, law: Law, wanted: Mapping[str, Any], until: Instant) -> Iterator[Scene]:
    """On the objective and one more of its last digit, where there is one."""
    objective = promise.objective
    low = Fraction(objective.amount) if objective is not None else Fraction(1)
    step = Fraction(1, low.denominator)
    labels: tuple[tuple[Name, Fraction], ...] = (("lower", low), ("higher", low + step))
    for label, amount in labels:
        history = history_of(promise, law, label)
        written = int(amount) if amount.denominator == 1 else float(amount)
        _entry(promise, history, {**wanted, promise.quantity or "": written})
        yield Scene(label, history, Expected("counted", 1, None, amount), until)


def _in_sync(promise: CataloguePromise, law: Law) -> Iterator[Scene]:
    """One code on the master and on every copy; then the last copy has another version."""
    copies = len(promise.copies)
    wanted = {name: as_tuple(value)[0] for name, value in promise.select.items()}
    labels: tuple[tuple[Name, int], ...] = (("counts", copies), ("does_not_count", copies - 1))
    for label, met in labels:
        history = history_of(promise, law, label)
        for place, platform in enumerate((promise.master, *promise.copies)):
            version = "2" if place <= met else "1"
            attributes = {**wanted, PLATFORM: platform, promise.listed_by: "sample-item", VERSION: version}
            _entry(promise, history, attributes, subject=f"{history.subject}-{platform}", minute=TEN + place)
        yield Scene(label, history, Expected("counted", copies, met, Fraction(met, copies)))
