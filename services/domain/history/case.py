"""A case (办件) as its facts describe it: `fold.py` builds it, the kinds of promise judge it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from services.domain.history.decisions import Decision, accepts
from services.domain.intake.facts import Fact
from services.domain.time.zone import Instant

NOTHING_DELIVERED = frozenset(("refused", "terminated"))
"""Outcomes of a completion after which no further milestone of the case is due."""


class Suspension(NamedTuple):
    """A span in which the unit held the clock still (中止); which clocks it stops, each promise says."""

    reason: str
    start: Instant
    end: Instant | None
    """None while it lasts."""


class NodeSpan(NamedTuple):
    """The passage of a case through one node (环节) of its handling."""

    node: str
    unit: str
    start: Instant
    end: Instant | None
    limit: Mapping[str, Any] | None
    """The node's own limit, if the event gave one."""


class Extension(NamedTuple):
    """An extension (延期) of the limit: a request, unless it comes from the operations centre or a source that
    grants (`Source.grants`)."""

    time: Instant
    limit: Mapping[str, Any]
    granted: bool


@dataclass(slots=True, eq=False)
class Case:
    """One cycle of a case. `None` and empty mean: not known."""

    cycle: int = 1
    service_item: str = ""
    unit: str = ""
    """The unit that accepted it (rule 17)."""
    applicant: str = "unknown"
    parent: str | None = None
    outcome: str | None = None
    due_at: Instant | None = None
    committed_limit: Mapping[str, Any] | None = None
    statutory_limit: Mapping[str, Any] | None = None
    attributes: dict[str, Any] = field(default_factory=dict)
    channels: set[str] = field(default_factory=set)
    """Known channels of application, acceptance and completion."""
    applied: Fact | None = None
    accepted: Fact | None = None
    """The acceptance that holds: the earliest of the cycle."""
    accepted_at: Instant | None = None
    """When the clock of acceptance starts: also deemed acceptance, and the reopening of a new cycle."""
    completed: Fact | None = None
    completed_at: Instant | None = None
    withdrawn_at: Instant | None = None
    refused_at: Instant | None = None
    milestones: dict[str, list[Instant]] = field(default_factory=dict)
    nodes: list[NodeSpan] = field(default_factory=list)
    timed_nodes: bool = False
    """Whether a node of it, or of a cycle before, has a limit of its own."""
    suspensions: list[Suspension] = field(default_factory=list)
    extensions: list[Extension] = field(default_factory=list)
    quantities: dict[str, int] = field(default_factory=dict)
    """Sums of what was measured, in millionths of the unit of measure."""
    measured: list[tuple[Instant, str, int, Instant]] = field(default_factory=list)
    """The same one by one: when, what, how much, and when that arrived."""
    rating: int | None = None
    """The applicant's own last score (好差评), 1 to 5; one given by default is none."""
    supplements: list[Instant] = field(default_factory=list)
    """When supplements were asked for (补正)."""
    justified: dict[str, Decision] = field(default_factory=dict)
    """Promise → the last decision on a reason for missing it, else the first request."""
    confirmed: dict[str, list[Decision]] = field(default_factory=dict)
    """Promise → the decisions on late entries, in contract order."""
    reopened: int = 0
    """How often its completion was declared void."""
    voided: tuple[tuple[str, Instant], ...] = ()
    """What that made void: `completed` and `milestone:NAME`, with their times."""
    anomalies: list[str] = field(default_factory=list)
    """Codes of what does not fit together, e.g. `second_acceptance`; shown by `explain`, counted per unit."""
    only_simple_facts: bool = True
    """It has only applications, acceptances, milestones, nodes, measurements and a completion, and no attribute ever
    changed its value. Its verdict cannot have been changed by a later event, except by a late completion itself."""
    arrived: Instant = 0
    """When the last of its facts arrived."""

    @property
    def online(self) -> bool | None:
        """Whether every known channel is online and no visit is recorded; None when no channel is known."""
        if not self.channels:
            return None
        return self.channels == _ONLINE and not self.quantities.get("visits")

    @property
    def filed(self) -> Fact | None:
        """The acceptance that holds, or while there is none the application; None while neither is known."""
        return self.accepted if self.accepted is not None else self.applied

    def is_confirmed(self, promise: str, arrival: Instant) -> bool:
        """Whether the operations centre accepted what arrived then, for the promise of this id."""
        return promise in self.confirmed and accepts(self.confirmed[promise], arrival)

    def open_nodes(self) -> dict[str, NodeSpan]:
        """The nodes in which it now is; of several passages through one, the last begun."""
        return {span.node: span for span in self.nodes if span.end is None}

    @property
    def extended(self) -> bool:
        """Whether an extension was granted."""
        return any(extension.granted for extension in self.extensions)

    def holder(self) -> str:
        """The unit that holds the case now: of the node last started and not ended, else the accepting unit."""
        for span in reversed(self.nodes):
            if span.end is None:
                return span.unit or self.unit
        return self.unit


_ONLINE = {"online"}
MICRO = 1_000_000


def micro(value: float) -> int:
    """A measured value in millionths, exactly as it was written."""
    return int((Decimal(str(value)) * MICRO).to_integral_value())
