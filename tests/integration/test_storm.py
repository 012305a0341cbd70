"""Twelve faults over a whole system: afterwards it says what a replay of its events says (docs/reliability.md)."""

from pathlib import Path

import pytest

from tests.storm import report
from tests.storm.storm import Plan, storm


@pytest.mark.timeout(2400)
def test_after_a_storm_of_twelve_faults_everything_is_as_the_replay_has_it(tmp_path: Path) -> None:
    said: list[str] = []
    plan = Plan(
        faults=12, seed=311, days=4, folder=tmp_path, cases_per_day=45, backlog_days=14, cases_workers=3, kpis_workers=1
    )
    outcome = storm(plan, said.append)
    table = "\n".join([*said, *report.lines(outcome)])
    assert report.passed(outcome), table
    assert outcome.faults.total() >= 8, table  # whom the others were meant for was not back yet
    assert outcome.cards[0] > 20 and outcome.notices[0] > 20 and outcome.verdicts > 20, table
