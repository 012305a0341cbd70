"""The simulated district through a real Kafka: the workers say what the replay says, and that is what was decided."""

import dataclasses
from pathlib import Path

import pytest

from services.catalog.load.plan_folder import load_plan
from services.domain.plan.all_kinds import SPECIFICATIONS
from tests.truth import PLAN, Run, check

SMALL = Run(Path(), days=50, seed=7, cases_per_day=40)


@pytest.mark.timeout(1200)
def test_every_promise_comes_through_kafka_as_it_was_decided(tmp_path: Path) -> None:
    compared = check(dataclasses.replace(SMALL, folder=tmp_path), through_kafka=True)
    assert not compared.differences, "\n".join(compared.differences[:40])
    plan = load_plan(PLAN)
    assert {promise.kind for promise in plan.promises if compared.cases.get(promise.key)} == SPECIFICATIONS.keys()
