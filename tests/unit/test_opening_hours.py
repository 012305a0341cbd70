"""Opening time goes by in opening hours only, and exactly (rules 3, 4)."""

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalog.load.calendars import load_calendar
from services.domain.time.calendar import DayKind, Notices, WorkingCalendar
from services.domain.time.opening_hours import HoursVersion, OpeningHours
from services.domain.time.zone import DAY_US, MINUTE_US, Instant, Zone

HOUR_US = 60 * MINUTE_US
SHANGHAI = Zone("Asia/Shanghai")
NEW_YORK = Zone("America/New_York")
CN = load_calendar("cn")
MONDAY_FRIDAY = load_calendar("monday-friday")

HALL = OpeningHours(SHANGHAI, CN, [])
MIXED = OpeningHours(
    SHANGHAI,
    CN,
    [
        # From Friday 15 October without a lunch break, Wednesdays long, Saturdays in the morning.
        HoursVersion(
            date(2021, 10, 15),
            {
                0: ((540, 1050),),
                1: ((540, 1050),),
                2: ((510, 1200),),
                3: ((540, 1050),),
                4: ((540, 1050),),
                5: ((570, 690),),
            },
        ),
        # From 2022 closed on Tuesdays, and on Sundays open round the clock.
        HoursVersion(
            date(2022, 1, 1),
            dict.fromkeys((0, 2, 3, 4), ((540, 720), (810, 1050))) | {6: ((0, 1440),)},
        ),
    ],
)
NIGHT = OpeningHours(
    NEW_YORK,
    MONDAY_FRIDAY,
    [HoursVersion(date(2020, 1, 1), dict.fromkeys(range(7), ((0, 240), (245, 1440))))],
)
LATE = OpeningHours(
    SHANGHAI,
    CN,
    [
        # Evenings until two in the morning, but Wednesdays; closed on two single days.
        HoursVersion(
            date(2021, 10, 15),
            dict.fromkeys((0, 1, 3, 4), ((600, 720), (1200, 1560))) | {2: ((600, 720),)},
            frozenset((date(2021, 11, 5).toordinal(), date(2022, 1, 6).toordinal())),
        ),
    ],
)
HALLS = {"late": LATE, "hall": HALL, "mixed": MIXED, "night": NIGHT}
CALENDARS = {"late": CN, "hall": CN, "mixed": CN, "night": MONDAY_FRIDAY}
PLACES = {"late": SHANGHAI, "hall": SHANGHAI, "mixed": SHANGHAI, "night": NEW_YORK}

names = st.sampled_from(sorted(HALLS))
instants = st.integers(
    SHANGHAI.instant(datetime(2021, 9, 1)),
    SHANGHAI.instant(datetime(2022, 4, 1)),
)
far_instants = st.integers(SHANGHAI.instant(datetime(1950, 1, 1)), SHANGHAI.instant(datetime(2150, 1, 1)))


def at(text: str, zone: Zone = SHANGHAI) -> Instant:
    return zone.instant(datetime.fromisoformat(text))


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def opens_at_all(on: date) -> bool:
    """Of the hall that is open late: a working day on which it is not closed."""
    return CN.is_working(on.toordinal()) and on not in (date(2021, 11, 5), date(2022, 1, 6))


def opens_late(on: date) -> bool:
    is_wednesday = on.weekday() == 2
    return opens_at_all(on) and on >= date(2021, 10, 15) and not is_wednesday


def is_open(name: str, instant: Instant) -> bool:
    """The oracle: one instant by the wall clock that it shows."""
    wall = datetime.fromisoformat(PLACES[name].text(instant))
    minute, number, on = wall.hour * 60 + wall.minute, wall.weekday(), wall.date()
    kind = CALENDARS[name].kind(on.toordinal())
    if name == "late":
        evening, night = minute >= 1200, minute < 120
        return (
            (opens_late(on) and evening)
            or (opens_late(on - timedelta(days=1)) and night)
            or (opens_at_all(on) and 600 <= minute < 720 and on >= date(2021, 10, 15))
            or (opens_at_all(on) and on < date(2021, 10, 15) and (540 <= minute < 720 or 810 <= minute < 1050))
        )
    if name == "night":
        return minute < 240 or minute >= 245
    if kind is DayKind.HOLIDAY:
        return False
    normal = 540 <= minute < 720 or 810 <= minute < 1050
    if name == "hall" or on < date(2021, 10, 15):
        return normal and kind is not DayKind.WEEKEND
    if on < date(2022, 1, 1):
        if kind is DayKind.MAKE_UP or number in (0, 1, 3, 4):
            return 540 <= minute < 1050
        return {2: 510 <= minute < 1200, 5: 570 <= minute < 690, 6: False}[number]
    if kind is DayKind.MAKE_UP:
        return normal
    return {1: False, 5: False, 6: True}.get(number, normal)


