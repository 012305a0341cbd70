"""rule 7: compliance counts matured cases."""

from datetime import date

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import CasePromise
from tests.unit.cases import (
    accepted,
    at,
    card_list,
    completed,
    day,
    judge_of,
    judgement,
    measured,
    milestone,
    outcome,
    promise,
    row,
    standing,
    withdrawn,
)
from tests.verdicts import shipped

WATER = judge_of(promise())
ON_TIME = [accepted("2021-09-16T09:00"), completed("2021-09-17T09:00")]
LATE = [accepted("2021-09-01T09:00"), completed("2021-09-17T09:00")]
OVERDUE = [accepted("2021-08-02T09:00")]
OPEN = [accepted("2021-09-30T09:00")]


def test_on_time_divided_by_on_time_and_late_and_overdue() -> None:
    found = row(WATER, [ON_TIME, ON_TIME, LATE, OVERDUE, OPEN], "2021-10-01")
    assert (found.numerator, found.denominator, found.n, found.open_overdue) == ("2", "4", "4", "1")
    assert found.value == "0.5"


def test_an_open_case_within_its_limit_is_neither() -> None:
    assert row(WATER, [OPEN], "2021-10-01").n == "0"
    assert outcome(WATER, OPEN, "2021-10-01") is Outcome.OPEN


def test_a_closed_case_belongs_to_the_day_of_its_completion() -> None:
    case = [accepted("2021-09-29T09:00"), completed("2021-10-08T09:00")]
    assert row(WATER, [case], "2021-10-09", window="month").n == "1"
    assert row(WATER, [case], "2021-11-01", window="month").n == "1"
    assert row(WATER, [case], "2021-11-02", window="month").n == "0"
    assert row(WATER, [case], "2021-10-15", window="7d").n == "1"
    assert row(WATER, [case], "2021-10-16", window="7d").n == "0"


@pytest.mark.parametrize("window", ["7d", "30d", "90d", "month", "quarter", "year", "all"])
def test_an_overdue_case_is_missed_in_every_window_that_ends_now(window: str) -> None:
    found = row(WATER, [OVERDUE], "2022-03-15", window=window)
    assert (found.value, found.n, found.open_overdue, found.state) == ("0", "1", "1", "missed")


def test_neglect_never_improves_a_figure() -> None:
    values = [row(WATER, [ON_TIME, OVERDUE], f"2021-{month:02}-28", window="year").value for month in range(10, 13)]
    assert values == ["0.5", "0.5", "0.5"]


def test_it_stops_being_overdue_when_it_closes_and_is_late_on_that_day() -> None:
    closed = [*OVERDUE, completed("2021-09-20T09:00")]
    assert row(WATER, [closed], "2021-09-20", window="7d").open_overdue == "1"
    after = row(WATER, [closed], "2021-09-21", window="7d")
    assert (after.open_overdue, after.n, after.value) == ("0", "1", "0")
    assert row(WATER, [closed], "2021-10-21", window="7d").n == "0"


def test_a_window_contains_the_last_instant_before_its_end() -> None:
    case = [accepted("2021-09-16T09:00"), completed("2021-09-30T23:59:59.999999")]
    assert row(WATER, [case], "2021-10-01", window="month").n == "1"
    just = [accepted("2021-09-28T09:00"), completed("2021-10-01T00:00")]
    assert row(WATER, [just], "2021-10-01", window="all").n == "0"
    found = row(WATER, [case], "2021-10-01", window="quarter")
    assert (found.window_start, found.window_end) == ("2021-07-01T00:00:00+08:00", "2021-10-01T00:00:00+08:00")
    assert row(WATER, [case], "2021-10-01", window="7d").window_start == "2021-09-24T00:00:00+08:00"


@pytest.mark.parametrize(
    ("window", "as_of", "n"),
    [
        ("month", "2021-10-31T23:59:59.999999", "0"),  # its own instant is not before the end
        ("month", "2021-11-01", "1"),
        ("month", "2021-11-01T00:00:00.000001", "0"),  # November has begun
        ("7d", "2021-11-07", "1"),
        ("7d", "2021-11-07T00:00:00.000001", "0"),
    ],
)
def test_the_last_instant_of_a_month_is_of_that_month_and_of_seven_days(window: str, as_of: str, n: str) -> None:
    case = [accepted("2021-10-28T09:00"), completed("2021-10-31T23:59:59.999999")]
    assert row(WATER, [case], as_of, window=window).n == n


