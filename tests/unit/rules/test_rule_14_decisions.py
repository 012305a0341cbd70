"""rule 14: a decision is on what had arrived when it was made; what arrives later needs a decision of its own."""

import random
from typing import Any

import pytest

from services.domain.history.decisions import is_recorded
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.results.verdicts import verdicts_of
from tests.unit.cases import (
    NO_FEE,
    OPERATIONS,
    accepted,
    at,
    completed,
    confirmed,
    correction,
    extended,
    folded,
    fulfilled,
    in_order,
    judge_of,
    judgement,
    justified,
    measured,
    outcome,
    promise,
    reopened,
    reported,
    row,
    suspended,
    upserted,
)

WATER = judge_of(promise(clock_stops=("hearing",), extension_moves_limit=True))
START = accepted("2021-09-16T09:00")  # until the end of 2021-09-23
DONE = completed("2021-09-22T09:00", received="2021-09-27T09:00")
END = "2021-11-20"


def verdicts(judge: Judge, facts: list[Fact]) -> list[str]:
    return [each.verdict for each in verdicts_of(judge.judge(in_order(facts), at(END)))]


def confirmed_through(through: str, time: str = "2021-10-08T09:00", **given: Any) -> Fact:
    return confirmed(time, cycle=1, through=through, id=f"{time} {through}", **given)


# ---- cases -------------------------------------------------------------------------------------------------
CONFIRMED = [START, DONE, confirmed_through("2021-09-27T09:00")]
WRONG = correction("2021-10-11T09:00", DONE, completed("2021-09-26T09:00"), id="wrong")
BACK = correction("2021-10-13T09:00", DONE, completed("2021-09-22T10:00"), id="back")


def test_a_later_late_entry_of_the_same_cycle_waits_for_its_own_decision() -> None:
    assert outcome(WATER, CONFIRMED, END) is Outcome.MET
    assert outcome(WATER, [*CONFIRMED, WRONG], END) is Outcome.MISSED
    again = [*CONFIRMED, WRONG, BACK]
    assert outcome(WATER, again, END) is Outcome.LATE_ENTRY
    assert verdicts(WATER, again) == ["met_by_late_entry"]
    found = row(WATER, [again], END)
    assert (found.numerator, found.denominator, found.late_entry_n) == ("0", "1", "1")
    decided = [*again, confirmed_through("2021-10-13T09:00", "2021-10-14T09:00")]
    assert outcome(WATER, decided, END) is Outcome.MET
    assert verdicts(WATER, decided) == ["reversed"]


def test_the_order_of_arrival_at_the_judge_changes_nothing() -> None:
    facts = [*CONFIRMED, WRONG, BACK, confirmed_through("2021-10-13T09:00", "2021-10-14T09:00")]
    for seed in range(10):
        shuffled = random.Random(seed).sample(facts, len(facts))
        for n in range(1, len(facts) + 1):
            known = sorted(shuffled[:n], key=lambda each: facts.index(each))
            assert outcome(WATER, shuffled[:n], END) is outcome(WATER, known, END)


def test_a_decision_that_had_not_seen_the_late_entry_confirms_nothing() -> None:
    assert outcome(WATER, [START, DONE, confirmed_through("2021-09-27T08:59")], END) is Outcome.LATE_ENTRY
    assert outcome(WATER, [START, DONE, confirmed_through("2021-10-01T09:00")], END) is Outcome.MET


def test_nobody_has_seen_what_arrived_after_the_decision() -> None:
    too_far = confirmed("2021-09-24T09:00", cycle=1, through="2021-12-01")
    assert outcome(WATER, [START, too_far, DONE], END) is Outcome.LATE_ENTRY


def test_a_decision_from_before_the_fields_is_on_what_had_arrived_by_its_time() -> None:
    old = confirmed("2021-10-08T09:00")
    assert outcome(WATER, [START, DONE, old], END) is Outcome.MET
    assert outcome(WATER, [START, DONE, old, WRONG, BACK], END) is Outcome.LATE_ENTRY
    blind = confirmed("2021-09-26T09:00", received="2021-10-08T09:00")
    assert outcome(WATER, [START, DONE, blind], END) is Outcome.LATE_ENTRY


