"""The account behind a verdict: it sums to it, and says what happened."""

import io
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from services.catalog.words.card_reasons import CARD_REASONS
from services.domain.intake.facts import Fact
from services.domain.judging.case_clock import CaseClock
from services.domain.judging.data_quality import COMPLETED_WITHOUT_STOP, LIMIT_MISMATCH
from services.domain.judging.judge import Judge
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.plan.plan import CasePromise, Name, Names, Title
from services.domain.results.cards import BY_NEW_RULES
from services.domain.results.explain import EndedBy, Explained, Explanation, explain
from services.domain.results.explain_days import account
from services.domain.results.explain_facts import FactStatus
from services.domain.results.explain_silent import Reason
from services.domain.sums.tally import TallyField
from services.domain.time.calendar import DayKind
from services.domain.time.zone import MINUTE_US, Instant
from services.explanation.document import machine_readable
from services.explanation.page import Page
from services.explanation.words import DOUBTS
from tests.unit.cases import (
    WATER,
    accepted,
    at,
    completed,
    confirmed,
    correction,
    day,
    end_of,
    extended,
    folded,
    in_order,
    judge_of,
    milestone,
    node_started,
    promise,
    rated,
    reopened,
    reported,
    resumed,
    suspended,
    upserted,
    withdrawn,
)
from tests.unit.commands import run

NATIONAL_DAY = (
    accepted("2021-09-22T09:30"),
    suspended("2021-09-27T10:00"),
    resumed("2021-10-09T10:00"),
    completed("2021-10-20T16:00"),
)


def output(judge: Judge, *facts: Fact, now: str = "2022-06-01") -> Explanation:
    return explain(judge, f"{WATER}\x1fW-1", in_order(facts), at(now))


def the_one(explanation: Explanation) -> Explained:
    (cycle,) = explanation.cycles
    (explained,) = cycle.promises
    return explained


# ---- what is no case ---------------------------------------------------------------------------------------
def test_a_reported_figure_is_explained_by_what_it_adds() -> None:
    judge = judge_of(
        promise(
            kind="figure", select={}, numerator="records", denominator="records", statistic="share", period="month",
            owed_by=("works",), objective=">= 100 %",
        )
    )  # fmt: skip
    (judged,) = output(judge, reported("2021-11-01", 9, 10)).others
    assert (judged.outcome, judged.item) == (Outcome.COUNTED, "2021-10/works")
    assert dict(judged.cells) == {
        TallyField.MET: 1,
        TallyField.TOTAL: 9_000_000,
        TallyField.N: 1,
        TallyField.BASE: 10_000_000,
    }
    assert output(judge, reported("2021-11-01", 9, 10)).cycles == ()


def test_of_an_entry_that_a_promise_does_not_count_the_reason_is_reported() -> None:
    judge = judge_of(
        promise(
            kind="catalogue", select={"active": True}, where={"online": True}, collection="catalogue",
            statistic="share", listed=("seal", "tax"), objective=">= 100 %", windows=("now",), official_window="now",
        )
    )  # fmt: skip
    (silent,) = output(judge, upserted("2021-10-01", code="gas", active=False, online=True)).uncounted
    assert silent.reason is Reason.NOT_SELECTED
    assert silent.missing == (("active", True, False), ("code", ("seal", "tax"), "gas"))
    assert output(judge, upserted("2021-10-01", code="tax", active=True)).uncounted == ()


def test_a_case_refused_before_its_milestone_came_is_ended_by_its_completion() -> None:
    judge = judge_of(promise(stop="milestone:connected"))
    explained = the_one(output(judge, accepted("2021-09-16T09:00"), completed("2021-09-17T09:00", outcome="refused")))
    assert (explained.judgement.outcome, explained.ended_by) == (Outcome.WITHDRAWN, EndedBy.COMPLETION)
    gone = the_one(output(judge, accepted("2021-09-16T09:00"), withdrawn("2021-09-17T09:00")))
    assert gone.ended_by is EndedBy.WITHDRAWAL


