"""Units in words: a unit that has a successor says so, wherever it is named."""

from datetime import date

from services.domain.plan.plan import Plan, Title
from services.domain.plan.unit_history import first_day_after


def unit_title(unit: str, plan: Plan) -> Title:
    """The title of a unit; of one that ends its last day and its successor, too. An id that the plan does not have is
    its own title."""
    known = plan.units.get(unit)
    if known is None:
        return Title(zh=unit, en=unit)
    for successor in plan.units.values():
        first = first_day_after(known, successor) if unit in successor.successor_of else None
        if first is not None:
            last, after = _last_day(first), successor.title
            return Title(
                zh=f"{known.title.zh}（{last}止，由{after.zh}承继）",
                en=f"{known.title.en} (until {last}, then {after.en})",
            )
    if known.effective_to is not None:
        last = known.effective_to.isoformat()
        return Title(zh=f"{known.title.zh}（{last}止）", en=f"{known.title.en} (until {last})")
    return known.title


def _last_day(first: date) -> str:
    return date.fromordinal(first.toordinal() - 1).isoformat()
