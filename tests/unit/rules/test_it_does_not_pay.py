"""The ways in which a unit could try to look better: none of them turns a late case into one that counts as met or does
not count. A new way is a line here before it is a rule; what needs several cases, units or months has a test of its own
below."""

from collections.abc import Sequence
from datetime import date

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import MISSES, Outcome
from services.domain.plan.plan import ServiceItem, Source, Unit
from services.domain.results.published import ValueRow
from services.domain.results.value_rows import Valuer
from tests.unit.cases import (
    ITEMS,
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
    refused,
    reopened,
    resumed,
    row,
    supplement,
    suspended,
    tallies_of,
    withdrawn,
)

TAP = ServiceItem.model_validate(
    {"code": "tap", "title": TITLE, "milestones": ["connected"], "certified_by_completion": ["connected"]}
)


def judge(item: str, **given: object) -> Judge:
    """A limit of 4 working days that a hearing stops and an extension moves."""
    entry = promise(select={"service_item": item}, clock_stops=("hearing",), extension_moves_limit=True, **given)
    return judge_of(entry, items={**ITEMS, "tap": TAP})


DONE, DELIVERED = judge("tap"), judge("tap", stop="milestone:connected")
PERMITTED = judge("permit")
START = accepted("2021-09-16T09:00", item="tap")  # until 2021-09-23
APPLIED = applied("2021-09-16T09:00", item="permit")
LATE = completed("2021-10-11T09:00", outcome="granted")
CONNECTED = milestone("2021-10-11T08:00", "connected")
END = "2021-12-01"

