"""Which facts of a case promises can read. The arrival of any other changes nothing that they say, so that it is no
step of its own where the arrivals are stepped through (rule 14)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from services.domain.intake.facts import Fact, FactType
from services.domain.judging.bounded_amounts import steps_of
from services.domain.judging.kind import CaseKind
from services.domain.judging.selection import wanted_values
from services.domain.plan.plan import FULL_TRACE, CasePromise, Wanted
from services.domain.time.zone import Instant


class Reads(NamedTuple):
    """What some promises that a single case can miss read of it, beside what every promise reads."""

    milestones: frozenset[str]
    attributes: frozenset[str]
    quantities: frozenset[str]
    nodes: bool
    """Whether the clock of one runs in some nodes only."""

    @classmethod
    def of(cls, promises: Sequence[CasePromise], certified: Iterable[str]) -> "Reads":
        """What these promises read. `certified`: the milestones that a completion certifies, which tell whether a case
        that was withdrawn or refused was granted after all."""
        milestones = frozenset(name for promise in promises for name in _milestones(promise))
        attributes = frozenset(name for promise in promises for name in _attributes(promise))
        quantities = frozenset(name for promise in promises for name in _quantities(promise))
        runs_in_nodes = any(promise.clock.runs_in for promise in promises)
        return cls(milestones.union(certified), attributes, quantities, runs_in_nodes)

    def reads(self, fact: Fact) -> bool:
        """Whether the promises may say something else with this fact than without it. Nodes without a limit of their
        own are meant."""
        type_ = fact.type
        if type_ == _MILESTONE:
            data = fact.data
            return data["name"] in self.milestones or not self.attributes.isdisjoint(data.get("attributes", ()))
        if type_ == _MEASURED:
            return fact.data["quantity"] in self.quantities
        if type_ in _NODES:
            return self.nodes
        return type_ != _RATED


class InQuestion(NamedTuple):
    """Promises that may have been missed once, and what each of them and all of them read."""

    kinds: Sequence[CaseKind]
    reads_of: Sequence[Reads]
    reads: Reads

    @classmethod
    def of(cls, kinds: Sequence[CaseKind], certified: Sequence[str]) -> "InQuestion":
        """`certified`: as of `Reads.of`."""
        reads_of = [Reads.of((kind.promise,), certified) for kind in kinds]
        return cls(kinds, reads_of, Reads.of([kind.promise for kind in kinds], certified))

    def read(self, facts: Sequence[Fact], *, timed_nodes: bool) -> list[Fact]:
        """Those of the facts that one of them reads. `timed_nodes`: nodes have limits of their own, which are shown."""
        reads = self.reads.reads
        return [fact for fact in facts if reads(fact) or (timed_nodes and fact.type in _NODES)]

    def asked(self, arrived: Sequence[Fact]) -> list[CaseKind]:
        """Those of the promises that read what has arrived: of the others nothing changes by it."""
        return [
            kind
            for kind, reads in zip(self.kinds, self.reads_of, strict=True)
            if any(reads.reads(fact) for fact in arrived)
        ]


def only_adds(facts: Sequence[Fact]) -> bool:
    """Whether each fact says only what happened then, in one cycle and about one service item, and none was dated later
    than it arrived. Else one that no promise reads may be what a correction, a decision or a cycle is about."""
    items = {fact.data["service_item"] for fact in facts if "service_item" in fact.data}
    return len(items) <= 1 and all(fact.type in ADDING and fact.time <= fact.received for fact in facts)


def last_arrival(facts: Sequence[Fact], at: Instant) -> Instant:
    """When the last of what was known at an instant had arrived."""
    return max((fact.received for fact in facts if fact.received <= at and fact.time <= at), default=0)


def _milestones(promise: CasePromise) -> Iterator[str]:
    for point in (*promise.start, *promise.stop, *promise.bounded):
        subject, _, name = point.partition(":")
        if subject == "milestone":
            yield name
        elif subject == "order":
            yield from steps_of(point)
    for selection in _selections(promise):
        yield from wanted_values(selection.get("reached", ()))


def _attributes(promise: CasePromise) -> Iterator[str]:
    """Fields of a case that are no attributes are among them."""
    yield FULL_TRACE
    yield from promise.known_fields
    for selection in _selections(promise):
        yield from selection
    for amount in promise.bounded:
        yield amount.partition(":")[2]


def _selections(promise: CasePromise) -> tuple[Wanted, ...]:
    return promise.select, promise.unless, promise.condition, promise.stop_owed_if


def _quantities(promise: CasePromise) -> Iterator[str]:
    """`visits` tells whether a case was handled online."""
    if "online" in _attributes(promise):
        yield "visits"
    for amount in promise.bounded:
        subject, _, name = amount.partition(":")
        if subject in ("quantity", "ratio"):
            yield from name.split("/")


_MILESTONE, _MEASURED = int(FactType.CASE_MILESTONE), int(FactType.CASE_MEASURED)
_RATED = int(FactType.CASE_RATED)
_NODES = frozenset((int(FactType.CASE_NODE_STARTED), int(FactType.CASE_NODE_ENDED)))
ADDING = frozenset(
    int(each)
    for each in (
        FactType.CASE_APPLIED,
        FactType.CASE_ACCEPTED,
        FactType.CASE_SUPPLEMENT_REQUESTED,
        FactType.CASE_REFUSED,
        FactType.CASE_MILESTONE,
        FactType.CASE_NODE_STARTED,
        FactType.CASE_NODE_ENDED,
        FactType.CASE_SUSPENDED,
        FactType.CASE_RESUMED,
        FactType.CASE_EXTENDED,
        FactType.CASE_MEASURED,
        FactType.CASE_COMPLETED,
        FactType.CASE_WITHDRAWN,
        FactType.CASE_RATED,
    )
)
"""Codes of what says only what happened then."""
