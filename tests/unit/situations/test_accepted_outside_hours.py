"""A case is accepted at night, at a weekend, on a holiday or at noon."""

import pytest

from tests.unit.cases import accepted, completed, due_of, end_of, judge_of, outcome, promise

DAYS = judge_of(promise())
MINUTES = judge_of(promise(limit="90 working_minutes"))


@pytest.mark.parametrize(
    ("start", "last_day"),
    [
        # the last instant of a make-up Saturday; 09-22, 23, 24 and the make-up Sunday 09-26
        ("2021-09-18T23:59:59.999999", "2021-09-26"),
        # National Day; 10-08, the make-up Saturday 10-09, 11, 12
        ("2021-10-03T10:00", "2021-10-12"),
    ],
)
def test_a_limit_of_days_ends_with_its_last_day(start: str, last_day: str) -> None:
    assert due_of(DAYS, accepted(start)) == end_of(last_day)
    assert outcome(DAYS, [accepted(start), completed(f"{last_day}T23:59:59.999999")], "2021-11-01") == "met"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2021-11-10T12:15", "2021-11-10T15:00"),  # at noon: from 13:30
        ("2021-11-13T10:00", "2021-11-15T10:30"),  # Saturday: from 09:00 of Monday
        ("2021-11-12T17:00", "2021-11-15T10:00"),  # 30 minutes on Friday, 60 on Monday
        ("2021-10-08T17:00", "2021-10-09T10:00"),  # 30 minutes on Friday, 60 on the make-up Saturday
        ("2021-11-10T17:30", "2021-11-11T10:30"),  # the very end of a day
    ],
)
def test_a_limit_of_minutes_runs_from_the_next_opening(start: str, end: str) -> None:
    assert outcome(MINUTES, [accepted(start), completed(end)], "2021-12-01") == "met"
    assert outcome(MINUTES, [accepted(start), completed(f"{end}:00.000001")], "2021-12-01") == "missed"