def test_the_card_of_a_node_names_it_on_the_page_and_for_programs() -> None:
    judge = judge_of(promise(limit="20 working_days"))
    survey = node_started("2021-09-16T10:00", "survey", "seals", limit={"amount": 1, "unit": "working_days"})
    explanation = output(judge, accepted("2021-09-16T09:00"), survey, now="2021-09-18T12:00")
    console = Console(record=True, width=80, file=io.StringIO())
    for part in Page(explanation, judge, ()).parts():
        console.print(part)
    assert console.export_text().count("环节 node survey") == 2
    assert {card["node"] for card in machine_readable(explanation, judge, ())["cards"]} == {"survey"}


def test_a_case_completed_without_its_milestone_is_doubtful() -> None:
    judge = judge_of(promise(stop="milestone:connected"))
    (cycle,) = output(judge, accepted("2021-09-16T09:00"), completed("2021-09-17T09:00")).cycles
    assert cycle.signals == ("anomaly:completed_without_stop",)


# ---- days --------------------------------------------------------------------------------------------------
def test_a_suspension_across_the_national_day_holiday_stops_four_working_days() -> None:
    judge = judge_of(promise(limit="13 working_days", clock_stops=("hearing",)))
    explained = the_one(output(judge, *NATIONAL_DAY))
    assert explained.judgement.outcome is Outcome.MET
    assert explained.judgement.due == end_of("2021-10-20")
    assert explained.account is not None
    assert (explained.account.net, explained.account.still, explained.account.gross) == (13, 4, 17)
    days = {each.day: each for each in explained.account.days}
    assert [each.day for each in explained.account.days if each.still] == [
        day("2021-09-28"), day("2021-09-29"), day("2021-09-30"), day("2021-10-08"),
    ]  # fmt: skip
    start = days[day("2021-09-22")]
    assert (start.kind, start.amount) == (DayKind.WORKING, 0)
    sunday_worked = days[day("2021-09-26")]
    assert (sunday_worked.kind, sunday_worked.amount) == (DayKind.MAKE_UP, 1)
    first_part = days[day("2021-09-27")]
    assert (first_part.amount, first_part.reasons) == (1, ("hearing",))
    holiday = days[day("2021-10-04")]
    assert (holiday.kind, holiday.holiday, holiday.amount, holiday.still) == (DayKind.HOLIDAY, "国庆节", 0, 0)
    assert days[day("2021-10-09")].amount == 1  # resumed at 10:00: the clock ran in some of its hours
    assert sum(each.amount for each in explained.account.days) == explained.judgement.bin


def test_a_reason_that_does_not_stop_this_clock_is_named_and_counts() -> None:
    judge = judge_of(promise(limit="13 working_days", clock_stops=("testing",)))
    explained = the_one(output(judge, *NATIONAL_DAY))
    assert explained.judgement.outcome is Outcome.MISSED
    assert explained.account is not None
    assert (explained.account.net, explained.account.still) == (17, 0)
    stopped = next(each for each in explained.account.days if each.day == day("2021-09-28"))
    assert (stopped.amount, stopped.reasons, stopped.other_reasons) == (1, (), ("hearing",))


def test_a_suspension_after_the_limit_passed_is_named_and_cures_nothing() -> None:
    judge = judge_of(promise(clock_stops=("hearing",)))
    facts = (accepted("2021-10-11T09:00"), suspended("2021-10-18T09:00"), completed("2021-10-25T09:00"))
    explained = the_one(output(judge, *facts))
    assert explained.account is not None
    assert (explained.account.net, explained.account.still) == (10, 0)
    assert explained.account.days[-2].other_reasons == ("hearing",)