# ---- shares ----------------------------------------------------------------------------------------------
def test_a_share_matures_by_a_limit_after_the_start() -> None:
    judge = judge_of(
        promise(
            kind="case_share", where={"stopped": True}, stop="milestone:answered", matures_at="3 working_days",
            objective=">= 95 %",
        )
    )  # fmt: skip
    start = accepted("2021-09-16T09:00")  # until the end of 2021-09-22
    assert outcome(judge, [start], "2021-09-22T23:59:59.999999") is Outcome.OPEN
    assert outcome(judge, [start], "2021-09-23") is Outcome.OVERDUE
    assert outcome(judge, [start, milestone("2021-09-22T12:00", "answered")], "2021-10-01") is Outcome.MET
    late = [start, milestone("2021-09-23T12:00", "answered")]
    assert outcome(judge, late, "2021-10-01") is Outcome.MISSED
    assert row(judge, [late, [start]], "2021-10-01").denominator == "2"


# 5 working days from 2021-09-16 are over at the end of 2021-09-24: yellow when two are left
ANSWERED = judge_of(
    promise(
        kind="case_share", where={"stopped": True}, stop="milestone:answered", matures_at="5 working_days",
        objective=">= 60 %", minimum_n=1,
    )
)  # fmt: skip
ASKED = accepted("2021-09-16T09:00")


def test_what_a_share_waits_for_is_yellow_before_it_matures_and_red_after() -> None:
    assert standing(ANSWERED, [ASKED], "2021-09-22T23:59") == []
    assert standing(ANSWERED, [ASKED], "2021-09-23") == [("P", "yellow")]
    assert standing(ANSWERED, [ASKED], "2021-09-25") == [("P", "red")]
    assert outcome(ANSWERED, [ASKED], "2021-09-24") is Outcome.OPEN
    assert judgement(ANSWERED, [ASKED], "2021-09-20").next_at == at("2021-09-23")
    assert judgement(ANSWERED, [ASKED], "2021-09-24").next_at == at("2021-09-25")


@pytest.mark.parametrize(
    ("end", "reason"),
    [(milestone("2021-09-24T12:00", "answered"), "completed"), (withdrawn("2021-09-24T12:00"), "withdrawn")],
)
def test_the_yellow_card_of_a_share_is_cleared_by_its_stop_and_by_a_withdrawal(end: Fact, reason: str) -> None:
    (card,) = card_list(ANSWERED, [ASKED, end], "2021-12-01")
    assert (card.level, card.cleared_at, card.reason) == ("yellow", at("2021-09-24T12:00"), reason)
    assert not ANSWERED.judge([ASKED, end], at("2021-12-01")).nothing_to_publish


def test_a_share_is_at_risk_if_its_yellow_cases_would_miss_it() -> None:
    done = [ASKED, milestone("2021-09-17T09:00", "answered")]
    assert row(ANSWERED, [done, [ASKED]], "2021-09-23").state == "met"
    found = row(ANSWERED, [done, [ASKED]], "2021-09-23T00:01")  # 1 of 2, if it runs late
    assert (found.value, found.n, found.state) == ("1", "1", "at_risk")
    assert row(ANSWERED, [done, done, [ASKED]], "2021-09-24T00:01").state == "met"  # 2 of 3


def test_an_aspirational_share_is_yellow_before_and_never_red() -> None:
    hoped = judge_of(
        promise(
            kind="case_share", strength="aspirational", where={"stopped": True}, matures_at="5 working_days",
            objective=">= 95 %",
        )
    )  # fmt: skip
    assert standing(hoped, [ASKED], "2021-09-24") == [("P", "yellow")]
    assert standing(hoped, [ASKED], "2021-12-01") == [("P", "yellow")]


def test_of_a_case_whose_channel_nobody_knows_the_card_is_remembered_and_nothing_counted() -> None:
    judge = judge_of(
        promise(
            kind="case_share", where={"online": True}, known=("channel",), matures_at="5 working_days",
            objective=">= 60 %",
        )
    )  # fmt: skip
    facts = [ASKED, completed("2021-09-24T12:00")]
    assert not judge.judge(facts, at("2021-12-01")).nothing_to_publish
    assert [card.reason for card in card_list(judge, facts, "2021-12-01")] == ["completed"]
    assert row(judge, [facts], "2021-12-01").n == "0"


