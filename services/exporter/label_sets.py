"""The closed sets from which labels come: nothing outside the plan becomes a series."""

from dataclasses import dataclass
from typing import Self

from services.domain.plan.plan import Plan, Window
from services.domain.results.budget import Versions
from services.domain.results.published import State
from services.metric_names import metrics
from services.metric_names.samples import ALL_ITEMS, WHOLE_DISTRICT, Measured

_WINDOWS = frozenset(Window)
_STATES = frozenset(State)


@dataclass(frozen=True, slots=True)
class LabelSets:
    """What a plan allows as labels. An open plan (an imported archive) allows any unit and item."""

    kpis: frozenset[tuple[str, str]]
    """Promise and variant."""
    units: frozenset[str]
    items: frozenset[str]
    open: bool
    versions: Versions
    """The promises to which value rows belong."""

    @classmethod
    def of(cls, plan: Plan) -> Self:
        return cls(
            kpis=frozenset((promise.id, promise.variant) for promise in plan.promises),
            units=frozenset(plan.units) | {WHOLE_DISTRICT},
            items=frozenset(plan.service_items) | _nodes(plan) | {ALL_ITEMS},
            open=plan.head.open,
            versions=Versions.of(plan),
        )

    def has_row(self, labels: dict[str, str], state: str) -> bool:
        """Whether all labels of a value row are of the plan."""
        return (
            (labels["kpi"], labels["variant"]) in self.kpis
            and (self.open or (labels["unit"] in self.units and labels["item"] in self.items))
            and labels["window"] in _WINDOWS
            and state in _STATES
        )

    def has_signal(self, one: Measured) -> bool:
        """Whether a forecast is of a promise and a unit of the plan; a signal always is."""
        labels = one.labels
        return one.metric in (metrics.SIGNAL, metrics.SIGNAL_OF) or (
            (labels["kpi"], labels["variant"]) in self.kpis and self.has_unit(labels["unit"])
        )

    def has_case(self, kpi: str, unit: str) -> bool:
        """Whether a card or verdict is about a promise and a unit of the plan."""
        return (kpi, "official") in self.kpis and self.has_unit(unit)

    def has_unit(self, unit: str) -> bool:
        """Whether a unit is of the plan."""
        return self.open or unit in self.units


def _nodes(plan: Plan) -> frozenset[str]:
    """Durations between nodes are published per node, in the place of the item."""
    declared = frozenset(node for item in plan.service_items.values() for node in item.nodes)
    return declared | frozenset(node for promise in plan.promises for node in promise.named_items)
