"""rule 2: what rests on days of which the calendar is not published. Published is 2026, and not 2027."""

from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.words.wording import state_name
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Tier
from services.domain.results.explain import explain
from services.domain.results.published import State, ValueRow
from services.domain.results.unknown import Unknown, is_proven_miss
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import TallyField
from services.domain.time.calendar import Notices, WorkingCalendar, weekday
from tests.unit.cases import (
    ANSWERED,
    WATER,
    accepted,
    at,
    card_list,
    completed,
    day,
    end_of,
    in_order,
    judge_of,
    judgement,
    milestone,
    node_started,
    plan,
    promise,
    row,
)

JUDGE = judge_of(promise())
START = accepted("2026-12-29T09:00")  # 12-30, 12-31, and by Monday to Friday 2027-01-01 and 01-04
CERTAIN = [accepted("2026-12-01T09:00"), completed("2026-12-02T09:00")]
MAY_BE_LATE = [START, completed("2027-01-01T09:00")]
MAY_BE_IN_TIME = [START, completed("2027-01-05T09:00")]


def asked(*cases: list[Fact], as_of: str, **given: Any) -> ValueRow:
    return row(judge_of(promise(minimum_n=1, **given)), cases, as_of)


def test_a_due_instant_that_counts_unpublished_days_is_marked() -> None:
    found = judgement(JUDGE, [START], "2026-12-30")
    assert (found.due, found.provisional) == (end_of("2027-01-04"), True)
    assert not judgement(JUDGE, [accepted("2026-12-25T09:00")], "2026-12-30").provisional  # until 2026-12-31
    old = judge_of(promise(effective_from=date(2000, 1, 1)))
    assert judgement(old, [accepted("2003-12-25T09:00")], "2003-12-26").provisional  # before the first notice


@pytest.mark.parametrize(("limit", "marked"), [("9 calendar_days", True), ("1 month", True), ("9999 minutes", False)])
def test_limits_of_other_units(limit: str, marked: bool) -> None:
    assert judgement(judge_of(promise(limit=limit)), [START], "2026-12-30").provisional is marked


def test_minutes_of_opening_hours_touch_the_days_on_which_they_run() -> None:
    judge = judge_of(promise(limit="90 working_minutes"))
    assert judgement(judge, [accepted("2026-12-31T16:50")], "2026-12-31T17:00").provisional
    assert not judgement(judge, [accepted("2026-12-31T09:00")], "2026-12-31T10:00").provisional
    assert judgement(judge, [accepted("2027-01-04T09:00")], "2027-01-04T09:30").provisional


def test_yellow_says_the_reason_and_red_comes_ten_working_days_later() -> None:
    (yellow,) = card_list(JUDGE, [START], "2027-01-18T23:59:59")
    assert (yellow.level, yellow.raised_at, yellow.reason) == ("yellow", at("2027-01-04"), "provisional")
    red, yellow = card_list(JUDGE, [START], "2027-01-20")
    assert (red.level, red.raised_at, red.reason) == ("red", at("2027-01-19"), "provisional")
    assert (yellow.cleared_at, yellow.reason) == (at("2027-01-19"), "superseded")
    (done,) = card_list(JUDGE, MAY_BE_IN_TIME, "2027-02-01")
    assert (done.level, done.reason) == ("yellow", "completed")


def test_a_soft_promise_waits_as_long_and_an_aspirational_one_is_never_red() -> None:
    soft, hoped = (judge_of(promise(strength=strength)) for strength in ("soft", "aspirational"))
    assert [card.raised_at for card in card_list(soft, [START], "2027-03-01") if card.level == "red"] == [
        at("2027-01-19")
    ]
    assert [card.level for card in card_list(hoped, [START], "2027-03-01")] == ["yellow"]


def test_the_card_of_a_node_waits_too() -> None:
    limit = {"amount": 2, "unit": "working_days"}
    facts = [accepted("2026-12-30T09:00"), node_started("2026-12-30T10:00", "survey", limit=limit)]
    judge = judge_of(promise(limit="40 working_days"))
    (card,) = card_list(judge, facts, "2027-01-10")
    assert (card.node, card.level, card.reason) == ("survey", "yellow", "provisional")
    assert [card.level for card in card_list(judge, facts, "2027-01-20")] == ["red", "yellow"]


