"""A list of working days lacks a make-up day: every limit that passes over it ends a day late."""

from datetime import date

import pytest

from tests.unit.cases import CN, accepted, completed, due_of, end_of, judge_of, outcome, promise

FOUR = judge_of(promise())
THREE = judge_of(promise(limit="3 working_days"))

WORKED_AT_A_WEEKEND = {
    2021: "02-07 02-20 04-25 05-08 09-18 09-26 10-09",
    2022: "01-29 01-30 04-02 04-24 05-07 10-08 10-09",
    2023: "01-28 01-29 04-23 05-06 06-25 10-07 10-08",
    2024: "02-04 02-18 04-07 04-28 05-11 09-14 09-29 10-12",
    2025: "01-26 02-08 04-27 09-28 10-11",
    2026: "01-04 02-14 02-28 05-09 09-20 10-10",
}
"""Written from the yearly notices of the State Council, apart from the calendar's own file."""


@pytest.mark.parametrize("year", WORKED_AT_A_WEEKEND)
def test_the_make_up_days_of_a_year_are_those_of_its_notice(year: int) -> None:
    days = range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal())
    worked = [day for day in days if date.fromordinal(day).weekday() >= 5 and CN.is_working(day)]
    assert [f"{date.fromordinal(day):%m-%d}" for day in worked] == WORKED_AT_A_WEEKEND[year].split()


def test_a_limit_counts_the_make_up_sunday_before_a_holiday() -> None:
    """Friday 2022-04-22: Sunday 24 is worked, Monday 25, Tuesday 26."""
    assert due_of(THREE, accepted("2022-04-22T10:00")) == end_of("2022-04-26")


def test_a_limit_counts_make_up_days_on_both_sides_of_new_year() -> None:
    """Friday 2021-02-05: Sunday 7 is worked, 8, 9, 10; the Spring Festival follows, from 11 to 17."""
    assert due_of(FOUR, accepted("2021-02-05T10:00")) == end_of("2021-02-10")
    assert due_of(FOUR, accepted("2021-02-08T10:00")) == end_of("2021-02-19")  # 9, 10, 18, 19
    assert due_of(FOUR, accepted("2021-02-09T10:00")) == end_of("2021-02-20")  # 10, 18, 19 and Saturday 20


def test_the_last_instant_of_the_last_day_is_in_time() -> None:
    start = accepted("2022-04-22T10:00")
    assert outcome(THREE, [start, completed("2022-04-26T23:59:59.999999")], "2022-05-01") == "met"
    assert outcome(THREE, [start, completed("2022-04-27T00:00")], "2022-05-01") == "missed"
