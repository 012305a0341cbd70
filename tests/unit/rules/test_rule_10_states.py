"""rule 10: state is arithmetic, strength decides the colour."""

from fractions import Fraction
from itertools import product
from typing import Any

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import Objective
from services.domain.results.unknown import Unknown, is_proven_miss
from services.domain.sums.statistic import Statistic
from tests.unit.cases import (
    USUALLY_A_DAY_LATE,
    accepted,
    at,
    card_list,
    completed,
    judge_of,
    judgement,
    justified,
    measured,
    node_ended,
    node_started,
    outcome,
    promise,
    reported,
    row,
    rows,
    standing,
    upserted,
)

HARD = judge_of(promise())
SOFT = judge_of(promise(strength="soft"))
FAR = judge_of(promise(strength="aspirational"))
START = accepted("2021-09-16T09:00")  # until the end of 2021-09-23
GOOD = [START, completed("2021-09-17T09:00")]
BAD = [START, completed("2021-09-27T09:00")]


# ---- colours ---------------------------------------------------------------------------------------------
def levels(judge: Judge, facts: list[Fact], now: str) -> list[str]:
    return [level for _, level in standing(judge, facts, now)]


def test_hard_is_red_when_its_limit_has_passed() -> None:
    assert levels(HARD, [START], "2021-09-23T23:59:59") == ["yellow"]
    assert levels(HARD, [START], "2021-09-24") == ["red"]
    (red, _) = card_list(HARD, [START], "2021-10-01")
    assert (red.raised_at, red.due_at) == (at("2021-09-24"), at("2021-09-24") - 1)


def test_soft_is_yellow_when_due_and_red_after_a_working_day_without_a_reason() -> None:
    assert levels(SOFT, [START], "2021-09-24") == ["yellow"]
    assert levels(SOFT, [START], "2021-09-24T23:59:59") == ["yellow"]
    assert levels(SOFT, [START], "2021-09-25") == ["red"]


def test_soft_waits_for_a_working_day_and_not_for_a_holiday() -> None:
    start = accepted("2021-09-26T09:00")  # until 2021-09-30, before National Day
    assert levels(SOFT, [start], "2021-10-08T23:00") == ["yellow"]
    assert levels(SOFT, [start], "2021-10-09") == ["red"]


def test_a_reason_in_time_keeps_soft_from_red() -> None:
    facts = [START, justified("2021-09-24T12:00", "requested")]
    assert levels(SOFT, facts, "2021-12-01") == ["yellow"]


def test_a_reason_that_comes_too_late_takes_no_red_card_back() -> None:
    facts = [START, justified("2021-09-28T12:00", "requested")]
    assert levels(SOFT, facts, "2021-12-01") == ["red"]
    assert card_list(SOFT, facts, "2021-12-01")[0].raised_at == at("2021-09-25")


def test_a_rejected_reason_is_red_at_once() -> None:
    facts = [START, justified("2021-09-24T12:00", "requested"), justified("2021-09-24T15:00", "rejected")]
    assert levels(SOFT, facts, "2021-09-24T14:00") == ["yellow"]
    assert levels(SOFT, facts, "2021-09-24T15:00") == ["red"]
    early = [START, justified("2021-09-20T12:00", "rejected")]
    assert levels(SOFT, early, "2021-09-23T12:00") == ["yellow"]
    assert levels(SOFT, early, "2021-09-24") == ["red"]


def test_asking_again_does_not_undo_a_rejection() -> None:
    facts = [START, justified("2021-09-24T15:00", "rejected"), justified("2021-09-24T16:00", "requested")]
    assert levels(SOFT, facts, "2021-09-24T17:00") == ["red"]


def test_an_accepted_reason_takes_the_case_out_of_the_denominator_and_is_counted_beside() -> None:
    reason = justified("2021-09-27T12:00", "accepted")
    for facts in ([START, reason], [*BAD, reason]):
        assert outcome(SOFT, facts, "2021-10-01") is Outcome.JUSTIFIED
        found = row(SOFT, [facts, GOOD], "2021-10-01")
        assert (found.denominator, found.value, found.justified_n) == ("1", "1", "1")
        assert levels(SOFT, facts, "2021-10-01") == []


def test_a_reason_accepted_in_advance_keeps_the_case_from_any_card() -> None:
    facts = [START, justified("2021-09-20T12:00", "accepted")]
    assert card_list(SOFT, facts, "2021-12-01") == []
    assert outcome(SOFT, facts, "2021-09-23T12:00") is Outcome.OPEN
    assert outcome(SOFT, facts, "2021-09-24") is Outcome.JUSTIFIED
    on_time = [*facts, completed("2021-09-21T09:00")]
    assert outcome(SOFT, on_time, "2021-10-01") is Outcome.MET


