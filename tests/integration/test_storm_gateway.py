"""The ways in under kill -9 and under bad input, in small. In full: `make storm-gateway` and `make fuzz-doors`."""

from collections.abc import Iterator

import pytest

from tests.fuzz_doors import fuzz, lines_of
from tests.storm_gateway.storm import Plan, storm
from tests.storm_gateway.ways import Ways

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ways]:
    with Ways(tmp_path_factory.mktemp("ways")).running() as ways:
        yield ways


def test_after_kill_9_of_each_part_nothing_is_lost_and_nothing_counts_twice(ways: Ways) -> None:
    said: list[str] = []
    plan = Plan(events=800, kills=4, seed=64, folder=ways.folder, gateways=1, seconds=8)  # this seed: client first
    outcome = storm(plan, ways, said.append)
    table = "\n".join([*said, *outcome.lines()])
    assert not outcome.wrong, table
    assert {kill.part.partition("-")[0] for kill in outcome.kills} >= {"gateway", "relay", "broker"}, table
    assert outcome.counts.refused > 15 and outcome.counts.good > 700, table


def test_mutated_events_get_one_verdict_by_http_by_inbox_and_by_file(ways: Ways) -> None:
    found = fuzz(ways, 200, 3)
    assert not found.wrong, "\n".join(lines_of(found))
    assert len(found.reasons) >= 8 and found.reasons["good"] > 50, found.reasons