def test_minutes_are_accounted_for_by_the_opening_hours_they_ran_in() -> None:
    judge = judge_of(promise(limit="90 working_minutes", clock_stops=("hearing",)))
    facts = (
        accepted("2021-10-15T16:50"),
        suspended("2021-10-18T09:10"),
        resumed("2021-10-18T13:40"),
        completed("2021-10-18T14:00"),
    )
    explained = the_one(output(judge, *facts))
    assert explained.account is not None
    assert explained.account.net == 70 * MINUTE_US
    ran = [span for each in explained.account.days for span in each.ran]
    assert ran == [
        (at("2021-10-15T16:50"), at("2021-10-15T17:30")),
        (at("2021-10-18T09:00"), at("2021-10-18T09:10")),
        (at("2021-10-18T13:40"), at("2021-10-18T14:00")),
    ]


def test_an_open_case_is_accounted_for_up_to_now() -> None:
    explained = the_one(output(judge_of(promise()), accepted("2021-10-11T09:00"), now="2021-10-13T12:00"))
    assert explained.ended_by is EndedBy.NOTHING
    assert explained.account is not None
    assert explained.account.net == 2
    assert explained.judgement.outcome is Outcome.OPEN


def test_a_withdrawn_case_is_accounted_for_up_to_its_withdrawal() -> None:
    explained = the_one(output(judge_of(promise()), accepted("2021-10-11T09:00"), withdrawn("2021-10-12T09:00")))
    assert explained.ended_by is EndedBy.WITHDRAWAL
    assert explained.account is not None
    assert explained.account.net == 1


LIMITS = ("13 working_days", "20 calendar_days", "600 working_minutes", "9000 minutes", "2 months")
_FIRST = at("2021-08-25")
moments = st.integers(0, 150 * 24 * 60).map(lambda minute: _FIRST + minute * MINUTE_US)
stops = st.lists(st.tuples(moments, moments, st.sampled_from(("hearing", "testing", "weather"))), max_size=4)


@cache
def _judge(**entry: Any) -> Judge:
    """A judge is made once: hundreds of examples ask it."""
    return judge_of(promise(**entry))


def _case(start: Instant, end: Instant, suspensions: list[tuple[Instant, Instant, str]]) -> list[Fact]:
    facts = [accepted("2021-09-01")._replace(time=start, received=start)]
    for number, (since, until, reason) in enumerate(suspensions):
        facts.append(suspended("2021-09-01", reason, id=f"s{number}")._replace(time=since, received=since))
        if until > since:
            facts.append(resumed("2021-09-01", reason, id=f"r{number}")._replace(time=until, received=until))
    facts.append(completed("2021-09-01")._replace(time=end, received=end))
    return in_order(facts)


@given(limit=st.sampled_from(LIMITS), first=moments, second=moments, suspensions=stops)
def test_the_account_of_a_limit_sums_to_the_verdict(
    limit: str, first: Instant, second: Instant, suspensions: list[tuple[Instant, Instant, str]]
) -> None:
    judge = _judge(limit=limit, clock_stops=("hearing", "testing"))
    facts = _case(min(first, second), max(first, second), suspensions)
    (judgement,) = _verdicts(judge, facts)
    explained = the_one(explain(judge, "a\x1fb", facts, at("2023-01-01")))
    counted = explained.account
    assert counted is not None
    watch = CaseClock(explained.promise.clock, judge.law)
    assert watch.bin(counted.net) == judgement.bin
    assert counted.gross == dict(judgement.cells)[TallyField.GROSS]
    assert counted.net == sum(each.amount for each in counted.days)
    assert counted.still == sum(each.still for each in counted.days)


@pytest.mark.parametrize("measure", ["working_days", "elapsed_days", "minutes", "working_minutes"])
@given(first=moments, second=moments, suspensions=stops)
def test_the_account_of_a_mean_sums_to_what_is_added_to_it(
    measure: str, first: Instant, second: Instant, suspensions: list[tuple[Instant, Instant, str]]
) -> None:
    judge = _judge(kind="case_mean", measure=measure, clock_stops=("hearing", "testing"))
    facts = _case(min(first, second), max(first, second), suspensions)
    (judgement,) = _verdicts(judge, facts)
    counted = the_one(explain(judge, "a\x1fb", facts, at("2023-01-01"))).account
    assert counted is not None
    cells = dict(judgement.cells)
    assert (counted.net, counted.gross) == (cells[TallyField.TOTAL], cells[TallyField.GROSS])


