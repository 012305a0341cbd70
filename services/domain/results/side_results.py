"""What is known beside the values as of a time: signals, cards, verdicts, and the last event of each source."""

from typing import NamedTuple

from services.domain.judging.data_quality import SignalRow
from services.domain.time.zone import Instant

Issued = tuple[str, str, str]
"""A card or verdict of a promise and unit: promise, unit, and level of the card or verdict."""


class SideResults(NamedTuple):
    """As of one time."""

    as_of: Instant
    signals: list[SignalRow]
    issued: dict[Issued, int]
    """How many cards were active, and how many cases had a verdict."""
    last_events: dict[str, Instant]
    """Source → arrival of its last event."""
