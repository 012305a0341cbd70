"""Until when a promise is kept: everywhere, on time if and only if t <= due (rule 1 to rule 4)."""

from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.catalog.load.calendars import load_calendar
from services.domain.time.limits import Ends, Limit, LimitUnit, due
from services.domain.time.opening_hours import OpeningHours
from services.domain.time.zone import MINUTE_US, Instant, Zone

SHANGHAI = Zone("Asia/Shanghai")
CN = load_calendar("cn")
HALL = OpeningHours(SHANGHAI, CN, [])
SECOND_US = 1_000_000


def at(text: str) -> Instant:
    return SHANGHAI.instant(datetime.fromisoformat(text))


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def until(limit: str, start: str, ends: Ends = Ends.DAY, *, paused_days: int = 0, paused_us: int = 0) -> Instant:
    return due(
        Limit.parse(limit),
        at(start),
        ends,
        zone=SHANGHAI,
        calendar=CN,
        hours=HALL,
        paused_days=paused_days,
        paused_us=paused_us,
    )


@pytest.mark.parametrize(
    ("limit", "start", "deadline"),
    [
        ("4 working_days", "2021-09-16T10:00", "2021-09-23"),
        ("1 working_day", "2021-09-24T16:59", "2021-09-26"),
        ("7 working_days", "2021-09-30T09:00", "2021-10-15"),
        ("13 working_days", "2021-09-22T09:00", "2021-10-14"),
        ("28 working_days", "2021-09-10T23:59:59", "2021-10-26"),
        ("4 working_days", "2021-12-30T00:00", "2022-01-06"),
        ("5 working_days", "2022-01-27T12:00", "2022-02-08"),
        ("4 working_days", "2021-10-02T12:00", "2021-10-12"),  # applied online in the holiday
        ("20 calendar_days", "2021-09-12T10:00", "2021-10-08"),
        ("20 calendar_days", "2021-12-12T10:00", "2022-01-04"),
        ("20 calendar_days", "2021-11-01T10:00", "2021-11-22"),
        ("20 calendar_days", "2021-09-19T10:00", "2021-10-09"),
        ("3 months", "2021-11-30T10:00", "2022-02-28"),
        ("1 month", "2021-09-02T10:00", "2021-10-08"),
    ],
)
def test_a_limit_in_days_ends_at_24_00_of_its_last_day(limit: str, start: str, deadline: str) -> None:
    assert until(limit, start) == SHANGHAI.midnight(day(deadline) + 1) - 1


def test_at_the_close_of_business_if_the_promise_says_so() -> None:
    assert until("4 working_days", "2021-09-16T10:00", Ends.CLOSE) == at("2021-09-23T17:30")


def test_at_the_time_of_day_of_the_start_if_the_promise_says_so() -> None:
    assert until("1 working_day", "2021-09-24T16:59:00.5", Ends.INSTANT) == at("2021-09-26T16:59:00.5")


def test_accepted_on_friday_at_1650_is_not_late_at_1820() -> None:
    limit = until("90 working_minutes", "2021-10-15T16:50")
    assert limit == at("2021-10-18T09:50")
    assert at("2021-10-15T18:20") <= limit
    assert at("2021-10-18T09:50:01") > limit
    # Before the National Day make-up Sunday, the hall opens on the Sunday.
    assert until("90 working_minutes", "2021-09-24T16:50") == at("2021-09-26T09:50")


def test_exactly_90_minutes_is_met_and_one_second_more_is_late() -> None:
    limit = until("90 working_minutes", "2021-10-15T09:00")
    assert limit == at("2021-10-15T10:30")
    assert limit < at("2021-10-15T10:30:01")


def test_closed_time_after_the_last_minute_costs_nothing() -> None:
    # 90 minutes of opening time have gone by at 12:00 and no more of them at 13:30.
    assert until("90 working_minutes", "2021-10-15T10:30") == at("2021-10-15T13:30")
    assert until("90 working_minutes", "2021-10-15T16:00") == at("2021-10-18T09:00")


def test_plain_minutes_run_day_and_night() -> None:
    assert until("90 minutes", "2021-10-15T16:50") == at("2021-10-15T18:20")
    assert until("90 minutes", "2021-10-15T16:50", paused_us=5 * SECOND_US) == at("2021-10-15T18:20:05")


def test_working_minutes_are_extended_by_the_stopped_opening_time() -> None:
    paused = HALL.elapsed(at("2021-10-15T11:30"), at("2021-10-15T13:40"))
    assert paused == 40 * MINUTE_US
    assert until("90 working_minutes", "2021-10-15T11:00", paused_us=paused) == at("2021-10-15T14:40")


def test_suspended_over_national_day_four_days_are_added() -> None:
    pause = (at("2021-09-27T10:00"), at("2021-10-09T10:00"))
    first, last = day("2021-09-22"), SHANGHAI.day(pause[1])
    paused_days = HALL.fully_covered_working_days(first, last, [pause])
    assert paused_days == 4
    extended = until("13 working_days", "2021-09-22T15:00", paused_days=paused_days)
    assert extended == at("2021-10-21T00:00") - 1


def test_stopped_days_are_added_before_the_roll() -> None:
    assert until("20 calendar_days", "2021-11-01T10:00", paused_days=1) == at("2021-11-23T00:00") - 1
    assert until("20 calendar_days", "2021-11-01T10:00", paused_days=2) == at("2021-11-24T00:00") - 1
    assert until("1 month", "2021-09-02T10:00", paused_days=7) == at("2021-10-10T00:00") - 1


