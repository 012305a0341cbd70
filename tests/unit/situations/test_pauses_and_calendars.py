"""Suspensions that overlap, meet a holiday or a lunch hour, begin with the case, or last no time at all."""

import pytest

from services.domain.intake.facts import Fact
from tests.unit.cases import accepted, due_of, end_of, folded, judge_of, judgement, promise, resumed, suspended

FOUR = judge_of(promise(clock_stops=("hearing", "testing")))
TEN = judge_of(promise(limit="10 working_days", clock_stops=("hearing", "testing")))


def test_holidays_within_a_suspension_are_not_given_twice() -> None:
    """Wednesday 2022-04-27 and 28, 29, 05-05, 05-06 (Labour Day from 04-30 to 05-04). The clock was stopped all day on
    29 and 05: two more are Saturday 05-07, which is worked, and Monday 05-09."""
    case = [accepted("2022-04-27T10:00"), suspended("2022-04-29T08:00"), resumed("2022-05-06T08:00")]
    assert due_of(FOUR, *case) == end_of("2022-05-09")


def test_two_suspensions_that_overlap_are_one() -> None:
    """Monday 2021-11-01 and ten days: 11-15. Stopped from 11-03 08:00 to 11-09 10:00 by one reason or the other: all of
    3, 4, 5 and 8. Apart they cover 3, 4 and 8 only. So the 15th and four more: 11-19."""
    case = [
        accepted("2021-11-01T10:00"),
        suspended("2021-11-03T08:00"),
        suspended("2021-11-05T10:00", "testing"),
        resumed("2021-11-05T12:00"),
        resumed("2021-11-09T10:00", "testing"),
    ]
    assert due_of(TEN, *case) == end_of("2021-11-19")


def test_a_day_is_covered_by_a_morning_and_an_afternoon() -> None:
    """Monday 2021-11-08 and 9, 10, 11, 12. The hall is closed at noon: all of Wednesday was stopped. So the 15th."""
    morning = [suspended("2021-11-10T09:00"), resumed("2021-11-10T12:00")]
    afternoon = [suspended("2021-11-10T13:30", "testing"), resumed("2021-11-10T17:30", "testing")]
    assert due_of(FOUR, accepted("2021-11-08T10:00"), *morning, *afternoon) == end_of("2021-11-15")
    assert due_of(FOUR, accepted("2021-11-08T10:00"), *morning) == end_of("2021-11-12")


@pytest.mark.parametrize("begin", ["2021-11-08T10:00", "2021-11-04T10:00"])
def test_a_suspension_may_begin_with_the_case_or_before_it(begin: str) -> None:
    """The day of acceptance is not counted, so there is nothing to subtract of it: the clock was stopped on the 9th."""
    case = [accepted("2021-11-08T10:00"), suspended(begin), resumed("2021-11-10T08:00")]
    assert due_of(FOUR, *case) == end_of("2021-11-15")


def test_a_suspension_without_length_moves_nothing() -> None:
    case = [accepted("2021-11-08T10:00"), suspended("2021-11-09T10:00"), resumed("2021-11-09T10:00")]
    assert due_of(FOUR, *case) == end_of("2021-11-12")


def test_a_resumption_before_its_suspension_is_noted_and_ends_nothing() -> None:
    """Two desks whose clocks differ by three seconds."""
    case: list[Fact] = [accepted("2021-11-08T10:00"), resumed("2021-11-09T08:00"), suspended("2021-11-09T08:00:03")]
    (read,) = folded(FOUR, *case)
    assert "resumed_without_suspension" in read.anomalies
    found = judgement(FOUR, case, "2021-12-01")
    assert (found.outcome, found.due) == ("open", None)
