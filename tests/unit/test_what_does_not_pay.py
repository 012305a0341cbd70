"""Ways in which a unit could try to look better, and that none of them pays.

The case: accepted on Wednesday 2021-10-27 at 09:00 with a limit of 4 working days, due on Tuesday 2021-11-02 at 24:00,
and completed on Friday 2021-11-05. Told as it was, it is a miss: 0 of 1. Each test tells it so that the miss is hidden.
"""

from collections.abc import Sequence
from datetime import date

import pytest

from services.domain.intake.facts import Fact
from services.domain.plan.plan import ServiceItem, Source, Unit
from services.domain.results.published import ValueRow
from services.domain.results.value_rows import Valuer
from tests.unit.cases import (
    TITLE,
    accepted,
    applied,
    at,
    card_list,
    completed,
    correction,
    extended,
    judge_of,
    measured,
    milestone,
    outcome,
    promise,
    reclassified,
    reopened,
    resumed,
    row,
    supplement,
    suspended,
    tallies_of,
    withdrawn,
)

JUDGE = judge_of(promise(clock_stops=("hearing",)))
START = accepted("2021-10-27T09:00")
DONE = completed("2021-11-05T09:00")
END = "2021-12-01"


def share(*cases: Sequence[Fact], as_of: str = END) -> tuple[str, str]:
    """In time, of how many."""
    found = row(JUDGE, cases, as_of)
    return found.numerator, found.n


def test_told_as_it_was_it_is_a_miss() -> None:
    assert share([START, DONE]) == ("0", "1")


# ---- report later --------------------------------------------------------------------------------------------
@pytest.mark.parametrize("received", ["2021-11-03T00:00:00.000001", "2021-11-30T09:00"])
def test_a_completion_that_is_dated_back_is_a_late_entry(received: str) -> None:
    case = [START, completed("2021-11-02T15:00", received=received)]
    assert share(case) == ("0", "1")
    assert row(JUDGE, [case], END).late_entry_n == "1"


def test_never_to_report_the_completion_is_a_miss_in_every_window() -> None:
    assert share([START]) == ("0", "1")
    assert {row(JUDGE, [[START]], "2022-06-01", window=each).state for each in ("7d", "month", "year", "all")} == {
        "missed"
    }


def test_the_next_month_does_not_forget_what_was_late_when_the_month_ended() -> None:
    """The case is in the row of October's end or of November's, in whichever month it is reported as completed."""
    late = [accepted("2021-10-20T09:00"), completed("2021-11-05T09:00")]
    assert row(JUDGE, [late], "2021-11-01", window="month").state == "missed"
    assert row(JUDGE, [late], "2021-12-01", window="month").state == "missed"


# ---- correct afterwards --------------------------------------------------------------------------------------
def test_a_correction_after_the_limit_is_a_late_entry() -> None:
    to = completed("2021-11-02T15:00")
    assert share([START, DONE, correction("2021-11-08T09:00", DONE, to)]) == ("0", "1")


def test_a_correction_of_the_acceptance_after_the_limit_buys_no_new_limit() -> None:
    to = accepted("2021-11-01T09:00")
    assert share([START, DONE, correction("2021-11-08T09:00", START, to)]) == ("0", "1")


def test_to_strike_the_case_out_after_the_limit_leaves_it_in_the_denominator() -> None:
    gone = [correction("2021-11-08T09:00", START, None), correction("2021-11-08T09:01", DONE, None)]
    assert share([START, DONE, *gone]) == ("0", "1")


def test_another_service_item_after_the_limit_is_a_late_entry() -> None:
    assert share([START, DONE, reclassified("2021-11-08T09:00", service_item="registration")]) == ("0", "1")


# ---- stop the clock ------------------------------------------------------------------------------------------
@pytest.mark.parametrize("received", ["2021-10-28T09:00", "2021-11-08T09:00"])
def test_a_suspension_that_is_reported_after_the_limit_is_a_late_entry(received: str) -> None:
    """Reported in time, it is one; else not."""
    pause = [
        suspended("2021-10-28T08:00", received=received),
        resumed("2021-11-02T08:00", received="2021-11-02T08:00" if received < "2021-11-02" else received),
    ]
    assert share([START, *pause, DONE]) == ("1" if received < "2021-11-02" else "0", "1")


def test_a_second_suspension_while_the_clock_stands_stops_nothing_more() -> None:
    """Stopped all day on 10-28 and 29: due on Thursday 11-04. The second suspension has no resumption of its own."""
    pause = [suspended("2021-10-28T08:00"), suspended("2021-10-29T08:00"), resumed("2021-10-29T18:00")]
    assert share([START, *pause, DONE]) == ("0", "1")
    assert share([START, *pause]) == ("0", "1")


def test_a_suspension_after_the_limit_changes_nothing() -> None:
    pause = [suspended("2021-11-03T08:00"), resumed("2021-11-05T08:00")]
    assert share([START, *pause, DONE]) == ("0", "1")


def test_a_reason_that_the_promise_does_not_list_stops_nothing() -> None:
    assert share([START, suspended("2021-10-28T08:00", "weather"), DONE]) == ("0", "1")


def test_more_time_that_is_granted_after_the_limit_is_not_used() -> None:
    judge = judge_of(promise(extension_moves_limit=True))
    assert outcome(judge, [START, extended("2021-11-03T09:00", 5), DONE], END) == "missed"
    assert outcome(judge, [START, extended("2021-11-02T09:00", 5, source="/units/water"), DONE], END) == "missed"


