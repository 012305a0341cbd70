"""rule 16: the fold."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.intake.facts import Fact
from services.domain.judging.data_quality import ANOMALY, INCOMPLETE, ORPHAN
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import ServiceItem
from services.domain.results.verdicts import verdicts_of
from tests.unit.cases import (
    ITEMS,
    TITLE,
    accepted,
    at,
    card_list,
    completed,
    correction,
    due_of,
    end_of,
    extended,
    folded,
    in_order,
    judge_of,
    judgement,
    judgements,
    milestone,
    outcome,
    promise,
    reopened,
    resumed,
    row,
    standing,
    suspended,
    withdrawn,
)

WATER = judge_of(promise())
START = accepted("2021-09-16T09:00")  # until the end of 2021-09-23
END = "2021-12-01"


def test_of_two_acceptances_the_earliest_holds_and_the_other_is_an_anomaly() -> None:
    other = accepted("2021-09-22T09:00", unit="seals")
    (case,) = folded(WATER, other, START)
    assert (case.accepted, case.unit, case.anomalies) == (START, "works", ["second_acceptance"])
    assert due_of(WATER, START, other, now="2021-09-23") == end_of("2021-09-23")
    found = WATER.judge([START, other], at(END)).judgements
    assert [(each.item, each.unit) for each in found if each.kpi == ANOMALY] == [("second_acceptance", "works")]


def test_a_completion_without_acceptance_is_kept_and_an_orphan_after_5_working_days() -> None:
    alone = completed("2021-09-16T09:00")
    (case,) = folded(WATER, alone)
    assert (case.completed, case.completed_at) == (alone, None)
    assert judgements(WATER, [alone], END) == []

    def signal(now: str) -> list[str]:
        return [each.kpi for each in WATER.judge([alone], at(now)).judgements]

    assert signal("2021-09-24T23:59") == [INCOMPLETE]
    assert signal("2021-09-25") == [ORPHAN]
    assert WATER.judge([alone], at("2021-09-20")).next_at == at("2021-09-25")
    found = accepted("2021-09-15T09:00", received="2021-10-08")
    assert outcome(WATER, [alone, found], END) is Outcome.MET


def test_a_completion_dated_before_its_acceptance_is_void_and_the_case_stays_open() -> None:
    void = completed("2021-09-15T09:00")
    (case,) = folded(WATER, void, START)
    assert (case.completed, case.anomalies) == (None, ["completed_before_acceptance"])
    assert outcome(WATER, [void, START], "2021-09-17") is Outcome.OPEN
    assert outcome(WATER, [void, START], END) is Outcome.OVERDUE
    assert outcome(WATER, [void, START, completed("2021-09-17T09:00")], END) is Outcome.MET


def test_a_void_completion_says_nothing_of_the_case() -> None:
    void = completed("2021-09-15T09:00", channel="counter", attributes={"size": "large"}, outcome="refused")
    (case,) = folded(WATER, void, accepted("2021-09-16T09:00", channel="online"))
    assert (case.online, case.attributes, case.outcome) == (True, {}, None)
    first = completed("2021-09-17T09:00", channel="counter", attributes={"size": "large"}, outcome="refused")
    (case,) = folded(WATER, accepted("2021-09-16T09:00", channel="online"), first, reopened("2021-09-18T09:00"))
    assert (case.online, case.attributes, case.outcome) == (True, {}, None)


def test_withdrawn_before_the_limit_leaves_the_denominator() -> None:
    gone = [START, withdrawn("2021-09-23T23:59:59")]
    done = [START, completed("2021-09-17T09:00")]
    assert outcome(WATER, gone, END) is Outcome.WITHDRAWN
    found = row(WATER, [gone, done, done, done], END)
    assert (found.denominator, found.withdrawn_share) == ("3", "0.25")


def test_withdrawn_after_the_limit_stays_late() -> None:
    gone = [START, withdrawn("2021-09-24T09:00")]
    assert outcome(WATER, gone, END) is Outcome.MISSED
    assert row(WATER, [gone], END).denominator == "1"


def test_withdrawn_after_its_completion_changes_nothing() -> None:
    assert outcome(WATER, [START, completed("2021-09-17"), withdrawn("2021-09-18")], END) is Outcome.MET


@pytest.mark.parametrize("outcome_of", ["granted", "partly", ""])
def test_withdrawn_and_then_granted_is_judged_as_never_withdrawn(outcome_of: str) -> None:
    """Or it would pay to withdraw what runs late. A completion without an outcome counts as granted."""
    gone, given = withdrawn("2021-09-23T10:00"), {"outcome": outcome_of} if outcome_of else {}
    late, in_time = completed("2021-09-27T09:00", **given), completed("2021-09-23T11:00", **given)
    (case,) = folded(WATER, START, gone, late)
    assert (case.withdrawn_at, case.anomalies) == (None, ["granted_after_withdrawal"])
    assert outcome(WATER, [START, gone], "2021-09-26") is Outcome.WITHDRAWN
    assert outcome(WATER, [START, gone, late], END) is Outcome.MISSED
    assert outcome(WATER, [START, gone, in_time], END) is Outcome.MET
    found = row(WATER, [[START, gone, late]], END)
    assert (found.denominator, found.withdrawn_share) == ("1", "0")


@pytest.mark.parametrize("closed_as", ["refused", "terminated"])
def test_a_withdrawn_case_is_closed_as_terminated_or_refused(closed_as: str) -> None:
    facts = [START, withdrawn("2021-09-23T10:00"), completed("2021-09-27T09:00", outcome=closed_as)]
    assert folded(WATER, *facts)[0].anomalies == []
    assert outcome(WATER, facts, END) is Outcome.WITHDRAWN


@pytest.mark.parametrize("closed_as", ["refused", "terminated"])
def test_refused_and_then_granted_is_judged_as_never_refused(closed_as: str) -> None:
    """Without a reopening in between. To refuse in time and grant later does not pay."""
    early, late = completed("2021-09-22T09:00", outcome=closed_as), completed("2021-09-27T09:00", outcome="granted")
    assert outcome(WATER, [START, early], END) is Outcome.MET
    assert outcome(WATER, [START, early, late], END) is Outcome.MISSED
    assert folded(WATER, START, early, late)[0].anomalies == ["granted_after_refusal"]
    again = reopened("2021-09-24T09:00", "new_request")
    assert [each.outcome for each in judgements(WATER, [START, early, again, late], END)] == [Outcome.MET, Outcome.MET]


def test_of_two_completions_the_first_holds_and_the_other_is_an_anomaly() -> None:
    twice = [START, completed("2021-09-22T09:00", outcome="granted"), completed("2021-09-27T09:00", outcome="granted")]
    assert outcome(WATER, twice, END) is Outcome.MET
    assert folded(WATER, *twice)[0].anomalies == ["second_completion"]


def test_a_void_grant_leaves_a_withdrawal_as_it_was() -> None:
    facts = [START, withdrawn("2021-09-22T10:00"), completed("2021-09-22T11:00"), reopened("2021-09-22T12:00")]
    assert outcome(WATER, facts, END) is Outcome.WITHDRAWN


def test_a_completion_declared_void_lets_the_original_clock_go_on() -> None:
    facts = [START, completed("2021-09-17T09:00"), reopened("2021-09-22T09:00")]
    assert outcome(WATER, facts[:2], "2021-09-20") is Outcome.MET
    assert outcome(WATER, facts, "2021-09-23") is Outcome.OPEN
    assert outcome(WATER, facts, "2021-09-24") is Outcome.OVERDUE
    assert due_of(WATER, *facts, now="2021-09-23") == end_of("2021-09-23")
    (case,) = folded(WATER, *facts)
    assert (case.reopened, case.completed) == (1, None)
    again = [*facts, completed("2021-09-27T09:00")]
    assert outcome(WATER, again, END) is Outcome.MISSED
    assert [ruling.verdict for ruling in verdicts_of(WATER.judge(in_order(again), at(END)))] == ["missed"]


def test_a_reopening_of_nothing_is_an_anomaly() -> None:
    (case,) = folded(WATER, START, reopened("2021-09-22T09:00"))
    assert case.anomalies == ["reopened_without_completion"]


def test_a_new_request_is_a_new_cycle_with_a_clock_of_its_own() -> None:
    facts = [
        START,
        completed("2021-09-17T09:00"),
        reopened("2021-10-08T09:00", "new_request"),
        completed("2021-10-18T09:00", id="second"),
    ]
    found = judgements(WATER, facts, END)
    assert [(each.cycle, each.outcome) for each in found] == [(1, Outcome.MET), (2, Outcome.MISSED)]
    assert row(WATER, [facts], END).denominator == "2"
    assert found[1].due == end_of("2021-10-13")


def test_a_new_cycle_begins_at_its_own_acceptance_where_there_is_one() -> None:
    facts = [
        START,
        completed("2021-09-17T09:00"),
        reopened("2021-10-08T09:00", "new_request"),
        accepted("2021-10-12T09:00", unit="seals"),
    ]
    first, second = folded(WATER, *facts)
    assert (first.unit, second.unit, second.accepted_at) == ("works", "seals", at("2021-10-12T09:00"))
    assert second.anomalies == []


# ---- extensions ------------------------------------------------------------------------------------------
STATUTE = judge_of(
    promise(id="P", select={"service_item": "permit"}, limit="statutory_limit", clock_stops=("testing",)),
    promise(id="Q", select={"service_item": "permit"}, limit="5 working_days"),
    promise(id="R", select={"service_item": "permit"}, limit="5 working_days", extension_moves_limit=True),
)
PERMIT = accepted("2021-09-13T09:00", item="permit")  # 20 working days: until 2021-10-15; 5: until 2021-09-18


def until(kpi: str, *more: Fact) -> str:
    due = due_of(STATUTE, PERMIT, *more, now="2022-06-01", kpi=kpi)
    assert due is not None
    return date.fromordinal(STATUTE.law.zone.day(due)).isoformat()


def test_an_extension_moves_the_statutory_limit_only_unless_the_promise_says_so() -> None:
    granted = extended("2021-09-17T09:00", 5)
    assert (until("P"), until("Q"), until("R")) == ("2021-10-15", "2021-09-18", "2021-09-18")
    assert (until("P", granted), until("Q", granted), until("R", granted)) == ("2021-10-22", "2021-09-18", "2021-09-27")


def test_a_request_is_no_extension() -> None:
    assert until("P", extended("2021-09-17T09:00", 5, source="/units/water")) == "2021-10-15"


def test_an_extension_is_at_most_10_working_days() -> None:
    assert until("P", extended("2021-09-17T09:00", 30)) == until("P", extended("2021-09-17T09:00", 10))


def test_an_extension_is_granted_once() -> None:
    twice = [extended("2021-09-17T09:00", 5), extended("2021-09-18T09:00", 5)]
    assert until("P", *twice) == "2021-10-22"


@pytest.mark.parametrize(("time", "last"), [("2021-10-15T23:59", "2021-10-22"), ("2021-10-16T00:00", "2021-10-15")])
def test_an_extension_is_granted_before_expiry(time: str, last: str) -> None:
    assert until("P", extended(time, 5)) == last


def test_a_suspension_puts_the_expiry_off() -> None:
    held = [suspended("2021-10-11T08:00", "testing"), resumed("2021-10-14T08:00", "testing")]
    assert until("P", *held) == "2021-10-20"
    assert until("P", *held, extended("2021-10-19T09:00", 5)) == "2021-10-27"
    assert until("P", *held, extended("2021-10-21T09:00", 5)) == "2021-10-20"


def test_a_suspension_within_the_extension_counts_too() -> None:
    """Extended from 10-15 to 10-22; the clock stands on 10-19 and 10-20."""
    held = [suspended("2021-10-19T08:00", "testing"), resumed("2021-10-21T08:00", "testing")]
    assert until("P", *held) == "2021-10-15"
    assert until("P", extended("2021-09-17T09:00", 5), *held) == "2021-10-26"


def extensible(limit: str) -> Judge:
    return judge_of(promise(select={"service_item": "water"}, limit=limit, extension_moves_limit=True))


@pytest.mark.parametrize(
    ("limit", "accepted_on", "amount", "unit", "due"),
    [
        # the due instant rolls to Monday 08-02; the 10th working day after it
        ("6 months", "2021-01-31T09:00", 6, "months", "2021-08-16"),
        ("6 months", "2021-01-31T09:00", 10, "calendar_days", "2021-08-12"),
        # days of one kind for days of the other: from 11-15 by their own unit
        ("10 working_days", "2021-11-01T09:00", 10, "calendar_days", "2021-11-25"),
        ("10 working_days", "2021-11-01T09:00", 1, "months", "2021-11-29"),
        ("10 working_days", "2021-11-01T09:00", 15, "working_days", "2021-11-29"),
        # due on Monday 11-22 by the roll; 5 days later is a Saturday, which rolls again
        ("20 calendar_days", "2021-11-01T09:00", 5, "calendar_days", "2021-11-29"),
        ("10 working_days", "2021-11-01T09:00", 600, "working_minutes", "2021-11-15"),
    ],
)
def test_an_extension_moves_the_due_instant_by_its_own_unit(
    limit: str, accepted_on: str, amount: int, unit: str, due: str
) -> None:
    facts = [
        accepted(accepted_on),
        extended("2021-11-02T09:00" if accepted_on > "2021-06" else "2021-02-02", amount, unit),
    ]
    assert due_of(extensible(limit), *facts) == end_of(due)


def test_minutes_are_extended_by_minutes() -> None:
    judge, start = extensible("90 working_minutes"), accepted("2021-11-05T16:50")  # until Monday 11-08 at 09:50
    assert due_of(judge, start, extended("2021-11-05T17:00", 60, "working_minutes")) == at("2021-11-08T10:50")
    assert due_of(judge, start, extended("2021-11-05T17:00", 60, "minutes")) == at("2021-11-08T10:50")
    assert due_of(judge, start, extended("2021-11-05T17:00", 2, "working_days")) == at("2021-11-08T09:50")


TEN = extensible("10 working_days")  # from 2021-11-01: until 11-15
FROM = accepted("2021-11-01T09:00")
LAST = end_of("2021-11-15")
OTHER = extended("2021-11-16T09:00", 5)


def last_moment(fact: Fact) -> Fact:
    return fact._replace(time=LAST, received=LAST)


@pytest.mark.parametrize(
    ("grants", "due", "codes"),
    [
        ([extended("2021-11-02T09:00", 5)], "2021-11-22", []),
        ([last_moment(extended("2021-11-15T09:00", 15)), OTHER], "2021-11-29", ["extended_twice"]),
        ([extended("2021-11-16T00:00", 5)], "2021-11-15", ["extended_too_late"]),
        ([extended("2021-11-02T09:00", 60, "minutes")], "2021-11-15", ["extended_in_another_unit"]),
        (
            [extended("2021-11-02T09:00", 60, "minutes"), extended("2021-11-03T09:00", 5), OTHER],
            "2021-11-22",
            ["extended_in_another_unit", "extended_twice"],
        ),
        ([extended("2021-11-02T09:00", 5, source="/units/water")], "2021-11-15", []),
    ],
    ids=["used", "twice", "late", "minutes", "each by itself", "a request"],
)  # fmt: skip
def test_an_extension_that_moves_nothing_is_an_anomaly_and_is_not_counted_as_one(
    grants: list[Fact], due: str, codes: list[str]
) -> None:
    facts = [FROM, *grants, completed("2021-11-30T09:00")]
    assert due_of(TEN, *facts) == end_of(due)
    signals = [each.item for each in TEN.judge(in_order(facts), at("2022-01-01")).judgements if each.kpi == ANOMALY]
    assert signals == codes
    used = due != "2021-11-15"
    assert row(TEN, [facts], "2022-01-01").extended_share == ("1" if used else "0")


def test_the_yellow_card_follows_the_extension() -> None:
    """10 working days: a quarter of them is 3 days. Extended to 11-22, the last three begin on 11-18."""
    granted = extended("2021-11-02T09:00", 5)
    assert judgement(TEN, [FROM], "2021-11-03").yellow_at == at("2021-11-11")
    assert judgement(TEN, [FROM, granted], "2021-11-03").yellow_at == at("2021-11-18")
    held = [suspended("2021-11-18T08:00"), resumed("2021-11-19T08:00")]
    assert judgement(TEN, [FROM, granted, *held], "2021-11-20").due == end_of("2021-11-22")


def test_an_extension_that_one_limit_can_use_is_no_anomaly() -> None:
    """It comes too late for R, whose 5 days are over, and in time for P."""
    granted = extended("2021-10-08T09:00", 5)
    assert (until("P", granted), until("R", granted)) == ("2021-10-22", "2021-09-18")
    found = STATUTE.judge([PERMIT, granted], at("2021-10-10")).judgements
    assert [each.item for each in found if each.kpi == ANOMALY] == []


@given(
    st.sampled_from(["10 working_days", "20 calendar_days", "2 months"]),
    st.integers(1, 400),
    st.sampled_from(["working_days", "calendar_days", "months"]),
    st.integers(0, 200),
)
def test_an_extension_never_shortens_and_gives_10_working_days_at_most(
    limit: str, amount: int, unit: str, after: int
) -> None:
    start = date.fromordinal(date(2021, 3, 1).toordinal() + after).isoformat()
    judge = extensible(limit)
    without = due_of(judge, accepted(f"{start}T09:00"))
    due = due_of(judge, accepted(f"{start}T09:00"), extended(f"{start}T10:00", amount, unit))
    assert without is not None and due is not None
    zone, calendar = judge.law.zone, judge.law.calendar
    assert without <= due
    assert calendar.working_days(zone.day(without), zone.day(due)) <= 10
    if unit == "working_days":
        assert calendar.working_days(zone.day(without), zone.day(due)) == min(amount, 10)


def test_the_extended_share_is_shown() -> None:
    one = [PERMIT, extended("2021-09-17T09:00", 5), completed("2021-10-18T09:00")]
    other = [PERMIT, completed("2021-09-30T09:00")]
    assert row(STATUTE, [one, other], END).extended_share == "0.5"
    assert outcome(STATUTE, one, END, "P") is Outcome.MET


def test_a_stop_dated_before_the_start_is_void_and_the_next_one_counts() -> None:
    judge = judge_of(promise(stop="milestone:connected"))
    facts = [
        milestone("2021-09-01T09:00", "connected"),
        accepted("2021-09-06T09:00"),
        milestone("2021-09-08T09:00", "connected"),
    ]
    assert outcome(judge, facts, "2021-09-20") is Outcome.MET


# ---- a void completion and what it certified --------------------------------------------------------------
TAP = ServiceItem.model_validate(
    {"code": "tap", "title": TITLE, "milestones": ["surveyed", "connected"], "certified_by_completion": ["connected"]}
)
OF_TAPS = {"service_item": "tap"}
TAPS = judge_of(
    promise(select=OF_TAPS, stop="milestone:connected"),
    promise(id="S", select=OF_TAPS, stop="milestone:surveyed"),
    promise(
        id="M", kind="case_mean", select=OF_TAPS, stop="milestone:connected", measure="working_days",
        objective="<= 28 working_days", minimum_n=1,
    ),
    items={**ITEMS, "tap": TAP},
)  # fmt: skip
FALSE = [
    accepted("2021-10-11T09:00", item="tap"),  # 4 working days: until 2021-10-15
    milestone("2021-10-12T09:00", "surveyed"),
    milestone("2021-10-13T10:00", "connected"),
    completed("2021-10-13T10:05", outcome="granted"),
]
VOID = reopened("2021-10-14T09:00")
TRUE = [milestone("2021-10-28T10:00", "connected"), completed("2021-10-28T10:05", outcome="granted", id="true")]


def test_a_void_completion_voids_what_it_certified_and_the_original_clock_goes_on() -> None:
    assert outcome(TAPS, FALSE, "2021-10-14") is Outcome.MET
    assert outcome(TAPS, [*FALSE, VOID], "2021-10-15T12:00") is Outcome.OPEN
    assert outcome(TAPS, [*FALSE, VOID], "2021-10-30") is Outcome.OVERDUE
    assert standing(TAPS, [*FALSE, VOID], "2021-10-30") == [("P", "red")]
    assert outcome(TAPS, [*FALSE, VOID, *TRUE], "2021-10-30") is Outcome.MISSED
    verdicts = [each.verdict for each in verdicts_of(TAPS.judge(in_order([*FALSE, VOID]), at("2021-10-30")))]
    assert "missed" in verdicts


def test_void_twice_the_last_completion_counts_by_the_original_clock() -> None:
    twice = [
        START,
        completed("2021-09-17T09:00"),
        reopened("2021-09-18T09:00"),
        completed("2021-09-22T09:00"),
        reopened("2021-09-22T15:00"),
    ]
    assert outcome(WATER, [*twice, completed("2021-09-23T20:00")], END) is Outcome.MET
    assert outcome(WATER, [*twice, completed("2021-09-24T00:00")], END) is Outcome.MISSED


def test_a_completion_of_the_second_cycle_that_is_void_leaves_the_first_cycle_alone() -> None:
    facts = [
        START,
        completed("2021-09-17T09:00"),
        reopened("2021-11-10T15:00", "new_request"),  # until 2021-11-16
        completed("2021-11-12T09:00"),
        reopened("2021-11-15T09:00"),
        completed("2021-11-17T09:00"),
    ]
    assert [each.outcome for each in judgements(WATER, facts, END)] == [Outcome.MET, Outcome.MISSED]


@pytest.mark.parametrize("end", [withdrawn("2021-10-14T09:00"), completed("2021-10-14T09:00", outcome="terminated")])
def test_ended_and_then_delivered_is_judged_as_never_ended(end: Fact) -> None:
    """Delivered is what a completion certifies, also where none is reported."""
    facts = [FALSE[0], end, milestone("2021-10-28T10:00", "connected")]
    assert outcome(TAPS, facts[:2], END) is Outcome.WITHDRAWN
    assert outcome(TAPS, facts, END) is Outcome.MISSED
    assert len(folded(TAPS, *facts)[0].anomalies) == 1
    surveyed = [FALSE[0], end, milestone("2021-10-28T10:00", "surveyed")]
    assert outcome(TAPS, surveyed, END) is Outcome.WITHDRAWN


def test_other_milestones_stay() -> None:
    assert outcome(TAPS, [*FALSE, VOID], "2021-10-30", "S") is Outcome.MET


def test_a_mean_follows_a_void_completion() -> None:
    assert row(TAPS, [FALSE], "2021-12-31", kpi="M").value == "2"
    found = row(TAPS, [[*FALSE, VOID]], "2021-12-31", kpi="M")
    assert (found.n, found.state) == ("0", "no_data")
    assert row(TAPS, [[*FALSE, VOID, *TRUE]], "2021-12-31", kpi="M").value == "13"


def test_what_is_reported_later_for_a_time_before_the_reopening_is_void_too() -> None:
    again = milestone("2021-10-13T16:00", "connected", received="2021-10-15T09:00")
    assert outcome(TAPS, [*FALSE, VOID, again], "2021-10-30") is Outcome.OVERDUE


def test_void_and_complete_again_and_void_again_does_not_pay() -> None:
    twice = [*FALSE, VOID, *TRUE, reopened("2021-10-29T09:00", id="again")]
    assert outcome(TAPS, twice, "2021-10-30") is Outcome.OVERDUE
    (case,) = folded(TAPS, *twice)
    assert [name for name, _ in case.voided] == ["completed", "completed", "milestone:connected", "milestone:connected"]


def test_a_reopening_of_nothing_voids_nothing() -> None:
    facts = [*FALSE[:3], VOID]
    (case,) = folded(TAPS, *facts)
    assert (case.voided, case.anomalies) == ((), ["reopened_without_completion"])
    assert outcome(TAPS, facts, "2021-10-30") is Outcome.MET


def test_a_milestone_of_before_the_acceptance_is_not_certified() -> None:
    early = milestone("2021-10-08T09:00", "connected")
    (case,) = folded(TAPS, early, *FALSE, VOID)
    assert case.milestones["connected"] == [at("2021-10-08T09:00")]


def test_completed_and_reopened_in_the_same_instant_the_completion_comes_first() -> None:
    """Rule 16, order of facts: the reopening voids it, whichever was meant. A correction moves one of them."""
    done = completed("2021-09-17T09:00")
    facts = [START, done, reopened("2021-09-17T09:00")]
    (case,) = folded(WATER, *facts)
    assert (case.completed, case.reopened) == (None, 1)
    again = completed("2021-09-22T09:00", id="again")
    same = [START, done, reopened("2021-09-22T09:00"), again]
    assert (folded(WATER, *same)[0].completed, folded(WATER, *same)[0].anomalies) == (None, ["completed_as_reopened"])
    moved = correction("2021-09-22T10:00", again, completed("2021-09-22T09:00:01", id="again"))
    assert folded(WATER, *same, moved)[0].completed_at == at("2021-09-22T09:00:01")


# ---- a stop that never comes -----------------------------------------------------------------------------
CONNECTED = judge_of(promise(stop="milestone:connected"))
REFUSED = completed("2021-09-22T09:00", outcome="refused")  # in time
CONNECTION = milestone("2021-09-23T09:00", "connected")


@pytest.mark.parametrize("how", ["refused", "terminated"])
def test_refused_or_terminated_in_time_a_case_leaves_the_denominator_though_nothing_was_delivered(how: str) -> None:
    gone = [START, completed("2021-09-22T09:00", outcome=how)]
    assert outcome(CONNECTED, gone, END) is Outcome.WITHDRAWN
    found = row(CONNECTED, [gone, [START, CONNECTION]], END)
    assert (found.denominator, found.withdrawn_share, found.open_overdue) == ("1", "0.5", "0")
    assert CONNECTED.judge(gone, at(END)).next_at is None


def test_refused_after_the_limit_it_is_late_on_that_day() -> None:
    late = [START, completed("2021-09-24T09:00", outcome="refused")]
    assert outcome(CONNECTED, late, END) is Outcome.MISSED
    found = row(CONNECTED, [late], "2021-09-25", window="7d")
    assert (found.denominator, found.open_overdue) == ("1", "0")
    assert row(CONNECTED, [late], END, window="7d").denominator == "0"


def test_a_refusal_reported_after_the_limit_is_a_late_entry() -> None:
    last_reports = completed("2021-09-22T09:00", outcome="refused", received="2021-09-25T09:00")
    assert outcome(CONNECTED, [START, last_reports], "2021-09-24T12:00") is Outcome.OVERDUE
    assert outcome(CONNECTED, [START, last_reports], END) is Outcome.LATE_ENTRY


def test_what_was_delivered_before_counts_and_what_comes_after_a_refusal_does_not() -> None:
    before = milestone("2021-09-17T09:00", "connected")
    assert outcome(CONNECTED, [START, before, REFUSED], END) is Outcome.MET
    assert outcome(CONNECTED, [START, REFUSED, CONNECTION], END) is Outcome.WITHDRAWN


def test_a_refusal_declared_void_lets_the_clock_go_on() -> None:
    facts = [START, REFUSED, reopened("2021-09-23T09:00")]
    assert outcome(CONNECTED, facts, "2021-09-23T12:00") is Outcome.OPEN
    assert outcome(CONNECTED, facts, END) is Outcome.OVERDUE


def test_where_the_completion_itself_stops_the_clock_its_outcome_does_not_matter() -> None:
    assert outcome(WATER, [START, REFUSED], END) is Outcome.MET
    both = judge_of(promise(stop=("milestone:connected", "completed")))
    assert outcome(both, [START, REFUSED], END) is Outcome.OVERDUE
    assert outcome(both, [START, REFUSED, CONNECTION], END) is Outcome.MET


@pytest.mark.parametrize("given", [{"outcome": "granted"}, {"outcome": "partly"}, {}])
def test_completed_otherwise_without_its_stop_a_case_is_unmeasured_and_an_anomaly(given: dict[str, str]) -> None:
    done = [START, completed("2021-09-22T09:00", **given)]

    def anomalies(*more: Fact) -> list[tuple[str, str]]:
        found = CONNECTED.judge(in_order([*done, *more]), at(END)).judgements
        return [(each.item, each.unit) for each in found if each.kpi == ANOMALY]

    assert outcome(CONNECTED, done, "2021-09-23") is Outcome.OPEN
    assert outcome(CONNECTED, done, END) is Outcome.UNMEASURED
    assert anomalies() == [("completed_without_stop", "works")]
    assert anomalies(CONNECTION) == []
    assert outcome(CONNECTED, [*done, CONNECTION], END) is Outcome.MET
    assert outcome(CONNECTED, [*done, CONNECTION._replace(received=at("2021-09-28"))], END) is Outcome.LATE_ENTRY
    assert [each.kpi for each in WATER.judge(done, at(END)).judgements if each.kpi == ANOMALY] == []


def test_completed_after_its_limit_without_its_stop_a_case_is_missed_and_nothing_stays_overdue() -> None:
    done = [START, completed("2021-09-27T09:00")]
    assert outcome(CONNECTED, done, "2021-09-25") is Outcome.OVERDUE
    assert outcome(CONNECTED, done, END) is Outcome.MISSED
    assert row(CONNECTED, [done], END).open_overdue == "0"
    assert outcome(CONNECTED, [*done, CONNECTION], END) is Outcome.MET
    late = CONNECTION._replace(received=at("2021-09-28"))
    assert outcome(CONNECTED, [*done, late], END) is Outcome.LATE_ENTRY


def test_a_share_misses_a_step_that_was_not_taken_and_nothing_about_it_is_doubtful() -> None:
    judge = judge_of(
        promise(
            kind="case_share", where={"stopped": True}, stop="milestone:connected", matures_at="4 working_days",
            limit=None, objective=">= 90 %",
        )
    )  # fmt: skip
    done = [START, completed("2021-09-22T09:00")]
    assert outcome(judge, done, END) is Outcome.MISSED
    assert row(judge, [done], END).open_overdue == "0"
    assert [each for each in judge.judge(in_order(done), at(END)).judgements if each.kpi == ANOMALY] == []


def test_more_than_5_percent_of_cases_without_their_stop_forbid_met() -> None:
    done = [[START, CONNECTION]] * 19
    without = [START, completed("2021-09-22T09:00")]
    assert row(CONNECTED, [*done, without], END).state == "met"
    found = row(CONNECTED, [*done[:18], without], END)
    assert (found.state, found.n, found.unmeasured_n) == ("unmeasured", "18", "1")


def test_the_yellow_card_of_a_case_that_is_completed_without_its_stop_ends_with_its_limit() -> None:
    done = [START, completed("2021-09-22T09:00")]
    assert standing(CONNECTED, done, "2021-09-23T12:00") == [("P", "yellow")]
    (yellow,) = card_list(CONNECTED, done, END)
    assert (yellow.raised_at, yellow.cleared_at) == (at("2021-09-23"), at("2021-09-24"))
    assert not CONNECTED.judge(in_order(done), at(END)).nothing_to_publish


def test_it_has_that_card_too_where_all_of_it_arrived_before_its_clock_started() -> None:
    """The clock of its source is two minutes ahead."""
    judge = judge_of(promise(start="milestone:asked", stop="milestone:connected", limit="5 minutes"))
    asked = milestone("2021-09-22T11:00", "asked", received="2021-09-22T10:58")
    done = in_order([START, completed("2021-09-22T09:00"), asked])
    assert [card.cleared_at for card in card_list(judge, done, END)] == [at("2021-09-22T11:05") + 1]
    assert not judge.judge(done, at(END)).nothing_to_publish


def test_a_case_that_is_known_not_to_owe_the_stop_is_not_judged_and_no_anomaly() -> None:
    judge = judge_of(promise(stop="milestone:connected", stop_owed_if={"line": True}))
    done = completed("2021-09-22T09:00")
    without = [accepted("2021-09-16T09:00", attributes={"line": False}), done]
    assert outcome(judge, without, END) is None
    assert [each for each in judge.judge(in_order(without), at(END)).judgements if each.kpi == ANOMALY] == []
    assert outcome(judge, [accepted("2021-09-16T09:00", attributes={"line": True}), done], END) is Outcome.UNMEASURED
    assert outcome(judge, [START, done], END) is Outcome.UNMEASURED  # what is unknown excuses nobody
    assert outcome(judge, [without[0], milestone("2021-09-27T09:00", "connected")], END) is Outcome.MISSED


def test_the_anomaly_counts_once_however_many_promises_wait() -> None:
    judge = judge_of(*(promise(id=name, stop="milestone:connected") for name in ("A", "B")))
    found = judge.judge([START, completed("2021-09-22T09:00")], at(END)).judgements
    assert [each.item for each in found if each.kpi == ANOMALY] == ["completed_without_stop"]


def test_a_share_and_a_mean_end_with_a_refusal_too() -> None:
    share = judge_of(
        promise(
            kind="case_share", where={"stopped": True}, stop="milestone:connected", matures_at="4 working_days",
            objective=">= 95 %",
        )
    )  # fmt: skip
    late = completed("2021-09-24T09:00", outcome="refused")
    assert outcome(share, [START, REFUSED], END) is Outcome.WITHDRAWN
    assert outcome(share, [START, late], END) is Outcome.MISSED
    assert outcome(share, [START, withdrawn("2021-09-24T09:00")], END) is Outcome.MISSED
    mean = judge_of(promise(kind="case_mean", measure="working_days", stop="milestone:connected", minimum_n=1))
    found = row(mean, [[START, REFUSED], [START, late]], END)
    assert (found.n, found.withdrawn_share) == ("0", "1")
