"""Instants, local dates and wall clocks agree with the time zone database, also where the clock is changed."""

import pickle
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.time.zone import DAY_US, MINUTE_US, Instant, Zone, instant_of

ZONES = {
    name: Zone(name)
    for name in (
        "Asia/Shanghai",
        "America/New_York",
        "Europe/Amsterdam",
        "Australia/Lord_Howe",
        "America/Santiago",
        "Africa/Cairo",
        "UTC",
    )
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
instants = st.integers(instant_of(datetime(1990, 1, 2, tzinfo=UTC)), instant_of(datetime(2060, 12, 30, tzinfo=UTC)))
zones = st.sampled_from(sorted(ZONES)).map(ZONES.__getitem__)


def local(zone: Zone, instant: Instant) -> datetime:
    return (EPOCH + timedelta(microseconds=instant)).astimezone(ZoneInfo(zone.name))


def ordinal(text: str) -> int:
    return date.fromisoformat(text).toordinal()


@given(zones, instants)
def test_a_local_date_is_the_one_of_the_time_zone_database(zone: Zone, instant: Instant) -> None:
    assert zone.day(instant) == local(zone, instant).toordinal()


@given(zones, instants)
def test_text_and_instant_are_inverse(zone: Zone, instant: Instant) -> None:
    assert zone.text(instant) == local(zone, instant).isoformat()
    assert instant_of(datetime.fromisoformat(zone.text(instant))) == instant


@given(zones, instants)
def test_midnight_is_the_first_instant_of_a_date(zone: Zone, instant: Instant) -> None:
    day = zone.day(instant)
    midnight = zone.midnight(day)
    assert zone.day(midnight) == day
    assert zone.day(midnight - 1) == day - 1
    assert midnight <= instant < zone.midnight(day + 1)


@given(zones, st.integers(ordinal("1990-01-03"), ordinal("2060-12-29")), st.integers(0, 1439))
def test_a_wall_clock_is_read_as_the_time_zone_database_reads_it(zone: Zone, day: int, minute: int) -> None:
    wall = datetime.fromordinal(day) + timedelta(minutes=minute)
    expected = instant_of(wall.replace(tzinfo=ZoneInfo(zone.name), fold=0).astimezone(UTC))
    assert zone.instant(wall) == expected
    assert zone.instant(wall.replace(fold=1)) == expected
    assert zone.at(day, minute) == (expected if minute else zone.midnight(day))


@given(zones, st.integers(ordinal("1990-01-03"), ordinal("2060-12-29")))
def test_only_irregular_days_differ_from_24_plain_hours(zone: Zone, day: int) -> None:
    if day not in zone.irregular_days:
        assert zone.midnight(day + 1) - zone.midnight(day) == DAY_US
        assert zone.at(day, 61) == zone.midnight(day) + 61 * MINUTE_US


@pytest.mark.parametrize(
    ("name", "day", "hours"),
    [
        ("America/New_York", "2021-03-14", 23),
        ("America/New_York", "2021-11-07", 25),
        ("Europe/Amsterdam", "2021-03-28", 23),
        ("Europe/Amsterdam", "2021-10-31", 25),
        ("Asia/Shanghai", "2021-10-31", 24),
    ],
)
def test_a_day_on_which_the_clock_is_changed_has_its_own_length(name: str, day: str, hours: int) -> None:
    zone = ZONES[name]
    assert zone.midnight(ordinal(day) + 1) - zone.midnight(ordinal(day)) == hours * 60 * MINUTE_US
    assert (ordinal(day) in zone.irregular_days) == (hours != 24)


def test_a_missing_hour_is_shifted_forward_and_of_an_ambiguous_one_the_earlier_is_meant() -> None:
    new_york = ZONES["America/New_York"]
    assert new_york.text(new_york.instant(datetime(2021, 3, 14, 2, 30))) == "2021-03-14T03:30:00-04:00"
    assert new_york.text(new_york.instant(datetime(2021, 11, 7, 1, 30))) == "2021-11-07T01:30:00-04:00"


def test_a_date_whose_midnight_is_skipped_begins_at_one() -> None:
    cairo = ZONES["Africa/Cairo"]
    assert cairo.text(cairo.midnight(ordinal("2024-04-26"))) == "2024-04-26T01:00:00+03:00"


def test_the_same_wall_clock_on_another_day_survives_a_change_of_the_clock() -> None:
    amsterdam = ZONES["Europe/Amsterdam"]
    start = amsterdam.instant(datetime(2021, 10, 29, 16, 50, 0, 1))
    assert amsterdam.text(amsterdam.on(ordinal("2021-11-01"), start)) == "2021-11-01T16:50:00.000001+01:00"


def test_shanghai_had_summer_time_until_1991() -> None:
    shanghai = ZONES["Asia/Shanghai"]
    assert shanghai.text(shanghai.instant(datetime(1991, 7, 1, 12))) == "1991-07-01T12:00:00+09:00"
    assert shanghai.text(shanghai.instant(datetime(1992, 7, 1, 12))) == "1992-07-01T12:00:00+08:00"


def test_text_has_fractional_seconds_only_if_there_are_any() -> None:
    shanghai = ZONES["Asia/Shanghai"]
    midnight = shanghai.midnight(ordinal("2021-10-09"))
    assert shanghai.text(midnight) == "2021-10-09T00:00:00+08:00"
    assert shanghai.text(midnight - 1) == "2021-10-08T23:59:59.999999+08:00"


def test_times_outside_the_known_years_are_answered_and_not_refused() -> None:
    for zone in ZONES.values():
        for year in (1900, 1969, 2061, 2500):
            day = date(year, 7, 1).toordinal()
            assert zone.day(zone.midnight(day)) == day
            assert zone.day(zone.midnight(day) - 1) == day - 1


def test_an_instant_is_exact_to_the_microsecond() -> None:
    assert instant_of(datetime.fromisoformat("2021-10-15T16:50:00.123457+08:00")) == 1_634_287_800_123_457
    assert instant_of(datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)) == -1


def test_a_naive_time_names_no_instant_and_an_aware_one_is_no_wall_clock() -> None:
    with pytest.raises(ValueError, match="has no offset"):
        instant_of(datetime(2021, 10, 15, 16, 50))
    with pytest.raises(ValueError, match="has an offset already"):
        ZONES["Asia/Shanghai"].instant(datetime(2021, 10, 15, 16, 50, tzinfo=UTC))


@pytest.mark.parametrize("name", ["Asia/Jiangbei", "", "../etc/passwd", "/etc/localtime"])
def test_an_unknown_zone_is_refused_with_an_example(name: str) -> None:
    with pytest.raises(ValueError, match="Asia/Shanghai"):
        Zone(name)


def test_a_zone_goes_to_another_process_as_it_is() -> None:
    sent = pickle.loads(pickle.dumps(ZONES["America/New_York"]))
    assert sent.name == "America/New_York"
    assert sent.midnight(ordinal("2021-07-01")) == ZONES["America/New_York"].midnight(ordinal("2021-07-01"))
