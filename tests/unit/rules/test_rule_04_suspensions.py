"""rule 4: which suspensions stop which clock, and for how long."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.intake.facts import Fact, FactType
from services.domain.judging.data_quality import ANOMALY
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import ServiceItem
from services.domain.sums.tally import TallyField
from tests.unit.cases import (
    ITEMS,
    TITLE,
    accepted,
    at,
    completed,
    due_of,
    end_of,
    in_order,
    judge_of,
    judgement,
    outcome,
    promise,
    resumed,
    row,
    suspended,
)

THIRTEEN = judge_of(promise(limit="13 working_days", clock_stops=("hearing",)))
MINUTES = judge_of(promise(limit="90 working_minutes", clock_stops=("hearing",)))
NATIONAL_DAY = [suspended("2021-09-27T10:00"), resumed("2021-10-09T10:00")]


def test_a_suspended_clock_does_not_run_over_a_holiday() -> None:
    """2021-09-22+13, suspended 09-27 10:00, resumed 10-09 10:00: four whole working days, so until 10-20."""
    start = accepted("2021-09-22T09:00")
    assert due_of(THIRTEEN, start, now="2021-09-22T10:00") == end_of("2021-10-14")
    assert due_of(THIRTEEN, start, *NATIONAL_DAY, now="2021-10-10") == end_of("2021-10-20")


def test_a_working_day_is_subtracted_only_if_the_clock_was_stopped_from_opening_to_close() -> None:
    start = accepted("2021-09-22T09:00")
    part = [suspended("2021-09-27T09:30"), resumed("2021-09-27T18:00")]
    whole = [suspended("2021-09-27T08:30"), resumed("2021-09-27T17:30")]
    assert due_of(THIRTEEN, start, *part, now="2021-10-10") == end_of("2021-10-14")
    assert due_of(THIRTEEN, start, *whole, now="2021-10-10") == end_of("2021-10-15")


def test_a_reason_that_the_promise_does_not_list_is_kept_and_stops_nothing() -> None:
    facts = [accepted("2021-09-22T09:00"), suspended("2021-09-27T08:00", "weather"), resumed("2021-10-09", "weather")]
    assert due_of(THIRTEEN, *facts, now="2021-10-10") == end_of("2021-10-14")
    (case,) = THIRTEEN.cases(facts)
    assert [span.reason for span in case.suspensions] == ["weather"]


def test_a_promise_that_lists_none_is_stopped_by_none() -> None:
    judge = judge_of(promise(limit="13 working_days"))
    assert due_of(judge, accepted("2021-09-22T09:00"), *NATIONAL_DAY, now="2021-10-10") == end_of("2021-10-14")


def test_each_promise_has_its_own_reasons() -> None:
    judge = judge_of(
        promise(id="A", limit="13 working_days", clock_stops=("hearing",)),
        promise(id="B", limit="13 working_days", clock_stops=("testing",)),
    )
    facts = [accepted("2021-09-22T09:00"), *NATIONAL_DAY]
    assert due_of(judge, *facts, now="2021-10-10", kpi="A") == end_of("2021-10-20")
    assert due_of(judge, *facts, now="2021-10-10", kpi="B") == end_of("2021-10-14")


def test_overlapping_suspensions_are_one() -> None:
    judge = judge_of(promise(limit="13 working_days", clock_stops=("hearing", "testing")))
    other = [suspended("2021-09-28T10:00", "testing"), resumed("2021-10-08T10:00", "testing")]
    start = accepted("2021-09-22T09:00")
    assert due_of(judge, start, *NATIONAL_DAY, *other, now="2021-10-10") == end_of("2021-10-20")


def test_days_covered_by_two_suspensions_together_are_stopped() -> None:
    judge = judge_of(promise(limit="13 working_days", clock_stops=("hearing", "testing")))
    morning = [suspended("2021-09-27T08:00"), resumed("2021-09-27T12:00")]
    afternoon = [suspended("2021-09-27T11:00", "testing"), resumed("2021-09-27T18:00", "testing")]
    start = accepted("2021-09-22T09:00")
    assert due_of(judge, start, *morning, *afternoon, now="2021-10-10") == end_of("2021-10-15")


def test_minutes_are_subtracted_exactly() -> None:
    facts = [accepted("2021-09-16T09:00"), suspended("2021-09-16T09:30"), resumed("2021-09-16T13:45:30")]
    # 150 minutes until lunch and 15.5 after it the clock was stopped
    assert due_of(MINUTES, *facts, now="2021-09-16T15:00") == at("2021-09-16T14:45:30")


def test_a_suspension_that_starts_after_the_limit_cures_nothing() -> None:
    late = [accepted("2021-09-22T09:00"), suspended("2021-10-15T09:00"), resumed("2021-11-01T09:00")]
    assert due_of(THIRTEEN, *late, now="2021-11-02") == end_of("2021-10-14")
    assert outcome(THIRTEEN, [*late, completed("2021-11-01T10:00")], "2021-11-02") is Outcome.MISSED


def test_nor_does_it_shorten_the_net_time_that_is_published() -> None:
    late = [accepted("2021-09-16T09:00"), suspended("2021-09-16T11:00"), resumed("2021-09-16T15:00")]
    assert due_of(MINUTES, *late, now="2021-09-17") == at("2021-09-16T10:30")
    found = row(MINUTES, [[*late, completed("2021-09-16T16:00")]], "2021-10-01")
    assert (found.p50, found.mean_gross, found.suspended_share) == ("330", "330", "0")


def test_a_suspension_within_the_time_that_another_one_gave_counts() -> None:
    second = [suspended("2021-10-18T08:00"), resumed("2021-10-19T08:00")]
    start = accepted("2021-09-22T09:00")
    assert due_of(THIRTEEN, start, *NATIONAL_DAY, *second, now="2021-11-02") == end_of("2021-10-21")


def test_an_open_suspension_holds_the_clock() -> None:
    facts = [accepted("2021-09-22T09:00"), suspended("2021-09-27T10:00")]
    found = judgement(THIRTEEN, facts, "2022-03-01")
    assert (found.outcome, found.due, found.next_at) == (Outcome.OPEN, None, None)


PERMIT = judge_of(
    promise(limit="13 working_days", clock_stops=("testing", "hearing"), select={"service_item": "permit"})
)


def test_past_its_maximum_age_the_clock_runs_again() -> None:
    """Testing lasts at most 10 working days, through 2021-10-15; the case had 5 of 13 days until then."""
    facts = [accepted("2021-09-22T09:00", item="permit"), suspended("2021-09-29T08:00", "testing")]
    assert due_of(PERMIT, *facts, now="2021-10-01") == due_of(PERMIT, *facts, now="2021-12-01")
    assert due_of(PERMIT, *facts, now="2021-10-01") == end_of("2021-10-29")
    assert outcome(PERMIT, facts, "2021-10-30") is Outcome.OVERDUE


def test_a_late_resumption_does_not_lengthen_a_suspension_beyond_its_maximum() -> None:
    facts = [accepted("2021-09-22T09:00", item="permit"), suspended("2021-09-29T08:00", "testing")]
    ended = resumed("2021-11-29T08:00", "testing")
    assert due_of(PERMIT, *facts, ended, now="2021-12-01") == due_of(PERMIT, *facts, now="2021-12-01")


@pytest.mark.parametrize(
    ("maximum", "until"),
    [("1 months", "2021-10-29"), ("30 calendar_days", "2021-10-29"), ("3000 working_minutes", "2021-10-14")],
)
def test_a_maximum_may_be_in_any_unit(maximum: str, until: str) -> None:
    item = ServiceItem.model_validate({"code": "x", "title": TITLE, "suspension_maximum": {"hearing": maximum}})
    judge = judge_of(promise(clock_stops=("hearing",), select={"service_item": "x"}), items={**ITEMS, "x": item})
    (case,) = judge.cases([accepted("2021-09-22T09:00", item="x"), suspended("2021-09-29T08:00")])
    end = case.suspensions[0].end
    assert end is not None
    assert date.fromordinal(judge.law.zone.day(end - 1)) == date.fromisoformat(until)


def test_pairs_are_by_source_unit_and_reason() -> None:
    facts = [
        accepted("2021-09-22T09:00"),
        suspended("2021-09-23T09:00", "hearing", id="1"),
        suspended("2021-09-23T10:00", "hearing", unit="seals", id="2"),
        suspended("2021-09-23T11:00", "testing", id="3"),
        resumed("2021-09-27T09:00", "hearing", unit="seals", id="4"),
        resumed("2021-09-28T09:00", "hearing", id="5"),
    ]
    (case,) = THIRTEEN.cases(facts)
    assert case.anomalies == []
    assert [(span.start, span.end) for span in case.suspensions] == [
        (at("2021-09-23T09:00"), at("2021-09-28T09:00")),
        (at("2021-09-23T10:00"), at("2021-09-27T09:00")),
        (at("2021-09-23T11:00"), None),
    ]


TWICE = [accepted("2021-11-01T10:00"), suspended("2021-11-02T08:00", id="1"), suspended("2021-11-03T09:00", id="2")]
FOUR = judge_of(promise(clock_stops=("hearing",)))


def test_a_clock_that_stands_cannot_be_stopped_again() -> None:
    """Four days end on 11-05; on 11-02 and 11-03 the clock stands, though the suspension is reported twice."""
    facts = [*TWICE, resumed("2021-11-03T18:00")]
    assert due_of(FOUR, *facts, now="2021-12-01") == end_of("2021-11-09")
    assert outcome(FOUR, facts, "2021-12-01") is Outcome.OVERDUE
    (case,) = FOUR.cases(facts)
    assert case.anomalies == ["suspended_while_suspended"]
    assert [(span.start, span.end) for span in case.suspensions] == [(at("2021-11-02T08:00"), at("2021-11-03T18:00"))]
    signals = [each.item for each in FOUR.judge(facts, at("2021-12-01")).judgements if each.kpi == ANOMALY]
    assert signals == ["suspended_while_suspended"]


def test_once_it_runs_again_it_can_be_stopped_again() -> None:
    again = [resumed("2021-11-03T18:00"), suspended("2021-11-04T08:00", id="3"), resumed("2021-11-05T08:00", id="4")]
    facts = [*TWICE[:2], *again]
    assert FOUR.cases(facts)[0].anomalies == []
    assert due_of(FOUR, *facts, now="2021-12-01") == end_of("2021-11-10")


BOTH = ("hearing", "testing")


@pytest.mark.parametrize(
    ("limit", "start", "spans", "last"),
    [
        # over New Year: 12-31 and 01-04 stood still, 01-01 to 01-03 are off
        (4, "2021-12-29", [("hearing", "2021-12-31T08:00", "2022-01-05T08:00")], "2022-01-07"),
        # two reasons that overlap: 09-27 to 09-30 and 10-08 stood still, 10-09 only until 10:00
        (
            13,
            "2021-09-22",
            [("hearing", "2021-09-27T08:00", "2021-09-29T12:00"), ("testing", "2021-09-28T12:00", "2021-10-09T10:00")],
            "2021-10-21",
        ),
        # the morning for one reason and the afternoon for another: together the whole day
        (
            4,
            "2021-11-01",
            [("hearing", "2021-11-02T09:00", "2021-11-02T12:00"), ("testing", "2021-11-02T13:30", "2021-11-02T17:30")],
            "2021-11-08",
        ),
        # from the acceptance on, and from before it
        (4, "2021-11-01", [("hearing", "2021-11-01T10:00", "2021-11-04T08:00")], "2021-11-09"),
        (4, "2021-11-01", [("hearing", "2021-10-28T10:00", "2021-11-04T08:00")], "2021-11-09"),
        # of no length
        (4, "2021-11-01", [("hearing", "2021-11-02T10:00", "2021-11-02T10:00")], "2021-11-05"),
    ],
    ids=["new year", "overlapping", "one day of two", "from the start", "before the start", "no length"],
)
def test_suspensions_and_days_off(limit: int, start: str, spans: list[tuple[str, str, str]], last: str) -> None:
    judge = judge_of(promise(limit=f"{limit} working_days", clock_stops=BOTH))
    stops = [each for why, begin, end in spans for each in (suspended(begin, why), resumed(end, why))]
    assert due_of(judge, *in_order([accepted(f"{start}T10:00"), *stops]), now="2022-03-01") == end_of(last)


def test_resumed_before_it_was_suspended_a_clock_stands() -> None:
    """Clocks of two desks that differ by seconds: the resumption is an anomaly, the suspension is open."""
    facts = [accepted("2021-11-01T09:00"), resumed("2021-11-02T08:00"), suspended("2021-11-02T08:00:03")]
    assert FOUR.cases(facts)[0].anomalies == ["resumed_without_suspension"]
    assert outcome(FOUR, facts, "2022-03-01") is Outcome.OPEN


def test_past_its_maximum_age_a_clock_can_be_stopped_again_though_nobody_resumed_it() -> None:
    """Testing stops the clock for 10 working days at most: from 09-29 until the end of 10-19."""
    facts = [
        accepted("2021-09-22T09:00", item="permit"),
        suspended("2021-09-29T08:00", "testing", id="1"),
        suspended("2021-10-15T08:00", "testing", id="2"),
        suspended("2021-10-20T08:00", "testing", id="3"),
        resumed("2021-10-21T08:00", "testing", id="4"),
    ]
    (case,) = PERMIT.cases(facts)
    ends = [(span.start, span.end) for span in case.suspensions]
    assert ends == [
        (at("2021-09-29T08:00"), at("2021-10-20")),
        (at("2021-10-20T08:00"), at("2021-10-21T08:00")),
    ]
    assert case.anomalies == ["suspended_while_suspended"]


def test_a_resumption_of_nothing_is_an_anomaly() -> None:
    (case,) = THIRTEEN.cases([accepted("2021-09-22T09:00"), resumed("2021-09-23T09:00")])
    assert case.anomalies == ["resumed_without_suspension"]


def test_net_and_gross_time_and_the_suspended_share_are_all_kept() -> None:
    one = [accepted("2021-09-22T09:00"), *NATIONAL_DAY, completed("2021-10-20T09:00")]
    other = [accepted("2021-09-22T09:00"), completed("2021-10-13T09:00")]
    found = row(THIRTEEN, [one, other], "2021-11-01")
    # 17 and 12 working days gross, in the first of them the clock was stopped on 4
    assert (found.mean_gross, found.p50, found.suspended_share) == ("14.5", "12.5", "0.5")
    assert (TallyField.SUSPENDED, 1) in judgement(THIRTEEN, one, "2021-11-01").cells


days = st.integers(0, 60)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 40 * 24)), max_size=8), st.integers(0, 7))
def test_repeating_a_suspension_never_changes_the_limit(stops: list[tuple[bool, int]], which: int) -> None:
    """Whatever is suspended and resumed: a suspension that is reported again while it lasts moves no limit."""
    start = at("2021-09-16T09:00")

    def told(number: int, is_stop: bool, hours: int) -> Fact:
        made = (suspended if is_stop else resumed)("2021-09-16T09:00", id=f"{number}")
        return made._replace(time=start + hours * 3_600_000_000)

    facts = in_order([accepted("2021-09-16T09:00"), *(told(n, *stop) for n, stop in enumerate(stops))])
    starts = [each for each in facts if each.type == FactType.CASE_SUSPENDED]
    if starts:
        again = starts[which % len(starts)]._replace(id="again")
        until = in_order([*facts, again])
        assert FOUR.cases(until)[0].suspensions == FOUR.cases(facts)[0].suspensions


@given(st.integers(1, 30), days, st.integers(0, 30))
def test_a_suspension_never_shortens_the_time_and_gives_at_most_its_length(limit: int, after: int, length: int) -> None:
    judge = judge_of(promise(limit="committed_limit", clock_stops=("hearing",)))
    start = accepted("2021-09-10T09:00", committed_limit={"amount": limit, "unit": "working_days"})
    begin = date.fromordinal(date(2021, 9, 10).toordinal() + after)
    end = date.fromordinal(begin.toordinal() + length)
    plain = due_of(judge, start)
    paused = due_of(judge, start, suspended(f"{begin}T10:00"), resumed(f"{end}T10:00", id="r"))
    assert plain is not None and paused is not None
    zone, calendar = judge.law.zone, judge.law.calendar
    gained = calendar.working_days(zone.day(plain), zone.day(paused))
    assert 0 <= gained <= max(0, length)


@given(st.integers(1, 400), st.integers(0, 5000), st.integers(0, 5000), st.integers(0, 3000))
def test_on_time_by_due_is_on_time_by_net_minutes(limit: int, begin: int, length: int, finish: int) -> None:
    """The verdict and the published net time never contradict each other."""
    judge = judge_of(promise(limit="committed_limit", clock_stops=("hearing",)))
    start, minute = at("2021-09-16T09:00"), 60_000_000
    facts = [
        accepted("2021-09-16T09:00", committed_limit={"amount": limit, "unit": "working_minutes"}),
        suspended("2021-09-16T09:00")._replace(time=start + begin * minute, received=start + begin * minute),
        resumed("2021-09-16T09:00")._replace(time=start + (begin + length) * minute, received=start),
        completed("2021-09-16T09:00")._replace(time=start + finish * minute, received=start + finish * minute),
    ]
    found = judgement(judge, facts, "2021-12-01")
    hours = judge.law.hours("works", "water")
    plain_due = hours.last(start, limit * minute)
    gross = hours.elapsed(start, start + finish * minute)
    counts = start + begin * minute <= plain_due
    still = hours.elapsed(start + begin * minute, start + min(begin + length, finish) * minute) if counts else 0
    assert (found.outcome in (Outcome.MET, Outcome.LATE_ENTRY)) == (gross - still <= limit * minute)
