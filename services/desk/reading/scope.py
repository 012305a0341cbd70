"""What of the index a viewer sees. `services.desk.access.may` decides; here it becomes a condition of a query, so that
what is another unit's is not read at all.
"""

from collections.abc import Iterable
from typing import NamedTuple

from services.desk.access import About, Access, Viewer, may
from services.domain.plan.plan import Plan
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant


class Scope(NamedTuple):
    """What a viewer sees."""

    everything: bool
    units: tuple[str, ...] = ()
    """The viewer's own: its unit, and those whose work it continues. None where everything is seen."""
    leads: tuple[str, ...] = ()
    """Keys of the promises that they lead."""


def scope_of(viewer: Viewer, law: Law, now: Instant) -> Scope:
    """What a viewer sees at a moment."""
    if not may(viewer, Access.READ):
        return Scope(False)
    if may(viewer, Access.READ, About()):  # a thing that is no unit's own
        return Scope(True)
    units = own_units(viewer.unit, law, now)
    return Scope(False, units, led_by(units, law.plan))


def own_units(unit: str, law: Law, now: Instant) -> tuple[str, ...]:
    """A unit, and those whose successor it is by now, sorted."""
    if not unit:
        return ()
    return tuple(sorted({unit, *(each for each in law.plan.units if law.units.at(each, now) == unit)}))


def led_by(units: Iterable[str], plan: Plan) -> tuple[str, ...]:
    """The keys of the promises that one of these units leads, sorted."""
    mine = set(units)
    return tuple(sorted(promise.key for promise in plan.promises if mine & set(promise.lead)))


def whose(owners: Iterable[str], promises: Iterable[str], law: Law, now: Instant) -> About:
    """Whose business a case is. `owners`: the units that accepted it or held a node of it; `promises`: keys of those
    that have a card or a verdict of it. A successor is meant with the unit before it."""
    wanted = set(promises)
    leads = (unit for promise in law.plan.promises if promise.key in wanted for unit in promise.lead)
    return About(_with_successors(owners, law, now), _with_successors(leads, law, now))


def _with_successors(units: Iterable[str], law: Law, now: Instant) -> frozenset[str]:
    named = set(units)
    return frozenset(named | {law.units.at(unit, now) for unit in named})
