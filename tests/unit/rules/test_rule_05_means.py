"""rule 5: means are means; no case breaches one."""

from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.plan.plan import HoursEntry
from services.domain.results.verdicts import verdicts_of
from services.domain.sums.statistic import Statistic, written
from services.domain.sums.tally import NOW, total
from tests.unit.cases import (
    ITEMS,
    accepted,
    at,
    card_list,
    completed,
    day,
    in_order,
    judge_of,
    judgement,
    measured,
    outcome,
    promise,
    resumed,
    row,
    rows,
    suspended,
    tallies_of,
)

MEAN = judge_of(promise(kind="case_mean", measure="working_days", objective="<= 28 working_days", minimum_n=1))
STOPS = judge_of(
    promise(
        kind="case_mean", measure="working_days", objective="<= 28 working_days", minimum_n=1, clock_stops=("hearing",)
    )
)  # fmt: skip
SHORT = [accepted("2021-09-16T09:00"), completed("2021-09-17T09:00")]
LONG = [accepted("2021-06-01T09:00"), completed("2021-09-17T09:00")]


def test_no_case_breaches_a_mean() -> None:
    assert outcome(MEAN, LONG, "2021-10-01") is Outcome.COUNTED
    assert card_list(MEAN, LONG, "2021-10-01") == []
    assert verdicts_of(MEAN.judge(in_order(LONG), at("2021-10-01"))) == []


def test_a_mean_is_met_although_a_single_case_was_long() -> None:
    found = row(MEAN, [SHORT, SHORT, SHORT, LONG], "2021-10-01")
    assert (found.value, found.n, found.state) == ("20", "4", "met")  # (1 + 1 + 1 + 77) / 4


def test_a_mean_is_never_met_while_open_cases_at_their_age_break_it() -> None:
    old = [accepted("2021-03-01T09:00")]
    assert row(MEAN, [SHORT, old], "2021-10-01").state == "at_risk"
    assert row(MEAN, [SHORT], "2021-10-01").state == "met"


def test_open_cases_count_by_the_time_that_their_clock_ran() -> None:
    old = accepted("2021-03-01T09:00")
    assert row(STOPS, [SHORT, [old]], "2021-10-01").state == "at_risk"
    held = [old, suspended("2021-03-08T08:00")]
    assert row(STOPS, [SHORT, held], "2021-10-01").state == "met"
    ran_again = [*held, resumed("2021-09-27T08:00")]
    assert row(STOPS, [SHORT, ran_again], "2021-10-01").state == "met"


def test_a_suspension_for_another_reason_does_not_hold_the_clock_of_an_open_case() -> None:
    ended = [suspended("2021-03-08T08:00"), resumed("2021-03-09T08:00")]
    old = [accepted("2021-03-01T09:00"), *ended, suspended("2021-03-10T08:00", "weather")]
    assert row(STOPS, [SHORT, old], "2021-10-01").state == "at_risk"


def test_past_its_maximum_age_a_suspension_holds_no_open_case_any_more() -> None:
    stops = judge_of(
        promise(
            kind="case_mean", measure="working_days", objective="<= 28 working_days", minimum_n=1,
            clock_stops=("testing",), select={"service_item": ("water", "permit")},
        )
    )  # fmt: skip
    held = [accepted("2021-03-01T09:00", item="permit"), suspended("2021-03-08T08:00", "testing")]
    standing = judgement(stops, held, "2021-03-10")
    assert standing.next_at == at("2021-03-23")  # after the tenth working day after the one on which it began
    assert row(stops, [SHORT, held], "2021-10-01").state == "at_risk"


@cache
def timed(measure: str) -> Judge:
    """A mean over cases of two halls: power is open until 19:00."""
    late = HoursEntry(id="late", effective_from=date(2021, 1, 1), weekly={"mon_fri": ("09:00-19:00",)})
    items = {**ITEMS, "power": ITEMS["power"].model_copy(update={"opening_hours": "late"})}
    mean = promise(kind="case_mean", measure=measure, objective="<= 60 minutes", minimum_n=1, select={})
    return judge_of(mean, hours=(late,), items=items)


def test_open_cases_measured_in_opening_hours_age_in_those_of_their_hall() -> None:
    quick = [accepted("2021-09-16T09:00"), completed("2021-09-16T09:30")]
    water, power = accepted("2021-09-16T17:00"), accepted("2021-09-16T17:00", item="power")

    def state(as_of: str, *opened: Fact) -> str:
        return row(timed("working_minutes"), [quick, *([each] for each in opened)], as_of).state

    assert state("2021-09-17", water) == "met"  # (30 + 30) / 2: the night costs nothing
    assert state("2021-09-17T10:00", water) == "met"  # (30 + 90) / 2
    assert state("2021-09-17T10:01", water) == "at_risk"
    assert state("2021-09-16T18:30", power) == "met"  # (30 + 90) / 2
    assert state("2021-09-16T18:31", power) == "at_risk"
    assert state("2021-09-17T09:00", water, power) == "met"  # (30 + 30 + 120) / 3
    assert state("2021-09-17T09:01", water, power) == "at_risk"


