"""Every code that people may meet has a name in `names.toml`, and every name there is the name of a code.

A plan without the file shows its codes: right for an imported archive, and for a plan that is being begun."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from services.catalog.load.plan_folder import Place, Problem, Reading
from services.catalog.words.wording import has_unit_of_measure
from services.domain.plan.plan import AttributeSpec, Names, as_tuple

_CALLED = {
    "attributes": "attribute",
    "milestones": "milestone",
    "nodes": "node",
    "quantities": "quantity",
    "reasons": "reason",
}
"""Table of `names.toml` → what its keys are."""


class _Code(NamedTuple):
    """A code, and the entry that declares it."""

    file: Path
    place: Place
    subject: str
    """The service item or collection; empty for reasons."""
    table: str
    code: str
    spec: AttributeSpec | None = None
    """Of an attribute."""

    @property
    def keys(self) -> tuple[str, str]:
        """Where its name may be: the one within its subject goes before the general one."""
        return f"{self.subject}/{self.code}", self.code


def unnamed(reading: Reading) -> Iterator[Problem]:
    """Codes and values without a name, flags without the words for false, and names of nothing."""
    names = reading.names
    if names is None:
        return
    codes = list(_codes(reading))
    for each in codes:
        table: Mapping[str, object] = getattr(names, each.table)
        if not any(key in table for key in each.keys):
            what = _CALLED[each.table]
            sentence = f"{what} {each.code!r} has no name: write it under [{each.table}] in names.toml"
            yield Problem(each.file, each.place, sentence)
        if each.spec is not None:
            yield from _without_names(names, each, each.spec.values)
    yield from _asked_without_names(reading, names, {each.code for each in codes if each.spec is not None})
    yield from _counted_without_names(reading, names)
    file = reading.folder / "names.toml"
    yield from _flags_without_no(file, names, codes)
    yield from _names_of_nothing(file, names, codes)


def _codes(reading: Reading) -> Iterator[_Code]:
    for located in reading.service_items:
        item, file, place = located.entry, located.file, located.place
        for name, spec in item.attributes.items():
            yield _Code(file, place, item.code, "attributes", name, spec)
        for table in ("milestones", "nodes", "quantities"):
            yield from (_Code(file, place, item.code, table, code) for code in getattr(item, table))
    if reading.head is None:
        return
    file = reading.folder / "plan.toml"
    for index, collection in enumerate(reading.head.collections):
        for name, spec in collection.attributes.items():
            yield _Code(file, ("collections", index), collection.id, "attributes", name, spec)
    yield from (_Code(file, ("reasons",), "", "reasons", code) for code in reading.head.reasons)


def _asked_without_names(reading: Reading, names: Names, attributes: set[str]) -> Iterator[Problem]:
    """Of the values that a promise asks for. Those of `service_item` have titles; `reached` names milestones of a case,
    and is a flag of an entry."""
    for located in reading.promises:
        for key, wanted in located.entry.conditions().items():
            for name in wanted.keys() & attributes - {"service_item", "reached"}:
                asked = tuple(str(each) for each in as_tuple(wanted[name]) if not isinstance(each, bool))
                at = _Code(located.file, (*located.place, key, name), "", "attributes", name)
                yield from _without_names(names, at, asked)


def _counted_without_names(reading: Reading, names: Names) -> Iterator[Problem]:
    """Promises whose figure is counted in a quantity of the plan's own."""
    for located in reading.promises:
        promise = located.entry
        if not has_unit_of_measure(promise, names.units_of_measure):
            sentence = (
                f"its figure is counted in {promise.figure_unit!r}: name it under [units_of_measure] in names.toml"
            )
            yield Problem(located.file, located.place, sentence)


def _without_names(names: Names, attribute: _Code, values: tuple[str, ...]) -> Iterator[Problem]:
    for value in values:
        if value not in names.values.get(attribute.code, {}):
            sentence = f"value {value!r} has no name: write it under [values.{attribute.code}] in names.toml"
            yield Problem(attribute.file, attribute.place, sentence)


def _flags_without_no(file: Path, names: Names, codes: list[_Code]) -> Iterator[Problem]:
    flags = {key for each in codes if each.spec is not None and each.spec.type == "bool" for key in each.keys}
    for key, named in names.attributes.items():
        if key in flags and named.no is None:
            yield Problem(file, ("attributes", key), "is a flag: `no` says what is read where it is false")


def _names_of_nothing(file: Path, names: Names, codes: list[_Code]) -> Iterator[Problem]:
    for table, called in _CALLED.items():
        declared = {key for each in codes if each.table == table for key in each.keys}
        for key in sorted(getattr(names, table).keys() - declared):
            yield Problem(file, (table, key), f"is the name of no {called}: no file of the plan declares it")
    attributes = {each.code for each in codes if each.spec is not None}
    for attribute in sorted(names.values.keys() - attributes):
        yield Problem(file, ("values", attribute), "has the values of no attribute: no file of the plan declares it")
