"""Where the cases stage reads and writes, and how many dead letters it accepts."""

from typing import NamedTuple

from services.messaging.topics import (
    ALERT_CARDS,
    CASE_EVENTS,
    CASE_QUARANTINE,
    CASE_VERDICTS,
    DEAD_LETTER,
    KPI_TALLIES,
)


class StageSettings(NamedTuple):
    """Topics, partitions and limits of one stage."""

    events: str = CASE_EVENTS
    dead_letters: str = DEAD_LETTER
    tallies: str = KPI_TALLIES
    cards: str = ALERT_CARDS
    verdicts: str = CASE_VERDICTS
    quarantine: str = CASE_QUARANTINE
    partitions: int | None = None
    """Over how many partitions cases are spread by their keys; None: not as Kafka's partitioner does."""
    dead_letter_ratio: float = 0.5
    """The share of recent events that may be refused; above it the worker stops."""
