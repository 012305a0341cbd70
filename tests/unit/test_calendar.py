"""Working days as the State Council's notices make them, and limits counted in them (rule 2)."""

import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.load.calendars import FOLDER, load_calendar
from services.domain.time.calendar import DayKind, Notices, WorkingCalendar

CN = load_calendar("cn")
MONDAY_FRIDAY = load_calendar("monday-friday")
NAMED = tomllib.loads((FOLDER / "cn.toml").read_text(encoding="utf-8"))
HOLIDAYS = {
    day for holiday in NAMED["holiday"] for day in range(holiday["first"].toordinal(), holiday["last"].toordinal() + 1)
}
MAKE_UP_DAYS = {day.toordinal() for day in NAMED["make_up_days"]}

published_days = st.integers(date(2003, 6, 1).toordinal(), date(2027, 6, 1).toordinal())
all_days = st.integers(date(1900, 1, 1).toordinal(), date(2200, 1, 1).toordinal())


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def text(ordinal: int) -> str:
    return date.fromordinal(ordinal).isoformat()


def worked(ordinal: int) -> bool:
    """The oracle: one day by the file alone."""
    if ordinal in MAKE_UP_DAYS:
        return True
    return ordinal not in HOLIDAYS and date.fromordinal(ordinal).weekday() < 5


@pytest.mark.parametrize(
    ("start", "n", "deadline"),
    [
        ("2021-09-16", 4, "2021-09-23"),
        ("2021-09-24", 1, "2021-09-26"),  # a Sunday, worked in exchange for National Day
        ("2021-09-30", 7, "2021-10-15"),
        ("2021-09-22", 13, "2021-10-14"),
        ("2021-09-10", 28, "2021-10-26"),
        ("2021-12-30", 4, "2022-01-06"),
        ("2022-01-27", 5, "2022-02-08"),
    ],
)
def test_the_nth_working_day_after_the_starting_day(start: str, n: int, deadline: str) -> None:
    assert text(CN.add_working_days(day(start), n)) == deadline
    assert CN.working_days(day(start), day(deadline)) == n


@pytest.mark.parametrize(
    ("start", "n", "deadline"),
    [
        ("2021-09-12", 20, "2021-10-08"),  # 10-02, in National Day
        ("2021-12-12", 20, "2022-01-04"),  # over the year
        ("2021-11-01", 20, "2021-11-22"),  # a plain Sunday
        ("2021-09-19", 20, "2021-10-09"),  # a Saturday worked in exchange stays
    ],
)
def test_calendar_days_roll_off_a_day_that_is_not_worked(start: str, n: int, deadline: str) -> None:
    assert text(CN.add_calendar_days(day(start), n)) == deadline


@pytest.mark.parametrize(
    ("start", "n", "deadline"),
    [
        ("2021-09-15", 3, "2021-12-15"),
        ("2021-08-31", 1, "2021-09-30"),  # no 31 September
        ("2022-01-31", 1, "2022-02-28"),
        ("2024-01-31", 1, "2024-02-29"),
        ("2021-11-30", 3, "2022-02-28"),
        ("2021-09-02", 1, "2021-10-08"),  # 10-02, in National Day
        ("2021-08-26", 1, "2021-09-26"),  # a Sunday worked in exchange stays
        ("2021-12-01", 1, "2022-01-04"),
    ],
)
def test_months_end_on_the_same_day_or_the_last_one_and_roll(start: str, n: int, deadline: str) -> None:
    assert text(CN.add_months(day(start), n)) == deadline