def test_of_decisions_on_the_same_the_last_holds_and_one_that_is_struck_out_never_was() -> None:
    rejected = confirmed_through("2021-09-27T09:00", "2021-10-09T09:00", decision="rejected")
    assert outcome(WATER, [*CONFIRMED, rejected], END) is Outcome.LATE_ENTRY
    withdrawn = correction("2021-10-10T09:00", rejected, None)
    assert outcome(WATER, [*CONFIRMED, rejected, withdrawn], END) is Outcome.MET
    both = [*CONFIRMED, correction("2021-10-10T09:00", CONFIRMED[2], None)]
    assert outcome(WATER, both, END) is Outcome.LATE_ENTRY


def test_a_case_that_was_missed_and_ran_late_again_under_a_late_suspension_needs_two_decisions() -> None:
    paused = suspended("2021-09-17T08:00", received="2021-09-27T09:00")
    facts = [START, paused, confirmed_through("2021-09-27T09:00")]
    assert outcome(WATER, facts, END) is Outcome.OPEN
    done = [*facts, correction("2021-10-11T09:00", paused, None), completed("2021-09-22T09:00", received="2021-10-12")]
    assert outcome(WATER, done, END) is Outcome.LATE_ENTRY


def test_a_decision_is_about_the_cycle_that_it_names_whenever_it_is_made() -> None:
    facts = [
        *CONFIRMED[:2],
        reopened("2021-10-08T09:00", "new_request"),  # until the end of 2021-10-13
        completed("2021-10-12T09:00", received="2021-10-15T09:00"),
    ]
    late = judge_of(promise())

    def outcomes(*decisions: Fact) -> list[Outcome]:
        found = late.judge(in_order([*facts, *decisions]), at(END)).judgements
        return [each.outcome for each in found if each.kpi == "P"]

    entry = Outcome.LATE_ENTRY
    assert outcomes() == [entry, entry]
    first = confirmed("2021-10-20T09:00", cycle=1, through="2021-10-15T09:00")
    assert outcomes(first) == [Outcome.MET, entry]
    second = confirmed("2021-10-21T09:00", cycle=2, through="2021-10-15T09:00")
    assert outcomes(second) == [entry, Outcome.MET]
    assert outcomes(first, second) == [Outcome.MET, Outcome.MET]
    assert outcomes(confirmed("2021-10-21T09:00")) == [entry, Outcome.MET]  # of old: the cycle in which it was made
    third = confirmed("2021-10-21T09:00", cycle=3, through="2021-10-15T09:00")
    assert outcomes(third) == [entry, entry]
    assert "decided_on_no_cycle" in folded(late, *facts, third)[-1].anomalies


def test_what_a_decision_is_about_is_no_case_where_it_names_a_month() -> None:
    about_a_duty = confirmed("2021-10-08T09:00", unit="works", period="2021-09", through="2021-09-27T09:00")
    assert outcome(WATER, [START, DONE, about_a_duty], END) is Outcome.LATE_ENTRY


def test_a_fee_taken_back_once_more_needs_a_decision_of_its_own() -> None:
    judge = judge_of(NO_FEE)
    facts = [
        START,
        measured("2021-09-16T10:00", "fee", 5),
        completed("2021-09-17T09:00"),
        measured("2021-09-20T10:00", "fee", -5),
        confirmed_through("2021-09-20T10:00", "2021-09-21T09:00"),
    ]
    assert outcome(judge, facts, END) is Outcome.MET
    charged = [*facts, measured("2021-09-22T10:00", "fee", 80)]
    assert outcome(judge, charged, END) is Outcome.MISSED
    refunded = [*charged, measured("2021-09-23T10:00", "fee", -80)]
    assert outcome(judge, refunded, END) is Outcome.LATE_ENTRY
    assert outcome(judge, [*refunded, confirmed_through("2021-09-23T10:00", "2021-09-24T09:00")], END) is Outcome.MET


# ---- reasons -----------------------------------------------------------------------------------------------
SOFT = judge_of(promise(strength="soft"))
LATE = completed("2021-09-27T09:00")
EXCUSED = justified("2021-09-28T09:00", "accepted", cycle=1, through="2021-09-27T09:00")