@settings(deadline=None)  # a long walk
@given(names, instants, st.integers(0, 7 * 288))
def test_elapsed_is_what_a_walk_through_the_clock_counts(name: str, start: Instant, steps: int) -> None:
    # All hours here are multiples of five minutes, so a walk in such steps is exact.
    step = 5 * MINUTE_US
    start -= start % step
    walked = sum(is_open(name, start + i * step) for i in range(steps))
    assert HALLS[name].elapsed(start, start + steps * step) == walked * step


@settings(deadline=None)  # a long walk
@given(names, st.sampled_from(["2021-11-06", "2022-03-12", "2021-10-08", "2022-01-29"]), st.integers(0, 3 * 288))
def test_elapsed_is_exact_where_the_clock_or_the_calendar_changes(name: str, from_date: str, steps: int) -> None:
    step = 5 * MINUTE_US
    start = PLACES[name].midnight(day(from_date))
    walked = sum(is_open(name, start + i * step) for i in range(steps))
    assert HALLS[name].elapsed(start, start + steps * step) == walked * step


@given(names, far_instants, far_instants, far_instants)
def test_elapsed_is_additive_over_any_split(name: str, first: Instant, second: Instant, third: Instant) -> None:
    first, second, third = sorted((first, second, third))
    hours = HALLS[name]
    assert hours.elapsed(first, third) == hours.elapsed(first, second) + hours.elapsed(second, third)


@given(names, far_instants, st.integers(1, 400 * DAY_US))
def test_adding_ends_at_the_earliest_and_lasting_at_the_latest_such_instant(
    name: str, start: Instant, amount: int
) -> None:
    hours = HALLS[name]
    earliest, latest = hours.add(start, amount), hours.last(start, amount)
    assert hours.elapsed(start, earliest) == amount
    assert hours.elapsed(start, earliest - 1) == amount - 1
    assert hours.elapsed(start, latest) == amount
    assert hours.elapsed(start, latest + 1) == amount + 1


@given(names, far_instants)
def test_the_spans_of_a_day_are_its_opening_time(name: str, instant: Instant) -> None:
    hours, zone = HALLS[name], PLACES[name]
    on = zone.day(instant)
    spans = hours.spans(on)
    assert all(zone.midnight(on) <= opens < closes <= zone.midnight(on + 1) for opens, closes in spans)
    length = sum(closes - opens for opens, closes in spans)
    assert hours.elapsed(zone.midnight(on), zone.midnight(on + 1)) == length


@settings(deadline=None)  # a long walk
@given(
    st.sampled_from(["hall", "mixed"]),
    st.lists(st.tuples(instants, st.integers(0, 30 * 24)), max_size=6),
    instants,
    st.integers(0, 120),
)
def test_fully_covered_working_days_are_those_found_day_by_day(
    name: str, pauses: list[tuple[Instant, int]], start: Instant, length: int
) -> None:
    hours = HALLS[name]
    # Whole hours, so that pauses touch one another and the hours of the hall.
    intervals = [(begin - begin % HOUR_US, begin - begin % HOUR_US + n * HOUR_US) for begin, n in pauses]
    after = SHANGHAI.day(start)

    def stands_still(instant: Instant) -> bool:
        return any(begin <= instant < end for begin, end in intervals)

    def covered(on: int) -> bool:
        spans = hours.spans(on) or HALL.spans(day("2021-10-11"))
        shift = SHANGHAI.midnight(on) - SHANGHAI.midnight(SHANGHAI.day(spans[0][0]))
        return all(
            stands_still(instant + shift) for opens, closes in spans for instant in range(opens, closes, 30 * MINUTE_US)
        )

    expected = sum(CN.is_working(on) and covered(on) for on in range(after + 1, after + length + 1))
    assert hours.fully_covered_working_days(after, after + length, intervals) == expected


def test_suspended_over_national_day_2021_four_working_days_are_fully_covered() -> None:
    pause = (at("2021-09-27T10:00"), at("2021-10-09T10:00"))
    assert HALL.fully_covered_working_days(day("2021-09-22"), day("2021-12-31"), [pause]) == 4
    # 09-28, 09-29, 09-30 and 10-08; the 27th had been open for an hour, and so was the make-up Saturday, 10-09.
    assert [
        on for on in range(day("2021-09-23"), day("2021-10-20")) if HALL.fully_covered_working_days(on - 1, on, [pause])
    ] == [day("2021-09-28"), day("2021-09-29"), day("2021-09-30"), day("2021-10-08")]