@pytest.mark.parametrize(
    ("date_text", "kind", "name"),
    [
        ("2004-05-09", DayKind.MAKE_UP, ""),
        ("2005-12-31", DayKind.MAKE_UP, ""),
        ("2007-05-04", DayKind.HOLIDAY, "劳动节"),  # the last golden week of May
        ("2008-04-04", DayKind.HOLIDAY, "清明节"),  # the first year in which it is a holiday
        ("2011-06-05", DayKind.HOLIDAY, "端午节"),  # a Sunday that the notice counts in
        ("2015-06-21", DayKind.WEEKEND, ""),  # a Sunday that the notice does not count in
        ("2015-09-03", DayKind.HOLIDAY, "抗战胜利70周年纪念日"),
        ("2018-02-11", DayKind.MAKE_UP, ""),
        ("2018-12-31", DayKind.HOLIDAY, "元旦"),
        ("2019-05-02", DayKind.HOLIDAY, "劳动节"),  # by the second notice of that year
        ("2020-01-31", DayKind.HOLIDAY, "春节"),  # prolonged on 2020-01-26
        ("2020-02-02", DayKind.HOLIDAY, "春节"),
        ("2020-10-08", DayKind.HOLIDAY, "国庆节"),
        ("2021-09-30", DayKind.WORKING, ""),
        ("2021-10-01", DayKind.HOLIDAY, "国庆节"),
        ("2021-10-02", DayKind.HOLIDAY, "国庆节"),
        ("2021-10-08", DayKind.WORKING, ""),
        ("2021-10-09", DayKind.MAKE_UP, ""),
        ("2021-10-10", DayKind.WEEKEND, ""),
        ("2021-09-18", DayKind.MAKE_UP, ""),
        ("2021-09-21", DayKind.HOLIDAY, "中秋节"),
        ("2022-01-30", DayKind.MAKE_UP, ""),
        ("2022-02-04", DayKind.HOLIDAY, "春节"),
        ("2022-12-31", DayKind.HOLIDAY, "元旦"),  # published with the notice of 2023
        ("2023-01-02", DayKind.HOLIDAY, "元旦"),
        ("2026-02-14", DayKind.MAKE_UP, ""),
        ("2026-02-23", DayKind.HOLIDAY, "春节"),
        ("2026-10-10", DayKind.MAKE_UP, ""),
    ],
)
def test_a_day_is_what_the_notice_says(date_text: str, kind: DayKind, name: str) -> None:
    assert CN.kind(day(date_text)) is kind
    assert CN.holiday_name(day(date_text)) == name
    assert CN.is_working(day(date_text)) == (kind in (DayKind.WORKING, DayKind.MAKE_UP))


OF_OLD = {"元旦", "春节", "劳动节", "国庆节"}
SINCE_2008 = {"清明节", "端午节", "中秋节"}
"""全国年节及纪念日放假办法, as of 2008."""


@pytest.mark.parametrize("year", range(2004, 2027))
def test_each_published_year_has_its_holidays(year: int) -> None:
    days = range(date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal() + 1)
    joined = {2020: {"中秋节"}}  # with National Day
    held = {CN.holiday_name(one) for one in days} - {""}
    wanted = OF_OLD | (SINCE_2008 if year >= 2008 else set())
    assert wanted - joined.get(year, set()) <= held <= wanted | {"抗战胜利70周年纪念日"}


@pytest.mark.parametrize("year", range(2004, 2027))
def test_no_day_is_won_or_lost_by_exchange(year: int) -> None:
    """A year has its weekdays without the statutory days (全国年节及纪念日放假办法): ten, since 2008 eleven, since 2025
    thirteen. A weekend day is worked for each further day that is free, sometimes in the year before."""
    into_next_year = {2005: 1, 2006: 2, 2011: 1}
    """Worked at the end of the year for days of the next one."""
    given = {2015: 1, 2020: 2}
    """Free without exchange: the 70th anniversary of the victory; 2020-01-31 and 02-01 by the notice of 2020-01-26."""
    days = range(date(year, 1, 1).toordinal(), date(year + 1, 1, 1).toordinal())
    weekdays = sum(date.fromordinal(one).weekday() < 5 for one in days)
    statutory = 10 if year < 2008 else 11 if year < 2025 else 13
    wanted = weekdays - statutory - given.get(year, 0) + into_next_year.get(year, 0) - into_next_year.get(year - 1, 0)
    assert CN.working_days(days[0] - 1, days[-1]) == wanted


def test_beyond_the_last_published_year_monday_to_friday_provisionally_and_no_exception() -> None:
    assert CN.published_through == date(2026, 12, 31)
    assert not CN.is_provisional(day("2026-12-31"))
    assert CN.is_provisional(day("2027-01-01"))
    assert CN.kind(day("2027-10-01")) is DayKind.WORKING  # a Friday; no notice yet
    assert CN.kind(day("2027-10-02")) is DayKind.WEEKEND
    assert text(CN.add_working_days(day("2026-12-31"), 1)) == "2027-01-01"
    assert text(CN.add_working_days(day("2500-01-01"), 5)) == "2500-01-08"
    assert text(CN.roll_forward(day("2500-01-02"))) == "2500-01-04"