def test_a_reason_excuses_from_the_promise_that_it_names_only() -> None:
    other = justified("2021-09-24T12:00", "accepted", kpi="Q")
    assert outcome(SOFT, [START, other], "2021-10-01") is Outcome.OVERDUE


def test_no_reason_excuses_from_a_hard_promise() -> None:
    facts = [START, justified("2021-09-24T12:00", "accepted")]
    assert outcome(HARD, facts, "2021-10-01") is Outcome.OVERDUE
    assert levels(HARD, facts, "2021-10-01") == ["red"]


def test_aspirational_is_missed_and_never_red() -> None:
    assert row(FAR, [[START]], "2021-10-01").state == "missed"
    assert levels(FAR, [START], "2021-12-01") == ["yellow"]


@pytest.mark.parametrize(
    ("limit", "share", "yellow"),
    [
        ("4 working_days", 0.25, "2021-09-23"),  # the last of four days begins
        ("4 working_days", 0.3, "2021-09-22"),
        ("7 working_days", 0.25, "2021-09-26"),
        ("1 working_days", 0.25, "2021-09-17"),
        ("20 calendar_days", 0.3, "2021-10-03"),
        ("60 minutes", 0.25, "2021-09-16T09:45"),
        ("50 minutes", 0.25, "2021-09-16T09:37:30"),
        ("100 working_minutes", 0.2, "2021-09-16T10:20"),
    ],
)
def test_a_yellow_card_comes_with_the_last_days_or_minutes_of_a_limit(limit: str, share: float, yellow: str) -> None:
    judge = judge_of(promise(limit=limit, yellow_share=share))
    found = judgement(judge, [START], "2021-09-16T09:01").yellow_at
    assert found == at(yellow)


def test_cards_name_the_unit_that_holds_the_case() -> None:
    facts = [START, node_started("2021-09-17T09:00", "permit", unit="planning")]
    assert card_list(HARD, facts, "2021-09-24")[0].unit == "planning"
    back = [*facts, node_ended("2021-09-22T09:00", "permit", unit="planning")]
    assert card_list(HARD, back, "2021-09-24")[0].unit == "works"


# ---- at risk ---------------------------------------------------------------------------------------------
def test_at_risk_if_the_objective_is_missed_were_all_yellow_cases_late() -> None:
    judge = judge_of(
        promise(kind="case_limit", limit="4 working_days", objective=">= 80 %", minimum_n=1),
    )
    near = [accepted("2021-09-27T09:00")]  # until 2021-10-08: yellow on that day
    cases = [[accepted("2021-09-27T09:00"), completed("2021-09-28T09:00")]] * 4
    assert row(judge, [*cases, near], "2021-10-08").state == "met"
    assert row(judge, [*cases, near], "2021-10-08T09:00").state == "met"  # 4 of 5 would be 80 %
    assert row(judge, [*cases, near, near], "2021-10-08T09:00").state == "at_risk"


def test_every_yellow_card_puts_a_promise_about_each_case_at_risk() -> None:
    assert row(HARD, [GOOD, [START]], "2021-09-22T09:00").state == "met"
    assert row(HARD, [GOOD, [START]], "2021-09-23T09:00").state == "at_risk"


def test_at_risk_if_the_forecast_crosses_the_objective() -> None:
    judge = judge_of(promise(kind="case_mean", measure="calendar_days", objective="<= 10 days", minimum_n=1))

    def took(day: int, length: int) -> list[Fact]:
        return [accepted(f"2021-11-{day - length:02}T09:00"), completed(f"2021-11-{day:02}T09:00")]

    rising = [took(10 + step, 2 + step) for step in range(6)]
    steady = [took(10 + step, 4) for step in range(6)]
    assert row(judge, rising, "2021-11-16", window="30d").state == "at_risk"
    assert row(judge, steady, "2021-11-16", window="30d").state == "met"
    assert row(judge, rising[:4], "2021-11-16", window="30d").state == "met"  # too few days for a forecast


# ---- precedence ------------------------------------------------------------------------------------------