def _verdicts(judge: Judge, facts: list[Fact]) -> list[Judgement]:
    return [each for each in judge.judge(facts, at("2023-01-01")).judgements if each.kpi == "P"]


@given(first=moments, second=moments, since=moments, until=moments)
def test_a_clock_never_runs_backwards(first: Instant, second: Instant, since: Instant, until: Instant) -> None:
    judge = _judge(limit="600 working_minutes", clock_stops=("hearing",))
    start, end = min(first, second), max(first, second)
    (promised,) = judge.plan.promises
    assert isinstance(promised, CasePromise)
    watch = CaseClock(promised.clock, judge.law)
    (case,) = folded(judge, accepted("2021-09-01"))
    pauses = [(min(since, until), max(since, until))]
    days = account(watch, judge.law, case, (start, end), pauses).days
    assert all(each.amount >= 0 and each.still >= 0 for each in days)
    spans = [span for each in days for span in each.ran]
    assert spans == sorted(spans)
    assert all(begin < finish for begin, finish in spans)


# ---- what happened -----------------------------------------------------------------------------------------
def test_corrections_are_reported_with_what_they_did() -> None:
    wrong, done = milestone("2021-10-12", "surveyed"), completed("2021-10-20T09:00")
    struck = correction("2021-10-13", wrong, None)
    first = correction("2021-10-21", done, completed("2021-10-15T09:00"))
    second = correction("2021-10-22", done, completed("2021-10-14T09:00"))
    waits = correction("2021-10-23", milestone("2021-10-01", "unheard"), None)
    recorrected = correction("2021-10-24", first, None)
    facts = (accepted("2021-10-11T09:00"), wrong, struck, done, first, second, waits, recorrected)
    history = {each.fact.id: each for each in output(judge_of(promise()), *facts).history}
    assert history[wrong.id].status is FactStatus.STRUCK_OUT
    assert history[wrong.id].by == struck
    assert history[done.id].status is FactStatus.CORRECTED
    assert history[done.id].by == second
    now = history[done.id].now
    assert now is not None
    assert now.time == at("2021-10-14T09:00")
    assert history[struck.id].status is FactStatus.APPLIES
    assert history[second.id].status is FactStatus.APPLIES
    assert history[first.id].status is FactStatus.OVERRULED
    assert history[waits.id].status is FactStatus.WAITING
    assert history[recorrected.id].status is FactStatus.REFUSED


def test_a_late_entry_names_what_turned_the_miss() -> None:
    late = completed("2021-10-13T09:00", received="2021-11-01T09:00")
    explained = the_one(output(judge_of(promise()), accepted("2021-10-11T09:00"), late))
    assert explained.judgement.outcome is Outcome.LATE_ENTRY
    assert explained.turned_by == (late,)


def test_a_late_entry_that_no_decision_had_seen_says_what_was_decided_before() -> None:
    judge, late = judge_of(promise()), completed("2021-10-13T09:00", received="2021-11-01T09:00")
    blind = confirmed("2021-11-02T09:00", cycle=1, through="2021-10-20T09:00")
    facts = (accepted("2021-10-11T09:00"), late, blind)
    explanation = output(judge, *facts)
    assert the_one(explanation).judgement.outcome is Outcome.LATE_ENTRY
    text = " ".join(" ".join(shown(judge, *facts)).split())
    assert "认定截至 2021-10-20" in text and "confirmed, of what had arrived by" in text
    (decision,) = machine_readable(explanation, judge, ())["cycles"][0]["promises"][0]["decisions"]
    assert (decision["decision"], decision["through"]) == ("accepted", "2021-10-20T09:00:00+08:00")


