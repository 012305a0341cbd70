"""A month after the 31st, and the 29th of February."""

import pytest

from tests.unit.cases import accepted, completed, due_of, end_of, judge_of, outcome, promise

MONTH = judge_of(promise(limit="1 months"))
TWENTY = judge_of(promise(limit="20 calendar_days"))


@pytest.mark.parametrize(
    ("start", "last_day"),
    [
        ("2021-08-31", "2021-09-30"),  # there is no 31st; a Thursday
        ("2024-01-31", "2024-02-29"),  # a leap year; a Thursday
        ("2024-01-30", "2024-02-29"),
        ("2024-02-29", "2024-03-29"),  # a Friday
        ("2022-12-31", "2023-01-31"),  # over the end of a year; a Tuesday
    ],
)
def test_a_month_ends_on_the_same_day_or_the_last_of_the_month(start: str, last_day: str) -> None:
    assert due_of(MONTH, accepted(f"{start}T10:00")) == end_of(last_day)


def test_a_month_that_is_over_is_over() -> None:
    start = accepted("2024-01-30T10:00")
    assert outcome(MONTH, [start, completed("2024-02-29T23:59:59.999999")], "2024-04-01") == "met"
    assert outcome(MONTH, [start, completed("2024-03-01T00:00")], "2024-04-01") == "missed"


@pytest.mark.parametrize(
    ("start", "last_day"),
    [
        ("2021-09-13", "2021-10-08"),  # 10-03 is National Day; the next working day
        ("2022-04-04", "2022-04-24"),  # a make-up Sunday stays
        ("2022-04-03", "2022-04-24"),  # 04-23 is a Saturday, and the Sunday is worked
    ],
)
def test_calendar_days_roll_off_days_off_and_not_off_make_up_days(start: str, last_day: str) -> None:
    assert due_of(TWENTY, accepted(f"{start}T10:00")) == end_of(last_day)
