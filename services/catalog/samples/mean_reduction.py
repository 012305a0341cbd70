"""Samples of a reduction of handling time."""

from collections.abc import Iterator
from fractions import Fraction

from services.catalog.samples.case_writer import Course, SampleCase
from services.catalog.samples.events import Expected, Name, Scene
from services.domain.plan.kinds.mean_reduction import MeanReductionPromise
from services.domain.plan.statutory_time import Law


def scenes(promise: MeanReductionPromise, law: Law) -> Iterator[Scene]:
    """As long as the objective just allows, and a working day longer."""
    case = SampleCase(promise, law)
    objective, limit = promise.objective, case.statutory(case.item.code)
    assert objective is not None and limit is not None
    longest = int(limit.amount * (1 - objective.amount))
    values: tuple[tuple[Name, int], ...] = (("higher", longest), ("lower", longest + 1))
    for name, days in values:
        expected = Expected("counted", 1, None, 1 - Fraction(days, limit.amount))
        yield case.scene(name, Course(case.after(days, limit.unit)), expected)
