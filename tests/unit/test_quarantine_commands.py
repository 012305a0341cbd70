"""What a user reads of cases that cannot be judged: by replay, explain, status and `kpiwatch cases`."""

import csv
from collections.abc import Sequence
from pathlib import Path

import orjson
import pytest

from services.cli import cases as cases_module
from services.cli import explain as explain_module
from services.cli.cases import Place
from services.cli.status_view import quarantine_line
from services.domain.judging.judge import Judge
from services.messaging.records.quarantine import QuarantinedCase
from services.messaging.tally_reader import OlderWorker
from services.replay import replay as replaying
from tests.integration.crash_story import write_plan
from tests.unit.commands import run
from tests.unit.poison import POISON, PoisonedJudge, judge_with_poisoned_kind


def line(case: str, kind: str, time: str, id: str, **data: str) -> bytes:
    output = f"2021-09-{time}:00+08:00"
    event = {"specversion": "1.0", "id": id, "source": "/units/north", "type": kind, "subject": case, "time": output}
    return orjson.dumps(event | {"recordedat": output, "receivedat": output, "data": data})


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    return write_plan(tmp_path / "plan")


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Case A is completed by a poisoned event, B by a good one."""
    lines = [line(case, "case.accepted", "06T09:00", f"{case}-a", service_item="permit", unit="north") for case in "AB"]
    lines += [line("A", "case.completed", "06T10:00", f"{POISON}-c"), line("B", "case.completed", "06T10:00", "B-c")]
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file


def states(file: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Promise and unit → n and state, as of the whole time."""
    with file.open(newline="", encoding="utf-8-sig") as source:
        rows = list(csv.DictReader(source))
    return {(row["kpi"], row["unit"]): (row["n"], row["state"]) for row in rows if row["window"] == "all"}


def test_a_replay_names_the_cases_that_cannot_be_judged_and_writes_the_others(
    events: Path, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    values = tmp_path / "values.csv"
    asked = ("replay", events, "--plan", plan, "--as-of", "2021-10-01", "--out", values, "--processes", 1)
    assert run(*asked) == 0
    assert states(values)["WITHIN", "north"] == ("2", "met")
    capsys.readouterr()
    monkeypatch.setattr(replaying, "Judge", PoisonedJudge)
    assert run(*asked, "--cards", tmp_path / "cards.csv") == 1
    output = capsys.readouterr().err
    assert "'/units/north A' cannot be judged (WITHIN, ELAPSED, MEAN): Poisoned in tests/unit/poison.py:" in output
    assert "1 of 2 cases quarantined" in output and "SECRET" not in output
    assert set(states(values).values()) == {("1", "stale")}


def test_a_replay_marks_only_the_promise_whose_kind_raises(
    events: Path, plan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = tmp_path / "values.csv"
    monkeypatch.setattr(replaying, "Judge", lambda *given: judge_with_poisoned_kind(Judge(*given), "MEAN"))
    asked = ("replay", events, "--plan", plan, "--as-of", "2021-10-01", "--out", values, "--processes", 1)
    assert run(*asked, "--every", "week") == 1
    assert {kpi: state for (kpi, unit), (_, state) in states(values).items() if unit == "ALL"} == {
        "WITHIN": "met", "ELAPSED": "met", "MEAN": "stale",
    }  # fmt: skip


def test_explain_says_that_a_case_is_quarantined_and_why(
    events: Path, plan: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("explain", "A", events, "--plan", plan, "--as-of", "2021-10-01")
    assert run(*asked) == 0
    capsys.readouterr()
    monkeypatch.setattr(explain_module, "Judge", PoisonedJudge)
    assert run(*asked) == 1
    output = capsys.readouterr()
    assert "'/units/north A' is quarantined, it cannot be judged: Poisoned in tests/unit/poison.py:" in output.err
    assert "WITHIN, ELAPSED, MEAN" in output.err and "Traceback" not in output.err
    assert run("explain", "B", *asked[2:]) == 0


def test_status_has_a_line_of_them() -> None:
    assert quarantine_line(2, lambda zh, en: zh).plain == "已隔离办件2件 → kpiwatch cases quarantined"
    assert quarantine_line(2, lambda zh, en: en).plain == "quarantined cases: 2 → kpiwatch cases quarantined"


def place(case: str, partition: int = 0) -> Place:
    return Place(partition, f"/units/north\x1f{case}".encode())


ONE = QuarantinedCase("ValueError in services/x.py:1 (y)", "2021-09-07T00:00:00+08:00", ("P", "Q"), ("north",))


def answers(monkeypatch: pytest.MonkeyPatch, *held: Sequence[Place], missing: Sequence[int] = ()) -> list[object]:
    """What the system says, each time it is asked; what was waited for."""
    waited: list[object] = []
    said = iter(held)
    monkeypatch.setattr(cases_module, "read_quarantined", lambda address: dict.fromkeys(next(said), ONE))

    def judged_again(address: str, wanted: dict[int, int], seconds: float) -> list[int]:
        waited.append(wanted)
        return list(missing)

    monkeypatch.setattr(cases_module, "judged_again", judged_again)
    return waited


def test_quarantined_cases_are_listed_with_unit_promises_since_when_and_cause(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, [place("A"), place("evil\x1b[31m")])
    assert run("cases", "quarantined") == 1
    out = capsys.readouterr().out
    for text in ("/units/north A", "north", "P, Q", ONE.since, ONE.cause, "2 quarantined cases"):
        assert text in out
    assert "\x1b" not in out


def test_without_any_it_says_so_and_is_done(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, [])
    assert run("cases", "quarantined", "--retry") == 0
    assert capsys.readouterr().out == "0 quarantined cases\n"


def test_retry_waits_until_each_was_judged_again_and_names_what_was_released(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [place(f"A{number}") for number in range(120)]
    waited = answers(monkeypatch, [*many, place("B", 3)], [place("B", 3)])
    assert run("cases", "quarantined", "--retry") == 1
    assert waited == [{0: 120, 3: 1}]
    out = capsys.readouterr().out
    assert "released: /units/north A0\n" in out and "121 judged again, 120 released" in out
    assert "1 quarantined case\n" in out


def test_retry_says_at_once_that_a_worker_of_an_older_version_cannot_do_that(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, [place("A")])

    def judged_again(*_: object) -> list[int]:
        raise OlderWorker(0)

    monkeypatch.setattr(cases_module, "judged_again", judged_again)
    assert run("cases", "quarantined", "--retry") == 3
    assert "partition 0 is of an older version" in capsys.readouterr().err


def test_retry_says_of_which_partitions_nobody_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(monkeypatch, [place("A")], missing=[0])
    assert run("cases", "quarantined", "--retry", "--wait", 1) == 3
    assert "partitions [0]: do the workers run" in capsys.readouterr().err
