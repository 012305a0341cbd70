"""Figures that sources count themselves: silence never makes 100 % (rule 12), nor does late entry (rule 14)."""

from datetime import date
from typing import Any

import pytest

from services.domain.intake.facts import Fact
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import Source
from services.domain.results.value_rows import Valuer
from tests.unit.cases import (
    at,
    confirmed,
    correction,
    in_order,
    judge_of,
    judgement,
    judgements,
    promise,
    reported,
    row,
    rows,
    tallies_of,
)

FIGURE: dict[str, Any] = {
    "kind": "figure", "select": {}, "numerator": "records", "denominator": "records", "statistic": "share",
    "period": "month", "owed_by": ("works", "seals"), "objective": ">= 100 %", "effective_from": "2021-08-20",
}  # fmt: skip
ONE_SOURCE = judge_of(promise(**FIGURE))
TWO_SOURCES = judge_of(promise(**FIGURE | {"numerator": "collected"}))


def of_both(period: str, part: float = 10, whole: float = 10) -> list[list[Fact]]:
    return [[reported(f"{period}-28", part, whole, period, unit)] for unit in ("works", "seals")]


def test_the_sums_are_divided_not_the_shares() -> None:
    reports = [[reported("2021-10-01", 1, 1, "2021-09")], [reported("2021-10-01", 1, 99, "2021-09", "seals")]]
    found = row(ONE_SOURCE, reports, "2021-10-15")
    assert (found.value, found.numerator, found.denominator, found.n) == ("0.02", "2", "100", "100")
    assert (found.state, found.lower != "") == ("missed", True)
    assert row(ONE_SOURCE, reports, "2021-10-15", unit="works").state == "met"


def test_a_window_has_the_periods_whose_last_day_lies_in_it() -> None:
    reports = [*of_both("2021-09", 5), *of_both("2021-10", 10)]
    found = {window: row(ONE_SOURCE, reports, "2021-11-15", window=window) for window in ("30d", "quarter", "year")}
    assert {window: each.denominator for window, each in found.items()} == {"30d": "20", "quarter": "20", "year": "40"}
    assert found["quarter"].state == "met"
    assert found["year"].value == "0.75"


def test_a_month_counts_when_it_has_ended_and_only_whole_ones_are_owed() -> None:
    october = of_both("2021-10")
    assert row(ONE_SOURCE, october, "2021-10-31T23:59", window="month").denominator == "0"
    assert row(ONE_SOURCE, [[reported("2021-09-05", 1, 9, "2021-08")]], "2021-09-20").state == "no_data"


TAXES = Source(id="/units/taxes", units=("works",), feeds=("records",), usual_delay="2 working_days")
HUB = Source(id="/units/hub", units=("*",), feeds=("collected",), usual_delay="3 working_days")


def test_a_month_is_owed_once_the_usual_delay_of_its_source_has_passed() -> None:
    """A perfect unit that reports on the 3rd is met at each month's end, though it never reports at once."""
    judge = judge_of(promise(**FIGURE | {"owed_by": ("works",)}), sources=[TAXES])
    last_reports = {TAXES.id: "2021-11-29T17:00"}
    perfect = [[reported("2021-10-08", 5, 5, "2021-09")], [reported("2021-11-02", 9, 9, "2021-10")]]
    at_the_end = row(judge, perfect[:1], "2021-11-01", last_reports=last_reports)
    assert (at_the_end.state, at_the_end.unmeasured_n, at_the_end.denominator) == ("met", "0", "5")
    assert row(judge, perfect, "2021-12-01", last_reports=last_reports).denominator == "14"
    before, after = (
        row(judge, perfect[:1], time, last_reports=last_reports) for time in ("2021-11-02T23:59", "2021-11-03")
    )
    assert (before.unmeasured_n, after.unmeasured_n, after.state) == ("0", "1", "unmeasured")  # Tuesday is over