def test_the_precedence_of_states() -> None:
    """untargeted, proven missed, unmeasured, no_data, stale, missed, insufficient, at_risk, provisional, met."""
    judge = judge_of(
        promise(id="A", strength="directional"),
        promise(id="B", kind="case_bound", counts=("quantity:fee",), bound="<= 0 CNY", matures_at="completion"),
        promise(id="C", select={"service_item": "power"}),
        promise(id="D"),
        promise(id="E", kind="case_mean", measure="working_days", objective="<= 1 working_days"),
        sources=[USUALLY_A_DAY_LATE],
    )
    cases = [GOOD, BAD, [START]]

    def states(spoke: str, cases: list[list[Fact]] = cases) -> str:
        found = rows(judge, cases, "2021-09-23T12:00", last_reports={"/units/water": spoke})
        return " ".join(found[kpi, "ALL", "-", "official", "all"].state for kpi in "ABCDE")

    assert states("2021-09-20") == "untargeted unmeasured no_data stale stale"
    assert states("2021-09-23T11:00") == "untargeted unmeasured no_data at_risk insufficient"
    assert states("2021-09-23T11:00", [GOOD]) == "untargeted unmeasured no_data met insufficient"


FREE = promise(kind="case_bound", counts=("quantity:fee",), bound="<= 0 CNY", matures_at="completion")
CHARGED = [START, measured("2021-09-16T10:00", "fee", 5), completed("2021-09-17T09:00")]
FREE_OF_CHARGE = [START, measured("2021-09-16T10:00", "fee", 0), completed("2021-09-17T09:00")]
SPOKE_LAST = {"/units/water": "2021-09-17T09:00"}


def test_a_proven_miss_outranks_what_nobody_reported() -> None:
    judge = judge_of(FREE)
    assert row(judge, [GOOD], "2021-10-01").state == "unmeasured"
    for known in ([CHARGED], [CHARGED, *[FREE_OF_CHARGE] * 20]):
        found = row(judge, [*known, *[GOOD] * 30], "2021-10-01")
        assert (found.unmeasured_n, found.state) == ("30", "missed")


def test_a_miss_that_the_unmeasured_cases_could_undo_is_not_proven() -> None:
    judge = judge_of(FREE.model_copy(update={"objective": Objective.parse(">= 80 %"), "minimum_n": 1}))
    assert row(judge, [CHARGED, *[GOOD] * 4], "2021-10-01").state == "unmeasured"  # 4 of 5 would be 80 %
    assert row(judge, [CHARGED, *[GOOD] * 3], "2021-10-01").state == "missed"


def test_a_proven_miss_outranks_a_silent_source_and_its_open_cases_prove_nothing() -> None:
    judge = judge_of(promise(), sources=[USUALLY_A_DAY_LATE])
    assert row(judge, [GOOD, [START]], "2021-10-01", last_reports=SPOKE_LAST).state == "stale"  # it may be completed
    found = rows(judge, [GOOD, BAD, [START]], "2021-10-01", last_reports={"/units/water": "2021-09-27T09:00"})
    assert found["P", "ALL", "-", "official", "all"].state == "missed"
    assert found["P", "works", "-", "official", "all"].state == "missed"


def test_what_is_open_in_a_unit_whose_source_speaks_is_proven() -> None:
    silent = USUALLY_A_DAY_LATE.model_copy(update={"units": ("seals",)})
    judge = judge_of(promise(), sources=[silent])
    theirs = [accepted("2021-09-16T09:00", unit="seals")]
    assert row(judge, [GOOD, theirs], "2021-10-01").state == "stale"
    assert row(judge, [GOOD, theirs, [START]], "2021-10-01").state == "missed"


def test_a_mean_and_a_list_of_a_silent_source_prove_nothing() -> None:
    mean = promise(kind="case_mean", measure="working_days", objective="<= 1 working_days", minimum_n=1)
    assert (
        row(judge_of(mean, sources=[USUALLY_A_DAY_LATE]), [BAD], "2021-10-15", last_reports=SPOKE_LAST).state == "stale"
    )
    entries = promise(statistic="share", where={"online": True}, objective=">= 80 %", **ENTRIES)
    judge, offline = judge_of(entries, sources=[USUALLY_A_DAY_LATE]), [upserted("2021-09-16", n=1, online=False)]
    assert row(judge, [offline], "2021-10-15", window="now", last_reports=SPOKE_LAST).state == "stale"


def test_a_dated_list_whose_date_has_passed_is_proven_whoever_is_silent() -> None:
    dated = promise(**STANDING, collection="catalogue", statistic="count", objective=">= 1 items")
    judge = judge_of(dated, sources=[USUALLY_A_DAY_LATE])
    assert row(judge, [], "2021-12-31", window="now", last_reports=SPOKE_LAST).state != "missed"
    assert row(judge, [], "2022-01-10", window="now", last_reports=SPOKE_LAST).state == "missed"