def test_neither_a_date_nor_a_completion_nor_a_trend_warns_before() -> None:
    by_date = judge_of(
        promise(kind="case_share", where={"stopped": True}, matures_at=date(2021, 9, 24), objective=">= 50 %")
    )
    trend = judge_of(
        promise(
            kind="trend", strength="directional", measure="share", direction="rising", where={"stopped": True},
            matures_at="5 working_days",
        )
    )  # fmt: skip
    for judge in (by_date, trend):
        assert standing(judge, [ASKED], "2021-09-24T23:59") == []
        assert judgement(judge, [ASKED], "2021-09-24T23:59").cells == ()


def test_a_share_may_mature_by_completion_or_by_a_date() -> None:
    by_completion = judge_of(
        promise(kind="case_share", where={"fast": True}, matures_at="completion", objective=">= 50 %")
    )
    fast = [accepted("2021-09-16T09:00", attributes={"fast": True}), completed("2021-12-16T09:00")]
    assert outcome(by_completion, fast[:1], "2022-12-01") is None
    assert outcome(by_completion, fast, "2021-12-20") is Outcome.MET
    by_date = judge_of(
        promise(kind="case_share", where={"stopped": True}, matures_at=date(2021, 12, 31), objective=">= 50 %")
    )
    start = accepted("2021-09-16T09:00")
    assert outcome(by_date, [start], "2021-12-31T23:59:59") is Outcome.OPEN
    assert outcome(by_date, [start], "2022-01-01") is Outcome.OVERDUE


def test_a_share_may_mature_by_the_limit_of_the_promise_itself() -> None:
    judge = judge_of(
        promise(kind="case_share", where={"stopped": True}, limit="1 working_days", matures_at="limit",
                objective=">= 9 %")
    )  # fmt: skip
    assert judgement(judge, [accepted("2021-09-16T09:00")], "2021-09-17").due == at("2021-09-18") - 1


def test_of_an_unknown_channel_nothing_is_counted() -> None:
    judge = judge_of(
        promise(
            kind="trend", strength="directional", measure="share", direction="rising", where={"online": True},
            known=("channel",), matures_at="completion",
        )
    )  # fmt: skip
    cases = [
        [accepted("2021-09-16T09:00", channel=channel), completed("2021-09-17T09:00", **end)]
        for channel, end in (
            ("online", {}),
            ("counter", {}),
            ("unknown", {}),
            ("online", {"channel": "counter"}),
            ("unknown", {"channel": "online"}),
        )
    ]
    found = row(judge, cases, "2021-10-01")
    assert (found.numerator, found.denominator, found.state) == ("2", "4", "untargeted")


def test_a_withdrawn_case_has_not_matured() -> None:
    gone = [accepted("2021-09-16T09:00"), withdrawn("2021-09-17T09:00")]
    found = row(WATER, [ON_TIME, gone], "2021-10-01")
    assert (found.n, found.withdrawn_share) == ("1", "0.5")


def test_a_ratio_that_says_no_maturity_is_refused() -> None:
    with pytest.raises(ValueError, match="matures_at"):
        promise(kind="case_share", where={"stopped": True}, objective=">= 95 %")
    with pytest.raises(ValueError, match="matures_at"):
        promise(kind="case_bound", counts=("quantity:fee",), bound="<= 0 CNY")


PUBLISHED = judge_of(
    promise(
        kind="case_share", where={"clause": True}, start="milestone:published", stop="milestone:published",
        matures_at="stop", objective=">= 100 %",
    )
)  # fmt: skip
DOCUMENT = accepted("2021-09-16T09:00", attributes={"clause": False})
PUBLICATION = milestone("2021-09-17T09:00", "published")


def test_what_the_stop_matures_is_judged_then_whether_or_not_the_case_is_ever_completed() -> None:
    assert outcome(PUBLISHED, [DOCUMENT], "2021-12-31") is None
    found = judgement(PUBLISHED, [DOCUMENT, PUBLICATION], "2021-09-17T10:00")
    assert (found.outcome, found.day) == (Outcome.MISSED, day("2021-09-17"))
    assert row(PUBLISHED, [[DOCUMENT, PUBLICATION]], "2022-01-01").state == "missed"


