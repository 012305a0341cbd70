"""rule 17: a case tallies under the unit that accepted it; a unit that has ended has a successor."""

from datetime import date

import pytest

from services.domain.plan.plan import Source, Unit
from services.domain.results.cards import card_periods
from services.domain.results.value_rows import Valuer
from tests.unit.cases import (
    TITLE,
    accepted,
    applied,
    at,
    card_list,
    completed,
    fulfilled,
    in_order,
    judge_of,
    judgement,
    milestone,
    node_ended,
    node_started,
    outcome,
    promise,
    reported,
    row,
    rows,
    tallies_of,
)

JUDGE = judge_of(promise(), promise(id="NODES", kind="node_duration", strength="directional"))
CASE = [
    applied("2021-09-15T09:00", unit="seals"),
    accepted("2021-09-16T09:00", unit="works"),
    node_started("2021-09-16T09:00", "permit", unit="planning"),
    node_ended("2021-09-26T09:00", "permit", unit="planning"),
    milestone("2021-09-27T09:00", "connected", unit="seals"),
    completed("2021-09-27T10:00"),
]


def test_the_unit_that_accepted_it_answers_for_the_case() -> None:
    units = {key[1] for key, found in rows(JUDGE, [CASE], "2021-10-01").items() if key[0] == "P" and found.n != "0"}
    assert units == {"ALL", "works"}
    assert row(JUDGE, [CASE], "2021-10-01", unit="works").state == "missed"


def test_days_per_holding_unit_stand_beside_it() -> None:
    found = row(JUDGE, [CASE], "2021-10-01", kpi="NODES", unit="planning", item="permit")
    assert (found.value, found.n) == ("10", "1")


def test_the_whole_is_the_sum_of_the_units() -> None:
    other = [accepted("2021-09-16T09:00", unit="seals"), completed("2021-09-17T09:00")]
    found = {unit: row(JUDGE, [CASE, other], "2021-10-01", unit=unit).n for unit in ("ALL", "works", "seals")}
    assert found == {"ALL": "2", "works": "1", "seals": "1"}


# ---- two units are merged on Monday, 2021-11-01 --------------------------------------------------------------
NORTH = Unit(id="north", title=TITLE, effective_from=date(2021, 11, 1), successor_of=("works", "seals"))
REPORT = promise(id="R", kind="duty", duty="report", owed_by=("works", "seals", "planning"), period="month",
                 effective_from=date(2021, 9, 1))  # fmt: skip
MERGED = judge_of(promise(), REPORT, units=[NORTH])
LATE = [accepted("2021-10-26T09:00", unit="works"), completed("2021-11-03T09:00")]
"""Due on Monday 2021-11-01 at 24:00: Wednesday 27, Thursday 28, Friday 29, Monday 1."""
OPEN = LATE[:1]
AFTER = [accepted("2021-11-02T09:00", unit="north"), completed("2021-11-03T09:00")]


def test_a_case_keeps_the_unit_that_accepted_it_when_that_unit_ends() -> None:
    assert row(MERGED, [LATE, AFTER], "2021-12-01", unit="works").state == "missed"
    assert row(MERGED, [LATE, AFTER], "2021-12-01", unit="north").state == "met"
    assert row(MERGED, [LATE, AFTER], "2021-12-01").value == "0.5"


def test_what_is_accepted_under_a_name_that_has_ended_is_its_successors() -> None:
    under_the_old_name = [accepted("2021-11-02T09:00", unit="works"), completed("2021-11-03T09:00")]
    assert judgement(MERGED, under_the_old_name, "2021-12-01").unit == "north"
    on_its_last_day = [accepted("2021-10-31T23:59", unit="works"), completed("2021-11-03T09:00")]
    assert judgement(MERGED, on_its_last_day, "2021-12-01").unit == "works"


def test_the_card_of_an_open_case_goes_to_the_successor_on_its_first_day() -> None:
    (yellow,) = card_list(MERGED, OPEN, "2021-11-01T08:00")
    assert (yellow.level, yellow.unit) == ("yellow", "north")
    yellow, red = sorted(card_list(MERGED, OPEN, "2021-11-02T00:00"), key=lambda card: card.raised_at)
    assert (yellow.unit, yellow.reason, red.level, red.unit) == ("north", "superseded", "red", "north")


def test_a_card_from_before_the_merger_passes_to_the_successor_at_midnight() -> None:
    case = [accepted("2021-10-19T09:00", unit="works")]  # due on Monday 2021-10-25 at 24:00
    assert {card.unit for card in card_list(MERGED, case, "2021-10-31T23:59")} == {"works"}
    red = [card for card in card_list(MERGED, case, "2021-11-01") if card.level == "red"]
    assert [(card.unit, card.raised_at, card.cleared_at) for card in red] == [("north", at("2021-10-26"), None)]
    times = [(each.unit, each.since) for each in card_periods(MERGED, in_order(case), at("2021-11-02"))]
    assert ("north", at("2021-11-01")) in times and ("works", at("2021-10-26")) in times