@pytest.mark.parametrize("measure", ["working_days", "elapsed_days", "minutes", "working_minutes"])
@given(starts=st.lists(st.tuples(st.integers(0, 60 * 24), st.sampled_from(("water", "power"))), min_size=1, max_size=5))
def test_an_open_case_is_as_old_as_if_it_were_completed_now(measure: str, starts: list[tuple[int, str]]) -> None:
    judge, now = timed(measure), at("2021-11-16T14:00")
    end = completed("2021-11-16T14:00")
    opened = [accepted((datetime(2021, 9, 16) + timedelta(hours=hour)).isoformat(), item=item) for hour, item in starts]

    def figure(cases: list[list[Fact]]) -> Statistic:
        tallies = tallies_of(judge, cases, now)
        closed, present = (
            total(tally for key, tally in tallies.items() if key.kpi == "P" and (key.day == NOW) == is_now)
            for is_now in (False, True)
        )
        return judge.kinds["P"].figure(Sums("ALL", 0, {"-": closed}, {"-": present}), Moment(now, day("2021-11-16")))

    assert figure([[each] for each in opened]).censored == figure([[each, end] for each in opened]).value


def test_means_are_of_net_time_and_gross_time_is_beside() -> None:
    stops = judge_of(promise(kind="case_mean", measure="working_days", clock_stops=("hearing",), minimum_n=1))
    case = [accepted("2021-09-22T09:00"), suspended("2021-09-27T10:00"), resumed("2021-10-09T10:00")]
    found = row(stops, [[*case, completed("2021-10-20T09:00")]], "2021-11-01")
    assert (found.value, found.mean_gross) == ("13", "17")


def test_elapsed_days_are_exact_to_the_microsecond() -> None:
    judge = judge_of(promise(kind="case_mean", measure="elapsed_days", minimum_n=1))
    cases = [[accepted("2021-09-16T09:00"), completed("2021-09-17T21:00")]]
    assert row(judge, cases, "2021-10-01").value == "1.5"


# ---- visits (K24-2) --------------------------------------------------------------------------------------
VISITS = judge_of(
    promise(kind="case_mean", measure="quantity:visits", objective="<= 0.3 visits", minimum_n=1),
)


def visited(channel: str, *visits: float) -> list[Fact]:
    reported = [measured(f"2021-09-16T1{hour}:00", "visits", count) for hour, count in enumerate(visits)]
    return [accepted("2021-09-16T09:00", channel=channel), *reported, completed("2021-09-17T09:00")]


def test_a_counter_case_with_no_visit_counts_one() -> None:
    assert row(VISITS, [visited("counter")], "2021-10-01").value == "1"
    assert row(VISITS, [visited("counter", 0)], "2021-10-01").value == "1"
    assert row(VISITS, [visited("counter", 2)], "2021-10-01").value == "2"


def test_only_cases_whose_source_reports_visits_count() -> None:
    found = row(VISITS, [visited("online"), visited("online", 0), visited("online", 1, 1)], "2021-10-01")
    assert (found.value, found.n, found.unmeasured_n) == ("1", "2", "1")


def test_a_mean_number_of_visits_is_not_met_while_open_cases_break_it() -> None:
    opened = [accepted("2021-09-16T09:00", channel="online"), measured("2021-09-16T10:00", "visits", 3)]
    assert row(VISITS, [visited("online", 0)], "2021-10-01").state == "met"
    assert row(VISITS, [visited("online", 0), opened], "2021-10-01").state == "at_risk"


# ---- K24-1 -----------------------------------------------------------------------------------------------
def reductions() -> Judge:
    return judge_of(
        *(
            promise(
                kind="mean_reduction", variant=variant, objective=">= 80 %", minimum_n=1,
                select={"service_item": ("permit", "registration", "water")}, clock_stops=("hearing",),
            )
            for variant in ("official", "cases", "ratio_of_sums")
        )
    )  # fmt: skip


REDUCTIONS = reductions()


def took(item: str, start: str, stop: str, **given: object) -> list[Fact]:
    return [accepted(f"{start}T09:00", item=item, **given), completed(f"{stop}T09:00")]  # type: ignore[arg-type]  # data


def values(cases: list[list[Fact]], as_of: str = "2021-12-01") -> tuple[str, ...]:
    found = rows(REDUCTIONS, cases, as_of)
    return tuple(found["P", "ALL", "-", name, "all"].value for name in ("official", "cases", "ratio_of_sums"))