@pytest.mark.parametrize("unit", list(LimitUnit))
@pytest.mark.parametrize("start", ["2021-10-15T10:00", "2021-10-15T23:00"])
def test_an_amount_of_0_means_by_the_end_of_the_starting_day(unit: LimitUnit, start: str) -> None:
    for ends in (Ends.DAY, Ends.INSTANT):
        assert until(f"0 {unit}", start, ends) == SHANGHAI.midnight(SHANGHAI.day(at(start)) + 1) - 1
    assert until(f"0 {unit}", start, Ends.CLOSE) == HALL.closes(SHANGHAI.day(at(start)))


def test_beyond_the_last_published_year_there_is_an_answer() -> None:
    assert until("5 working_days", "2026-12-31T10:00") == at("2027-01-08T00:00") - 1
    assert until("5 working_days", "2199-12-27T10:00") == at("2200-01-04T00:00") - 1
    assert until("90 working_minutes", "2199-12-27T17:00") == at("2199-12-30T10:00")


@given(
    st.sampled_from(["working_days", "calendar_days", "working_minutes", "minutes"]),
    st.integers(0, 500),
    st.integers(at("2021-01-01"), at("2026-12-01")),
    st.sampled_from([Ends.DAY, Ends.CLOSE]),
)
def test_a_longer_limit_never_ends_earlier(unit: str, amount: int, start: Instant, ends: Ends) -> None:
    amount = max(1, amount)
    shorter, longer = (
        due(Limit.parse(f"{n} {unit}"), start, ends, zone=SHANGHAI, calendar=CN, hours=HALL)
        for n in (amount, amount + 1)
    )
    assert start <= shorter <= longer


@given(st.integers(1, 10_000), st.integers(at("2021-01-01"), at("2026-12-01")), st.integers(-(10**9), 10**9))
def test_on_time_is_the_same_by_due_and_by_elapsed_opening_time(amount: int, start: Instant, off: int) -> None:
    limit = due(
        Limit(amount=amount, unit=LimitUnit.WORKING_MINUTES),
        start,
        Ends.INSTANT,
        zone=SHANGHAI,
        calendar=CN,
        hours=HALL,
    )
    for completed in (limit + off, limit, limit + 1):
        assert (completed <= limit) == (HALL.elapsed(start, completed) <= amount * MINUTE_US)


@given(st.integers(0, 400), st.integers(at("2021-01-01"), at("2026-12-01")), st.integers(0, 800 * 86_400 * SECOND_US))
def test_on_time_is_the_same_by_due_and_by_counted_working_days(amount: int, start: Instant, later: int) -> None:
    limit = due(
        Limit(amount=amount, unit=LimitUnit.WORKING_DAYS), start, Ends.DAY, zone=SHANGHAI, calendar=CN, hours=HALL
    )
    completed = start + later
    # What is done on a weekend after the last working day is late: the deadline was at 24:00 of that day. No period of
    # 0 days ends on a day off.
    days = amount if amount or CN.is_working(SHANGHAI.day(start)) else 1
    counted = CN.working_days(SHANGHAI.day(start), SHANGHAI.day(completed) - 1) < days
    assert (completed <= limit) == (counted or SHANGHAI.day(start) == SHANGHAI.day(completed))


@pytest.mark.parametrize(
    ("text", "amount", "unit"),
    [
        ("4 working_days", 4, LimitUnit.WORKING_DAYS),
        ("1 working_day", 1, LimitUnit.WORKING_DAYS),
        (" 90  working minutes ", 90, LimitUnit.WORKING_MINUTES),
        ("1 month", 1, LimitUnit.MONTHS),
        ("0 calendar_days", 0, LimitUnit.CALENDAR_DAYS),
        ("30 minutes", 30, LimitUnit.MINUTES),
    ],
)
def test_a_limit_is_read_as_it_is_written(text: str, amount: int, unit: LimitUnit) -> None:
    limit = Limit.parse(text)
    assert (limit.amount, limit.unit) == (amount, unit)
    assert Limit.parse(str(limit)) == limit


@pytest.mark.parametrize(
    "text", ["", "4", "working_days", "4 days", "-1 working_days", "1.5 months", "４ months", "4 x"]
)
def test_what_is_no_limit_is_refused_with_what_would_be_right(text: str) -> None:
    with pytest.raises(ValueError, match="'4 working_days'"):
        Limit.parse(text)


def test_a_limit_longer_than_a_century_is_refused() -> None:
    with pytest.raises(ValueError, match="longer than a century"):
        Limit.parse("999999 months")
    with pytest.raises(ValidationError, match="longer than a century"):
        Limit(amount=10**15, unit=LimitUnit.WORKING_DAYS)


@pytest.mark.parametrize(
    "wire",
    [
        {"amount": "4", "unit": "working_days"},
        {"amount": True, "unit": "working_days"},
        {"amount": 4.0, "unit": "working_days"},
        {"amount": -1, "unit": "working_days"},
        {"amount": 4, "unit": "weeks"},
        {"amount": 4, "unit": "months", "ends": "day"},
        {"amount": 4},
    ],
)
def test_a_limit_on_the_wire_is_exactly_an_amount_and_a_unit(wire: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Limit.model_validate(wire)
    assert Limit.model_validate({"amount": 4, "unit": "working_days"}) == Limit.parse("4 working_days")


@pytest.mark.parametrize("text", ["1 working_day", "2 working_days", "0 minutes", "1 month", "13 calendar_days"])
def test_a_limit_is_written_as_it_is_read(text: str) -> None:
    assert str(Limit.parse(text)) == text
