"""Which source reports the events of a sample, and how they are written: CloudEvents as in docs/contract.md."""

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


class NoReporter(Exception):
    """There is no sample: no source of the plan may report on the promise's subject, or no service item can be it."""


class Reporter(NamedTuple):
    """A source and the unit in whose name it reports."""

    source: str
    unit: str


def sources_of(subject: str, plan: Plan) -> tuple[Source, ...]:
    """The sources that report on a service item, a collection, a duty or a figure."""
    return tuple(
        source
        for source in plan.sources.values()
        if not source.operations and (subject in source.feeds or "*" in source.feeds)
    )


def reporter_of(promise: Promise, subject: str, plan: Plan) -> Reporter:
    """The first source that reports on a subject, in the name of a unit that it may name: its own, where that unit
    answers for the promise; else one that does; else its own after all.
    Of an open plan, which needs no sources, any unit for itself. NoReporter where no source may report on it."""
    answering = promise.owed_units or (*promise.lead, *promise.responsible)
    source = next(iter(sources_of(subject, plan)), None)
    if source is None and not plan.head.open:
        raise NoReporter(subject)
    if source is None:
        unit = next(iter((*answering, *plan.units)), "any-unit")
        return Reporter(f"/units/{unit}", unit)
    own = source.id.rpartition("/")[2]
    preferred = (*([own] if own in answering else []), *answering, own, *source.units)
    return Reporter(source.id, next(unit for unit in preferred if unit in plan.units and _may_name(source, unit)))


def _may_name(source: Source, unit: str) -> bool:
    return "*" in source.units or unit in source.units


@dataclass(slots=True)
class SampleHistory:
    """The events of one sample, each reported when it happens."""

    law: Law
    subject: str
    _events: list[tuple[Instant, Event]] = field(default_factory=list)

    def add(
        self, type: str, time: Instant, source: str, data: Mapping[str, Any], *, subject: str = "", owner: str = ""
    ) -> None:
        """Add an event; `owner` where the case is another source's."""
        about = subject or self.subject
        event: dict[str, Any] = {"specversion": "1.0", "id": f"{about}-{len(self._events) + 1}", "source": source}
        event |= {"type": type, "subject": about}
        if owner and owner != source:
            event["caseowner"] = owner
        text = self.law.zone.text(time)
        event |= {"time": text, "recordedat": text, "datacontenttype": "application/json", "data": data}
        self._events.append((time, event))

    @property
    def events(self) -> tuple[Event, ...]:
        """In the order in which they happen."""
        return tuple(event for _, event in sorted(self._events, key=lambda each: each[0]))

    @property
    def last_at(self) -> Instant:
        """When the last of them happens."""
        return max(time for time, _ in self._events)


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

    @property
    def by_source(self) -> dict[str, list[Event]]:
        """Source → its events, in their order: a key speaks for one source."""
        found: dict[str, list[Event]] = {}
        for event in self.events:
            found.setdefault(event["source"], []).append(event)
        return found


@dataclass(frozen=True, slots=True)
class Scene:
    """A sample before it is looked at: its events, and until when one waits beyond the last event."""

    name: Name
    history: SampleHistory
    expected: Expected
    until: Instant = 0
