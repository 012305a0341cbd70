"""From when a case is close to its limit (rule 10): counted back from the due instant, by hand and day by day."""

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.domain.intake.facts import Fact
from services.domain.time.calendar import months_later
from services.domain.time.opening_hours import OpeningHours
from services.domain.time.zone import MINUTE_US, Instant
from tests.unit.cases import (
    CN,
    ZONE,
    accepted,
    at,
    card_list,
    completed,
    day,
    judge_of,
    judgement,
    promise,
    resumed,
    suspended,
)

HALL = OpeningHours(ZONE, CN, [])
SHARES = (0.1, 0.25, 0.3, 0.5, 0.9)


def warned(limit: str, *facts: Fact, share: float = 0.25) -> tuple[Instant | None, Instant | None]:
    """From when an open case is yellow, and until when it has time."""
    judge = judge_of(promise(limit=limit, yellow_share=share, clock_stops=("hearing",)))
    found = judgement(judge, facts, max(fact.time for fact in facts) + 1)
    return found.yellow_at, found.due


@pytest.mark.parametrize(
    ("limit", "start", "yellow", "due"),
    [
        # 28 and 31 days, of which a quarter is 7 and 8
        ("1 month", "2022-01-31T10:00", "2022-02-22", "2022-02-28"),
        ("1 month", "2021-12-31T10:00", "2022-01-31", "2022-02-07"),  # eight days, moved off Spring Festival
        ("2 months", "2021-08-31T10:00", "2021-10-17", "2021-11-01"),  # 61 days; moved off a Sunday
        # moved off National Day by six days, and off a Sunday by one: the last days are those before the due day
        ("20 calendar_days", "2021-09-13T10:00", "2021-10-04", "2021-10-08"),
        ("8 calendar_days", "2021-11-06T10:00", "2021-11-14", "2021-11-15"),
        ("20 calendar_days", "2021-09-19T10:00", "2021-10-05", "2021-10-09"),  # ends on a make-up day
        # days off lie between the last two working days
        ("7 working_days", "2021-09-28T10:00", "2021-10-12", "2021-10-13"),
        ("5 working_days", "2021-09-26T10:00", "2021-09-30", "2021-10-08"),
        # a quarter of 90 is 22.5 minutes
        ("90 working_minutes", "2021-09-26T16:50", "2021-09-27T09:27:30", "2021-09-27T09:50"),
        ("90 minutes", "2021-09-26T23:00", "2021-09-27T00:07:30", "2021-09-27T00:30"),
    ],
)
def test_yellow_begins_with_the_last_quarter_before_the_due_instant(
    limit: str, start: str, yellow: str, due: str
) -> None:
    begins, ends = warned(limit, accepted(start))
    assert (begins, ends) == (at(yellow), at(due) if "T" in due else ZONE.midnight(day(due) + 1) - 1)


def test_a_stopped_day_is_none_of_the_last_days() -> None:
    """8 working days from 2021-11-01 end on 11-11, or on 11-15 with two days stopped; the last two days on which the
    clock runs are then 11-10 and 11-15, and not 11-12 and 11-15."""
    start, pause = accepted("2021-11-01T09:00"), [suspended("2021-11-11T08:00"), resumed("2021-11-12T18:00")]
    assert warned("8 working_days", start) == (at("2021-11-10"), at("2021-11-12") - 1)
    assert warned("8 working_days", start, *pause) == (at("2021-11-10"), at("2021-11-16") - 1)


def test_stopped_minutes_are_none_of_the_last_minutes() -> None:
    """The last 15 of 60 minutes: 5 before a pause of half an hour, and 10 after it."""
    start, pause = accepted("2021-11-01T09:00"), [suspended("2021-11-01T09:50"), resumed("2021-11-01T10:20")]
    for unit in ("minutes", "working_minutes"):
        assert warned(f"60 {unit}", start, *pause) == (at("2021-11-01T09:45"), at("2021-11-01T10:30"))


