"""A row of `steps.csv`, which `kpiwatch replay --steps` writes."""

from typing import NamedTuple

from services.domain.supervision.red_cards import Identity
from services.domain.supervision.steps import RedCard, StepDue
from services.domain.time.zone import Zone


class StepRow(NamedTuple):
    """A step of escalation that was due. Times are RFC 3339 in the plan's zone."""

    at: str
    """From when on it is due."""
    step: str
    """`reminder`, `urging`, `order` or `circular`."""
    unit: str
    """Who has the card then."""
    kpi: str
    case: str
    """Owner and subject with a blank between them."""
    cycle: int
    node: str
    raised_at: str
    """When the card turned red."""
    due_at: str
    """The limit that was missed; empty where there is none."""
    days: int
    """How many working days were counted."""


def step_row(step: StepDue, card: RedCard, identity: Identity, case: str, zone: Zone) -> StepRow:
    """A step as it is published; `case`: owner and subject as people write them."""
    return StepRow(
        at=zone.text(step.at),
        step=step.step.value,
        unit=step.unit,
        kpi=identity.kpi,
        case=case,
        cycle=identity.cycle,
        node=identity.node,
        raised_at=zone.text(card.raised_at),
        due_at="" if step.due_at is None else zone.text(step.due_at),
        days=step.days,
    )
