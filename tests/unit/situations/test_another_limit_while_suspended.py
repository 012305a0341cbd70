"""A case turns out to be of another service item while its clock is stopped: its pauses count for the new limit."""

from tests.unit.cases import (
    accepted,
    card_list,
    completed,
    due_of,
    end_of,
    judge_of,
    judgements,
    outcome,
    promise,
    reclassified,
    resumed,
    suspended,
)

BOTH = judge_of(
    promise(clock_stops=("hearing",)),
    promise(id="TEN", limit="10 working_days", select={"service_item": "power"}, clock_stops=("hearing",)),
)
CASE = [
    accepted("2021-11-01T10:00"),
    suspended("2021-11-02T08:00"),
    reclassified("2021-11-03T09:00", service_item="power"),
    resumed("2021-11-04T18:00"),
]
"""Ten working days after Monday 2021-11-01: 11-15. Stopped all day on 2, 3 and 4: 11-18."""


def test_the_new_limit_runs_from_the_same_start_and_keeps_the_pauses() -> None:
    assert due_of(BOTH, *CASE, kpi="TEN") == end_of("2021-11-18")
    done = completed("2021-11-18T23:59:59.999999")
    assert outcome(BOTH, [*CASE, done], "2021-12-01", "TEN") == "met"
    assert outcome(BOTH, [*CASE, completed("2021-11-19T00:00")], "2021-12-01", "TEN") == "missed"


def test_the_old_promise_is_left_without_a_miss_and_without_a_card() -> None:
    """It was not due yet when the case left it."""
    assert judgements(BOTH, CASE, "2021-12-01") == []
    assert [card for card in card_list(BOTH, CASE, "2021-12-01") if card.kpi == "P"] == []