@pytest.mark.parametrize("relation", [">=", "<="])
def test_proven_is_what_fails_whatever_the_unknown_cases_turn_out_to_be(relation: str) -> None:
    """By trying every way in which the unknown cases of small numbers may turn out."""
    judged = promise(kind="case_limit", limit="4 working_days", objective=f"{relation} 60 %")
    target = judged.target
    assert target is not None
    for n, beside, silent, worse, better in product(range(1, 5), range(3), range(2), range(3), range(3)):
        # of those in n: `silent` overdue ones, `worse` that a notice may turn into misses, `better` into hits
        for met in range(worse, n - silent - better + 1):
            statistic = Statistic(value=Fraction(met, n), n=n, numerator=met, denominator=n, ratio=True)
            unknown = Unknown(
                unmeasured=beside, silent_overdue=silent, provisional=worse + better, provisional_met=worse
            )
            turned = range(met - worse, met + silent + better + 1)
            possible = [Fraction(good + more, n + beside) for good in turned for more in range(beside + 1)]
            proven = is_proven_miss(judged, statistic, unknown, stale=True)
            assert proven is not any(map(target.holds, possible))


def test_the_official_window_is_the_year_unless_said_otherwise() -> None:
    assert promise().official_window == "year"
    with pytest.raises(ValueError, match="official_window"):
        promise(windows=("7d",))


# ---- 基本 and ranges ---------------------------------------------------------------------------------------
ENTRIES = {"kind": "catalogue", "select": {}, "collection": "catalogue", "windows": ("now",), "official_window": "now"}


def state_of(judge: Judge, met: int, of: int, as_of: str = "2021-10-01") -> str:
    entries = [[upserted("2021-09-16", n=number, online=number < met)] for number in range(of)]
    return row(judge, entries, as_of, window="now").state


def test_what_misses_by_no_more_than_its_tolerance_is_at_risk() -> None:
    judge = judge_of(
        promise(statistic="share", where={"online": True}, objective=">= 100 %", tolerance=0.05, **ENTRIES)
    )
    assert state_of(judge, 20, 20) == "met"
    assert state_of(judge, 19, 20) == "at_risk"
    assert state_of(judge, 18, 20) == "missed"
    assert state_of(judge, 189, 200) == "missed"


def test_a_tolerance_helps_no_small_sample() -> None:
    judge = judge_of(promise(statistic="share", where={"online": True}, objective=">= 80 %", tolerance=0.2, **ENTRIES))
    assert state_of(judge, 2, 3) == "insufficient"
    assert state_of(judge, 8, 12) == "at_risk"
    assert state_of(judge, 1, 3) == "missed"


@pytest.mark.parametrize(("recommended", "state"), [(2, "missed"), (3, "met"), (5, "met"), (6, "met")])
def test_a_range_is_met_from_its_lower_end_and_more_is_no_miss(recommended: int, state: str) -> None:
    judge = judge_of(promise(statistic="count", objective="3..5 enterprises", **ENTRIES))
    entries = [[upserted("2021-09-16", n=number)] for number in range(recommended)]
    found = row(judge, entries, "2021-10-01", window="now")
    assert (found.objective, found.state) == ("3..5", state)


DATED: dict[str, Any] = {"select": {}, "by": "2021-12-31"}
STANDING: dict[str, Any] = DATED | {"kind": "catalogue", "windows": ("now",), "official_window": "now"}


@pytest.mark.parametrize(
    "entry",
    [
        STANDING | {"collection": "catalogue", "statistic": "count", "objective": ">= 1 items"},
        STANDING | {"collection": "catalogue", "statistic": "share", "where": {"done": True}, "objective": ">= 100 %"},
        DATED | {"kind": "duty", "duty": "report", "period": "once", "owed_by": ("works",)},
        DATED
        | {"kind": "figure", "numerator": "records", "denominator": "records", "statistic": "share", "period": "once"}
        | {"owed_by": ("works",), "objective": ">= 100 %"},
    ],
    ids=["count", "share", "duty", "figure"],
)
def test_the_row_of_the_midnight_at_which_a_date_ends_shows_the_verdict_of_every_kind(entry: dict[str, Any]) -> None:
    judge = judge_of(promise(**entry))
    subjects = [
        [upserted("2021-10-01", platform="base", code="a", version="1")],
        [reported("2021-12-31T09:00", 1, 2, "2021-12")],
    ]
    if entry.get("statistic") == "count":
        subjects = []
    window = entry.get("official_window", "year")
    before, after = (row(judge, subjects, at, window=window) for at in ("2021-12-31T23:59:59.999999", "2022-01-01"))
    assert (before.state in ("provisional", "at_risk"), after.state) == (True, "missed")
