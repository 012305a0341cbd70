"""Until when what has happened may still be reported: the one place where that is computed (rule 14).

A source tells what happens within `reports_within` (`Source.lateness`). Until then its silence says nothing. Where
several sources may report a point of a case, the slowest of them may.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from services.domain.plan.plan import Plan, ServiceItem, Source
from services.domain.time.calendar import WorkingCalendar
from services.domain.time.limits import Ends, Limit, due
from services.domain.time.opening_hours import OpeningHours
from services.domain.time.zone import Instant, Zone

Delays = frozenset[Limit]
"""What the sources that may report something take to report it; empty: they report at once."""
AT_ONCE: Delays = frozenset()

_EVERY = "*"


def reporting_sources(point: str, item: ServiceItem, sources: Iterable[Source]) -> list[Source]:
    """The sources that report a point of a service item's cases: those that name the milestone; of any other, those
    that name no milestone of the item."""
    feeding = [source for source in sources if not source.operations and {item.code, _EVERY} & set(source.feeds)]
    naming = [source for source in feeding if point.removeprefix("milestone:") in source.milestones]
    return naming or [source for source in feeding if not set(source.milestones) & set(item.milestones)] or feeding


class ReportingTime:
    """How long the sources of one plan take to report."""

    def __init__(self, plan: Plan, zone: Zone, calendar: WorkingCalendar, hours: OpeningHours) -> None:
        """`hours`: the opening hours in which delays of working minutes run."""
        self._items = plan.service_items
        self._sources = () if plan.head.open else tuple(plan.sources.values())
        self._zone, self._calendar, self._hours = zone, calendar, hours
        self._ids = frozenset(source.id for source in self._sources)
        self._is_ever_late = any(source.lateness is not None for source in self._sources)
        self.of_points = lru_cache(maxsize=4096)(self._of_points)
        self.until = lru_cache(maxsize=16384)(self._until)

    def _of_points(self, points: Sequence[str], item: str, owner: str, units: frozenset[str]) -> Delays:
        """Of the points of a case (`completed`, `milestone:NAME`, or any other name for a step) that `owner` reported
        to have been accepted by a unit. `units`: all that is the same unit by then."""
        if not self._is_ever_late or item not in self._items:
            return AT_ONCE
        found: list[Source] = []
        for point in points:
            entitled = reporting_sources(point, self._items[item], self._entitled(owner))
            of_unit = [source for source in entitled if _speaks_for(source, units)]
            found += of_unit if point == "completed" and of_unit else entitled
        return _delays(found)

    def _entitled(self, owner: str) -> Sequence[Source]:
        """The sources that may report on the cases of an owner; all of them where it is not known."""
        if owner not in self._ids:
            return self._sources
        return [source for source in self._sources if source.id == owner or {owner, _EVERY} & set(source.owners)]

    def of_subject(self, code: str, units: frozenset[str]) -> Delays:
        """Of an entry of a collection, a duty or a quantity that a unit reports. `units`: all that is the same unit by
        then (`UnitHistory.names_at`); where it is empty, of any unit."""
        feeding = (source for source in self._sources if {code, _EVERY} & set(source.feeds) and not source.operations)
        return _delays(source for source in feeding if not units or _speaks_for(source, units))

    def latest(self, at: Instant) -> Instant:
        """The last instant at which any source of the plan reports in time what happened at `at`."""
        return self.until(at, _delays(self._sources))

    def _until(self, at: Instant, delays: Delays) -> Instant:
        """The last instant at which what happened at `at` is reported in time: by the slowest source, in its opening
        time or at the end of its last day."""
        if not delays:
            return at
        zone, calendar, hours = self._zone, self._calendar, self._hours
        return max(due(delay, at, Ends.DAY, zone=zone, calendar=calendar, hours=hours) for delay in delays)


def _speaks_for(source: Source, units: frozenset[str]) -> bool:
    return _EVERY in source.units or not units.isdisjoint(source.units)


def _delays(sources: Iterable[Source]) -> Delays:
    return frozenset(source.lateness for source in sources if source.lateness is not None)
