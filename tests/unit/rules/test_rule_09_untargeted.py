"""rule 9: what the plan gives no threshold is untargeted, whatever its value."""

import pytest

from tests.unit.cases import accepted, card_list, completed, judge_of, node_ended, node_started, promise, row

TREND = judge_of(
    promise(
        kind="trend", strength="directional", measure="share", direction="rising", where={"online": True},
        matures_at="completion",
    )
)  # fmt: skip
BAD = [accepted("2021-01-16T09:00", channel="counter"), completed("2021-09-17T09:00")]


def test_a_trend_is_untargeted_with_or_without_data() -> None:
    assert row(TREND, [], "2021-10-01").state == "untargeted"
    found = row(TREND, [BAD], "2021-10-01")
    assert (found.value, found.objective, found.state) == ("0", "", "untargeted")
    assert card_list(TREND, BAD, "2021-10-01") == []


def test_a_directional_limit_is_measured_and_not_judged() -> None:
    judge = judge_of(promise(strength="directional"))
    found = row(judge, [BAD], "2021-10-01")
    assert (found.value, found.state) == ("0", "untargeted")
    assert all(card.level != "red" for card in card_list(judge, [accepted("2021-01-16T09:00")], "2021-10-01"))


@pytest.mark.parametrize("kind", ["trend", "node_duration"])
def test_an_untargeted_kind_takes_no_objective(kind: str) -> None:
    with pytest.raises(ValueError, match="untargeted"):
        promise(kind=kind, measure="share", direction="rising", objective=">= 80 %")


def test_nodes_are_published_one_by_one_and_untargeted() -> None:
    judge = judge_of(promise(kind="node_duration", strength="directional", nodes=("survey", "works")))
    case = [
        accepted("2021-09-16T09:00"),
        node_started("2021-09-16T09:00", "survey"),
        node_ended("2021-09-17T09:00", "survey"),
        node_started("2021-09-17T09:00", "works", unit="planning"),
        node_ended("2021-09-19T21:00", "works", unit="planning"),
        node_started("2021-09-20T09:00", "works", unit="planning"),
        node_started("2021-09-20T09:00", "other"),
        node_ended("2021-09-21T09:00", "other"),
        node_ended("2021-09-21T09:00", "works", unit="seals"),
    ]
    assert row(judge, [case], "2021-10-01", item="survey").value == "1"
    works = row(judge, [case], "2021-10-01", item="works", unit="planning")
    assert (works.value, works.n, works.p50, works.state) == ("2.5", "1", "2.5", "untargeted")
    assert row(judge, [case], "2021-10-01").n == "2"
    (cycle,) = judge.cases(sorted(case))
    assert cycle.anomalies == ["node_ended_without_start"]
