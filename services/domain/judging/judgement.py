"""The outcome of judging one cycle of a case (or an entry, or a duty) by one promise at one moment."""

from enum import StrEnum
from typing import NamedTuple

from services.domain.sums.tally import Contribution, TallyAmounts, TallyKey
from services.domain.time.zone import Instant


class Outcome(StrEnum):
    """The result of judging a subject by a promise."""

    OPEN = "open"
    """Within its limit, or not matured: neither good nor bad."""
    MET = "met"
    MISSED = "missed"
    """Closed late, or in breach of a bound."""
    OVERDUE = "overdue"
    """Open past its limit: missed in every window that ends now."""
    AWAITING = "awaiting_report"
    """Past its limit, while the source that has to report the stop is still in time: neither good nor bad."""
    WITHDRAWN = "withdrawn"
    """Withdrawn (or ended with nothing delivered) before the limit: out of the denominator."""
    JUSTIFIED = "justified"
    """A soft promise whose reason was accepted: out of the denominator, counted beside it."""
    LATE_ENTRY = "met_by_late_entry"
    """Met only by what arrived after the limit (rule 14)."""
    UNMEASURED = "unmeasured"
    """Closed without the source having reported the fact."""
    UNCLASSIFIED = "unclassified"
    """It leaves out a field by which the promise selects: it may be one of its cases, or none."""
    COUNTED = "counted"
    """Part of a figure that no single case can miss."""


MISSES = frozenset((Outcome.MISSED, Outcome.OVERDUE))
RUNNING = frozenset((Outcome.OPEN, Outcome.AWAITING, Outcome.OVERDUE))
"""Of a case whose clock has not stopped, as far as is known."""


class NodeClock(NamedTuple):
    """The own limit of one passage through a node, as a promise's clock counts it: it is shown, and judges nothing."""

    node: str
    unit: str
    """That holds it."""
    due: Instant
    yellow_at: Instant | None
    red_at: Instant | None
    is_current: bool
    """The case is in it: not ended, and of the passages through this node the last begun."""


class Judgement(NamedTuple):
    """What one promise says of one cycle at one moment."""

    kpi: str
    """`Promise.key`."""
    cycle: int
    outcome: Outcome
    unit: str
    item: str
    """As kept in the tally: `-` where the promise is not kept by item."""
    day: int
    """The tally's day: of the completion, or `NOW`."""
    cells: TallyAmounts
    bin: int | None
    start: Instant | None = None
    due: Instant | None = None
    stop: Instant | None = None
    yellow_at: Instant | None = None
    """From when a yellow card is active, while the case is open."""
    red_at: Instant | None = None
    """From when a red card is active, while the case is open; None: never."""
    next_at: Instant | None = None
    """When, without any new fact, the next change comes; None: never."""
    nodes: tuple[NodeClock, ...] = ()
    """The nodes with a limit of their own."""
    needs_late_check_from: Instant | None = None
    """From when on an arrival may have undone a card or a miss that the other instants do not show; None: never."""
    closed_at: Instant | None = None
    """When time alone closed it: by then nobody had reported the stop of a case that was completed without it. Its
    cards stood until then."""
    reported_by: Instant | None = None
    """Until when its stop may be reported, where that is or was asked: the due instant is what is printed."""
    has_not_matured: bool = False
    """In breach of a bound while the case has not matured: what ends the breach by then leaves no miss (rule 7)."""

    def contribution(self) -> Contribution:
        """What it adds to its tally."""
        return Contribution(TallyKey(self.kpi, self.unit, self.item, self.day), self.cells, self.bin)
