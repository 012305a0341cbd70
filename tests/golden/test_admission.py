"""A file with every kind of bad event: `kpiwatch validate` names each line with its reason and path, and no other."""

import csv
from pathlib import Path

import orjson
import pytest

import services.catalog
from services.cli.__main__ import main
from services.domain.intake.refusal import Reason

FOLDER = Path(__file__).parent / "admission"
EVENTS = FOLDER / "events.jsonl"
PLAN = Path(services.catalog.__file__).parent / "jiangbei-2021"


def expected() -> list[tuple[int, str, str]]:
    with (FOLDER / "rejected.csv").open(newline="") as text:
        return [(int(row["line"]), row["reason"], row["path"]) for row in csv.DictReader(text)]


def test_every_reason_but_those_of_a_record_is_in_the_file() -> None:
    assert {reason for _, reason, _ in expected()} == set(Reason) - {Reason.SOURCE_MISMATCH, Reason.WRONG_KEY}


def test_validate_names_each_bad_line_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["validate", str(EVENTS), "--plan", str(PLAN), "--json"])
    assert ended.value.code == 1
    outcome = orjson.loads(capsys.readouterr().out)
    assert [(each["line"], each["reason"], each["path"]) for each in outcome["rejected"]] == expected()
    assert all(each["file"] == str(EVENTS) and each["sentence"] and each["remedy"] for each in outcome["rejected"])
    lines = sum(1 for line in EVENTS.read_bytes().splitlines() if line)
    assert outcome["accepted"] == lines - len(expected())


def test_validate_of_good_events_is_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = {line for line, _, _ in expected()}
    good = [line for number, line in enumerate(EVENTS.read_bytes().splitlines(), 1) if number not in bad]
    (tmp_path / "good.jsonl").write_bytes(b"\n".join(good))
    with pytest.raises(SystemExit) as ended:
        main(["validate", str(tmp_path / "good.jsonl"), "--plan", str(PLAN)])
    assert not ended.value.code
    assert capsys.readouterr().out == f"{sum(map(bool, good))} accepted, 0 rejected\n"
