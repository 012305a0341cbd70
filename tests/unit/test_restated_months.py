"""A row of a month stays what it was at the month's end; a month later it is restated by what has arrived since."""

from collections.abc import Iterable
from pathlib import Path

import orjson
import pytest
from hypothesis import given

from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.results.published import ValueRow
from services.domain.results.value_rows import Valuer
from services.domain.sums.tally import Tally, TallyKey
from services.replay.replay import replay
from tests.unit.cases import (
    accepted,
    at,
    completed,
    confirmed,
    correction,
    in_order,
    judge_of,
    promise,
    reopened,
    reported,
    row,
    withdrawn,
)
from tests.unit.histories import any_subject, judge, settled

JUDGE = judge_of(promise())
START = accepted("2021-10-27T09:00")
"""Due on Tuesday 2021-11-02 at 24:00: Thursday 28, Friday 29, Monday 1, Tuesday 2."""


def restated(
    judge: Judge, subjects: Iterable[Iterable[Fact]], end: str, known: str, *, kpi: str = "P", window: str = "month"
) -> ValueRow:
    """A row of the whole as of `end`, by what is known as of `known`."""
    tallies: dict[TallyKey, Tally] = {}
    for facts in subjects:
        for each in judge.restate(in_order(facts), at(end) - 1, at(known) - 1).judgements:
            if each.cells:
                contribution = each.contribution()
                tallies.setdefault(contribution.key, Tally()).add(contribution.cells, contribution.bin, 1)
    found = Valuer(judge).rows(tallies, at(end), {}, known=at(known) - 1)
    return next(each for each in found if (each.kpi, each.unit, each.item, each.window) == (kpi, "ALL", "-", window))


def figures(found: ValueRow) -> tuple[str, str, str]:
    return found.numerator, found.n, found.late_entry_n


def test_a_completion_that_arrives_after_the_month_is_in_the_restated_month_and_in_no_other() -> None:
    """Completed on Friday 10-29, which arrives on 11-03, after the limit: a late entry of October."""
    case = [START, completed("2021-10-29T15:00", received="2021-11-03T09:00")]
    assert figures(row(JUDGE, [case], "2021-11-01", window="month"))[1:] == ("0", "0")  # open within its limit
    assert figures(row(JUDGE, [case], "2021-12-01", window="month"))[1:] == ("0", "0")  # November
    again = restated(JUDGE, [case], "2021-11-01", "2021-12-01")
    assert figures(again) == ("0", "1", "1")
    assert (again.window_start[:10], again.window_end[:10]) == ("2021-10-01", "2021-11-01")


def test_the_operations_centre_may_confirm_it_after_the_month() -> None:
    case = [START, completed("2021-10-29T15:00", received="2021-11-03T09:00"), confirmed("2021-11-15T09:00")]
    assert figures(restated(JUDGE, [case], "2021-11-01", "2021-12-01"))[:2] == ("1", "1")


def test_what_arrives_before_its_limit_but_after_the_month_is_simply_met() -> None:
    case = [START, completed("2021-10-29T15:00", received="2021-11-02T09:00")]
    assert figures(restated(JUDGE, [case], "2021-11-01", "2021-12-01")) == ("1", "1", "0")


def test_what_was_open_and_overdue_at_the_end_of_the_month_is_still_a_miss_of_it() -> None:
    """A restated month is no better than the month for what was completed later."""
    case = [accepted("2021-10-11T09:00"), completed("2021-11-10T09:00")]
    assert figures(row(JUDGE, [case], "2021-11-01", window="month"))[:2] == ("0", "1")
    assert figures(restated(JUDGE, [case], "2021-11-01", "2021-12-01"))[:2] == ("0", "1")


def test_what_happened_after_the_month_is_not_in_it() -> None:
    case = [START, completed("2021-11-01T09:00"), withdrawn("2021-11-02T09:00")]
    assert figures(restated(JUDGE, [case], "2021-11-01", "2021-12-01"))[1] == "0"