def test_a_day_counts_as_stopped_only_from_opening_to_close() -> None:
    friday = day("2021-10-15")

    def covered(*pauses: tuple[str, str]) -> int:
        intervals = [(at(f"2021-10-15T{begin}"), at(f"2021-10-15T{end}")) for begin, end in pauses]
        return HALL.fully_covered_working_days(friday - 1, friday, intervals)

    assert covered(("09:00", "17:30")) == 1
    assert covered(("09:00:00.000001", "17:30")) == 0
    assert covered(("09:00", "17:29:59.999999")) == 0
    assert covered(("09:00", "12:00"), ("13:30", "17:30")) == 1  # the clock ran over lunch only
    assert covered(("09:00", "11:00"), ("11:00", "17:30")) == 1
    assert covered(("09:00", "14:00"), ("13:00", "17:30"), ("09:30", "10:00")) == 1
    assert covered(("09:00", "11:00"), ("11:01", "17:30")) == 0
    assert covered(("17:30", "09:00")) == 0


def test_a_working_day_on_which_the_hall_is_closed_is_judged_by_the_default_hours() -> None:
    tuesday = day("2022-03-01")
    assert MIXED.spans(tuesday) == ()
    pause = (at("2022-03-01T09:00"), at("2022-03-01T17:30"))
    assert MIXED.fully_covered_working_days(tuesday - 1, tuesday, [pause]) == 1
    assert MIXED.fully_covered_working_days(tuesday - 1, tuesday, [(pause[0] + 1, pause[1])]) == 0


def test_the_default_hours() -> None:
    assert HALL.spans(day("2021-10-15")) == (
        (at("2021-10-15T09:00"), at("2021-10-15T12:00")),
        (at("2021-10-15T13:30"), at("2021-10-15T17:30")),
    )
    assert HALL.spans(day("2021-10-16")) == ()
    assert HALL.spans(day("2021-10-04")) == ()
    assert HALL.spans(day("2021-10-09"))[0][0] == at("2021-10-09T09:00")  # a make-up Saturday


def test_accepted_on_friday_at_1650_ninety_minutes_end_on_monday() -> None:
    accepted = at("2021-10-15T16:50")
    assert HALL.elapsed(accepted, at("2021-10-15T18:20")) == 40 * MINUTE_US
    assert HALL.add(accepted, 90 * MINUTE_US) == at("2021-10-18T09:50")


def test_a_start_outside_opening_hours_counts_from_the_next_opening() -> None:
    assert HALL.add(at("2021-10-15T12:10"), 90 * MINUTE_US) == at("2021-10-15T15:00")
    assert HALL.add(at("2021-10-15T19:00"), 1) == at("2021-10-18T09:00") + 1
    assert HALL.add(at("2021-09-30T18:00"), 90 * MINUTE_US) == at("2021-10-08T10:30")


def test_nothing_to_add_is_the_start_itself() -> None:
    assert HALL.add(at("2021-10-16T03:00"), 0) == at("2021-10-16T03:00")
    assert HALL.last(at("2021-10-16T03:00"), 0) == at("2021-10-18T09:00")


def test_time_that_ends_with_the_hours_lasts_until_the_next_opening() -> None:
    accepted = at("2021-10-15T16:00")
    assert HALL.add(accepted, 90 * MINUTE_US) == at("2021-10-15T17:30")
    assert HALL.last(accepted, 90 * MINUTE_US) == at("2021-10-18T09:00")


def test_a_saturday_service_is_open_without_being_a_working_day() -> None:
    saturday = day("2021-10-16")
    assert not CN.is_working(saturday)
    assert MIXED.spans(saturday) == ((at("2021-10-16T09:30"), at("2021-10-16T11:30")),)
    everything = [(at("2021-10-15T17:30"), at("2021-10-18T00:00"))]
    assert MIXED.fully_covered_working_days(day("2021-10-15"), day("2021-10-17"), everything) == 0


def test_no_weekend_service_on_a_holiday_and_normal_hours_on_a_make_up_day() -> None:
    assert MIXED.spans(day("2022-01-02")) == ()  # a Sunday in the New Year holiday
    assert MIXED.spans(day("2022-01-09")) == ((at("2022-01-09"), at("2022-01-10")),)
    assert MIXED.spans(day("2022-01-30")) == (
        (at("2022-01-30T09:00"), at("2022-01-30T12:00")),
        (at("2022-01-30T13:30"), at("2022-01-30T17:30")),
    )


