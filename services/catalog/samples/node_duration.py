"""Samples of the time in nodes."""

from collections.abc import Iterator
from fractions import Fraction

from services.catalog.samples.case_writer import Course, SampleCase, two_values
from services.catalog.samples.events import Expected, Scene
from services.domain.plan.kinds.node_duration import NodeDurationPromise
from services.domain.plan.statutory_time import Law


def scenes(promise: NodeDurationPromise, law: Law) -> Iterator[Scene]:
    """One day in a node, and two."""
    case = SampleCase(promise, law)
    measure = promise.measure or "elapsed_days"
    node = (*promise.nodes, *case.item.nodes)[0]
    for name, amount in two_values(1):
        course = Course(case.after(amount, measure), node=node)
        yield case.scene(name, course, Expected("counted", 1, None, Fraction(amount)))
