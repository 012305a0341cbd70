"""Samples of a mean over cases."""

from collections.abc import Iterator
from fractions import Fraction

from services.catalog.samples.case_writer import Course, SampleCase, two_values
from services.catalog.samples.events import Expected, Scene
from services.domain.plan.plan import MeasuredPromise
from services.domain.plan.statutory_time import Law


def scenes(promise: MeasuredPromise, law: Law) -> Iterator[Scene]:
    """Two values: exactly on the objective and one more, where there is one; else a smaller and a greater."""
    case = SampleCase(promise, law)
    what, _, name = (promise.measure or "").partition(":")
    low = int(promise.objective.amount) if promise.objective is not None else 1
    for label, amount in two_values(low):
        expected = Expected("counted", 1, None, Fraction(amount))
        match what:
            case "rating":
                course = Course(case.later, score=amount)
            case "quantity":
                course = Course(case.later, case.later, measured=((name, amount),))
            case "milestone":
                course = Course(case.later, steps=(name,) * amount)
            case "ratio":
                above, _, below = name.partition("/")
                course = Course(case.later, measured=((above, amount), (below, 4)))
                expected = Expected("counted", 1, None, Fraction(amount, 4))
            case _:
                course = Course(case.after(amount, what))
        yield case.scene(label, course, expected)
