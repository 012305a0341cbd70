"""Which cases are asked for."""

from typing import NamedTuple

from services.casebook.case_summary import CaseState
from services.domain.results.published import Level
from services.domain.time.zone import Instant


class CaseFilter(NamedTuple):
    """Which cases are listed: those that fit everything that is given."""

    source: str | None = None
    """It owns the case, or has reported on it."""
    unit: str | None = None
    """It accepted the case, holds it now, or is the unit of an active card or a verdict of it."""
    promise: str | None = None
    """The case has a card or a verdict of this promise (its key: `K06-1`), cleared ones included."""
    service_item: str | None = None
    level: Level | None = None
    """An active card of this level; with `promise`: of that promise."""
    state: CaseState | None = None
    since: Instant | None = None
    """An event of it arrived then or later."""
    owner: str | None = None
    """It owns the case."""
    parties: tuple[str, ...] | None = None
    """One of these units accepted it, or held a node of it; with `behind`: or it is behind one of those promises. Then
    the other filters look at what these units may see of a case, and at nothing else (`own_cases.py`)."""
    behind: tuple[str, ...] = ()
    """Keys of promises: a case is behind one of which it has a card or a verdict."""
    prefix: str = ""
    """Its subject begins so."""
    filed_from: Instant | None = None
    filed_before: Instant | None = None
    """Its last request was filed in this time."""