def test_hours_hold_from_their_date_and_before_the_first_the_default_ones() -> None:
    assert MIXED.spans(day("2021-10-14")) == HALL.spans(day("2021-10-14"))
    assert MIXED.spans(day("2021-10-15")) == ((at("2021-10-15T09:00"), at("2021-10-15T17:30")),)
    assert MIXED.spans(day("2021-10-20")) == ((at("2021-10-20T08:30"), at("2021-10-20T20:00")),)
    assert OpeningHours(SHANGHAI, CN, ()).spans(day("2021-10-15")) == HALL.spans(day("2021-10-15"))


def test_close_of_business() -> None:
    assert HALL.closes(day("2021-10-15")) == at("2021-10-15T17:30")
    assert HALL.closes(day("2021-10-16")) == at("2021-10-17T00:00") - 1
    assert MIXED.closes(day("2022-01-09")) == at("2022-01-10T00:00") - 1


def test_opening_time_on_a_day_on_which_the_clock_is_changed() -> None:
    assert NIGHT.spans(day("2021-03-14")) == (
        (at("2021-03-14T00:00", NEW_YORK), at("2021-03-14T04:00", NEW_YORK)),
        (at("2021-03-14T04:05", NEW_YORK), at("2021-03-15T00:00", NEW_YORK)),
    )
    assert NIGHT.elapsed(*NIGHT.spans(day("2021-03-14"))[0]) == 3 * HOUR_US
    sunday = (NEW_YORK.midnight(day("2021-11-07")), NEW_YORK.midnight(day("2021-11-08")))
    assert NIGHT.elapsed(*sunday) == 25 * HOUR_US - 5 * MINUTE_US


def test_nothing_elapses_backwards() -> None:
    assert HALL.elapsed(at("2021-10-15T11:00"), at("2021-10-15T10:00")) == 0


def test_a_negative_amount_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be negative"):
        HALL.add(at("2021-10-15T11:00"), -1)


@pytest.mark.parametrize(
    ("weekly", "complaint"),
    [
        ({0: ((540, 720), (700, 800))}, "not in order"),
        ({0: ((720, 540),)}, "not in order"),
        ({0: ((540, 1981),)}, "leave the day"),  # longer than until the next opening
        ({0: ((-1, 540),)}, "leave the day"),
        ({7: ((540, 720),)}, "weekday 7"),
        ({5: ((540, 720),)}, "no hours on a working weekday"),
        ({}, "no hours on a working weekday"),
    ],
)
def test_impossible_hours_are_refused(weekly: dict[int, tuple[tuple[int, int], ...]], complaint: str) -> None:
    with pytest.raises(ValueError, match=f"opening hours from 2021-10-15: .*{complaint}"):
        OpeningHours(SHANGHAI, CN, [HoursVersion(date(2021, 10, 15), weekly)])


def test_a_hall_without_hours_of_its_own_opens_on_the_working_days_of_its_calendar() -> None:
    """Sunday to Thursday: 90 minutes from Sunday at 10:00 end on that Sunday; Friday is closed unless it has hours."""
    notices = Notices({}, (), date(2021, 1, 1), date(2021, 12, 31))
    calendar = WorkingCalendar(name="elsewhere", version="1", notices=notices, working_weekdays=(6, 0, 1, 2, 3))
    sunday = date(2021, 11, 7).toordinal()
    accepted = SHANGHAI.at(sunday, 10 * 60)
    assert OpeningHours(SHANGHAI, calendar, []).add(accepted, 90 * MINUTE_US) == SHANGHAI.at(sunday, 11 * 60 + 30)
    assert OpeningHours(SHANGHAI, calendar, []).spans(sunday - 2) == ()
    fridays = HoursVersion(date(2021, 1, 1), {6: ((540, 720),), 4: ((540, 600),)})
    friday = SHANGHAI.at(sunday - 2, 540), SHANGHAI.at(sunday - 2, 600)
    assert OpeningHours(SHANGHAI, calendar, [fridays]).spans(sunday - 2) == (friday,)
    with pytest.raises(ValueError, match="no hours on a working weekday"):
        OpeningHours(SHANGHAI, calendar, [HoursVersion(date(2021, 1, 1), {4: ((540, 720),)})])


def test_a_calendar_that_works_on_weekends_only_gives_hours_that_end() -> None:
    notices = Notices({}, (), date(2021, 1, 1), date(2021, 12, 31))
    calendar = WorkingCalendar(name="weekends", version="1", notices=notices, working_weekdays=(5, 6))
    saturday = date(2021, 11, 6).toordinal()
    hall = OpeningHours(SHANGHAI, calendar, [])
    assert hall.add(SHANGHAI.at(saturday - 1, 600), 60 * MINUTE_US) == SHANGHAI.at(saturday, 600)
