"""Samples of a bound on each case."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from services.catalog.samples.case_writer import Course, SampleCase, courses, judged_as
from services.catalog.samples.events import Scene
from services.domain.plan.kinds.case_bound import CaseBoundPromise
from services.domain.plan.plan import FULL_TRACE, Objective
from services.domain.plan.statutory_time import Law


def scenes(promise: CaseBoundPromise, law: Law) -> Iterator[Scene]:
    """Each of what is counted exactly on the bound; then the first of it one more, or one less, than is allowed."""
    case = SampleCase(promise, law)
    assert promise.bound is not None
    bound = promise.bound
    in_time, late = courses(case)
    on_the_bound = _counted(case, in_time, [_amount(bound)] * len(promise.counts))
    until = in_time.end or 0
    yield case.scene("met", on_the_bound, judged_as("met", 1), until)
    step = -1 if bound.relation == ">=" else 1
    beyond = [_amount(bound) + step, *[_amount(bound)] * (len(promise.counts) - 1)]
    yield case.scene("missed", _counted(case, in_time, beyond), judged_as("missed", 0), until)
    if late is not None and promise.bound.relation == ">=":
        on_the_bound = _counted(case, late, [_amount(bound)] * len(promise.counts))
        yield case.scene("missed_otherwise", on_the_bound, judged_as("missed", 0), until)


def _amount(bound: Objective) -> int:
    """A bound in whole units; of a ratio in hundredths."""
    return int(bound.amount * 100) if bound.unit == "share" else int(bound.amount)


def _counted(case: SampleCase, course: Course, amounts: list[int]) -> Course:
    """The course with so much of each of what is counted in it."""
    measured: list[tuple[str, float]] = []
    steps: list[str] = []
    wanted: dict[str, Any] = {}
    for count, amount in zip(case.promise.bounded, amounts, strict=True):
        what, _, name = count.partition(":")
        match what:
            case "quantity":
                measured.append((name, amount))
            case "ratio":
                above, _, below = name.partition("/")
                measured += [(above, amount), (below, 100)]
            case "attribute":
                spec = case.item.attributes.get(name)
                known = (*(spec.values if spec else ()), *(f"code-{number}" for number in range(1, amount + 1)))
                wanted[name] = [list(known[:amount])]  # one value, which is a list
            case "order":
                steps += [] if amount else [name.partition("<")[0]]
            case _:
                steps += [name] * amount
                if FULL_TRACE in case.item.attributes:
                    wanted[FULL_TRACE] = True
    return replace(course, measured=tuple(measured), steps=tuple(steps), wanted=wanted)