def test_before_the_first_published_year_is_provisional_too() -> None:
    assert CN.is_provisional(day("2003-12-31"))
    assert not CN.is_provisional(day("2004-01-01"))


def test_a_calendar_of_plain_weeks_is_never_provisional() -> None:
    assert not MONDAY_FRIDAY.is_provisional(day("1999-12-31"))
    assert not MONDAY_FRIDAY.is_provisional(day("2999-12-31"))
    assert MONDAY_FRIDAY.kind(day("2021-10-01")) is DayKind.WORKING


def test_nothing_goes_by_backwards_or_on_the_spot() -> None:
    assert CN.working_days(day("2021-10-15"), day("2021-10-15")) == 0
    assert CN.working_days(day("2021-10-15"), day("2021-10-12")) == 0
    assert CN.add_working_days(day("2021-10-02"), 0) == day("2021-10-02")


def test_working_days_are_counted_backwards_for_a_reminder() -> None:
    assert text(CN.add_working_days(day("2021-10-08"), -1)) == "2021-09-30"
    assert text(CN.add_working_days(day("2021-10-03"), -5)) == "2021-09-26"
    # Across the beginning of the prefix sums, a Monday.
    assert [text(CN.add_working_days(day("1990-01-02"), -n)) for n in (1, 2, 3)] == [
        "1990-01-01",
        "1989-12-29",
        "1989-12-28",
    ]


FIRST, LAST = day("1985-01-01"), day("2070-12-31")
AT_THE_ENDS = {
    "free": {FIRST, FIRST + 1, day("1985-01-10"), LAST - 1, LAST},
    "worked": {day("1985-01-05"), day("2070-12-28")},
}
"""On the first and last days that the prefix sums cover, and beside them."""
OWN = WorkingCalendar(
    name="own",
    version="1",
    notices=Notices(
        {date.fromordinal(each): "节" for each in AT_THE_ENDS["free"]},
        {date.fromordinal(each) for each in AT_THE_ENDS["worked"]},
        date(1985, 1, 1),
        date(2070, 12, 31),
    ),
)


@pytest.mark.parametrize("edge", [FIRST, LAST], ids=["first", "last"])
def test_the_first_and_last_days_that_are_covered_are_counted_as_all_others(edge: int) -> None:
    def is_worked(one: int) -> bool:
        by_the_week = date.fromordinal(one).weekday() < 5
        return one in AT_THE_ENDS["worked"] or (by_the_week and one not in AT_THE_ENDS["free"])

    assert (OWN.covered[0], OWN.covered[-1]) == (FIRST, LAST)
    near = range(edge - 12, edge + 13)
    assert [OWN.is_working(one) for one in near] == [is_worked(one) for one in near]
    for after in near:
        for through in near:
            assert OWN.working_days(after, through) == sum(map(is_worked, range(after + 1, through + 1)))
        following = [one for one in range(after + 1, after + 40) if is_worked(one)]
        before = [one for one in range(after - 1, after - 40, -1) if is_worked(one)]
        assert [OWN.add_working_days(after, n) for n in range(1, 15)] == following[:14]
        assert [OWN.add_working_days(after, -n) for n in range(1, 15)] == before[:14]
        assert OWN.roll_forward(after) == (after if is_worked(after) else following[0])


def test_a_count_is_provisional_from_the_first_day_that_no_notice_covers() -> None:
    assert [OWN.is_provisional(one) for one in (FIRST - 1, FIRST, LAST, LAST + 1)] == [True, False, False, True]
    assert not OWN.is_provisional_between(FIRST - 1, LAST)  # the day after which it counts is not one of them
    assert OWN.is_provisional_between(FIRST - 2, FIRST) and OWN.is_provisional_between(LAST, LAST + 1)
    assert not OWN.is_provisional_between(LAST + 5, LAST + 5)


@given(published_days, st.integers(0, 400))
def test_working_days_are_those_counted_day_by_day(after: int, length: int) -> None:
    days = range(after + 1, after + length + 1)
    assert CN.working_days(after, after + length) == sum(map(worked, days))


@given(all_days, all_days, all_days)
def test_working_days_are_additive(first: int, second: int, third: int) -> None:
    first, second, third = sorted((first, second, third))
    assert CN.working_days(first, third) == CN.working_days(first, second) + CN.working_days(second, third)


