"""`kpiwatch replay --steps --ledger`: the steps of escalation out of files, by what the ledger says."""

import csv
from pathlib import Path

import orjson
import pytest

from services.cli.failure import INPUT_HAS_ERRORS
from services.domain.plan.plan import SupervisionStep
from services.ledger.verify import export_lines
from services.messaging.records.ledger import Kind, Request, subject_of_case
from tests.unit.cases import at
from tests.unit.commands import run
from tests.unit.ledger_world import LedgerWorld

SOURCE, CASE = "/units/liangjiang-water", "W-1"


def event(id: str, type: str, time: str, data: dict[str, object]) -> bytes:
    fields = {
        "specversion": "1.0", "id": id, "source": SOURCE, "type": type, "subject": CASE, "time": time,
        "receivedat": time, "recordedat": time, "datacontenttype": "application/json", "data": data,
    }  # fmt: skip
    return orjson.dumps(fields)


@pytest.fixture
def events(tmp_path: Path) -> Path:
    file = tmp_path / "events.jsonl"
    data: dict[str, object] = {
        "service_item": "water.connection", "unit": "liangjiang-water",
        "attributes": {"project_size": "small", "external_line": False},
    }  # fmt: skip
    file.write_bytes(event("1", "case.accepted", "2021-09-22T09:00:00+08:00", data) + b"\n")
    return file


def steps(file: Path) -> list[tuple[str, str]]:
    with file.open(newline="") as rows:
        return [(row["step"], row["at"][:10]) for row in csv.DictReader(rows) if row["kpi"] == "K06-1"]


def test_the_steps_of_files_and_of_the_ledger(events: Path, tmp_path: Path) -> None:
    out, found = tmp_path / "values.csv", tmp_path / "steps.csv"
    given = ("replay", events, "--as-of", "2021-11-10", "--out", out, "--steps", found)
    assert run(*given) == 0
    plain = steps(found)
    assert [step for step, _ in plain] == [step.value for step in SupervisionStep]
    red = plain[0][1]

    world = LedgerWorld(lambda: at(f"{red}T10:00"))
    subject = subject_of_case("K06-1", f"{SOURCE} {CASE}", 1)
    world.record(Request("r/1", Kind.REPLIED, "test", subject, "liangjiang-water", body={"until": "2021-12-31"}))
    export = tmp_path / "ledger.jsonl"
    export.write_text("".join(f"{line}\n" for line in export_lines(world.records(), None)))
    assert run(*given, "--ledger", export) == 0
    assert steps(found)[0] == plain[0] and steps(found)[1][1] > plain[1][1]


def test_what_is_no_export_is_refused(events: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(
        "replay", events, "--as-of", "2021-11-10", "--out", tmp_path / "v.csv", "--steps", tmp_path / "s.csv",
        "--ledger", events,
    )  # fmt: skip
    assert code == INPUT_HAS_ERRORS and "no export of a ledger" in capsys.readouterr().err