def test_time_alone_passes_the_card_on_without_a_new_event() -> None:
    case = in_order([accepted("2021-10-19T09:00", unit="works")])
    assert MERGED.judge(case, at("2021-10-27")).next_at == at("2021-11-01")


def test_a_unit_without_a_successor_keeps_its_cards() -> None:
    closed = judge_of(promise(), units=[Unit(id="works", title=TITLE, effective_to=date(2021, 10, 31))])
    assert {card.unit for card in card_list(closed, OPEN, "2021-11-05")} == {"works"}


def test_a_unit_that_was_merged_twice_has_the_last_successor() -> None:
    last = Unit(id="all-water", title=TITLE, effective_from=date(2022, 1, 1), successor_of=("north",))
    judge = judge_of(promise(), units=[NORTH, last])
    units = judge.law.units
    days = [date(2021, 10, 31), date(2021, 11, 1), date(2022, 1, 1)]
    assert [units.on("works", each.toordinal()) for each in days] == ["works", "north", "all-water"]


def test_a_unit_taken_over_by_one_that_was_there_before_ends_on_its_own_last_day() -> None:
    units = [
        Unit(id="works", title=TITLE, effective_to=date(2021, 10, 31)),
        Unit(id="seals", title=TITLE, successor_of=("works",)),
    ]
    judge = judge_of(promise(), units=units)
    assert judge.law.units.on("works", date(2021, 10, 31).toordinal()) == "works"
    assert judge.law.units.on("works", date(2021, 11, 1).toordinal()) == "seals"


def test_the_figures_of_merged_units_can_be_read_as_one() -> None:
    """Two of two in time at one, none of one at the other, one of one at the successor: 3 of 4."""
    cases = [
        [accepted("2021-10-11T09:00", unit="works"), completed("2021-10-12T09:00")],
        [accepted("2021-10-12T09:00", unit="works"), completed("2021-10-13T09:00")],
        [accepted("2021-10-11T09:00", unit="seals"), completed("2021-10-29T09:00")],
        AFTER,
    ]
    tallies = tallies_of(MERGED, cases, at("2021-12-01") - 1)
    found = Valuer(MERGED).rows(tallies, at("2021-12-01"), {}, todays_units=True)
    shares = {each.unit: (each.numerator, each.n) for each in found if (each.kpi, each.window) == ("P", "all")}
    assert shares == {"ALL": ("3", "4"), "north": ("3", "4")}
    before = Valuer(MERGED).rows(tallies, at("2021-10-31"), {}, todays_units=True)
    assert {each.unit for each in before if each.kpi == "P"} == {"ALL", "works", "seals", "north"}


def test_the_successor_owes_the_reports_of_the_months_that_it_ends() -> None:
    """October is owed by three units, November by two: the merged one owes one report."""
    sent = [
        [fulfilled("2021-10-29T09:00", "2021-10", unit="works")],
        [fulfilled("2021-11-29T09:00", "2021-11", unit="north")],
        [fulfilled("2021-11-29T09:00", "2021-11", unit="planning")],
    ]
    october = row(MERGED, sent, "2021-11-01", kpi="R", window="month")
    november = row(MERGED, sent, "2021-12-01", kpi="R", window="month")
    assert (october.numerator, october.n) == ("1", "3")
    assert (november.numerator, november.n) == ("2", "2")
    assert row(MERGED, sent, "2021-12-01", kpi="R", window="month", unit="north").numerator == "1"
    under_the_old_name = [[fulfilled("2021-11-29T09:00", "2021-11", unit="seals")]]
    assert row(MERGED, under_the_old_name, "2021-12-01", kpi="R", window="month", unit="north").numerator == "1"
    assert row(MERGED, sent, "2021-12-01", kpi="R", window="month", unit="works").n == "0"
    together = Valuer(MERGED).rows(tallies_of(MERGED, sent, at("2021-12-01") - 1), at("2021-12-01"), {},
                                   todays_units=True)  # fmt: skip
    (north,) = [each for each in together if (each.kpi, each.window, each.unit) == ("R", "quarter", "north")]
    assert (north.numerator, north.n) == ("2", "3")  # October of works and seals, November of north


def test_the_successor_owes_figures_too() -> None:
    figure = promise(id="F", kind="figure", numerator="records", denominator="records", statistic="share",
                     objective=">= 50 %", owed_by=("works", "seals"), period="month",
                     effective_from=date(2021, 9, 1))  # fmt: skip
    judge = judge_of(figure, units=[NORTH])
    sent = [[reported("2021-11-30T09:00", 8, 10, "2021-11", unit="north")]]
    assert row(judge, sent, "2021-12-01", kpi="F", window="month").unmeasured_n == "0"
    assert row(judge, sent, "2021-12-01", kpi="F", window="quarter").unmeasured_n == "2"  # October of both