def test_what_proves_void_or_wrong_after_the_month_is_restated() -> None:
    done = completed("2021-10-15T09:00")
    kept = [accepted("2021-10-11T09:00"), done]
    assert figures(restated(JUDGE, [kept], "2021-11-01", "2021-12-01"))[:2] == ("1", "1")
    void = [*kept, reopened("2021-11-10T09:00")]  # the clock went on: overdue since 10-16
    assert figures(restated(JUDGE, [void], "2021-11-01", "2021-12-01"))[:2] == ("0", "1")
    wrong = [*kept, correction("2021-11-10T09:00", done, completed("2021-10-25T09:00"))]
    assert figures(restated(JUDGE, [wrong], "2021-11-01", "2021-12-01"))[:2] == ("0", "1")


def test_a_figure_of_the_month_that_is_reported_after_its_end_is_in_the_restated_month() -> None:
    judge = judge_of(
        promise(
            id="F",
            kind="figure",
            numerator="records",
            denominator="records",
            statistic="share",
            period="month",
            objective=">= 50 %",
            owed_by=("works",),
        )  # fmt: skip
    )
    report = [reported("2021-11-05T09:00", 8, 10, "2021-10")]
    assert row(judge, [report], "2021-11-01", kpi="F", window="month").value == ""
    assert restated(judge, [report], "2021-11-01", "2021-12-01", kpi="F").value == "0.8"


EVERY_KIND = judge()


@given(given=any_subject())
def test_what_is_restated_at_once_is_what_was_said(given: list[Fact]) -> None:
    facts = settled(given)
    moment = max(max(fact.time, fact.received) for fact in facts)
    again, then = EVERY_KIND.restate(facts, moment, moment), EVERY_KIND.judge(facts, moment)
    assert again.judgements == then.judgements


def event(number: int, type_: str, time: str, arrival: str, data: dict[str, object]) -> bytes:
    return orjson.dumps(
        {
            "specversion": "1.0", "id": str(number), "source": "/units/water", "type": type_, "subject": "W-1",
            "time": f"{time}+08:00", "recordedat": f"{arrival}+08:00", "receivedat": f"{arrival}+08:00", "data": data,
        }
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_replay_writes_both(tmp_path: Path, processes: int) -> None:
    plan = tmp_path / "plan"
    (plan / "kpis").mkdir(parents=True)
    (plan / "plan.toml").write_text(
        'id = "open"\ntitle = { zh = "甲", en = "A" }\nissued = 2021-08-20\ntimezone = "Asia/Shanghai"\n'
        'calendar = "cn"\ntext = ""\nversion = "1"\nopen = true\n'
    )
    (plan / "kpis" / "all.toml").write_text(
        '[[promise]]\nid = "P"\nitem = 1\nclause = "甲"\ntitle = { zh = "甲", en = "A" }\nkind = "case_limit"\n'
        'strength = "hard"\nselect = { service_item = "water" }\nlimit = "4 working_days"\n'
        'windows = ["month", "year"]\neffective_from = 2021-01-01\n'
    )
    taken = event(1, "case.accepted", "2021-10-27T09:00:00", "2021-10-27T09:00:00",
                  {"service_item": "water", "unit": "works"})  # fmt: skip
    done = event(2, "case.completed", "2021-10-29T15:00:00", "2021-11-03T09:00:00", {})
    events = tmp_path / "events.jsonl"
    events.write_bytes(taken + b"\n" + done + b"\n")
    found = replay([str(events)], plan, [at("2021-12-01")], restate=at("2021-11-01"), processes=processes)
    months = {each.unit: figures(each) for each in found.restated if each.window == "month"}
    assert months == {"ALL": ("0", "1", "1"), "works": ("0", "1", "1")}
    assert [each.n for each in found.rows if (each.unit, each.window) == ("ALL", "year")] == ["1"]