def test_a_case_within_published_days_is_certain_whatever_its_limit_touches() -> None:
    found = asked([START, completed("2026-12-31T09:00")], as_of="2027-02-01")
    assert (found.state, found.provisional_n) == ("met", "0")


def test_a_hit_that_a_notice_may_undo_is_provisional() -> None:
    found = asked(MAY_BE_LATE, as_of="2027-02-01")
    assert (found.state, found.value, found.provisional_n) == ("provisional", "1", "1")


def test_met_only_if_it_holds_with_the_provisional_cases_missed() -> None:
    nine = [CERTAIN] * 9
    assert asked(*nine, MAY_BE_LATE, as_of="2027-02-01", objective=">= 90 %").state == "met"
    assert asked(*nine, MAY_BE_LATE, as_of="2027-02-01", objective=">= 91 %").state == "provisional"
    # a miss that may turn leaves a met value met
    assert asked(*nine, MAY_BE_IN_TIME, as_of="2027-02-01", objective=">= 90 %").state == "met"


def test_a_miss_that_rests_on_the_calendar_alone_is_provisional() -> None:
    nine = [CERTAIN] * 9
    late = [accepted("2026-11-02T09:00"), completed("2026-12-01T09:00")]
    assert asked(*nine, MAY_BE_IN_TIME, as_of="2027-02-01", objective=">= 95 %").state == "provisional"
    assert asked(*nine, late, MAY_BE_IN_TIME, as_of="2027-02-01", objective=">= 95 %").state == "missed"
    assert asked(*nine, [START], as_of="2027-01-10", objective=">= 95 %").state == "provisional"


def test_after_ten_working_days_a_miss_is_certain() -> None:
    before, after = (asked([START], as_of=when) for when in ("2027-01-19", "2027-01-19T00:00:00.000001"))
    assert (before.state, before.open_overdue, before.provisional_n) == ("provisional", "1", "1")
    assert (after.state, after.open_overdue, after.provisional_n) == ("missed", "1", "0")
    closed = asked([START, completed("2027-01-19T09:00")], as_of="2027-02-01")
    assert (closed.state, closed.provisional_n) == ("missed", "0")
    assert judgement(JUDGE, [START], "2027-01-10").next_at == at("2027-01-19")


def test_a_mean_that_counts_unpublished_days_is_provisional() -> None:
    mean: dict[str, Any] = {
        "kind": "case_mean",
        "measure": "working_days",
        "objective": "<= 2 working_days",
        "windows": ("all",),
    }
    mean["official_window"] = "all"
    assert asked(MAY_BE_LATE, as_of="2027-02-01", **mean).state == "provisional"
    assert asked(CERTAIN, as_of="2027-02-01", **mean).state == "met"
    assert asked(MAY_BE_LATE, as_of="2027-02-01", **(mean | {"measure": "elapsed_days"})).state == "missed"


def test_working_minutes_count_those_of_the_first_day() -> None:
    mean: dict[str, Any] = {"kind": "case_mean", "objective": None, "tier": "Q", "windows": ("all",)}
    same_day = [accepted("2027-01-04T09:00"), completed("2027-01-04T10:00")]
    for measure, doubtful in (("working_minutes", "1"), ("working_days", "0")):
        found = asked(same_day, as_of="2027-02-01", measure=measure, official_window="all", **mean)
        assert found.provisional_n == doubtful


def test_a_late_entry_is_as_provisional_as_the_miss_that_it_repairs() -> None:
    """Due on 2027-01-04 or later: a report of 01-06 may turn out to be in time, one of 01-20 cannot."""
    before, after = (
        asked([START, completed("2026-12-31T09:00", received=f"{when}T09:00")], as_of="2027-02-01")
        for when in ("2027-01-06", "2027-01-20")
    )
    assert (before.late_entry_n, before.provisional_n, before.state) == ("1", "1", "provisional")
    assert (after.late_entry_n, after.provisional_n, after.state) == ("1", "0", "missed")