WAYS: dict[str, tuple[Judge, list[Fact]]] = {
    "go silent": (DONE, [START]),
    "report later": (DONE, [START, completed("2021-09-22T09:00", received="2021-10-11T09:00")]),
    "correct afterwards": (DONE, [START, LATE, correction("2021-10-12T09:00", LATE, completed("2021-09-22T09:00"))]),
    "move the acceptance afterwards": (
        DONE,
        [START, LATE, correction("2021-10-12T09:00", START, accepted("2021-10-08T09:00", item="tap"))],
    ),
    "strike out the acceptance": (DONE, [START, LATE, correction("2021-10-12T09:00", START, None)]),
    "strike out the case": (
        DONE,
        [START, LATE, correction("2021-10-12T09:00", START, None), correction("2021-10-12T09:01", LATE, None, id="2")],
    ),
    "accept once more": (DONE, [START, accepted("2021-10-09T09:00", item="tap", id="again"), LATE]),
    "call it another kind of case": (DONE, [START, reclassified("2021-10-08T09:00", service_item="power"), LATE]),
    "suspend twice": (
        DONE,
        [START, suspended("2021-09-17T08:00"), suspended("2021-09-17T09:00", id="2"), resumed("2021-09-22T08:00")],
    ),
    "suspend for a reason that the promise does not list": (
        DONE,
        [START, suspended("2021-09-17T08:00", "weather"), LATE],
    ),
    "suspend after the limit": (DONE, [START, suspended("2021-09-24T09:00"), LATE]),
    "report a suspension later": (
        DONE,
        [START, suspended("2021-09-17T08:00", received="2021-10-08T09:00"), resumed("2021-10-11T08:00"), LATE],
    ),
    "extend after the limit": (DONE, [START, extended("2021-09-24T09:00", 10), LATE]),
    "extend twice": (DONE, [START, extended("2021-09-17T09:00", 1), extended("2021-09-18T09:00", 10), LATE]),
    "extend by a year": (DONE, [START, extended("2021-09-17T09:00", 12, "months"), completed("2021-11-30T09:00")]),
    "extend without the authority to do so": (
        DONE,
        [START, extended("2021-09-17T09:00", 10, source="/units/water"), LATE],
    ),
    "withdraw after the limit": (DONE, [START, withdrawn("2021-09-24T09:00")]),
    "withdraw and grant": (DONE, [START, withdrawn("2021-09-23T09:00"), LATE]),
    "withdraw and deliver": (DELIVERED, [START, withdrawn("2021-09-23T09:00"), CONNECTED]),
    "refuse and grant": (DONE, [START, completed("2021-09-23T09:00", outcome="refused"), LATE]),
    "terminate and deliver": (DELIVERED, [START, completed("2021-09-23T09:00", outcome="terminated"), CONNECTED]),
    "complete in time and reopen": (DONE, [START, completed("2021-09-17T09:00"), reopened("2021-09-18T09:00"), LATE]),
    "void a late completion and report an earlier one": (
        DONE,
        [START, LATE, reopened("2021-10-11T10:00"), completed("2021-09-23T15:00", id="2", received="2021-10-12T10:00")],
    ),
    "complete in vain": (
        DELIVERED,
        [
            START,
            milestone("2021-09-17T09:00", "connected"),
            completed("2021-09-17T10:00"),
            reopened("2021-09-18T09:00"),
        ],
    ),
    "complete in vain and again": (
        DELIVERED,
        [
            START,
            milestone("2021-09-17T09:00", "connected"),
            completed("2021-09-17T10:00"),
            reopened("2021-09-18T09:00"),
            CONNECTED,
            LATE,
        ],
    ),
    "complete without delivering": (DELIVERED, [START, completed("2021-09-30T10:00", outcome="granted")]),
    "accept a permit late": (PERMITTED, [APPLIED, accepted("2021-10-08T09:00", item="permit"), LATE]),
    "ask for more after the acceptance": (
        PERMITTED,
        [APPLIED, accepted("2021-09-16T15:00", item="permit"), supplement("2021-09-17T09:00")],
    ),
    "refuse what was accepted": (
        PERMITTED,
        [APPLIED, accepted("2021-09-16T15:00", item="permit"), refused("2021-09-17T09:00")],
    ),
    "ask for more too late": (
        PERMITTED,
        [APPLIED, supplement("2021-09-25T09:00"), accepted("2021-10-11T09:00", item="permit")],
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_it_does_not_pay_to(way: str) -> None:
    judge, facts = WAYS[way]
    assert outcome(judge, facts, END) in (*MISSES, Outcome.LATE_ENTRY)
    found = row(judge, [facts], END)
    assert (found.numerator, found.denominator) == ("0", "1")
    assert found.withdrawn_share in ("", "0")


# ---- several cases, months, sources and units ----------------------------------------------------------------
# The case was accepted on Wednesday 2021-10-27 with a limit of 4 working days, due on Tuesday 2021-11-02 at 24:00, and
# completed on Friday 2021-11-05. Reported as it was, it is a miss: 0 of 1.
PLAIN = judge_of(promise(clock_stops=("hearing",)))
BEGUN = accepted("2021-10-27T09:00")
ENDED = completed("2021-11-05T09:00")


def share(*cases: Sequence[Fact], as_of: str = END) -> tuple[str, str]:
    """In time, of how many."""
    found = row(PLAIN, cases, as_of)
    return found.numerator, found.n


def test_reported_as_it_was_it_is_a_miss() -> None:
    assert share([BEGUN, ENDED]) == ("0", "1")


# ---- report later --------------------------------------------------------------------------------------------
def test_never_to_report_the_completion_is_a_miss_in_every_window() -> None:
    assert share([BEGUN]) == ("0", "1")
    assert {row(PLAIN, [[BEGUN]], "2022-06-01", window=each).state for each in ("7d", "month", "year", "all")} == {
        "missed"
    }


def test_the_next_month_does_not_forget_what_was_late_when_the_month_ended() -> None:
    """The case is in the row of October's end or of November's, in whichever month it is reported as completed."""
    late = [accepted("2021-10-20T09:00"), completed("2021-11-05T09:00")]
    assert row(PLAIN, [late], "2021-11-01", window="month").state == "missed"
    assert row(PLAIN, [late], "2021-12-01", window="month").state == "missed"


# ---- reopen ------------------------------------------------------------------------------------------
def test_a_new_request_does_not_undo_the_miss_of_the_first() -> None:
    case = [BEGUN, ENDED, reopened("2021-11-08T09:00", "new_request"), completed("2021-11-08T10:00")]
    assert share(case) == ("1", "2")


# ---- leave fields empty, go silent ---------------------------------------------------------------------------
def test_not_to_report_the_fee_is_not_to_have_charged_none() -> None:
    judge = judge_of(promise(kind="case_bound", counts=("quantity:fee",), bound="<= 0 CNY", matures_at="completion"))
    free = [BEGUN, measured("2021-11-01T09:00", "fee", 0), completed("2021-11-02T09:00")]
    unsaid = [BEGUN, completed("2021-11-02T09:00")]
    assert row(judge, [free] * 9, END).state == "met"
    assert row(judge, [free] * 9 + [unsaid], END).state == "unmeasured"


def test_to_leave_out_what_a_promise_selects_by_exempts_from_none() -> None:
    """Late with an external line and without one: neither promise is met, however many others were in time."""
    short = promise(id="S", select={"service_item": "water", "line": False})
    long = promise(id="L", select={"service_item": "water", "line": True}, limit="7 working_days")
    judge = judge_of(short, long)
    good = [
        [accepted("2021-09-16T09:00", attributes={"line": line}), completed("2021-09-17T09:00")]
        for line in (False, True)
    ]
    unsaid = [accepted("2021-09-16T09:00"), completed("2021-10-11T09:00")]
    assert {row(judge, good * 50, END, kpi=each).state for each in "SL"} == {"met"}
    assert {row(judge, [*good * 50, unsaid], END, kpi=each).state for each in "SL"} == {"unmeasured"}


def test_silence_is_not_met() -> None:
    source = Source.model_validate({"id": "/units/water", "units": ["works"], "usual_delay": "2 working_days"})
    judge = judge_of(promise(), sources=[source])
    good = [BEGUN, completed("2021-11-01T09:00")]
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
    found = rows_by_unit([BEGUN, ENDED])
    assert (found["works"].state, found["ALL"].state) == ("missed", "missed")
    assert rows_by_unit([BEGUN, ENDED], todays_units=True)["north"].state == "missed"


def test_a_case_under_the_name_of_a_unit_that_has_ended_is_not_lost() -> None:
    found = rows_by_unit([accepted("2021-11-05T09:00", unit="works"), completed("2021-11-22T09:00")])
    assert found["north"].state == "missed" and "works" not in found


def test_a_card_of_a_unit_that_has_ended_is_somebodys() -> None:
    judge = judge_of(promise(), units=[MERGED])
    assert [(card.level, card.unit) for card in card_list(judge, [BEGUN], END) if card.cleared_at is None] == [
        ("red", "north")
    ]
