"""The flows of a plan: which of a profile's flows it has, and plain flows for the service items without one."""

from dataclasses import replace

from services.domain.plan.plan import Plan
from services.simulator.district.profile import CaseFlow, Profile, Quality

_PLAIN = Quality(pace=0.5, late=0.05, stuck=0.02, breach=0.03, unmeasured=0.02)


def flows_of(plan: Plan, profile: Profile) -> tuple[CaseFlow, ...]:
    """The profile's flows that the plan has, and a plain one for each service item that no flow feeds."""
    flows = [found for flow in profile.flows if (found := _completed(flow, plan)) is not None]
    fed = {flow.item for flow in flows}
    for n, code in enumerate(plan.service_items):
        if code not in fed:
            plain = _completed(CaseFlow("generic", code, "", "", 2.0, f"P{chr(97 + n % 26)}", 0.5, _PLAIN), plan)
            flows += [plain] if plain is not None else []
    return tuple(flows)


def _completed(flow: CaseFlow, plan: Plan) -> CaseFlow | None:
    """A flow with its source and unit, taken from the plan if it names none; None if the plan does not have them."""
    source = flow.source or next((each.id for each in plan.sources.values() if flow.item in each.feeds), "")
    if flow.item not in plan.service_items or source not in plan.sources:
        return None
    unit = flow.unit or _unit_of(source, plan)
    if unit not in plan.units:
        return None
    reporters = {name: reporter for name, reporter in flow.reporters.items() if reporter in plan.sources}
    return replace(flow, source=source, unit=unit, reporters=reporters)


def _unit_of(source: str, plan: Plan) -> str:
    """The first unit of a source; the first of the plan if the source names none."""
    named = (unit for unit in plan.sources[source].units if unit in plan.units)
    return next(named, next(iter(plan.units), ""))