@pytest.mark.parametrize(
    ("given", "last_day"),
    [
        ({}, "2021-11-02"),
        ({"reports_within": "4 working_days"}, "2021-11-04"),
        ({"reports_within": "1 working_day"}, "2021-11-01"),
        ({"real_time": True}, "2021-10-31"),
        ({"operations": True}, "2021-10-31"),
    ],
    ids=str,
)
def test_its_report_is_due_when_every_other_report_of_the_source_is(given: dict[str, Any], last_day: str) -> None:
    """What a source needs to report is one key; how long it is usually silent is another (rule 14)."""
    source = Source.model_validate({**TAXES.model_dump(exclude_none=True), **given})
    judge = judge_of(promise(**FIGURE | {"owed_by": ("works",)}), sources=[source])
    september = [[reported("2021-10-08", 5, 5, "2021-09")]]
    found = [row(judge, september, f"{last_day}T{time}") for time in ("23:59", "23:59:59.999999")]
    assert [each.unmeasured_n for each in found] == ["0", "0"]
    next_day = date.fromordinal(date.fromisoformat(last_day).toordinal() + 1)
    assert row(judge, september, str(next_day)).unmeasured_n == "1"


def test_a_half_that_may_still_come_in_time_is_no_miss() -> None:
    judge = judge_of(promise(**FIGURE | {"numerator": "collected", "owed_by": ("works",)}), sources=[TAXES, HUB])
    produced = [reported("2021-11-01T09:00", 0, 50, source=TAXES.id)]
    last_reports = {TAXES.id: "2021-11-03T17:00", HUB.id: "2021-11-03T17:00"}
    waiting = row(judge, [produced], "2021-11-03", last_reports=last_reports, window="30d")
    assert (waiting.value, waiting.unmeasured_n, waiting.state) == ("", "0", "no_data")
    missed = row(judge, [produced], "2021-11-04", last_reports=last_reports, window="30d")
    assert (missed.value, missed.state) == ("0", "missed")


def test_a_period_that_nobody_reports_is_unmeasured() -> None:
    """Of two units one is silent: 100 % of what is known is not 100 %."""
    found = row(ONE_SOURCE, [[reported("2021-10-01", 10, 10, "2021-09")]], "2021-10-15")
    assert (found.value, found.unmeasured_n, found.state) == ("1", "1", "unmeasured")
    assert row(ONE_SOURCE, [], "2021-12-01").unmeasured_n == "6"
    assert row(ONE_SOURCE, [], "2021-12-01").state == "unmeasured"
    assert row(ONE_SOURCE, [], "2021-12-01", unit="seals").unmeasured_n == "3"


def test_how_much_is_unmeasured_is_reported_by_periods_not_by_what_they_count() -> None:
    reports = [[reported("2021-10-01", 10**6, 10**6, "2021-09")]]
    assert row(ONE_SOURCE, reports, "2021-10-15").state == "unmeasured"


def test_two_sources_meet_in_the_unit_and_the_period() -> None:
    hub = {"source": "/units/hub", "quantity": "collected"}
    reports = [
        reported("2021-10-01", 0, 50, "2021-09"),
        reported("2021-10-01", 0, 50, "2021-09", "seals"),
        reported("2021-10-02", 50, 0, "2021-09", **hub),
        reported("2021-10-02", 40, 0, "2021-09", "seals", **hub),
    ]
    found = rows(TWO_SOURCES, [[each] for each in reports], "2021-10-15")
    whole, seals = (found["P", unit, "-", "official", "all"] for unit in ("ALL", "seals"))
    assert (whole.numerator, whole.denominator, whole.state) == ("90", "100", "missed")
    assert (seals.value, found["P", "works", "-", "official", "all"].value) == ("0.8", "1")
    assert {item for _, _, item, _, _ in found} == {"-"}


def test_a_denominator_without_a_numerator_counts_nothing_and_a_numerator_alone_is_unmeasured() -> None:
    produced = [[reported("2021-10-01", 0, 50, "2021-09", unit)] for unit in ("works", "seals")]
    found = row(TWO_SOURCES, produced, "2021-10-15")
    assert (found.value, found.unmeasured_n, found.state) == ("0", "0", "missed")
    collected = [[reported("2021-10-01", 50, 0, "2021-09", unit, quantity="collected")] for unit in ("works", "seals")]
    found = row(TWO_SOURCES, collected, "2021-10-15")
    assert (found.numerator, found.denominator, found.unmeasured_n, found.state) == ("0", "0", "2", "unmeasured")


