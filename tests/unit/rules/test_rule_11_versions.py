"""rule 11: the plan is versioned by effective dates, and each version says by which date of a case it applies."""

from datetime import date

from services.domain.intake.facts import case_key
from services.domain.judging.judgement import Outcome
from services.domain.results.cards import case_name
from services.domain.results.verdicts import verdicts_of, written_verdict
from tests.unit.cases import (
    WATER,
    accepted,
    at,
    completed,
    due_of,
    end_of,
    fulfilled,
    judge_of,
    judgements,
    outcome,
    promise,
    row,
    upserted,
)

OLD = promise(effective_to=date(2021, 12, 31), clause="old")
NEW = promise(effective_from=date(2022, 1, 1), limit="1 working_days", clause="new")
VERSIONS = judge_of(OLD, NEW)


def test_each_case_is_bound_by_the_version_of_its_start() -> None:
    before, after = accepted("2021-12-31T23:59"), accepted("2022-01-01T00:00")
    assert due_of(VERSIONS, before, now="2022-01-01") == end_of("2022-01-07")
    assert due_of(VERSIONS, after, now="2022-01-02") == end_of("2022-01-04")
    for start in (before, after):
        assert len(judgements(VERSIONS, [start, completed("2022-01-06T09:00")], "2022-02-01")) == 1


def test_the_order_of_the_versions_in_the_plan_does_not_matter() -> None:
    other = judge_of(NEW, OLD)
    assert due_of(other, accepted("2021-12-31T23:59"), now="2022-01-01") == end_of("2022-01-07")


def test_one_row_counts_the_cases_of_all_versions() -> None:
    cases = [
        [accepted("2021-12-30T09:00"), completed("2022-01-05T09:00")],  # 3 of 4 days
        [accepted("2022-01-05T09:00"), completed("2022-01-07T09:00")],  # 2 of 1
    ]
    found = row(VERSIONS, cases, "2022-02-01")
    assert (found.numerator, found.denominator) == ("1", "2")


def test_a_miss_quotes_the_clause_of_its_own_version() -> None:
    key = case_key(WATER, "W-1")
    clauses = []
    for start in ("2021-12-01T09:00", "2022-01-05T09:00"):
        (ruling,) = verdicts_of(VERSIONS.judge([accepted(start)], at("2022-02-01")))
        verdict = written_verdict(ruling, key, VERSIONS, at("2022-02-01"))
        clauses.append(verdict.clause)
        assert verdict.case == case_name(key) == "/units/water W-1"
    assert clauses == ["old", "new"]


def test_a_case_before_the_first_version_is_not_bound() -> None:
    judge = judge_of(promise(effective_from=date(2022, 1, 1)))
    assert outcome(judge, [accepted("2021-12-31T23:59")], "2022-06-01") is None
    assert outcome(judge, [accepted("2022-01-01T00:00")], "2022-06-01") is Outcome.OVERDUE


def test_a_version_may_apply_by_the_date_of_the_stop() -> None:
    judge = judge_of(
        promise(effective_to=date(2021, 12, 31), applies_by="stop"),
        promise(effective_from=date(2022, 1, 1), applies_by="stop", limit="20 working_days"),
    )
    start = accepted("2021-12-20T09:00")
    assert outcome(judge, [start, completed("2021-12-31T23:59")], "2022-06-01") is Outcome.MISSED
    assert outcome(judge, [start, completed("2022-01-01T00:00")], "2022-06-01") is Outcome.MET


def test_an_open_case_under_a_version_by_stop_turns_when_the_version_does() -> None:
    judge = judge_of(
        promise(effective_to=date(2021, 12, 31), applies_by="stop", limit="20 working_days"),
        promise(effective_from=date(2022, 1, 1), applies_by="stop"),
    )
    start = accepted("2021-12-20T09:00")
    assert outcome(judge, [start], "2021-12-31T23:59") is Outcome.OPEN
    opinion = judge.judge([start], at("2021-12-31T12:00"))
    assert opinion.next_at == at("2022-01-01")
    assert outcome(judge, [start], "2022-01-01") is Outcome.OVERDUE


def test_an_entry_is_judged_by_the_version_in_force_now() -> None:
    common = {"kind": "catalogue", "collection": "catalogue", "statistic": "share", "select": {}}
    common |= {"windows": ("now",), "official_window": "now"}
    judge = judge_of(
        promise(**common, where={"a": True}, objective=">= 50 %", effective_to=date(2021, 12, 31)),
        promise(**common, where={"b": True}, objective=">= 60 %", effective_from=date(2022, 1, 1)),
    )  # fmt: skip
    entries = [[upserted("2021-09-16", a=True, b=False)]]
    before, after = (row(judge, entries, as_of, window="now") for as_of in ("2022-01-01", "2022-01-02"))
    assert (before.numerator, before.denominator, before.objective) == ("1", "1", ">= 0.5")
    assert (after.numerator, after.denominator, after.objective) == ("0", "1", ">= 0.6")
    assert judge.judge(entries[0], at("2021-12-31")).next_at == at("2022-01-01")


def test_a_duty_is_owed_while_its_version_is_in_force() -> None:
    judge = judge_of(
        promise(
            kind="duty", select={}, duty="report", period="month", owed_by=("works",), effective_from=date(2021, 9, 1),
            effective_to=date(2021, 10, 31),
        )
    )  # fmt: skip
    found = row(judge, [[fulfilled("2021-09-20", "2021-09")]], "2022-01-01")
    assert (found.numerator, found.denominator) == ("1", "2")
