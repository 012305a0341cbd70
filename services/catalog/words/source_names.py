"""Sources in words."""

from services.catalog.words.unit_names import unit_title
from services.domain.plan.plan import Plan, Title


def source_title(id: str, plan: Plan) -> Title:
    """The title of a source: its own, or that of the unit that it is named after. An id that the plan does not have is
    its own title."""
    known = plan.sources.get(id)
    if known is not None and known.title is not None:
        return known.title
    unit = id.rpartition("/")[2]
    return unit_title(unit, plan) if unit in plan.units else Title(zh=id, en=id)