@pytest.mark.parametrize("unit", ["working_days", "calendar_days", "minutes", "working_minutes", "months"])
def test_a_limit_of_0_warns_of_nothing(unit: str) -> None:
    start = accepted("2021-11-01T10:00")
    hard, soft = (judge_of(promise(limit=f"0 {unit}", strength=strength)) for strength in ("hard", "soft"))
    assert card_list(hard, [start], "2021-11-01T23:59:59") == []
    assert [(card.level, card.raised_at) for card in card_list(hard, [start], "2021-11-05")] == [
        ("red", at("2021-11-02"))
    ]
    late = [(card.level, card.raised_at) for card in card_list(soft, [start], "2021-11-02T12:00")]
    assert late == [("yellow", at("2021-11-02"))]  # it is late, and has a day to give a reason


def test_no_case_has_a_yellow_and_a_red_card_at_once() -> None:
    for limit in ("0 working_days", "1 working_day", "1 minute", "1 month", "3 calendar_days"):
        judge = judge_of(promise(limit=limit))
        levels = card_list(judge, [accepted("2021-09-16T10:00"), completed("2021-12-01T10:00")], "2022-01-01")
        spans = sorted((card.raised_at, card.cleared_at or 0) for card in levels)
        assert all(end <= begin for (_, end), (begin, _) in zip(spans, spans[1:], strict=False)), limit
        assert all(begin < end for begin, end in spans), limit


# ---- the same, day by day --------------------------------------------------------------------------------
def stands(day: int, pauses: list[tuple[Instant, Instant]], working: bool) -> bool:
    """Whether the clock is stopped on all of a day: of its opening hours, for a limit in working days."""
    spans = HALL.spans(day) if working else ((ZONE.midnight(day), ZONE.midnight(day + 1)),)
    return all(any(begin <= opens and closes <= end for begin, end in pauses) for opens, closes in spans)


def walked(unit: str, amount: int, share: float, start: int, due: int, pauses: list[tuple[Instant, Instant]]) -> int:
    """The first of the last days, walking back from the due day."""
    length = months_later(start, amount) - start if unit == "months" else amount
    left, here = ceil(Fraction(str(share)) * length), due + 1
    working = unit == "working_days"
    while left:
        here -= 1
        left -= not (working and not CN.is_working(here)) and not stands(here, pauses, working)
    return here


@given(
    unit=st.sampled_from(("working_days", "calendar_days", "months")),
    amount=st.integers(1, 40),
    share=st.sampled_from(SHARES),
    start=st.integers(day("2021-01-01"), day("2022-12-31")),
    pauses=st.lists(st.tuples(st.integers(0, 70 * 24), st.integers(1, 14 * 24)), max_size=3),
)
@example(unit="months", amount=1, share=0.25, start=day("2021-10-31"), pauses=[])
@example(unit="working_days", amount=8, share=0.25, start=day("2021-11-01"), pauses=[(10 * 24, 40)])
def test_yellow_is_the_first_of_the_last_days_on_which_the_clock_runs(
    unit: str, amount: int, share: float, start: int, pauses: list[tuple[int, int]]
) -> None:
    amount = min(amount, 3) if unit == "months" else amount
    begin = ZONE.at(start, 540)
    facts, spans = [accepted(ZONE.text(begin)[:19])], []
    free = begin + 60 * MINUTE_US
    for after, length in sorted(pauses):  # one after the other
        opens = max(free + MINUTE_US, begin + after * 60 * MINUTE_US)
        free = opens + length * 60 * MINUTE_US
        facts += [suspended(ZONE.text(opens)[:19]), resumed(ZONE.text(free)[:19])]
        spans.append((opens, free))
    yellow, due = warned(f"{amount} {unit}", *facts, share=share)
    assert due is not None
    counted = [span for span in spans if span[0] <= due]
    assert yellow == ZONE.midnight(walked(unit, amount, share, start, ZONE.day(due), counted))
    assert begin < yellow <= due
