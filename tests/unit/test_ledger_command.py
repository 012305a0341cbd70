"""`kpiwatch ledger` on files: verify an export, show a checkpoint."""

from contextlib import nullcontext
from pathlib import Path

import pytest

from services.cli.__main__ import main
from services.ledger.checkpoints import line_of
from services.ledger.verify import export_lines
from services.ledger.writer import LedgerClient, NotRecorded
from services.messaging.records.ledger import Kind, Request
from tests.unit.ledger_world import LedgerWorld
from tests.unit.test_ledger_verify import END, RECORDS, WORLD


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["ledger", *arguments])
    return int(ended.value.code or 0)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    file = tmp_path / "north.jsonl"
    file.write_text("\n".join(export_lines(WORLD.records(), "north")) + "\n", encoding="utf-8")
    return file


def test_an_export_is_verified_by_what_a_report_prints(export: Path, capsys: pytest.CaptureFixture[str]) -> None:
    in_groups = " ".join(END.hash[at : at + 8] for at in range(0, 64, 8))
    assert run("verify", str(export), "--checkpoint", f"{END.number}:{in_groups}") == 0
    assert f"last record {RECORDS + 1}, hash {END.hash}" in capsys.readouterr().out


def test_an_export_without_its_end_is_refused_by_the_checkpoint_of_a_unit(
    export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = tmp_path / "held.jsonl"
    held.write_text(line_of(END) + "\n")
    export.write_text("".join(export.read_text(encoding="utf-8").splitlines(keepends=True)[:-1]), encoding="utf-8")
    assert run("verify", str(export)) == 0
    assert run("verify", str(export), "--checkpoints", str(held)) == 1
    said = capsys.readouterr().err
    assert "its end was cut off" in said
    assert "docs/ledger.md" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "{file}", "--checkpoint", "7:ab"], "NUMBER:HASH"),
        (["verify", "{other}"], "no export of a ledger"),
        (["verify", "{missing}"], "look for a slip"),
        (["erase", "ab"], "64 hex digits"),
    ],
)
def test_what_is_wrong_is_said_with_its_remedy(
    arguments: list[str], said: str, export: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other"
    other.write_text("{}\n")
    places = {"file": str(export), "other": str(other), "missing": str(tmp_path / "none")}
    assert run(*(one.format(**places) for one in arguments)) == 2
    assert said in capsys.readouterr().err


def test_nobody_can_take_the_id_of_an_erasure_first(monkeypatch: pytest.MonkeyPatch) -> None:
    world, hash = LedgerWorld(), "ab" * 32
    world.record(Request(f"erase/{hash}", Kind.NOTICE, "w"))
    monkeypatch.setattr(LedgerClient, "open", lambda bootstrap: nullcontext(world.client()))
    assert run("erase", hash) == 0
    assert run("erase", hash) == 0
    assert [one.request.texts for one in world.records()[1:]] == [{"text": hash}] * 2


def test_an_erasure_that_is_not_recorded_is_no_success(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = NotRecorded("claimed", 1, LedgerWorld().record(Request("r", Kind.NOTICE, "w"))[0])
    client = LedgerWorld().client()
    monkeypatch.setattr(client, "until_recorded", lambda request: refused)
    monkeypatch.setattr(LedgerClient, "open", lambda bootstrap: nullcontext(client))
    assert run("erase", "ab" * 32) == 1
    assert "the text is not erased" in capsys.readouterr().err


def test_the_latest_checkpoint_is_shown_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KPIWATCH_CHECKPOINTS", str(tmp_path / "own.jsonl"))
    assert run("checkpoint") == 1
    (tmp_path / "own.jsonl").write_text(line_of(END) + "\n")
    assert run("checkpoint", "--out", str(tmp_path / "given.jsonl")) == 0
    assert f"{END.number}:{END.hash}" in capsys.readouterr().out
    assert (tmp_path / "given.jsonl").read_text() == (tmp_path / "own.jsonl").read_text()
