"""A line of truth.csv."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from services.domain.time.zone import Instant, Zone
from services.simulator.stories.result import Result

COLUMNS = (
    "kpi", "variant", "unit", "item", "case", "fate", "started_at", "due_at", "stopped_at", "day", "amount", "base",
    "yellow", "reason", "provisional",
)  # fmt: skip

MICRO = 1_000_000


class Row(NamedTuple):
    """The result of one case under one promise.

    `case` is owner and subject with a blank between. `day` is the local date under which a closed case counts.
    `amount` is what a mean or a figure takes (days, microseconds, millionths of a quantity), `base` what it is compared
    with or divided by.
    """

    kpi: str
    variant: str
    unit: str
    item: str
    case: str
    result: Result
    started: Instant | None = None
    due: Instant | None = None
    stopped: Instant | None = None
    day: int | None = None
    amount: int | None = None
    base: int | None = None
    yellow: bool = False
    """Whether an open case is close to its limit."""
    reason: str = ""
    """Why a card was cleared; of one that was not, why its limit may still move."""
    provisional: bool = False
    """Whether a notice about days that are not published may still change what is counted."""

    @classmethod
    def silent(cls, source: str) -> "Row":
        """A source that is silent at the end."""
        return cls("-", "-", "-", "-", source, Result.SILENT)

    @classmethod
    def fault(cls, name: str, case: str) -> "Row":
        """What went wrong with the reports of a case."""
        return cls("-", name, "-", "-", case, Result.FAULT)

    @classmethod
    def rejected(cls, reason: str, case: str) -> "Row":
        """An event that must be refused for a reason code."""
        return cls("-", reason, "-", "-", case, Result.REJECTED)


def lines(rows: Iterable[Row], zone: Zone) -> Iterator[str]:
    """The lines of truth.csv, without the header. No field needs quoting."""
    for row in rows:
        times = (("" if time is None else zone.text(time)) for time in (row.started, row.due, row.stopped))
        day = "" if row.day is None else date.fromordinal(row.day).isoformat()
        amounts = (("" if amount is None else str(amount)) for amount in (row.amount, row.base))
        yield ",".join((*row[:6], *times, day, *amounts, _mark(row.yellow), row.reason, _mark(row.provisional)))


def _mark(holds: bool) -> str:
    return "1" if holds else ""