@given(all_days, st.integers(1, 40_000))
def test_adding_working_days_is_the_inverse_of_counting_them(start: int, n: int) -> None:
    deadline = CN.add_working_days(start, n)
    assert CN.is_working(deadline)
    assert CN.working_days(start, deadline) == n
    before = CN.add_working_days(start, -n)
    assert CN.is_working(before)
    assert CN.working_days(before - 1, start - 1) == n


@given(all_days)
def test_rolling_forward_ends_on_the_next_worked_day(start: int) -> None:
    rolled = CN.roll_forward(start)
    assert CN.is_working(rolled)
    assert CN.working_days(start - 1, rolled) == 1


@given(all_days)
def test_outside_the_prefix_sums_the_answers_are_the_same(start: int) -> None:
    assert CN.is_working(start) == worked(start)
    assert CN.working_days(start - 1, start) == worked(start)
    assert CN.is_working(start) == (CN.kind(start) in (DayKind.WORKING, DayKind.MAKE_UP))


def test_other_working_weekdays() -> None:
    six_days = WorkingCalendar(
        name="six",
        version="1",
        notices=Notices({}, (), date.min, date(2030, 1, 1)),
        working_weekdays=(0, 1, 2, 3, 4, 5),
    )
    assert six_days.kind(day("2021-10-16")) is DayKind.WORKING
    assert text(six_days.add_working_days(day("2021-10-15"), 2)) == "2021-10-18"
    assert text(six_days.add_working_days(day("2100-01-01"), 7)) == "2100-01-09"


def test_a_day_cannot_be_a_holiday_and_a_make_up_day() -> None:
    with pytest.raises(ValueError, match="2021-10-09 is a holiday and a make-up day"):
        WorkingCalendar(
            name="odd",
            version="1",
            notices=Notices({date(2021, 10, 9): "国庆节"}, [date(2021, 10, 9)], date.min, date(2021, 12, 31)),
        )


@pytest.mark.parametrize("weekdays", [(), (7,), (-1, 0)])
def test_a_week_needs_known_working_weekdays(weekdays: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="Monday"):
        WorkingCalendar(
            name="odd",
            version="1",
            notices=Notices({}, (), date.min, date(2021, 12, 31)),
            working_weekdays=weekdays,
        )


def test_the_committed_file_is_what_the_generator_writes() -> None:
    generate = pytest.importorskip(
        "services.catalog.calendar.generate",
        reason="the extra `calendar` is not installed: the committed cn.toml is not compared with its generator",
        exc_type=ImportError,
    )
    assert generate.TARGET.read_text(encoding="utf-8") == generate.generated()


def test_every_make_up_day_is_a_weekend_and_no_holiday() -> None:
    assert all(date.fromordinal(one).weekday() >= 5 for one in MAKE_UP_DAYS)
    assert not MAKE_UP_DAYS & HOLIDAYS


def test_an_unknown_calendar_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="no calendar 'us'.*cn, monday-friday"):
        load_calendar("us")


@pytest.mark.parametrize(
    ("find", "replace", "complaint"),
    [
        ("published_through = 2026-12-31", "published_through = soon", "not TOML"),
        ("published_through = 2026-12-31\n", "", "published_through: Field required"),
        ("first = 2021-10-01\nlast = 2021-10-07", "first = 2021-10-07\nlast = 2021-10-01", "before it begins"),
        ("    2021-10-09,\n", "    2021-10-07,\n", "2021-10-07 is a holiday and a make-up day"),
    ],
)
def test_a_spoiled_calendar_file_is_named(tmp_path: Path, find: str, replace: str, complaint: str) -> None:
    whole = (FOLDER / "cn.toml").read_text(encoding="utf-8")
    assert find in whole
    (tmp_path / "cn.toml").write_text(whole.replace(find, replace), encoding="utf-8")
    with pytest.raises(ValueError, match=f"cn.toml.*{complaint}"):
        load_calendar("cn", tmp_path)


def test_holiday_stretches_include_their_last_day() -> None:
    assert CN.kind(day("2021-10-07")) is DayKind.HOLIDAY
    assert CN.kind((date(2021, 10, 7) + timedelta(days=1)).toordinal()) is DayKind.WORKING
