"""The lanes of a plan: which of a profile's lanes it has, and plain lanes for the service items without one."""

from dataclasses import replace

from services.domain.plan.plan import Plan
from services.simulator.district.profile import Lane, Profile, Quality

_PLAIN = Quality(pace=0.5, late=0.05, stuck=0.02, breach=0.03, unmeasured=0.02)


def lanes_of(plan: Plan, profile: Profile) -> tuple[Lane, ...]:
    """The profile's lanes that the plan has, and a plain one for each service item that no lane feeds."""
    lanes = [found for lane in profile.lanes if (found := _completed(lane, plan)) is not None]
    fed = {lane.item for lane in lanes}
    for n, code in enumerate(plan.service_items):
        if code not in fed:
            plain = _completed(Lane("generic", code, "", "", 2.0, f"P{chr(97 + n % 26)}", 0.5, _PLAIN), plan)
            lanes += [plain] if plain is not None else []
    return tuple(lanes)


def _completed(lane: Lane, plan: Plan) -> Lane | None:
    """A lane with its source and unit, taken from the plan if it names none; None if the plan does not have them."""
    source = lane.source or next((each.id for each in plan.sources.values() if lane.item in each.feeds), "")
    if lane.item not in plan.service_items or source not in plan.sources:
        return None
    unit = lane.unit or _unit_of(source, plan)
    if unit not in plan.units:
        return None
    reporters = {name: reporter for name, reporter in lane.reporters.items() if reporter in plan.sources}
    return replace(lane, source=source, unit=unit, reporters=reporters)


def _unit_of(source: str, plan: Plan) -> str:
    """The first unit of a source; the first of the plan if the source names none."""
    named = (unit for unit in plan.sources[source].units if unit in plan.units)
    return next(named, next(iter(plan.units), ""))
