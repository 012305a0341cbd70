"""What is known beside the values as of a time: signals, cards, verdicts, and when sources were last heard of."""

from typing import NamedTuple

from services.domain.judging.data_quality import SignalRow
from services.domain.time.zone import Instant

Issued = tuple[str, str, str]
"""What a unit is told of a promise: promise, unit, and the level of a card or a verdict."""


class SideResults(NamedTuple):
    """As of one time."""

    as_of: Instant
    signals: list[SignalRow]
    issued: dict[Issued, int]
    """How many cards stood, and how many cases had a verdict."""
    last_events: dict[str, Instant]
    """Source → arrival of its last event."""
