"""What the judge says of samples: admitted, folded and counted as the system does it."""

from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import orjson

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.catalog.samples.events import Sample
from services.domain.intake.admission import Admission
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Plan, Promise
from services.domain.results.case_partition import CasePartition
from services.domain.results.published import ValueRow
from services.domain.results.value_rows import Valuer
from services.messaging.codec import CODEC
from services.runtime.settings import Settings


class Verdict(NamedTuple):
    """What is seen of one sample."""

    outcome: str | None
    row: ValueRow | None
    """Of the promise's official window and the unit that the sample is about."""


@lru_cache(maxsize=1)
def shipped() -> Judge:
    """The judge of the plan that is shipped."""
    return judge_of(load_plan(Settings().plan))


def judge_of(plan: Plan) -> Judge:
    return Judge(plan, calendar_of(plan))


def admitted(sample: Sample, plan: Plan) -> list[tuple[bytes, Fact]]:
    """The sample's events, admitted as from outside; Refused if one is not good."""
    admission = Admission(plan, CODEC)
    found = [admission.admit(orjson.dumps(event)) for event in sample.events]
    return [(each.key.encode(), each.fact) for each in found]


def verdict(judge: Judge, promise: Promise, sample: Sample, reported: Iterable[tuple[bytes, Fact]]) -> Verdict:
    """What a judge says of a promise when all of a sample has been published, as of the sample's time."""
    partition = CasePartition(judge, {}, loads=orjson.loads, dumps=CODEC.dumps)
    now = sample.as_of - 1
    for key, fact in reported:
        partition.take(key, fact, now)
    facts: dict[bytes, list[Fact]] = {}
    for key, fact in reported:
        facts.setdefault(key, []).append(fact)
    judged = [
        each for mine in facts.values() for each in judge.judge(sorted(mine, key=lambda f: f[:4]), now).judgements
    ]
    outcomes = [str(each.outcome) for each in judged if each.kpi == promise.key]
    last_reports = dict.fromkeys(judge.plan.sources, now)
    rows = Valuer(judge).rows(partition.tallies, sample.as_of, last_reports, kpis={promise.key})
    row = next(
        (
            row
            for row in rows
            if (row.unit, row.item, row.window) == (sample.expected.unit, "-", promise.official_window)
        ),
        None,
    )
    return Verdict(outcomes[-1] if outcomes else None, row)


SHARED = Path(__file__).parents[2] / "shared" / "plan"
"""The catalogue of the plan's promises, where the repository is beside it."""
