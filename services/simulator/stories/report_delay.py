"""Until when a step of a case may be reported in time: what the slowest of the sources that may report it takes.

It reads the plan's sources and asks nothing that judges.
"""

from collections.abc import Iterator, Sequence, Set

from services.domain.plan.plan import Source
from services.domain.time.limits import Ends, due
from services.domain.time.zone import Instant
from services.simulator.district.profile import CaseFlow
from services.simulator.stories.timing import Timing


def case_reported_by(timing: Timing, at: Instant, points: Sequence[str], owner: str, flow: CaseFlow) -> Instant:
    """Of steps of a case of `owner` that were reached at `at`."""
    found = [at]
    for point in points:
        for source in _reporters(timing, point, owner, flow.item, timing.succession.names(flow.unit, at)):
            found.append(source_reported_by(timing, source, at))
    return max(found)


def subject_reported_by(timing: Timing, at: Instant, code: str, unit: str) -> Instant:
    """Of an entry of a list or a duty of a unit; of any unit where that is empty."""
    names = timing.succession.names(unit, at)
    reporters = [source for source in _feeding(timing, code) if not unit or _speaks_for(source, names)]
    return max([at, *(source_reported_by(timing, source, at) for source in reporters)])


def source_reported_by(timing: Timing, source: Source, at: Instant) -> Instant:
    """The end of the time that a source has to report something."""
    delay = None if source.real_time else source.reports_within or source.usual_delay
    if delay is None:
        return at
    law = timing.law
    return due(delay, at, Ends.DAY, zone=timing.zone, calendar=timing.calendar, hours=law.hours("", ""))


def _reporters(timing: Timing, point: str, owner: str, item: str, units: Set[str]) -> Sequence[Source]:
    """The sources that report a step in the cases of an owner: those registered for the milestone, else those
    registered for no milestone of the item; of a completion, those that speak for the unit of the case, by any of its
    names."""
    in_reach: Sequence[Source] = [
        source for source in _feeding(timing, item) if _names((source.id, *source.owners), owner)
    ]
    if point == "completed":
        in_reach = _that_speak_for(in_reach, units)
    registered = [source for source in in_reach if point.removeprefix("milestone:") in source.milestones]
    steps = set(timing.item(item).milestones)
    general = [source for source in in_reach if steps.isdisjoint(source.milestones)]
    return registered or general or in_reach


def _that_speak_for(sources: Sequence[Source], units: Set[str]) -> Sequence[Source]:
    """Those of the sources that may name one of the units; all of them if none may."""
    return [source for source in sources if _speaks_for(source, units)] or sources


def _speaks_for(source: Source, units: Set[str]) -> bool:
    """Whether a source may name one of the units."""
    return any(_names(source.units, unit) for unit in units)


def _feeding(timing: Timing, code: str) -> Iterator[Source]:
    """The sources that report on something, the operations centre apart."""
    plan = timing.law.plan
    for source in () if plan.head.open else plan.sources.values():
        if not source.operations and _names(source.feeds, code):
            yield source


def _names(listed: Sequence[str], name: str) -> bool:
    return "*" in listed or name in listed
