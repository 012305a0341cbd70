"""Durations of nodes, in words."""

from services.catalog.words.names import names_for
from services.catalog.words.phrases import NO_TARGET, cases_of
from services.catalog.words.phrases import plain_objective as objective
from services.domain.plan.kinds.node_duration import NodeDurationPromise
from services.domain.plan.plan import Plan, Title

__all__ = ["formula", "objective", "population", "statement"]

_FORMULA = Title(
    zh="通过某环节的用时合计 ÷ 通过次数，分环节公布",
    en="sum of the time spent in a node ÷ number of passages, for each node",
)


def population(promise: NodeDurationPromise, plan: Plan) -> Title:
    return cases_of(promise, plan)


def statement(promise: NodeDurationPromise, plan: Plan) -> Title:
    names = names_for(promise, plan)
    nodes = [names.node(node) for node in promise.nodes]
    zh, en = "、".join(node.zh for node in nodes), ", ".join(node.en for node in nodes)
    return Title(zh=f"各环节用时（{zh}），{NO_TARGET.zh}", en=f"time in each node: {en} ({NO_TARGET.en})")


def formula(promise: NodeDurationPromise) -> Title:
    return _FORMULA