@pytest.mark.parametrize(("ends", "state"), [(None, "stale"), (date(2021, 10, 31), "met")])
def test_a_source_whose_units_have_all_ended_is_not_silent(ends: date | None, state: str) -> None:
    source = Source.model_validate({"id": "/units/water", "units": ["works"], "usual_delay": "1 working_days"})
    judge = judge_of(promise(), sources=[source], units=[Unit(id="works", title=TITLE, effective_to=ends)])
    reports = {"/units/water": "2021-10-29T09:00"}
    done = [accepted("2021-10-11T09:00"), completed("2021-10-12T09:00")]
    assert row(judge, [done], "2021-12-01", last_reports=reports).state == state


def test_a_silent_successor_makes_the_rows_of_the_old_unit_stale() -> None:
    source = Source.model_validate({"id": "/units/north", "units": ["north"], "usual_delay": "1 working_days"})
    judge = judge_of(promise(), sources=[source], units=[NORTH])
    done = [accepted("2021-10-11T09:00"), completed("2021-10-12T09:00")]
    reports = {"/units/north": "2021-11-02T09:00"}
    assert row(judge, [done], "2021-12-01", unit="works", last_reports=reports).state == "stale"
    assert outcome(judge, done, "2021-12-01") == "met"


# ---- a source that names the old unit speaks for its successor ------------------------------------------------
SLOW = Source.model_validate({"id": "/units/water", "units": ["works"], "usual_delay": "3 working_days"})
FIGURE = promise(id="F", kind="figure", numerator="records", denominator="records", statistic="share",
                 objective=">= 50 %", owed_by=("works",), period="month", effective_from=date(2021, 9, 1))  # fmt: skip


@pytest.mark.parametrize(
    ("now", "unmeasured"), [("2021-12-01T09:00", "0"), ("2021-12-04T00:00", "1"), ("2022-01-04T00:00", "1")]
)
def test_the_figure_of_a_successor_is_late_when_the_source_of_the_old_unit_would_be(now: str, unmeasured: str) -> None:
    judge = judge_of(FIGURE, sources=[SLOW], units=[NORTH])
    assert row(judge, [], now, kpi="F", unit="north").unmeasured_n == unmeasured


def test_a_better_figure_of_a_successor_is_a_late_entry_when_that_of_the_old_unit_would_be() -> None:
    judge = judge_of(FIGURE, sources=[SLOW], units=[NORTH])

    def late(received: str) -> str:
        two = [
            reported("2021-12-01T09:00", 2, 10, "2021-11", unit="north"),
            reported("2021-12-01T10:00", 8, 10, "2021-11", unit="north", received=received),
        ]
        return row(judge, [two], "2021-12-31", kpi="F", window="quarter").late_entry_n

    assert (late("2021-12-03T09:00"), late("2021-12-06T09:00")) == ("0", "1")


def test_the_report_of_a_successor_is_awaited_from_the_source_of_the_old_unit() -> None:
    judge = judge_of(REPORT.model_copy(update={"owed_by": ("works",)}), sources=[SLOW], units=[NORTH])
    assert row(judge, [], "2021-12-02T09:00", kpi="R", unit="north", window="quarter").awaiting_n == "1"
    assert row(judge, [], "2021-12-04", kpi="R", unit="north", window="quarter").awaiting_n == "0"


def test_a_completion_of_a_successors_case_is_awaited_from_the_source_of_the_old_unit() -> None:
    """Another source speaks for every unit, and reports at once."""
    at_once = Source.model_validate({"id": "/units/platform", "units": ["*"]})
    judge = judge_of(promise(), sources=[SLOW, at_once], units=[NORTH])
    case = [accepted("2021-11-02T09:00", unit="north", source="/elsewhere")]  # due on 2021-11-08 at 24:00
    assert outcome(judge, case, "2021-11-09T09:00") == "awaiting_report"


def test_a_silent_source_of_the_old_unit_makes_the_rows_of_its_successor_stale() -> None:
    judge = judge_of(promise(), sources=[SLOW.model_copy(update={"units": ("works", "planning")})], units=[NORTH])
    reports = {"/units/water": "2021-11-02T09:00"}
    assert row(judge, [AFTER], "2021-12-01", unit="north", last_reports=reports).state == "stale"


def test_before_the_merger_the_successor_has_no_part_in_the_sources_of_the_old_unit() -> None:
    units = [
        Unit(id="works", title=TITLE, effective_to=date(2021, 10, 31)),
        Unit(id="seals", title=TITLE, successor_of=("works",)),
    ]
    history = judge_of(promise(), units=units).law.units
    assert history.names_at("seals", at("2021-11-01") - 1) == {"seals"}
    assert (
        history.names_at("seals", at("2021-11-01")) == history.names_at("works", at("2021-11-01")) == {"works", "seals"}
    )
