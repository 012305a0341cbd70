"""rule 3: limits in minutes run in opening hours only."""

from datetime import date

import pytest

from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import HoursEntry, ServiceItem
from tests.unit.cases import ITEMS, TITLE, accepted, at, completed, due_of, end_of, judge_of, outcome, promise, row

REGISTRATION = judge_of(promise(limit="90 working_minutes", select={}))


@pytest.mark.parametrize(
    ("start", "until"),
    [
        ("2021-09-17T16:50", "2021-09-18T09:50"),  # Friday; the Saturday is worked in exchange
        ("2021-09-24T16:50", "2021-09-26T09:50"),  # Friday; the Sunday is worked in exchange
        ("2021-11-05T16:50", "2021-11-08T09:50"),  # a plain weekend
        ("2021-09-16T11:00", "2021-09-16T14:00"),  # over lunch
        ("2021-09-16T12:30", "2021-09-16T15:00"),  # in the lunch break
        ("2021-09-16T07:00", "2021-09-16T10:30"),  # before opening
        ("2021-09-16T20:00", "2021-09-17T10:30"),  # after hours
        ("2021-10-01T10:00", "2021-10-08T10:30"),  # on a holiday
    ],
)
def test_ninety_minutes_of_opening_hours(start: str, until: str) -> None:
    assert due_of(REGISTRATION, accepted(start), now=start) == at(until)


def test_accepted_at_1650_on_a_friday_is_not_late_at_1820() -> None:
    start = accepted("2021-11-05T16:50")
    assert outcome(REGISTRATION, [start], "2021-11-05T18:20") is Outcome.OPEN
    assert outcome(REGISTRATION, [start], "2021-11-08T09:50") is Outcome.OPEN
    assert outcome(REGISTRATION, [start], "2021-11-08T09:50:00.000001") is Outcome.OVERDUE


def test_a_service_item_may_have_hours_of_its_own() -> None:
    through = HoursEntry.model_validate(
        {"id": "through", "effective_from": date(2021, 1, 1), "weekly": {"mon_fri": ["09:00-17:00"]}}
    )
    items = {"hall": ServiceItem(code="hall", title=TITLE, opening_hours="through")}
    judge = judge_of(promise(limit="90 working_minutes", select={}), hours=[through], items={**ITEMS, **items})
    for start, until in (("2021-09-16T11:00", "2021-09-16T12:30"), ("2021-09-16T16:30", "2021-09-17T10:00")):
        assert due_of(judge, accepted(start, item="hall"), now=start) == at(until)
    assert due_of(judge, accepted("2021-09-16T11:00"), now="2021-09-16T11:00") == at("2021-09-16T14:00")


@pytest.mark.parametrize(
    ("start", "until"),
    [
        ("2021-11-08T11:30", "2021-11-08T20:30"),  # Monday: half an hour, and the evening
        ("2021-11-09T01:30", "2021-11-09T09:30"),  # the Monday's evening goes on until two
        ("2021-11-10T11:30", "2021-11-11T09:30"),  # Wednesday: the morning only
        ("2021-11-11T23:50", "2021-11-12T00:50"),
        ("2021-11-12T01:30", "2021-11-15T09:30"),  # Friday is a closed day, and then it is Saturday
    ],
)
def test_hours_by_weekday_through_midnight_and_single_closed_days(start: str, until: str) -> None:
    evenings = HoursEntry.model_validate(
        {
            "id": "evenings",
            "effective_from": date(2021, 1, 1),
            "weekly": {"mon_fri": ["09:00-12:00", "20:00-02:00"], "wednesday": ["09:00-12:00"]},
            "closed": [date(2021, 11, 12)],
        }
    )
    items = {"hall": ServiceItem(code="hall", title=TITLE, opening_hours="evenings")}
    judge = judge_of(promise(limit="60 working_minutes", select={}), hours=[evenings], items={**ITEMS, **items})
    assert due_of(judge, accepted(start, item="hall"), now=start) == at(until)


def test_a_closed_day_is_a_working_day_for_limits_in_days() -> None:
    closed = HoursEntry.model_validate(
        {"id": "default", "effective_from": date(2021, 1, 1), "weekly": {"mon_fri": ["09:00-17:00"]},
         "closed": [date(2021, 9, 17)]}
    )  # fmt: skip
    judge = judge_of(promise(), hours=[closed])
    assert due_of(judge, accepted("2021-09-16T09:00"), now="2021-09-16T10:00") == end_of("2021-09-23")


def test_plain_minutes_run_day_and_night() -> None:
    judge = judge_of(promise(limit="90 minutes"))
    assert due_of(judge, accepted("2021-11-05T23:50"), now="2021-11-05T23:50") == at("2021-11-06T01:20")


def test_minutes_are_published_as_minutes_of_opening_hours() -> None:
    cases = [[accepted("2021-11-05T16:50"), completed("2021-11-08T09:30")]]
    found = row(REGISTRATION, cases, "2021-12-01")
    assert (found.mean_gross, found.p50, found.p95) == ("70", "70", "70")
