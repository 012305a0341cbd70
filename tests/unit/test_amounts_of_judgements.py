"""What one judgement counts, and when it changes next, where few plans would show that it is wrong."""

from services.domain.intake.facts import Fact
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.sums.tally import TallyField
from tests.unit.cases import (
    ANSWERED,
    accepted,
    at,
    extended,
    fulfilled,
    judge_of,
    judgement,
    milestone,
    promise,
    reported,
    suspended,
)

START, ANSWER = accepted("2021-09-16T09:00"), milestone("2021-09-17T09:00", "answered")


def amounts(found: Judgement) -> dict[int, int]:
    return {int(field): amount for field, amount in found.cells}


def test_an_extended_case_of_a_share_is_counted_as_extended() -> None:
    judge = judge_of(ANSWERED)
    assert TallyField.EXTENDED not in amounts(judgement(judge, [START, ANSWER], "2021-12-01"))
    granted = extended("2021-09-16T10:00", 5)
    assert amounts(judgement(judge, [START, granted, ANSWER], "2021-12-01"))[TallyField.EXTENDED] == 1


def test_a_duty_that_is_fulfilled_is_one_that_is_met() -> None:
    judge = judge_of(promise(kind="duty", duty="report", period="month", owed_by=("works",)))
    found = judgement(judge, [fulfilled("2021-09-20", "2021-09")], "2021-10-01")
    assert amounts(found) == {TallyField.N: 1, TallyField.MET: 1}


def test_the_age_of_an_open_case_goes_on_when_its_suspension_is_as_old_as_it_may_be() -> None:
    item = {"service_item": "permit"}
    judge = judge_of(promise(kind="mean_reduction", objective=">= 80 %", select=item, clock_stops=("testing",)))
    facts = [accepted("2021-09-13T09:00", item="permit"), suspended("2021-09-14T09:00", "testing")]
    found = judgement(judge, facts, "2021-09-16")
    assert found.next_at is not None
    assert judgement(judge, facts, found.next_at - 1).cells == found.cells  # its clock is stopped
    assert judgement(judge, facts, found.next_at + 1).cells != found.cells


def test_what_is_open_without_a_due_instant_counts_nothing_but_has_started() -> None:
    judge = judge_of(promise(clock_stops=("hearing",)))
    facts: list[Fact] = [START, suspended("2021-09-16T10:00", "hearing")]
    found = judgement(judge, facts, "2021-12-01")
    assert (found.outcome, found.cells, found.start, found.due) == (Outcome.OPEN, (), at("2021-09-16T09:00"), None)


def test_a_monthly_figure_with_a_last_date_is_due_month_by_month() -> None:
    judge = judge_of(
        promise(
            kind="figure", numerator="records", denominator="records", statistic="share", period="month",
            owed_by=("works",), objective=">= 100 %", effective_from="2021-08-20", by="2021-12-31",
        )
    )  # fmt: skip
    assert judgement(judge, [reported("2021-10-01", 9, 10, "2021-09")], "2021-10-15").due == at("2021-10-01") - 1