def test_a_unit_that_owes_nothing_does_not_count() -> None:
    assert judgements(ONE_SOURCE, [reported("2021-10-01", 1, 9, "2021-09", "planning")], "2021-11-01") == []


def test_a_figure_reported_again_replaces_and_the_latest_wins_in_any_order_of_arrival() -> None:
    first = reported("2021-10-01", 9, 10, "2021-09")
    again = reported("2021-10-03", 8, 10, "2021-09")
    early = again._replace(received=at("2021-10-01") - 1, id="early")
    for facts in ([first, again], [first, early]):
        assert row(ONE_SOURCE, [facts], "2021-10-15", unit="works").numerator == "8"
    by_two = [reported("2021-10-01", 7, 10, "2021-09", id="b", source="/units/a"),
              reported("2021-10-01", 6, 10, "2021-09", id="a", source="/units/b")]  # fmt: skip
    assert row(ONE_SOURCE, [by_two], "2021-10-15", unit="works").numerator == "7"
    same_time = [reported("2021-10-01", part, 10, "2021-09", id=name) for name, part in (("b", 7), ("a", 6))]
    assert row(ONE_SOURCE, [same_time], "2021-10-15", unit="works").numerator == "7"


def test_parts_of_a_whole_are_exact() -> None:
    found = row(ONE_SOURCE, [[reported("2021-10-01", 0.1 * 3, 0.3, "2021-09")]], "2021-10-15", unit="works")
    assert (found.numerator, found.denominator, found.value) == ("0.3", "0.3", "1")


def test_too_much_of_one_unit_or_month_makes_up_for_no_other() -> None:
    hub = {"source": "/units/hub", "quantity": "collected"}
    produced = [[reported("2021-10-01", 0, 100, "2021-09", unit)] for unit in ("works", "seals")]
    collected = [
        [reported("2021-10-02", part, 0, "2021-09", unit, **hub)] for part, unit in ((50, "works"), (150, "seals"))
    ]
    found = row(TWO_SOURCES, produced + collected, "2021-10-15")
    assert (found.value, found.numerator, found.state) == ("0.75", "150", "missed")
    signals = Valuer(TWO_SOURCES).beside(
        tallies_of(TWO_SOURCES, produced + collected, at("2021-10-15")), at("2021-10-15")
    )
    assert [each[:4] for each in signals] == [("excess", unit, "P", "50") for unit in ("ALL", "seals")]
    months = [[reported("2021-10-01", 9, 10, "2021-09")], [reported("2021-11-01", 11, 10, "2021-10")]]
    assert row(ONE_SOURCE, months, "2021-11-15", unit="works").value == "0.95"


def test_more_than_all_is_all() -> None:
    found = row(ONE_SOURCE, [[reported("2021-10-01", 12, 10, "2021-09")]], "2021-10-15", unit="works")
    assert (found.value, found.lower != "", found.state) == ("1", True, "met")


# ---- the last one alone ------------------------------------------------------------------------------------
def test_a_stock_is_what_each_unit_reported_last() -> None:
    judge = judge_of(promise(**FIGURE | {"statistic": "stock", "objective": ">= 60 %"}))
    reports = [
        [reported("2021-10-01", 5, 10, "2021-09")], [reported("2021-11-01", 7, 10, "2021-10")],
        [reported("2021-10-01", 6, 10, "2021-09", "seals")],
    ]  # fmt: skip
    found = row(judge, reports, "2021-11-15")
    assert (found.numerator, found.denominator, found.unmeasured_n) == ("13", "20", "1")
    assert row(judge, reports, "2021-11-15", unit="works").value == "0.7"