def test_a_confirmed_late_entry_names_what_arrived_since_and_waits() -> None:
    late = completed("2021-10-13T09:00", received="2021-11-01T09:00")
    decided = confirmed("2021-11-02T09:00", cycle=1, through="2021-11-01T09:00")
    other = completed("2021-10-14T09:00", received="2021-11-03T09:00")
    struck = correction("2021-11-04T09:00", late, None)
    facts = (accepted("2021-10-11T09:00"), late, decided, other, rated("2021-11-03T10:00", 5), struck)
    explained = the_one(output(judge_of(promise()), *facts))
    assert explained.judgement.outcome is Outcome.LATE_ENTRY
    assert explained.turned_by == (other,)
    assert explained.missed_limit == end_of("2021-10-15")


def test_a_late_entry_names_the_limit_that_had_passed_not_the_one_that_a_correction_bought() -> None:
    start = accepted("2021-10-12T10:00")
    moved = correction("2021-10-29T09:00", start, accepted("2021-10-28T10:00"))
    explained = the_one(output(judge_of(promise()), start, moved, completed("2021-10-29T10:00")))
    assert explained.judgement.outcome is Outcome.LATE_ENTRY
    assert (explained.judgement.due, explained.missed_limit) == (end_of("2021-11-03"), end_of("2021-10-18"))
    assert explained.turned_by == (moved,)


def test_a_slip_that_was_put_right_at_once_turned_nothing() -> None:
    wrong = accepted("2021-10-01T10:00", received="2021-11-01T10:00")
    right = correction("2021-11-01T10:05", wrong, accepted("2021-11-01T10:00"))
    explained = the_one(output(judge_of(promise()), wrong, right, completed("2021-11-03T10:00")))
    assert explained.judgement.outcome is Outcome.MET
    assert (explained.turned_by, explained.missed_limit) == ((), None)


def test_what_came_in_time_turned_nothing() -> None:
    explained = the_one(output(judge_of(promise()), accepted("2021-10-11T09:00"), completed("2021-10-13T09:00")))
    assert explained.turned_by == ()


def test_promises_of_the_same_item_say_why_they_are_silent() -> None:
    judge = judge_of(
        promise(),
        promise(id="SMALL", select={"service_item": "water", "size": "small"}),
        promise(id="LATER", effective_from="2022-01-01"),
        promise(id="SERVED", start="milestone:connected"),
        promise(id="OTHER", select={"service_item": "power"}),
    )
    explanation = output(judge, accepted("2021-10-11T09:00", attributes={"size": "large"}))
    (cycle,) = explanation.cycles
    silent = {each.promise.id: each for each in cycle.silent}
    assert {name: each.reason for name, each in silent.items()} == {
        "SMALL": Reason.NOT_SELECTED,
        "LATER": Reason.NOT_IN_FORCE,
        "SERVED": Reason.NOT_STARTED,
    }
    assert silent["SMALL"].missing == (("size", "small", "large"),)


def test_anomalies_and_events_to_come_are_reported() -> None:
    facts = (accepted("2021-10-11T09:00"), completed("2021-10-10T09:00"), completed("2021-12-01T09:00"))
    explanation = output(judge_of(promise()), *facts, now="2021-11-01")
    assert explanation.later == 1
    assert "anomaly:completed_before_acceptance" in explanation.cycles[0].signals