def test_a_withdrawal_or_an_amendment_after_the_stop_washes_no_miss_out() -> None:
    gone = [DOCUMENT, PUBLICATION, withdrawn("2021-10-01T09:00")]
    assert outcome(PUBLISHED, gone, "2021-12-31") is Outcome.MISSED
    amended = milestone("2021-10-20T09:00", "published", attributes={"clause": True})
    assert outcome(PUBLISHED, [DOCUMENT, PUBLICATION, amended], "2021-12-31") is Outcome.LATE_ENTRY
    silent = accepted("2021-09-16T09:00")  # what was not said at all at the publication was not there either
    assert outcome(PUBLISHED, [silent, PUBLICATION, amended], "2021-12-31") is Outcome.LATE_ENTRY
    before = milestone("2021-09-17T08:00", "drafted", attributes={"clause": True})
    assert outcome(PUBLISHED, [DOCUMENT, before, PUBLICATION], "2021-12-31") is Outcome.MET


def test_a_case_that_is_completed_without_the_stop_that_matures_it_is_missed_then() -> None:
    judge = judge_of(
        promise(
            kind="case_share", where={"method": "random"}, stop="milestone:assigned", matures_at="stop",
            objective=">= 100 %",
        )
    )  # fmt: skip
    start = accepted("2021-09-16T09:00")
    by_hand = milestone("2021-09-17T09:00", "assigned", attributes={"method": "manual"})
    assert outcome(judge, [start], "2021-12-31") is Outcome.OPEN
    assert outcome(judge, [start, by_hand], "2021-09-17T09:01") is Outcome.MISSED
    assert outcome(judge, [start, by_hand, withdrawn("2021-10-08")], "2021-12-31") is Outcome.MISSED
    assert outcome(judge, [start, withdrawn("2021-09-17")], "2021-12-31") is Outcome.WITHDRAWN
    end = completed("2021-10-08T09:00", outcome="granted")
    assert outcome(judge, [start, end], "2021-10-08T12:00") is Outcome.OPEN
    assert outcome(judge, [start, end], "2021-12-31") is Outcome.MISSED


@pytest.mark.parametrize(
    ("matures_at", "expected"), [("stop", Outcome.UNMEASURED), ("completion", Outcome.OPEN)], ids=["stop", "completion"]
)
def test_a_bound_reads_stop_and_completion_as_a_share_does(matures_at: str, expected: Outcome) -> None:
    judge = judge_of(
        promise(
            kind="case_bound", counts=("quantity:fee",), bound="<= 0 CNY", stop="milestone:paid", matures_at=matures_at
        )
    )
    start, paid = accepted("2021-09-16T09:00"), milestone("2021-09-17T09:00", "paid")
    assert outcome(judge, [start, paid], "2021-12-31") is expected
    free, end = measured("2021-09-17T09:00", "fee", 0), completed("2021-10-08T09:00")
    met = judgement(judge, [start, paid, free, end], "2021-12-31")
    assert (met.outcome, met.stop) == (
        Outcome.MET,
        at("2021-09-17T09:00" if matures_at == "stop" else "2021-10-08T09:00"),
    )
    assert outcome(judge, [start, free, end], "2021-12-31") is Outcome.MET  # completed without the stop


@pytest.mark.parametrize(
    ("kpi", "milestone_name"),
    [
        ("K17-1", "published"), ("K17-2", "published"), ("K20-2", "published"), ("K16-2", "bids_opened"),
        ("K13-1", "procurement_started"), ("K13-1/before_2022", "procurement_started"), ("K28-2", "use_changed"),
        ("K38-1", "decided"), ("K46-1", "filed"), ("K46-2", "assigned"),
    ],
)  # fmt: skip
def test_the_plan_judges_these_at_their_step_not_when_the_case_is_over(kpi: str, milestone_name: str) -> None:
    entry = next(each for each in shipped().plan.promises if each.key == kpi)
    assert isinstance(entry, CasePromise)
    assert (entry.maturity, entry.stop) == ("stop", (f"milestone:{milestone_name}",))
