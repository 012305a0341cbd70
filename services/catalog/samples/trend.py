"""Samples of a trend: of whatever its `measure` says."""

from collections.abc import Iterator
from fractions import Fraction

from services.catalog.samples import case_mean, case_share
from services.catalog.samples.case_writer import Course, SampleCase
from services.catalog.samples.events import Expected, Scene
from services.domain.plan.kinds.trend import TrendPromise
from services.domain.plan.statutory_time import Law


def scenes(promise: TrendPromise, law: Law) -> Iterator[Scene]:
    """As of what is measured; of a count, a case that counts and one whose clock never stops."""
    match promise.measure:
        case "share":
            yield from case_share.scenes(promise, law)
        case "count":
            case = SampleCase(promise, law)
            yield case.scene("counts", Course(case.later), Expected("counted", 1, None, Fraction(1)))
            yield case.scene("does_not_count", Course(None), Expected(None, 0, None, Fraction(0)))
        case _:
            yield from case_mean.scenes(promise, law)
