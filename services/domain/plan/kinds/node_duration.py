"""`kind = "node_duration"`: durations of the nodes that a case passes (耗时各节点), published without a target."""

from collections.abc import Iterator
from typing import Literal

from services.domain.plan.plan import ClockRules, DirectedPromise, MeasuredPromise, Reference


class NodeDurationPromise(MeasuredPromise, DirectedPromise):
    """The mean time in each node; its rows are by node."""

    takes_objective = False

    kind: Literal["node_duration"]
    nodes: tuple[str, ...] = ()
    """The nodes whose durations are published, in order; empty: every node seen."""

    @property
    def clock(self) -> ClockRules:
        return super().clock._replace(measure=self.figure_unit)

    @property
    def figure_unit(self) -> str:
        return self.measure or "elapsed_days"

    @property
    def published_by_item(self) -> bool:
        return True

    @property
    def is_by_node(self) -> bool:
        return True

    @property
    def named_items(self) -> tuple[str, ...]:
        return self.nodes

    def references(self) -> Iterator[Reference]:
        yield from super().references()
        yield from (Reference("nodes", "node", name) for name in self.nodes)