# ---- the command -------------------------------------------------------------------------------------------
PLAN = """
id = "small"
title = { zh = "甲", en = "A" }
issued = 2021-08-20
timezone = "Asia/Shanghai"
calendar = "cn"
text = "text.txt"
version = "1"
open = true
"""
PROMISE = """
[[promise]]
id = "K06-9"
item = 6
clause = "不超过13个工作日"
title = { zh = "供水接入", en = "Water connection" }
kind = "case_limit"
strength = "hard"
select = { service_item = "water" }
limit = "13 working_days"
clock_stops = ["hearing"]
effective_from = 2021-08-20
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    folder = tmp_path / "plan"
    (folder / "kpis").mkdir(parents=True)
    (folder / "plan.toml").write_text(PLAN, encoding="utf-8")
    (folder / "kpis" / "water.toml").write_text(PROMISE, encoding="utf-8")
    (folder / "text.txt").write_text("不超过13个工作日", encoding="utf-8")
    return folder


def _event(ident: str, kind: str, time: str, source: str = WATER, **data: Any) -> str:
    event = {
        "specversion": "1.0", "id": ident, "source": source, "type": kind, "subject": "W-1", "time": f"{time}+08:00",
        "data": data,
    }  # fmt: skip
    return json.dumps(event) + "\n"


EVENTS = (
    _event("1", "case.accepted", "2021-09-22T09:30:00", service_item="water", unit="works"),
    _event("2", "case.suspended", "2021-09-27T10:00:00", reason="hearing", unit="works"),
    _event("3", "case.resumed", "2021-10-09T10:00:00", reason="hearing", unit="works"),
    _event("4", "case.completed", "2021-10-20T16:00:00", outcome="granted"),
)


def test_the_page_shows_days_and_the_clause_in_80_columns(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    events = tmp_path / "events.jsonl"
    events.write_text("".join(EVENTS), encoding="utf-8")
    assert run("explain", "W-1", events, "--plan", plan, "--as-of", "2021-11-01", "--every-day") == 0
    page = capsys.readouterr().out
    assert "✓ 按期 met" in page
    assert "“不超过13个工作日”" in page
    assert "13 个工作日 working days = 17 − 4" in page
    assert "国庆节 National Day" in page
    assert "调休上班 make-up working day" in page
    assert "◄ 期限 due K06-9" in page
    wide = [line for line in page.splitlines() if sum(2 if ord(letter) > 0x2E80 else 1 for letter in line) > 80]
    assert not wide


def shown(judge: Judge, *facts: Fact, now: str = "2022-06-01", every_day: bool = False) -> list[str]:
    """The lines of the page."""
    console = Console(record=True, width=100, file=io.StringIO())
    for part in Page(output(judge, *facts, now=now), judge, (), every_day=every_day).parts():
        console.print(part)
    return console.export_text().splitlines()


def test_the_verdicts_come_first_one_line_each() -> None:
    lines = shown(judge_of(promise(limit="13 working_days", clock_stops=("hearing",))), *NATIONAL_DAY)
    place = lines.index("结论 Verdicts")
    assert lines[place + 1].split()[:2] == ["✓", "按期"]
    assert place < lines.index("办理经过 What happened")


def test_like_days_of_a_long_account_are_one_line() -> None:
    judge = judge_of(promise(limit="13 working_days", clock_stops=("hearing",)))
    lines = shown(judge, *NATIONAL_DAY)
    (place,) = (number for number, line in enumerate(lines) if "‖" in line and "10-08" in line)
    assert lines[place].split()[:4] == ["2021-09-28–10-08", "‖", "4", "工作日4日、休息日7日"]
    assert "含国庆节" in lines[place + 1]
    assert any(line.split()[0] == "2021-10-09" for line in lines if line.strip())  # resumed on it: a line of its own
    assert len(shown(judge, *NATIONAL_DAY, every_day=True)) - len(lines) > 10


def test_the_account_of_a_year_is_no_longer_than_a_page() -> None:
    judge = judge_of(promise(limit="13 working_days"))
    lines = shown(judge, accepted("2021-01-04T09:00"), now="2021-12-31")
    assert sum("个工作日" not in line and line.strip().startswith("2021-") for line in lines) < 10
    assert len(lines) < 60


def test_no_code_is_shown_without_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    names = Names(
        reasons={"hearing": Title(zh="听证", en="public hearing")},
        attributes={"line": Name(zh="需外线", en="line needed", no=Title(zh="无需外线", en="no line needed"))},
    )
    judge = judge_of(promise(limit="13 working_days", clock_stops=("hearing",)))
    monkeypatch.setattr(judge, "plan", judge.plan.model_copy(update={"names": names}))
    lines = shown(judge, accepted("2021-09-22T09:30", attributes={"line": False}), *NATIONAL_DAY[1:])
    text = " ".join(" ".join(lines).split())
    assert text.count("听证 public hearing") == 5  # suspended, resumed, two days in parts, the days of the stop
    assert "无需外线" in text and "line=False" not in text


def anomaly_codes() -> set[str]:
    """The codes that the source writes into `anomalies`."""
    history = Path("services/domain/history")
    written = "".join(file.read_text(encoding="utf-8") for file in history.glob("*.py"))
    clock = Path("services/domain/judging/case_clock.py").read_text(encoding="utf-8")
    of_clocks = {LIMIT_MISMATCH, COMPLETED_WITHOUT_STOP, *re.findall(r'"(extended_\w+)"', clock)}
    return set(re.findall(r"anomalies\.append\(\s*\"(\w+)\"", written)) | of_clocks


def test_every_doubt_and_every_reason_of_a_cleared_card_has_a_name() -> None:
    assert anomaly_codes() <= DOUBTS.keys()
    source = Path("services/domain/results/cards.py").read_text(encoding="utf-8")
    assert set(re.findall(r'(?:return|else) "(\w+)"', source)) | {BY_NEW_RULES} <= CARD_REASONS.keys()


def test_a_name_that_two_sources_use_must_be_said_in_full(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = tmp_path / "events.jsonl"
    other = _event("1", "case.accepted", "2021-10-22T09:30:00", source="/units/other", service_item="water", unit="x")
    events.write_text("".join([*EVENTS, other]), encoding="utf-8")
    assert run("explain", "W-1", events, "--plan", plan, "--as-of", "2021-11-01") == 2
    assert "'/units/other W-1'" in capsys.readouterr().err
    assert run("explain", "/units/other W-1", events, "--plan", plan, "--as-of", "2021-11-01") == 0
    assert "办理中 open" in capsys.readouterr().out


def test_an_unknown_case_is_an_error_of_the_input(
    plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text("".join(EVENTS), encoding="utf-8")
    assert run("explain", "W-2", events, "--plan", plan, "--as-of", "2021-11-01") == 1
    assert "no case 'W-2'" in capsys.readouterr().err


def test_a_rejected_event_of_the_case_is_shown(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events = tmp_path / "events.jsonl"
    events.write_text("".join([*EVENTS, _event("5", "case.closed", "2021-10-20T16:00:00")]), encoding="utf-8")
    assert run("explain", "W-1", events, "--plan", plan, "--as-of", "2021-11-01") == 1
    assert "unknown_type" in capsys.readouterr().out


def test_what_a_reopening_made_void_is_marked() -> None:
    done = completed("2021-09-17T09:00")
    explanation = output(judge_of(promise()), accepted("2021-09-16T09:00"), done, reopened("2021-09-22T09:00"))
    assert [entry.fact.id for entry in explanation.history if entry.status is FactStatus.VOID] == [done.id]


def test_an_extension_is_explained_whether_it_is_used_or_not() -> None:
    judge = judge_of(promise(limit="10 working_days", extension_moves_limit=True))
    late, used = extended("2021-11-16T09:00", 5), extended("2021-11-02T09:00", 5)

    def page(*facts: Fact) -> str:
        console = Console(record=True, width=120, file=io.StringIO())
        for part in Page(output(judge, accepted("2021-11-01T09:00"), *facts), judge, ()).parts():
            console.print(part)
        return console.export_text()

    assert "批准时已超期" in page(late) and "存疑 doubtful" in page(late)
    assert "采用，自原期限起算" in page(used) and "存疑 doubtful" not in page(used)
    extensions = machine_readable(output(judge, accepted("2021-11-01T09:00"), late), judge, ())["cycles"][0][
        "promises"
    ][0]
    assert [each["unused"] for each in extensions["extensions"]] == ["extended_too_late"]
