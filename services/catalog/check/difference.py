"""What changes from one plan to another: for the reviewer of a new version."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from services.catalog.load.lock import version_of
from services.domain.plan.plan import Plan


class Change(NamedTuple):
    """One changed field; `before` is None where it was added, `after` where it was removed."""

    what: str
    """`promise`, `unit`, `service item`, `source`, `hours`, `calendar`, `list` or `plan`."""
    name: str
    field: str
    """Empty where the whole entry came or went."""
    before: Any
    after: Any


def changes(before: Plan, after: Plan) -> Iterator[Change]:
    """Every difference of two plans, promises first."""
    for what, old, new in (
        ("promise", _promises(before), _promises(after)),
        ("unit", before.units, after.units),
        ("service item", before.service_items, after.service_items),
        ("source", before.sources, after.sources),
        ("hours", _hours(before), _hours(after)),
        ("calendar", _calendar(before), _calendar(after)),
    ):
        yield from _changed(what, old, new)
    for name in sorted(before.lists.keys() | after.lists.keys()):
        lists = before.lists.get(name), after.lists.get(name)
        if lists[0] != lists[1]:
            yield Change("list", name, "", *lists)
    yield from _fields("plan", after.head.id, before.head, after.head)


def _promises(plan: Plan) -> Mapping[str, BaseModel]:
    return {version_of(promise): promise for promise in plan.promises}


def _hours(plan: Plan) -> Mapping[str, BaseModel]:
    return {f"{entry.id} {entry.effective_from}": entry for entry in plan.hours}


def _calendar(plan: Plan) -> Mapping[str, BaseModel]:
    """The plan's own."""
    return {} if plan.calendar is None else {plan.calendar.name: plan.calendar}


def _changed(what: str, before: Mapping[str, BaseModel], after: Mapping[str, BaseModel]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None or new is None:
            yield Change(what, name, "", old and _shown(old), new and _shown(new))
        else:
            yield from _fields(what, name, old, new)


def _fields(what: str, name: str, before: BaseModel, after: BaseModel) -> Iterator[Change]:
    old, new = _shown(before), _shown(after)
    for field in old | new:  # a promise of another kind has other fields
        if old.get(field) != new.get(field):
            yield Change(what, name, field, old.get(field), new.get(field))


def _shown(entry: BaseModel) -> dict[str, Any]:
    return entry.model_dump(mode="json")
