"""Clocks are set forward and back: working time is measured in instants, days by the calendar."""

from datetime import date, datetime

import pytest

from services.catalog.load.calendars import load_calendar
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import HoursEntry
from services.domain.time.zone import instant_of
from tests.unit.cases import accepted, completed, in_order, plan, promise, resumed, row, suspended

ALWAYS = ("00:00-10:00",)
HALL = HoursEntry(
    id="default", effective_from=date(2000, 1, 1), weekly={"mon_fri": ALWAYS, "saturday": ALWAYS, "sunday": ALWAYS}
)


def judge(**given: object) -> Judge:
    """A plan of New York: on 2021-11-07 the hour from 01:00 comes twice, on 2021-03-14 the one from 02:00 never."""
    entry = {"clock_stops": ("hearing",)} | given
    read = plan(promise(**entry), hours=[HALL])
    head = read.head.model_copy(update={"timezone": "America/New_York", "calendar": "monday-friday"})
    return Judge(read.model_copy(update={"head": head}), load_calendar("monday-friday"))


HOUR = judge(limit="60 working_minutes")


def moved(fact: Fact, text: str) -> Fact:
    """The same fact at an instant that is written with its offset."""
    instant = instant_of(datetime.fromisoformat(text))
    return fact._replace(time=instant, received=instant, id=f"{fact.id} {text}")


def said(judge: Judge, *facts: Fact) -> Outcome:
    found = judge.judge(in_order(facts), instant_of(datetime.fromisoformat("2021-12-01T00:00:00+00:00")))
    (one,) = [each for each in found.judgements if each.kpi == "P"]
    return one.outcome


START, END = accepted("2021-01-01"), completed("2021-01-01")


@pytest.mark.parametrize(
    ("start", "end", "outcome"),
    [
        ("2021-11-07T01:00:00-04:00", "2021-11-07T01:00:00-05:00", "met"),  # one hour, although the clock shows none
        ("2021-11-07T01:00:00-04:00", "2021-11-07T01:00:00.000001-05:00", "missed"),
        ("2021-03-14T01:30:00-05:00", "2021-03-14T03:30:00-04:00", "met"),  # one hour, although the clock shows two
        ("2021-03-14T01:30:00-05:00", "2021-03-14T03:30:00.000001-04:00", "missed"),
    ],
)
def test_minutes_are_counted_as_they_pass(start: str, end: str, outcome: str) -> None:
    assert said(HOUR, moved(START, start), moved(END, end)) == outcome


@pytest.mark.parametrize(("end", "outcome"), [("01:30:00-05:00", "met"), ("01:30:00.000001-05:00", "missed")])
def test_a_suspension_over_the_change_is_as_long_as_it_was(end: str, outcome: str) -> None:
    """30 minutes on Saturday from 09:30, 30 on Sunday from 00:00: all are used at 00:30. The suspension from there to
    01:30 of winter time takes two hours, so that the limit ends where it does."""
    case = [
        moved(START, "2021-11-06T09:30:00-04:00"),
        moved(suspended("2021-01-01"), "2021-11-07T00:30:00-04:00"),
        moved(resumed("2021-01-01"), "2021-11-07T01:30:00-05:00"),
        moved(END, f"2021-11-07T{end}"),
    ]
    assert said(HOUR, *case) == outcome


def test_a_day_of_25_hours_is_one_day() -> None:
    """Accepted on Friday 2021-11-05; two calendar days later is Sunday, the day of 25 hours, so Monday counts."""
    days = judge(limit="2 calendar_days")
    start = moved(START, "2021-11-05T12:00:00-04:00")
    assert said(days, start, moved(END, "2021-11-08T23:59:59.999999-05:00")) == "met"
    assert said(days, start, moved(END, "2021-11-09T00:00:00-05:00")) == "missed"


def test_elapsed_days_are_24_hours_each() -> None:
    """From noon of Saturday to 23:00 of Sunday the clock shows 35 hours, and 36 have passed: 1.5 days."""
    mean = judge(kind="case_mean", measure="elapsed_days", objective="<= 1.5 elapsed_days", minimum_n=1)
    case = [moved(START, "2021-11-06T12:00:00-04:00"), moved(END, "2021-11-07T23:00:00-05:00")]
    found = row(mean, [case], "2021-12-01")
    assert (found.value, found.state) == ("1.5", "met")