def test_a_second_extension_is_not_used() -> None:
    """One working day more, twice: due on Wednesday 11-03."""
    judge = judge_of(promise(extension_moves_limit=True))
    twice = [extended("2021-10-29T09:00", 1), extended("2021-11-01T09:00", 3)]
    assert outcome(judge, [START, *twice, DONE], END) == "missed"


# ---- withdraw, void ------------------------------------------------------------------------------------------
def test_a_withdrawal_after_the_limit_leaves_the_case_late() -> None:
    assert share([START, withdrawn("2021-11-04T09:00")]) == ("0", "1")
    assert share([START, withdrawn("2021-11-02T09:00", received="2021-11-04T09:00")]) == ("0", "1")


def test_what_is_withdrawn_in_time_and_granted_later_was_never_withdrawn() -> None:
    assert share([START, withdrawn("2021-11-02T09:00"), completed("2021-11-05T09:00", outcome="granted")]) == ("0", "1")


def test_a_void_completion_takes_the_connection_that_it_certified_with_it() -> None:
    """Connected on paper on 10-28, in truth on 11-05."""
    item = ServiceItem(code="water", title=TITLE, milestones=("connected",), certified_by_completion=("connected",))
    judge = judge_of(promise(stop="milestone:connected"), items={"water": item})
    on_paper = [milestone("2021-10-28T09:00", "connected"), completed("2021-10-28T10:00")]
    in_truth = [milestone("2021-11-05T09:00", "connected"), completed("2021-11-05T10:00")]
    assert outcome(judge, [START, *on_paper, reopened("2021-10-29T09:00"), *in_truth], END) == "missed"


def test_a_completion_in_time_that_is_void_does_not_stop_the_clock() -> None:
    """Completed at once to be in time, and in truth on the day after the limit."""
    case = [START, completed("2021-10-28T09:00"), reopened("2021-10-29T09:00"), DONE]
    assert share(case) == ("0", "1")


def test_to_void_a_late_completion_and_to_report_an_earlier_one_is_a_late_entry() -> None:
    again = completed("2021-11-02T15:00", id="again", received="2021-11-08T10:00")
    assert share([START, DONE, reopened("2021-11-05T10:00"), again]) == ("0", "1")


def test_a_new_request_does_not_undo_the_miss_of_the_first() -> None:
    case = [START, DONE, reopened("2021-11-08T09:00", "new_request"), completed("2021-11-08T10:00")]
    assert share(case) == ("1", "2")


# ---- accept later --------------------------------------------------------------------------------------------
def test_a_permit_that_is_accepted_late_runs_from_its_application() -> None:
    judge = judge_of(promise(select={"service_item": "permit"}))
    case = [applied("2021-10-27T09:00", "permit"), accepted("2021-11-04T09:00", "permit"), DONE]
    assert outcome(judge, case, END) == "missed"


def test_a_request_for_documents_after_five_working_days_undoes_nothing() -> None:
    judge = judge_of(promise(select={"service_item": "permit"}))
    case = [
        applied("2021-10-27T09:00", "permit"),
        supplement("2021-11-04T09:00"),
        accepted("2021-11-04T10:00", "permit"),
        DONE,
    ]
    assert outcome(judge, case, END) == "missed"


# ---- leave fields empty, go silent ---------------------------------------------------------------------------
def test_not_to_report_the_fee_is_not_to_have_charged_none() -> None:
    judge = judge_of(promise(kind="case_bound", counts=("quantity:fee",), bound="<= 0 CNY", matures_at="completion"))
    free = [START, measured("2021-11-01T09:00", "fee", 0), completed("2021-11-02T09:00")]
    unsaid = [START, completed("2021-11-02T09:00")]
    assert row(judge, [free] * 9, END).state == "met"
    assert row(judge, [free] * 9 + [unsaid], END).state == "unmeasured"


def test_silence_is_not_met() -> None:
    source = Source.model_validate({"id": "/units/water", "units": ["works"], "usual_delay": "2 working_days"})
    judge = judge_of(promise(), sources=[source])
    good = [START, completed("2021-11-01T09:00")]
    assert row(judge, [good], END, last_reports={"/units/water": "2021-11-29T09:00"}).state == "met"
    assert row(judge, [good], END, last_reports={"/units/water": "2021-11-10T09:00"}).state == "stale"


# ---- change the unit -----------------------------------------------------------------------------------------
MERGED = Unit(id="north", title=TITLE, effective_from=date(2021, 11, 4), successor_of=("works",))


def rows_by_unit(*cases: Sequence[Fact], todays_units: bool = False) -> dict[str, ValueRow]:
    judge = judge_of(promise(), units=[MERGED])
    tallies = tallies_of(judge, cases, at(END) - 1)
    found = Valuer(judge).rows(tallies, at(END), {}, todays_units=todays_units)
    return {each.unit: each for each in found if each.window == "all"}


def test_a_merger_takes_no_miss_from_the_old_unit_and_none_from_the_whole() -> None:
    found = rows_by_unit([START, DONE])
    assert (found["works"].state, found["ALL"].state) == ("missed", "missed")
    assert rows_by_unit([START, DONE], todays_units=True)["north"].state == "missed"


def test_a_case_under_the_name_of_a_unit_that_has_ended_is_not_lost() -> None:
    found = rows_by_unit([accepted("2021-11-05T09:00", unit="works"), completed("2021-11-22T09:00")])
    assert found["north"].state == "missed" and "works" not in found


def test_a_card_of_a_unit_that_has_ended_is_somebodys() -> None:
    judge = judge_of(promise(), units=[MERGED])
    assert [(card.level, card.unit) for card in card_list(judge, [START], END) if card.cleared_at is None] == [
        ("red", "north")
    ]