def test_the_mean_reduction_is_computed_three_ways() -> None:
    cases = [
        took("permit", "2021-09-13", "2021-09-15"),  # 2 of 20 working days: 0.9
        took("permit", "2021-09-13", "2021-09-17"),  # 4 of 20 working days: 0.8
        took("registration", "2021-09-13", "2021-09-28"),  # 15 of 30 calendar days: 0.5
    ]
    assert values(cases) == ("0.675", "0.733333", "0.7")  # (0.85 + 0.5) / 2, 2.2 / 3, 1 - 21 / 70


def test_negative_reductions_stay_negative() -> None:
    cases = [took("permit", "2021-06-01", "2021-07-27")]  # 39 working days of 20
    assert values(cases) == ("-0.95", "-0.95", "-0.95")


def test_the_statutory_limit_is_the_one_in_force_at_acceptance() -> None:
    """20 working days until the end of September, then 10."""
    assert values([took("permit", "2021-09-30", "2021-10-08")]) == ("0.95",) * 3
    assert values([took("permit", "2021-10-08", "2021-10-09")]) == ("0.9",) * 3


def test_the_events_own_figure_is_only_compared() -> None:
    own = took("permit", "2021-09-13", "2021-09-15", statutory_limit={"amount": 40, "unit": "working_days"})
    assert values([own]) == ("0.9",) * 3
    mismatches = [each for each in REDUCTIONS.judge(own, at("2021-12-01")).judgements if each.item == "limit_mismatch"]
    assert len(mismatches) == 1
    same = took("permit", "2021-09-13", "2021-09-15", statutory_limit={"amount": 20, "unit": "working_days"})
    assert all(each.item != "limit_mismatch" for each in REDUCTIONS.judge(same, at("2021-12-01")).judgements)


def test_items_without_a_statutory_limit_leave_the_denominator() -> None:
    found = row(REDUCTIONS, [took("water", "2021-09-13", "2021-09-15")], "2021-12-01")
    assert (found.n, found.state) == ("0", "no_data")


def test_reductions_are_of_net_time_in_the_limits_own_calendar() -> None:
    held = [suspended("2021-09-14T08:00"), resumed("2021-09-16T08:00")]
    assert values([took("permit", "2021-09-13", "2021-09-17") + held]) == ("0.9",) * 3
    assert values([took("registration", "2021-09-13", "2021-09-19") + held]) == ("0.833333",) * 3  # one whole day


@pytest.mark.parametrize("variant", ["official", "cases", "ratio_of_sums"])
def test_the_reduction_is_not_met_while_open_cases_at_their_age_break_it(variant: str) -> None:
    quick = [took("permit", "2021-09-13", "2021-09-14")] * 3
    old = [accepted("2021-07-01T09:00", item="permit")]

    def state(cases: list[list[Fact]]) -> str:
        return row(REDUCTIONS, cases, "2021-10-01", variant=variant).state

    assert state(quick) == "met"
    assert state([*quick, old]) == "at_risk"
    held = [accepted("2021-07-01T09:00", item="registration"), suspended("2021-07-02T00:00")]
    assert state([*quick, held]) == "met"
    assert state([*quick, [accepted("2021-09-30T09:00", item="registration")]]) == "met"


def test_open_reductions_age_from_day_to_day_without_any_event() -> None:
    quick, old = took("permit", "2021-09-13", "2021-09-14"), [accepted("2021-09-13T09:00", item="permit")]
    assert row(REDUCTIONS, [quick, old], "2021-09-24").state == "met"  # (0.95 + 0.65) / 2
    assert row(REDUCTIONS, [quick, old], "2021-09-25").state == "at_risk"
    assert judgement(REDUCTIONS, old, "2021-09-20").next_at is None


@given(st.lists(st.tuples(st.sampled_from(("permit", "registration")), st.integers(0, 60)), min_size=1, max_size=12))
def test_the_three_definitions_are_those_of_plain_counting(lengths: list[tuple[str, int]]) -> None:
    law = REDUCTIONS.law
    begin = law.zone.day(at("2021-03-01"))
    cases, reported = [], []
    for item, length in lengths:
        stop = completed("2021-03-01T09:00")._replace(time=law.zone.midnight(begin + length) + 1)
        cases.append([accepted("2021-03-01T00:00", item=item), stop._replace(received=stop.time)])
        whole = 20 if item == "permit" else 30
        actual = law.calendar.working_days(begin, begin + length) if item == "permit" else length
        reported.append((item, actual, whole))
    each = {
        name: [1 - Fraction(actual, whole) for item, actual, whole in reported if item == name]
        for name, _, _ in reported
    }
    means = [sum(found, Fraction()) / len(found) for found in each.values()]
    every = [reduction for found in each.values() for reduction in found]
    expected = (
        sum(means, Fraction()) / len(means),
        sum(every, Fraction()) / len(every),
        1 - Fraction(sum(actual for _, actual, _ in reported), sum(whole for _, _, whole in reported)),
    )
    assert values(cases) == tuple(written(number) for number in expected)