def test_an_accepted_reason_is_for_the_miss_that_was_seen() -> None:
    assert outcome(SOFT, [START, LATE, EXCUSED], END) is Outcome.JUSTIFIED
    reopened_later = [START, LATE, EXCUSED, reopened("2021-10-08T09:00")]
    assert outcome(SOFT, reopened_later, END) is Outcome.OVERDUE
    done = [*reopened_later, completed("2021-10-20T09:00")]
    assert outcome(SOFT, done, END) is Outcome.MISSED
    again = justified("2021-10-21T09:00", "accepted", cycle=1, through="2021-10-20T09:00")
    assert outcome(SOFT, [*done, again], END) is Outcome.JUSTIFIED


@pytest.mark.parametrize(
    ("day", "found"),
    [("2021-09-26", Outcome.JUSTIFIED), ("2021-09-30", Outcome.MISSED), ("2021-09-22", Outcome.LATE_ENTRY)],
)
def test_a_correction_that_makes_the_case_no_later_leaves_the_reason(day: str, found: Outcome) -> None:
    corrected = correction("2021-10-08T09:00", LATE, completed(f"{day}T09:00"))
    assert outcome(SOFT, [START, LATE, EXCUSED, corrected], END) is found


def test_a_reason_for_a_cycle_that_nobody_had_seen_excuses_nothing() -> None:
    done = [START, completed("2021-09-20T09:00")]
    again = [reopened("2021-10-08T09:00", "new_request"), completed("2021-11-10T09:00")]

    def second(*decisions: Fact) -> Outcome:
        found = SOFT.judge(in_order([*done, *decisions, *again]), at(END)).judgements
        (each,) = [each for each in found if each.kpi == "P" and each.cycle == 2]
        return each.outcome

    in_advance = justified("2021-09-28T09:00", "accepted", cycle=2, through="2021-09-27T09:00")
    assert second() is Outcome.MISSED
    assert second(in_advance) is Outcome.MISSED
    late = justified("2021-11-12T09:00", "accepted", cycle=2, through="2021-09-27T09:00")
    assert second(late) is Outcome.MISSED  # made later, on what had arrived before
    opened = justified("2021-10-09T09:00", "accepted", cycle=2, through="2021-10-08T09:00")
    assert second(opened) is Outcome.JUSTIFIED
    seen = justified("2021-11-11T09:00", "accepted", cycle=2, through="2021-11-10T09:00")
    assert second(seen) is Outcome.JUSTIFIED
    assert second(in_advance, seen) is Outcome.JUSTIFIED


def test_the_reason_of_an_open_case_holds_whenever_it_is_completed() -> None:
    open_then = justified("2021-09-24T09:00", "accepted", cycle=1, through="2021-09-16T09:00")
    assert outcome(SOFT, [START, open_then, completed("2021-10-20T09:00")], END) is Outcome.JUSTIFIED


# ---- duties, figures, catalogue ------------------------------------------------------------------------------
def test_a_decision_on_a_duty_is_on_its_month_and_on_what_had_arrived() -> None:
    judge = judge_of(promise(kind="duty", select={}, duty="report", period="month", owed_by=("works",)))
    september = fulfilled("2021-09-30T17:00", "2021-09", received="2021-10-08T09:00")
    october = fulfilled("2021-10-29T17:00", "2021-10", received="2021-11-08T09:00")

    def outcomes(*decisions: Fact) -> list[Outcome]:
        found = judge.judge(in_order([september, october, *decisions]), at(END)).judgements
        return [each.outcome for each in found if each.kpi == "P"]

    entry = Outcome.LATE_ENTRY
    of_september = confirmed("2021-11-09T09:00", unit="works", period="2021-09", through="2021-11-08T09:00")
    assert outcomes(of_september) == [Outcome.MET, entry]
    before = confirmed("2021-10-09T09:00", unit="works", period="2021-10", through="2021-10-08T09:00")
    assert outcomes(before) == [entry, entry]
    assert outcomes(confirmed("2021-10-09T09:00")) == [Outcome.MET, entry]  # of old: by its time
    of_a_case = confirmed("2021-11-09T09:00", cycle=1, through="2021-11-08T09:00")
    assert outcomes(of_a_case) == [entry, entry]


def test_a_duty_that_was_reported_in_time_stays_so_whatever_is_reported_later() -> None:
    judge = judge_of(promise(kind="duty", select={}, duty="report", period="month", owed_by=("works",)))
    in_time = fulfilled("2021-09-29T17:00", "2021-09")
    later = fulfilled("2021-09-28T17:00", "2021-09", received="2021-10-08T09:00")
    assert judgement(judge, [in_time, later], END).outcome is Outcome.MET


