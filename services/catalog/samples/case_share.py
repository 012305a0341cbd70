"""Samples of a share of cases."""

from collections.abc import Iterator
from dataclasses import replace

from services.catalog.samples.case_writer import SampleCase, another, courses, judged_as
from services.catalog.samples.events import Name, Scene
from services.domain.plan.plan import SharePromise
from services.domain.plan.statutory_time import Law


def scenes(promise: SharePromise, law: Law) -> Iterator[Scene]:
    """In the numerator at the last second; out of it by a second, and by one word."""
    case = SampleCase(promise, law)
    targeted = promise.objective is not None
    names: tuple[Name, Name] = ("met", "missed") if targeted else ("counts", "does_not_count")
    inside = judged_as("met" if targeted else "counted", 1)
    outside = judged_as("missed" if targeted else "counted", 0)
    wanted = {name: value for name, value in promise.where.items() if name != "stopped"}
    in_time, late = courses(case)
    yield case.scene(names[0], replace(in_time, wanted=wanted), inside)
    if late is not None:
        yield case.scene(names[1], replace(late, wanted=wanted), outside)
    if wanted:
        name, value = next(iter(wanted.items()))
        other = {**wanted, name: another(name, value, case.item.attributes.get(name))}
        yield case.scene(names[1] if late is None else "missed_otherwise", replace(in_time, wanted=other), outside)