def test_hits_that_a_notice_may_undo_do_not_hide_a_miss() -> None:
    """Nine provisional hits and a certain miss: at best 9 of 10, which is proven although others are unmeasured."""
    late = [accepted("2026-11-02T09:00"), completed("2026-12-01T09:00")]
    unknown = Unknown(unmeasured=0, provisional=9, provisional_met=9)
    judged, statistic = promise(minimum_n=1), Statistic(Fraction(9, 10), 10, numerator=9, denominator=10, ratio=True)
    assert is_proven_miss(judged, statistic, unknown, stale=True)
    assert asked(*[MAY_BE_LATE] * 9, late, as_of="2027-02-01").state == "missed"


def test_a_share_without_a_target_says_how_many_cases_are_provisional() -> None:
    judge = judge_of(ANSWERED.model_copy(update={"objective": None, "tier": Tier.Q}))
    cases = [[START, milestone(f"{when}T09:00", "answered")] for when in ("2026-12-31", "2027-01-01", "2027-01-05")]
    found = row(judge, cases, "2027-02-01")
    assert (found.state, found.n, found.provisional_n) == ("untargeted", "3", "2")


def test_a_share_and_a_bound_that_mature_by_a_limit_wait_too() -> None:
    share = judge_of(ANSWERED)
    (card,) = card_list(share, [START], "2027-01-10")
    assert (card.level, card.reason) == ("yellow", "provisional")
    found = row(share, [[START, milestone("2027-01-05T09:00", "answered")]], "2027-02-01")
    assert (found.state, found.provisional_n) == ("provisional", "1")


def test_what_counts_no_days_is_not_provisional_in_an_unpublished_year() -> None:
    facts = [accepted("2027-01-04T09:00"), completed("2027-01-04T09:30")]
    assert asked(facts, as_of="2027-02-01", limit="60 minutes").state == "met"


def test_explain_says_so() -> None:
    (told,) = explain(JUDGE, f"{WATER}\x1fW-1", in_order(MAY_BE_LATE), at("2027-02-01")).cycles[0].promises
    assert told.is_provisional
    (told,) = explain(JUDGE, f"{WATER}\x1fW-1", in_order(CERTAIN), at("2027-02-01")).cycles[0].promises
    assert not told.is_provisional


def test_the_names_of_the_state_tell_the_two_kinds_apart() -> None:
    assert state_name(State.PROVISIONAL, "0", never_red=False).zh == "推进中（未到期）"
    assert state_name(State.PROVISIONAL, "2", never_red=False).zh == "暂定（节假日安排未公布）"


def calendar(free: set[int], worked: set[int], last: date) -> WorkingCalendar:
    """A calendar of which 2027 is what a notice may say."""
    notices = Notices(
        {date.fromordinal(one): "节" for one in free}, [date.fromordinal(one) for one in worked], date(2021, 1, 1), last
    )
    return WorkingCalendar(name="next", version="1", notices=notices)


JANUARY = range(day("2027-01-01"), day("2027-01-31"))
UNPUBLISHED = Judge(plan(promise()), calendar(set(), set(), date(2026, 12, 31)))


@given(
    free=st.sets(st.sampled_from([one for one in JANUARY if weekday(one) < 5]), max_size=8),
    worked=st.sets(st.sampled_from([one for one in JANUARY if weekday(one) >= 5]), max_size=4),
    start=st.integers(day("2026-12-24"), day("2027-01-04")),
    length=st.integers(0, 30),
)
@settings(max_examples=40)
def test_no_notice_turns_what_was_said_to_be_certain(free: set[int], worked: set[int], start: int, length: int) -> None:
    published = Judge(plan(promise()), calendar(free, worked, date(2027, 12, 31)))
    begun, ended = (f"{date.fromordinal(one)}T09:00" for one in (start, start + length))
    facts = [accepted(begun), completed(ended, received=ended)]
    now = at("2027-06-01")
    before, after = judgement(UNPUBLISHED, facts, now), judgement(published, facts, now)
    if not any(cell == TallyField.PROVISIONAL for cell, _ in before.cells):
        assert before.outcome is after.outcome
    assert not after.provisional
