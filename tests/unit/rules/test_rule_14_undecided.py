"""rule 14: what arrives after a decision on a late entry, and without which the case would be missed, waits."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.intake.facts import Fact
from services.domain.judging.judgement import Outcome
from services.domain.time.zone import DAY_US
from tests.unit.cases import (
    NO_FEE,
    ZONE,
    accepted,
    at,
    completed,
    confirmed,
    correction,
    end_of,
    extended,
    fulfilled,
    in_order,
    judge_of,
    judgement,
    justified,
    measured,
    milestone,
    outcome,
    promise,
    rated,
    reclassified,
    reopened,
    resumed,
    suspended,
    upserted,
    withdrawn,
)

WATER = judge_of(promise(clock_stops=("hearing",), extension_moves_limit=True))
SOFT = judge_of(promise(strength="soft", clock_stops=("hearing",), extension_moves_limit=True))
START = accepted("2021-09-16T09:00")  # until the end of 2021-09-23
DONE = completed("2021-09-22T09:00", received="2021-09-27T09:00")
END = "2021-11-20"


def on(through: str, time: str, decision: str = "accepted") -> Fact:
    return confirmed(time, decision, cycle=1, through=through, id=f"{time} {through}")


DECIDED = [START, DONE, on("2021-09-27T09:00", "2021-10-08T09:00")]
STRUCK = correction("2021-10-12T09:00", DONE, None, id="struck")
LATER = completed("2021-09-26T09:00")
"""Later than the limit."""
HELPS = {
    "a suspension": (suspended("2021-09-17T08:00", received="2021-10-11T09:00"), STRUCK),
    "an extension": (extended("2021-09-23T09:00", 5, received="2021-10-11T09:00"),
                     correction("2021-10-12T09:00", DONE, LATER, id="later")),
    "a withdrawal": (withdrawn("2021-09-21T09:00", received="2021-10-11T09:00"), STRUCK),
    "a second completion": (completed("2021-09-23T09:00", received="2021-10-11T09:00"), STRUCK),
    "a later acceptance": (correction("2021-10-11T09:00", START, accepted("2021-09-22T09:00"), id="start"),
                           correction("2021-10-12T09:00", DONE, LATER, id="later")),
    "an earlier completion": (correction("2021-10-11T09:00", DONE, completed("2021-09-17T09:00"), id="done"),
                              correction("2021-10-12T09:00", START, accepted("2021-09-14T09:00"), id="start")),
}  # fmt: skip
"""What helps the unit → that, which arrives on 10-11, and what would be a miss without it, on 10-12."""


@pytest.mark.parametrize("help", HELPS)
def test_what_helps_after_a_decision_waits_for_its_own(help: str) -> None:
    helps, harms = HELPS[help]
    assert outcome(WATER, [*DECIDED, harms], END) in (Outcome.MISSED, Outcome.OVERDUE)
    facts = [*DECIDED, helps, harms]
    if help == "a suspension":
        facts.append(completed("2021-11-01T09:00"))
    assert outcome(WATER, facts, END) is Outcome.LATE_ENTRY
    assert outcome(WATER, [*facts, on("2021-10-11T09:00", "2021-10-13T09:00")], END) in (Outcome.MET, Outcome.WITHDRAWN)
    assert outcome(WATER, [*facts, on("2021-10-11T09:00", "2021-10-13T09:00", "rejected")], END) is Outcome.LATE_ENTRY


# ---- what counts without a decision --------------------------------------------------------------------------
def test_what_arrives_together_is_no_better() -> None:
    paused = suspended("2021-09-17T08:00", received="2021-10-12T09:00")
    facts = [*DECIDED, paused, STRUCK, completed("2021-11-01T09:00")]
    assert outcome(WATER, facts, END) is Outcome.LATE_ENTRY


@pytest.mark.parametrize(
    "later",
    [
        rated("2021-10-11T09:00", 5),
        milestone("2021-10-11T09:00", "inspected"),
        completed("2021-09-21T09:00", received="2021-10-11T09:00"),
        correction("2021-10-11T09:00", DONE, completed("2021-09-21T09:00")),
        correction("2021-10-11T09:00", DONE, completed("2021-09-23T09:00")),
        suspended("2021-09-17T08:00", received="2021-10-11T09:00"),
    ],
)
def test_what_changes_nothing_leaves_the_decision(later: Fact) -> None:
    assert outcome(WATER, [*DECIDED, later], END) is Outcome.MET


def test_a_decision_that_had_seen_the_help_is_a_decision_on_it_whichever_came_last() -> None:
    helps, harms = HELPS["a second completion"]
    both = on("2021-10-11T09:00", "2021-10-13T09:00")
    assert outcome(WATER, [*DECIDED, helps, harms, both], END) is Outcome.MET
    narrower = on("2021-09-27T09:00", "2021-10-14T09:00")
    assert outcome(WATER, [*DECIDED, helps, harms, both, narrower], END) is Outcome.MET
    struck = correction("2021-10-15T09:00", both, None, id="never")
    assert outcome(WATER, [*DECIDED, helps, harms, both, narrower, struck], END) is Outcome.LATE_ENTRY


def test_while_the_case_is_open_within_its_limit_everything_counts() -> None:
    """A suspension from 09-17 is reported on 09-27 and confirmed; the clock runs again from 10-08: until the end of
    10-12, a Tuesday."""
    paused = suspended("2021-09-17T08:00", received="2021-09-27T09:00")
    facts = [START, paused, on("2021-09-27T09:00", "2021-09-28T09:00"), resumed("2021-10-08T08:00")]
    again = suspended("2021-10-09T08:00", received="2021-10-11T09:00")
    done = completed("2021-10-18T09:00")
    assert outcome(WATER, [*facts, done], END) is Outcome.MISSED
    assert outcome(WATER, [*facts, again, done], END) is Outcome.MET
    void = [*facts, completed("2021-10-10T09:00"), again, reopened("2021-10-12T09:00"), done]
    assert outcome(WATER, void, END) is Outcome.MET  # open again, within its limit, when it could be reported


def test_a_help_that_came_while_the_case_was_closed_counts_once_it_is_too_late_only_if_decided() -> None:
    paused = suspended("2021-09-17T08:00", received="2021-09-27T09:00")
    facts = [START, paused, on("2021-09-27T09:00", "2021-09-28T09:00"), resumed("2021-10-08T08:00")]
    facts += [completed("2021-10-10T09:00"), suspended("2021-10-09T08:00", received="2021-10-11T09:00")]
    late = [*facts, reopened("2021-10-13T09:00"), completed("2021-10-18T09:00")]
    assert outcome(WATER, late, END) is Outcome.LATE_ENTRY  # on 10-13 the limit of 10-12 had passed
    assert outcome(WATER, [*late, on("2021-10-11T09:00", "2021-10-19T09:00")], END) is Outcome.MET


def test_an_extension_that_the_ledger_has_is_a_decision_itself() -> None:
    later = correction("2021-10-12T09:00", DONE, completed("2021-09-26T09:00"), id="later")
    granted = extended("2021-09-23T17:00", 5, received="2021-10-11T09:00", id="ledger-17")
    assert outcome(WATER, [*DECIDED, granted, later], END) is Outcome.MET


def test_a_case_that_left_the_promise_comes_back_with_what_was_decided_only() -> None:
    judge = judge_of(promise(select={"service_item": "water", "size": "small"}, clock_stops=("hearing",)))
    small = accepted("2021-09-16T09:00", attributes={"size": "small"})
    left = [small, reclassified("2021-09-27T09:00", attributes={"size": "large"}), on("2021-09-27T09:00", "2021-10-08")]
    assert outcome(judge, left, END) is None
    paused = suspended("2021-09-17T08:00", received="2021-10-11T09:00")
    back = [*left, paused, reclassified("2021-10-12T09:00", attributes={"size": "small"})]
    back.append(completed("2021-11-01T09:00"))
    assert outcome(judge, back, END) is Outcome.LATE_ENTRY
    assert outcome(judge, [*back, on("2021-10-11T09:00", "2021-11-02T09:00")], END) is Outcome.MET


def test_a_further_refund_that_nobody_had_seen_pays_for_nothing() -> None:
    judge = judge_of(NO_FEE)
    facts = [
        START,
        measured("2021-09-16T10:00", "fee", 5),
        completed("2021-09-17T09:00"),
        measured("2021-09-17T10:00", "fee", -5, received="2021-09-20T10:00"),
        on("2021-09-20T10:00", "2021-09-21T09:00"),
    ]
    assert outcome(judge, facts, END) is Outcome.MET
    facts.append(measured("2021-09-16T12:00", "fee", -100, received="2021-09-22T10:00"))
    assert outcome(judge, facts, END) is Outcome.MET
    facts.append(measured("2021-09-16T13:00", "fee", 80, received="2021-09-23T10:00"))
    assert outcome(judge, facts, END) is Outcome.LATE_ENTRY
    assert outcome(judge, [*facts, on("2021-09-22T10:00", "2021-09-24T09:00")], END) is Outcome.MET


def test_a_new_request_begins_a_cycle_of_its_own() -> None:
    again = [reopened("2021-10-11T09:00", "new_request"), completed("2021-10-12T09:00")]
    void = reopened("2021-10-13T09:00", received="2021-10-14T09:00")
    found = WATER.judge(in_order([*DECIDED, *again, void]), at(END)).judgements
    assert [each.outcome for each in found if each.kpi == "P"] == [Outcome.MET, Outcome.OVERDUE]


# ---- through -------------------------------------------------------------------------------------------------
def test_a_decision_through_no_arrival_is_on_what_had_arrived_by_then() -> None:
    helps, harms = HELPS["a second completion"]
    for through, found in (
        ("2021-09-26", Outcome.LATE_ENTRY),
        ("2021-10-01T00:00", Outcome.LATE_ENTRY),
        ("2021-10-11T08:59", Outcome.LATE_ENTRY),
        ("2021-10-11T09:01", Outcome.MET),
        ("2022-01-01", Outcome.MET),
    ):
        assert outcome(WATER, [START, DONE, helps, harms, on(through, "2021-10-13T09:00")], END) is found


def test_a_reason_of_which_the_deciders_had_seen_nothing_excuses_nothing() -> None:
    soft = judge_of(promise(strength="soft"))
    late = completed("2021-09-27T09:00")
    for through in ("2021-09-01T09:00", "2021-09-16T08:59"):
        blind = justified("2021-09-28T09:00", "accepted", cycle=1, through=through)
        assert outcome(soft, [START, late, blind], END) is Outcome.MISSED
    seen = justified("2021-09-28T09:00", "accepted", cycle=1, through="2021-09-16T09:00")
    assert outcome(soft, [START, late, seen], END) is Outcome.JUSTIFIED


# ---- reasons -------------------------------------------------------------------------------------------------
def test_a_suspension_that_nobody_had_seen_does_not_make_up_for_a_later_completion() -> None:
    """Late by 4 days when the reason was accepted; the suspension moves the limit to 10-12, the correction the
    completion to 10-14: late by 2 days, and by 21 without it."""
    soft = judge_of(promise(strength="soft", clock_stops=("hearing",)))
    late = completed("2021-09-27T09:00")
    excused = [START, late, justified("2021-09-28T09:00", "accepted", cycle=1, through="2021-09-27T09:00")]
    paused = [
        suspended("2021-09-17T08:00", received="2021-10-15T09:00"),
        resumed("2021-10-08T08:00", received="2021-10-15T09:00"),
    ]
    moved = correction("2021-10-16T09:00", late, completed("2021-10-14T09:00"), id="moved")
    assert outcome(soft, [*excused, moved], END) is Outcome.MISSED
    facts = [*excused, *paused, moved]
    assert judgement(soft, facts, END).due == end_of("2021-10-12")
    assert outcome(soft, facts, END) is Outcome.MISSED
    again = justified("2021-10-17T09:00", "accepted", cycle=1, through="2021-10-16T09:00")
    assert outcome(soft, [*facts, again], END) is Outcome.JUSTIFIED


def test_what_is_put_right_again_leaves_the_reason() -> None:
    soft = judge_of(promise(strength="soft"))
    late = completed("2021-09-27T09:00")
    excused = [START, late, justified("2021-09-28T09:00", "accepted", cycle=1, through="2021-09-27T09:00")]
    wrong = correction("2021-10-08T09:00", late, completed("2021-10-07T09:00"), id="wrong")
    back = correction("2021-10-09T09:00", late, late, id="back")
    assert outcome(soft, [*excused, wrong], END) is Outcome.MISSED
    assert outcome(soft, [*excused, wrong, back], END) is Outcome.JUSTIFIED


# ---- catalogue, duty -----------------------------------------------------------------------------------------
def test_a_second_report_of_an_entry_that_nobody_had_seen_does_not_stand_in_for_the_first() -> None:
    judge = judge_of(
        promise(
            kind="catalogue", select={}, collection="catalogue", where={"online": True}, statistic="share",
            objective=">= 80 %", by="2021-10-31",
        )
    )  # fmt: skip
    reached = upserted("2021-10-30T09:00", online=True)._replace(received=at("2021-11-05T09:00"))
    facts = [upserted("2021-10-01T09:00", online=False), reached, on("2021-11-05T09:00", "2021-11-06T09:00")]
    assert judgement(judge, facts, END).outcome is Outcome.COUNTED
    facts.append(upserted("2021-10-29T09:00", online=True)._replace(received=at("2021-11-08T09:00")))
    assert judgement(judge, facts, END).outcome is Outcome.COUNTED
    facts.append(correction("2021-11-10T09:00", reached, None))
    assert judgement(judge, facts, END).outcome is Outcome.LATE_ENTRY
    assert judgement(judge, [*facts, on("2021-11-08T09:00", "2021-11-11T09:00")], END).outcome is Outcome.COUNTED


def test_a_second_report_of_a_duty_does_not_stand_in_for_the_first() -> None:
    judge = judge_of(promise(kind="duty", select={}, duty="report", period="month", owed_by=("works",)))
    first = fulfilled("2021-09-29T17:00", "2021-09", received="2021-10-08T09:00")
    facts = [first, confirmed("2021-10-09T09:00", unit="works", period="2021-09", through="2021-10-08T09:00")]
    facts.append(fulfilled("2021-09-30T17:00", "2021-09", received="2021-10-11T09:00"))
    assert judgement(judge, facts, END).outcome is Outcome.MET
    facts.append(correction("2021-10-12T09:00", first, None))
    assert judgement(judge, facts, END).outcome is Outcome.LATE_ENTRY


# ---- in general ----------------------------------------------------------------------------------------------
MINUTES = st.integers(0, 6 * 24 * 60)


@st.composite
def helps(draw: st.DrawFn) -> list[Fact]:
    """What may help a case: each happened in the first six days, and arrives some days after the decision."""
    found: list[Fact] = []
    for n in range(draw(st.integers(0, 4))):
        happened = ZONE.text(at("2021-09-16T10:00") + draw(MINUTES) * 60_000_000)[:16]
        arrived = ZONE.text(at("2021-10-09T09:00") + draw(MINUTES) * 60_000_000)[:16]
        envelope: dict[str, Any] = {"id": f"help-{n}", "received": arrived}
        match draw(st.sampled_from(("suspended", "resumed", "completed", "withdrawn", "extended", "moved", "rated"))):
            case "suspended":
                found.append(suspended(happened, **envelope))
            case "resumed":
                found.append(resumed(happened, **envelope))
            case "completed":
                found.append(completed(happened, **envelope))
            case "withdrawn":
                found.append(withdrawn(happened, **envelope))
            case "extended":
                found.append(extended(happened, 5, **envelope))
            case "moved":
                found.append(correction(arrived, START, accepted(happened), id=f"help-{n}"))
            case _:
                found.append(rated(happened, 5, **envelope))
    return found


STRUCK_LAST = correction("2021-11-01T09:00", DONE, None, id="struck")


@settings(max_examples=60, deadline=None)
@given(helps())
def test_nothing_that_nobody_decided_on_stands_in_for_what_was_confirmed(later: list[Fact]) -> None:
    found = outcome(WATER, [*DECIDED, *later, STRUCK_LAST], END)
    assert found not in (Outcome.MET, Outcome.WITHDRAWN)


@settings(max_examples=60, deadline=None)
@given(helps(), st.booleans(), st.integers(0, 40))
def test_a_decision_makes_of_a_late_entry_what_the_facts_say_and_changes_nothing_else(
    later: list[Fact], is_struck: bool, days: int
) -> None:
    facts = [START, DONE, *later, *([STRUCK_LAST] if is_struck else [])]
    without = outcome(WATER, facts, END)
    through = ZONE.text(at("2021-09-27T09:00") + days * DAY_US)[:16]
    decided = outcome(WATER, [*facts, on(through, "2021-11-15T09:00")], END)
    known = WATER.judge_cases(WATER.cases(in_order(facts)), at(END))
    said = [each.outcome for each in known if each.kpi == "P"][0]
    assert decided in ((without, said) if without is Outcome.LATE_ENTRY else (without,))
    if through >= "2021-11-01T09:00":
        assert decided is said


@settings(max_examples=60, deadline=None)
@given(helps(), st.integers(0, 40), st.integers(0, 10))
def test_who_has_seen_more_confirms_no_less(later: list[Fact], days: int, more: int) -> None:
    def decided(days: int) -> Outcome | None:
        through = ZONE.text(at("2021-09-27T09:00") + days * DAY_US)[:16]
        return outcome(WATER, [START, DONE, *later, STRUCK_LAST, on(through, "2021-11-15T09:00")], END)

    if decided(days) is not Outcome.LATE_ENTRY:
        assert decided(days + more) is not Outcome.LATE_ENTRY


@settings(max_examples=60, deadline=None)
@given(helps(), st.integers(1, 30))
def test_nothing_that_nobody_had_seen_excuses_a_later_completion(later: list[Fact], days: int) -> None:
    """Late by 4 days when the reason was accepted, and later after a correction."""
    late = completed("2021-09-27T09:00")
    excused = [START, late, justified("2021-09-28T09:00", "accepted", cycle=1, through="2021-09-27T09:00")]
    moved = completed(ZONE.text(late.time + days * DAY_US)[:16])
    facts = [*excused, *later, correction("2021-11-01T09:00", late, moved, id="moved")]
    assert outcome(SOFT, facts, END) is not Outcome.JUSTIFIED