def test_a_figure_without_a_target_is_never_judged() -> None:
    free = {"objective": None, "strength": "directional", "direction": "rising", "owed_by": ()}
    found = row(judge_of(promise(**FIGURE | free)), of_both("2021-09", 3), "2021-10-15")
    assert (found.value, found.unmeasured_n, found.state) == ("0.3", "0", "untargeted")


ONCE = judge_of(promise(**FIGURE | {"numerator": "collected", "period": "once", "by": "2021-12-31"}))


def test_what_is_owed_once_is_pending_until_its_date() -> None:
    assert row(ONCE, [], "2021-12-31").state == "no_data"
    assert row(ONCE, [], "2021-12-31").unmeasured_n == "0"
    silent = row(ONCE, [], "2022-01-02")
    assert (silent.unmeasured_n, silent.state) == ("2", "unmeasured")
    produced = [[reported("2021-10-01", 0, 10, "2021-09", unit)] for unit in ("works", "seals")]
    collected = [[reported("2021-11-01", 8, 0, "2021-10", unit, quantity="collected")] for unit in ("works", "seals")]
    assert row(ONCE, produced + collected, "2021-12-31").state == "at_risk"
    assert row(ONCE, produced + collected, "2022-03-01", window="30d").state == "missed"
    all_of_it = [[reported("2021-12-01", 10, 0, "2021-11", unit, quantity="collected")] for unit in ("works", "seals")]
    assert row(ONCE, produced + collected + all_of_it, "2022-03-01").state == "met"


def both_halves(period: str, part: float, received: str) -> list[list[Fact]]:
    whole = [reported("2021-10-01", 0, 10, "2021-09", unit) for unit in ("works", "seals")]
    parts = [reported(received, part, 0, period, unit, quantity="collected") for unit in ("works", "seals")]
    return [[each] for each in (*whole, *parts)]


def test_what_is_owed_once_is_pending_until_its_report_is_late() -> None:
    once = FIGURE | {"numerator": "collected", "period": "once", "by": "2021-12-31"}
    hub = HUB.model_copy(update={"feeds": ("collected", "records")})
    judge = judge_of(promise(**once), sources=[hub])
    heard = {HUB.id: "2022-01-07T09:00"}  # its report is due on 2022-01-06, the third working day
    assert row(judge, [], "2022-01-06", last_reports=heard).unmeasured_n == "0"
    assert row(judge, [], "2022-01-07", last_reports=heard).unmeasured_n == "2"
    behind = both_halves("2021-11", 8, "2021-12-02")
    assert [row(judge, behind, each, last_reports=heard).state for each in ("2022-01-06", "2022-01-07")] == [
        "at_risk",
        "missed",
    ]
    assert row(judge, both_halves("2021-12", 10, "2022-01-05"), "2022-01-07", last_reports=heard).state == "met"


def test_what_a_later_period_reached_does_not_undo_the_miss_of_a_date() -> None:
    assert row(ONCE, both_halves("2022-01", 10, "2022-02-05"), "2022-03-01").state == "missed"


def test_nor_does_a_report_that_comes_too_late_to_be_in_time() -> None:
    """Its source has no delay: what was reached by the date is reported by the date."""
    late = row(ONCE, both_halves("2021-12", 10, "2022-01-05"), "2022-03-01")
    assert (late.numerator, late.state, late.late_entry_n) == ("0", "missed", "2")


def test_a_period_that_is_reported_too_late_does_not_replace_the_one_before_it() -> None:
    judge = judge_of(promise(**FIGURE | {"owed_by": ("works",), "period": "once", "by": "2021-12-31"}))
    november = reported("2021-12-01", 5, 10, "2021-11")
    december = reported("2022-06-01", 10, 10, "2021-12")
    found = row(judge, [[november], [december]], "2022-07-01")
    assert (found.value, found.state, found.late_entry_n) == ("0.5", "missed", "1")
    believed = [december, confirmed("2022-06-02")]
    assert row(judge, [[november], believed], "2022-07-01").state == "met"
    worse = reported("2022-06-01", 4, 10, "2021-12")
    assert row(judge, [[november], [worse]], "2022-07-01").value == "0.4"  # bad news is believed at once


