"""Who tells a sample's events and how they are written: real CloudEvents of the contract (docs/contract.md)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, NamedTuple

from services.domain.plan.plan import Plan, Promise, Source
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant

Event = Mapping[str, Any]
"""One structured CloudEvent."""

OPERATIONS = "/operations"


class Unspoken(Exception):
    """There is no sample: no source of the plan may tell of the promise's subject, or no service item can be it."""


class Voice(NamedTuple):
    """A source and the unit in whose name it speaks."""

    source: str
    unit: str


def sources_of(subject: str, plan: Plan) -> tuple[Source, ...]:
    """The sources that report on a service item, a collection, a duty or a figure."""
    return tuple(
        source
        for source in plan.sources.values()
        if not source.operations and (subject in source.feeds or "*" in source.feeds)
    )


def voice_of(promise: Promise, subject: str, plan: Plan) -> Voice:
    """The first source that reports on a subject, in the name of a unit that it may name: its own, where that unit
    answers for the promise; else one that does; else its own after all.
    Of an open plan, which needs no sources, any unit for itself. Unspoken where nobody may tell of it."""
    answering = promise.owed_by or (*promise.lead, *promise.responsible)
    source = next(iter(sources_of(subject, plan)), None)
    if source is None and not plan.head.open:
        raise Unspoken(subject)
    if source is None:
        unit = next(iter((*answering, *plan.units)), "any-unit")
        return Voice(f"/units/{unit}", unit)
    own = source.id.rpartition("/")[2]
    preferred = (*([own] if own in answering else []), *answering, own, *source.units)
    return Voice(source.id, next(unit for unit in preferred if unit in plan.units and _may_name(source, unit)))


def _may_name(source: Source, unit: str) -> bool:
    return "*" in source.units or unit in source.units


@dataclass(slots=True)
class Telling:
    """The events of one sample, each told when it happens."""

    law: Law
    subject: str
    _told: list[tuple[Instant, Event]] = field(default_factory=list)

    def tell(
        self, type: str, time: Instant, source: str, data: Mapping[str, Any], *, subject: str = "", owner: str = ""
    ) -> None:
        """Add an event; `owner` where the case is another source's."""
        about = subject or self.subject
        event: dict[str, Any] = {"specversion": "1.0", "id": f"{about}-{len(self._told) + 1}", "source": source}
        event |= {"type": type, "subject": about}
        if owner and owner != source:
            event["caseowner"] = owner
        text = self.law.zone.text(time)
        event |= {"time": text, "recordedat": text, "datacontenttype": "application/json", "data": data}
        self._told.append((time, event))

    @property
    def events(self) -> tuple[Event, ...]:
        """In the order in which they happen."""
        return tuple(event for _, event in sorted(self._told, key=lambda told: told[0]))

    @property
    def last_at(self) -> Instant:
        """When the last of them happens."""
        return max(time for time, _ in self._told)


ALL = "ALL"
Name = Literal["met", "missed", "missed_otherwise", "counts", "does_not_count", "lower", "higher"]


@dataclass(frozen=True, slots=True)
class Expected:
    """What the judge must say as of the sample's time."""

    outcome: str | None
    """Of the subject; None: the promise says nothing of it."""
    n: int
    """Of the row of `unit` in the official window, as is what follows."""
    numerator: int | None
    """None: the figure has none."""
    value: Fraction | None
    unit: str = ALL


@dataclass(frozen=True, slots=True)
class Sample:
    """One history, when to look, and what is then to be seen."""

    name: Name
    events: tuple[Event, ...]
    as_of: Instant
    expected: Expected


@dataclass(frozen=True, slots=True)
class Scene:
    """A sample before it is looked at: what is told, and until when it is waited beyond the last event."""

    name: Name
    telling: Telling
    expected: Expected
    until: Instant = 0
