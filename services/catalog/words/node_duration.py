"""Durations of nodes, in words."""

from services.catalog.words.phrases import cases_of
from services.catalog.words.phrases import plain_objective as objective
from services.domain.plan.kinds.node_duration import NodeDurationPromise
from services.domain.plan.plan import Plan, Title

__all__ = ["formula", "objective", "population", "statement"]

_FORMULA = Title(
    zh="通过某环节的用时合计 ÷ 通过次数，逐环节公布",
    en="sum of the time spent in a node ÷ number of passages, for each node",
)


def population(promise: NodeDurationPromise, plan: Plan) -> Title:
    return cases_of(promise, plan)


def statement(promise: NodeDurationPromise, plan: Plan) -> Title:
    return Title(
        zh=f"各节点用时（{'、'.join(promise.nodes)}）", en=f"time in each node ({', '.join(promise.nodes)}), no target"
    )


def formula(promise: NodeDurationPromise) -> Title:
    return _FORMULA