def test_a_decision_on_a_figure_is_on_the_report_that_was_seen_last() -> None:
    judge = judge_of(
        promise(
            kind="figure", select={}, numerator="records", denominator="records", period="month", statistic="share",
            owed_by=("works",), objective=">= 95 %",
        )
    )  # fmt: skip
    short, whole = reported("2021-11-01T09:00", 8, 10), reported("2021-11-10T09:00", 10, 10)
    facts = [short, whole]
    assert judgement(judge, facts, END).outcome is Outcome.LATE_ENTRY

    def accepting(through: str, time: str) -> Fact:
        return confirmed(time, unit="works", period="2021-10", through=through)

    facts.append(accepting("2021-11-10T09:00", "2021-11-10T10:00"))
    assert judgement(judge, facts, END).outcome is Outcome.COUNTED
    facts.append(reported("2021-11-11T09:00", 7, 10))
    assert judgement(judge, facts, END).outcome is Outcome.COUNTED  # what is worse counts at once
    facts.append(reported("2021-11-12T09:00", 10, 10))
    assert judgement(judge, facts, END).outcome is Outcome.LATE_ENTRY
    other = confirmed("2021-11-12T10:00", unit="works", period="2021-09", through="2021-11-12T09:00")
    assert judgement(judge, [*facts, other], END).outcome is Outcome.LATE_ENTRY
    facts.append(accepting("2021-11-12T09:00", "2021-11-12T11:00"))
    assert judgement(judge, facts, END).outcome is Outcome.COUNTED


def test_a_decision_on_a_catalogue_entry_is_on_the_arrival_since_which_it_counts() -> None:
    judge = judge_of(
        promise(
            kind="catalogue", select={}, collection="catalogue", where={"online": True}, statistic="share",
            objective=">= 80 %", by="2021-10-31",
        )
    )  # fmt: skip
    early = upserted("2021-10-01T09:00", online=False)
    reached = upserted("2021-10-30T09:00", online=True)._replace(received=at("2021-11-05T09:00"))
    facts = [early, reached, confirmed("2021-11-06T09:00", cycle=1, through="2021-11-05T09:00")]
    assert judgement(judge, facts[:2], END).outcome is Outcome.LATE_ENTRY
    assert judgement(judge, facts, END).outcome is Outcome.COUNTED
    lost = upserted("2021-10-31T09:00", online=False)._replace(received=at("2021-11-08T09:00"))
    back = upserted("2021-10-31T10:00", online=True)._replace(received=at("2021-11-10T09:00"))
    again = [*facts, lost, back]
    assert judgement(judge, again, END).outcome is Outcome.LATE_ENTRY
    own = confirmed("2021-11-11T09:00", cycle=1, through="2021-11-10T09:00")
    assert judgement(judge, [*again, own], END).outcome is Outcome.COUNTED


# ---- the record of a decision --------------------------------------------------------------------------------
GRANT = extended("2021-09-23T17:00", 5, received="2021-09-27T09:00", id="ledger-17")
TAKEN = completed("2021-09-28T09:00")


def test_an_extension_counts_from_its_record_if_the_gateway_was_away() -> None:
    assert is_recorded(GRANT)
    assert outcome(WATER, [START, GRANT, TAKEN], END) is Outcome.MET
    assert verdicts(WATER, [START, GRANT, TAKEN]) == []
    assert outcome(WATER, [START, GRANT], "2021-09-25") is Outcome.OVERDUE  # it is not known yet


@pytest.mark.parametrize("id", ["ledger-", "ledger-0", "ledger-017", "ledger-17b", "xledger-17", "grant"])
def test_under_another_id_it_counts_from_its_arrival(id: str) -> None:
    grant = extended("2021-09-23T17:00", 5, received="2021-09-27T09:00", id=id)
    assert not is_recorded(grant)
    assert outcome(WATER, [START, grant, TAKEN], END) is Outcome.LATE_ENTRY


def test_of_another_source_no_id_counts() -> None:
    assert not is_recorded(GRANT._replace(source="/units/water"))
    assert GRANT.source == OPERATIONS


def test_a_record_after_expiry_moves_nothing() -> None:
    too_late = extended("2021-09-24T00:00", 5, received="2021-09-27T09:00", id="ledger-18")
    assert outcome(WATER, [START, too_late, TAKEN], END) is Outcome.MISSED
