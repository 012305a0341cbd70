"""What every kind of promise can do. A kind is one module of `kinds/`; `all_kinds.py` finds them."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Protocol

from services.domain.history.case import Case
from services.domain.history.registers import CatalogueEntry, Fulfilment, Report
from services.domain.judging.judgement import Judgement
from services.domain.plan.plan import CasePromise, Promise
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import Tally
from services.domain.time.zone import Instant


class Sums(NamedTuple):
    """The tallies of one promise, unit and window, by item."""

    unit: str
    """`ALL` for the whole."""
    first_day: int
    """Of the window; 0: from the beginning."""
    closed: Mapping[str, Tally]
    """Of the window's days."""
    present: Mapping[str, Tally]
    """Of what is true now."""
    everywhere: Mapping[str, Tally] = MappingProxyType({})
    """The same of all units: where a figure joins what one unit says with what others say."""
    names: frozenset[str] = frozenset()
    """The units that it is about, where these are more than one: those that are one unit today (rule 17)."""

    def of(self, units: frozenset[str]) -> frozenset[str]:
        """Those of some units that it is about."""
        return units if self.unit == "ALL" else units & (self.names or {self.unit})


class Moment(NamedTuple):
    """When a figure is read: the judging instant and its local day."""

    now: Instant
    day: int
    year_begins: int = 1
    """The month with which the plan's year begins."""


class CaseKind(Protocol):
    """A promise about cases."""

    @property
    def promise(self) -> CasePromise:
        """What it judges by."""
        ...

    def judge(self, case: Case, now: Instant, found: list[Judgement]) -> None:
        """Append what this promise says of a selected case at `now`; nothing if its clock has not started."""
        ...

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The promise's figure."""
        ...


class EntryKind(Protocol):
    """A promise about the entries of a catalogue."""

    @property
    def promise(self) -> Promise:
        """What it judges by."""
        ...

    def judge_entry(self, entry: CatalogueEntry, now: Instant, found: list[Judgement]) -> None:
        """Append what this promise says of an entry at `now`."""
        ...

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The promise's figure."""
        ...


class DutyKind(Protocol):
    """A promise about duties."""

    @property
    def promise(self) -> Promise:
        """What it judges by."""
        ...

    def judge_fulfilment(self, fulfilment: Fulfilment, now: Instant, found: list[Judgement]) -> None:
        """Append what this promise says of a fulfilled duty."""
        ...

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The promise's figure: what is absent is judged, too."""
        ...


class FigureKind(Protocol):
    """A promise about figures that sources count themselves."""

    @property
    def promise(self) -> Promise:
        """What it judges by."""
        ...

    def judge_report(self, report: Report, now: Instant, found: list[Judgement]) -> None:
        """Append what a reported figure adds to this promise."""
        ...

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """The promise's figure: what was due and not reported is unmeasured."""
        ...


AnyKind = CaseKind | EntryKind | DutyKind | FigureKind