# ---- late entry --------------------------------------------------------------------------------------------
MISS = reported("2021-10-02", 9, 10, "2021-09")
HIT = reported("2021-12-01", 10, 10, "2021-09")


def test_a_second_report_that_turns_a_miss_into_a_hit_waits_for_confirmation() -> None:
    assert judgement(ONE_SOURCE, [MISS, HIT], "2021-12-15").outcome is Outcome.LATE_ENTRY
    found = row(ONE_SOURCE, [[MISS, HIT]], "2021-12-15", unit="works")
    assert (found.numerator, found.late_entry_n) == ("9", "1")
    believed = [MISS, HIT, confirmed("2021-12-02")]
    assert judgement(ONE_SOURCE, believed, "2021-12-15").outcome is Outcome.COUNTED
    assert row(ONE_SOURCE, [believed], "2021-12-15", unit="works").numerator == "10"


def test_a_second_report_that_is_still_in_time_is_believed() -> None:
    """A source with three working days corrects October on 1 November, five minutes after its first report."""
    judge = judge_of(promise(**FIGURE | {"owed_by": ("works",)}), sources=[TAXES])
    slip, right = (
        reported(f"2021-11-01T09:0{minute}", part, 10, "2021-10", source=TAXES.id) for minute, part in ((0, 8), (5, 10))
    )
    found = row(judge, [[slip, right]], "2021-12-01", last_reports={TAXES.id: "2021-11-29T17:00"}, unit="works")
    assert (found.numerator, found.late_entry_n) == ("10", "0")


@pytest.mark.parametrize(
    ("first", "again"),
    [
        (reported("2021-10-01", 5, 0, "2021-09", quantity="collected"),
         reported("2022-06-01", 10, 0, "2021-09", quantity="collected")),
        (reported("2021-10-01", 0, 20, "2021-09"), reported("2022-06-01", 0, 10, "2021-09")),
    ],
    ids=["more above", "less below"],
)  # fmt: skip
def test_a_half_that_is_made_better_afterwards_waits_for_confirmation(first: Fact, again: Fact) -> None:
    assert judgement(TWO_SOURCES, [first, again], "2022-07-01").outcome is Outcome.LATE_ENTRY
    assert judgement(TWO_SOURCES, [first, again, confirmed("2022-06-02")], "2022-07-01").outcome is Outcome.COUNTED
    worse = judgement(
        TWO_SOURCES, [again._replace(received=first.received), first._replace(received=again.received)], "2022-07-01"
    )
    assert worse.outcome is Outcome.COUNTED


def test_saying_it_twice_does_not_confirm_it() -> None:
    again = reported("2021-12-05", 11, 11, "2021-09")
    assert row(ONE_SOURCE, [[MISS, HIT, again]], "2021-12-15", unit="works").numerator == "9"


def test_a_correction_does_not_confirm_it_either() -> None:
    corrected = [MISS, correction("2021-12-01", MISS, reported("2021-10-02", 10, 10, "2021-09"))]
    assert judgement(ONE_SOURCE, corrected, "2021-12-15").outcome is Outcome.LATE_ENTRY
    assert ONE_SOURCE.judge(in_order(corrected), at("2021-12-15")).reversed == (("P", 202109),)


@pytest.mark.parametrize(
    "facts",
    [
        [HIT],  # a first report turns silence into a figure, not a miss into a hit
        [
            reported("2021-09-28", 9, 10, "2021-09"),
            reported("2021-09-30", 10, 10, "2021-09"),
        ],  # before the period ended
        [HIT, reported("2021-12-05", 9, 10, "2021-09")],  # what turns a hit into a miss is believed at once
        [MISS, reported("2021-12-01", 9.5, 10, "2021-09")],  # still a miss
    ],
)
def test_everything_else_is_believed_at_once(facts: list[Fact]) -> None:
    assert judgement(ONE_SOURCE, facts, "2021-12-15").outcome is Outcome.COUNTED
