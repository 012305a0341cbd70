"""rule 17: a case tallies under the unit that accepted it."""

from tests.unit.cases import (
    accepted,
    applied,
    completed,
    judge_of,
    milestone,
    node_ended,
    node_started,
    promise,
    row,
    rows,
)

JUDGE = judge_of(promise(), promise(id="NODES", kind="node_duration", strength="directional"))
CASE = [
    applied("2021-09-15T09:00", unit="seals"),
    accepted("2021-09-16T09:00", unit="works"),
    node_started("2021-09-16T09:00", "permit", unit="planning"),
    node_ended("2021-09-26T09:00", "permit", unit="planning"),
    milestone("2021-09-27T09:00", "connected", unit="seals"),
    completed("2021-09-27T10:00"),
]


def test_the_unit_that_accepted_it_answers_for_the_case() -> None:
    units = {key[1] for key, found in rows(JUDGE, [CASE], "2021-10-01").items() if key[0] == "P" and found.n != "0"}
    assert units == {"ALL", "works"}
    assert row(JUDGE, [CASE], "2021-10-01", unit="works").state == "missed"


def test_days_per_holding_unit_stand_beside_it() -> None:
    found = row(JUDGE, [CASE], "2021-10-01", kpi="NODES", unit="planning", item="permit")
    assert (found.value, found.n) == ("10", "1")


def test_the_whole_is_the_sum_of_the_units() -> None:
    other = [accepted("2021-09-16T09:00", unit="seals"), completed("2021-09-17T09:00")]
    found = {unit: row(JUDGE, [CASE, other], "2021-10-01", unit=unit).n for unit in ("ALL", "works", "seals")}
    assert found == {"ALL": "2", "works": "1", "seals": "1"}
