"""The frame of the command line: exit codes, and no traceback for a user."""

import errno
import importlib
import re
from pathlib import Path

import pytest

from services.cli import __main__ as cli
from services.cli.__main__ import COMMANDS, Command, main
from services.cli.arguments import check_sinks
from services.cli.failure import KNOWN, Failure, KnownError, failure_of


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return int(ended.value.code or 0)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    page = capsys.readouterr().out
    assert all(name in page for name in COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_there_and_has_a_help_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module, _, attribute = COMMANDS[name].place.partition(":")
    assert hasattr(importlib.import_module(module), attribute)
    assert run(name, "--help") == 0
    assert name in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["bogus"], ["validate"], ["validate", "a.jsonl", "--plan", "nowhere"]])
def test_wrong_usage_is_exit_code_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("validate", "nowhere.jsonl") == 2
    assert capsys.readouterr().err == "nowhere.jsonl: No such file or directory: look for a slip in its name\n"


def test_a_folder_in_the_place_of_a_file_is_named_with_a_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("validate", str(tmp_path)) == 2
    assert capsys.readouterr().err == f"{tmp_path}: Is a directory: name the files in it\n"


@pytest.mark.parametrize("command", [["validate"], ["replay", "--as-of", "2021-11-01", "--out", "v.csv"]])
def test_standard_input_is_read_once(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*command, "-", "-") == 2
    assert "only once" in capsys.readouterr().err


def test_a_full_disk_is_no_defect_of_ours() -> None:
    failure = failure_of(OSError(errno.ENOSPC, "No space left on device"))
    assert failure is not None
    assert failure.sentence == "No space left on device: make room and start the command again"


@pytest.mark.parametrize("time", ["0001-01-01", "9999-12-31", "1990-06-01T00:00:00+08:00"])
def test_a_time_for_which_the_zone_is_not_known_is_wrong_usage(
    time: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "events.jsonl").touch()
    asked = ("replay", str(tmp_path / "events.jsonl"), "--as-of", time, "--out", str(tmp_path / "v.csv"))
    assert run(*asked) == 2
    assert "write a year from 1991 to 2059" in capsys.readouterr().err


def test_the_version_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert re.fullmatch(r"kpiwatch \d+\.\d+\.\d+\n", capsys.readouterr().out)


def test_simulate_says_what_it_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    events, truth = tmp_path / "events.jsonl", tmp_path / "truth.csv"
    assert run("simulate", "--days", "3", "--seed", "7", "--out", str(events), "--truth", str(truth)) == 0
    count = events.read_bytes().count(b"\n")
    assert capsys.readouterr().err == f"{count:,} events written to {events}, what is true of them to {truth}\n"


# ---- where answers go --------------------------------------------------------------------------------------
def refusal(sinks: dict[str, Path | None], *sources: Path) -> str:
    with pytest.raises(Failure) as refused:
        check_sinks(sinks, sources)
    assert refused.value.exit_code == 2
    return refused.value.sentence


def test_an_answer_is_not_written_over_what_is_read(tmp_path: Path) -> None:
    events = tmp_path / "events.jsonl"
    events.touch()
    same = tmp_path / "." / ".." / tmp_path.name / "events.jsonl"
    assert refusal({"--out": same}, events) == f"--out {same} is read, too: write to another file"
    check_sinks({"--out": tmp_path / "values.csv", "--cards": None}, [events, "-"])


def test_two_answers_are_not_written_to_one_file(tmp_path: Path) -> None:
    sinks: dict[str, Path | None] = {"--out": tmp_path / "v.csv", "--cards": tmp_path / "v.csv"}
    assert refusal(sinks) == f"--cards {tmp_path / 'v.csv'} is --out, too: give each a file of its own"
    check_sinks({"--out": Path("/dev/null"), "--cards": Path("/dev/null")})


def test_what_cannot_be_written_is_reported_before_any_work(tmp_path: Path) -> None:
    assert "there is no folder" in refusal({"--out": tmp_path / "nowhere" / "v.csv"})
    assert "is a folder" in refusal({"--out": tmp_path})
    assert "write /dev/stdout" in refusal({"--out": Path("-")})


def test_a_gzip_file_that_is_none_is_an_error_of_the_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.jsonl.gz").write_bytes(b"{}")
    assert run("validate", str(tmp_path / "events.jsonl.gz")) == 1
    assert "cannot be read to its end" in capsys.readouterr().err


def test_a_plan_that_is_none_is_an_error_of_the_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.jsonl").write_bytes(b"")
    assert run("validate", str(tmp_path / "events.jsonl"), "--plan", str(tmp_path)) == 1
    assert "is not a plan" in capsys.readouterr().err


def broken() -> None:
    """A command with a defect."""
    raise ZeroDivisionError("secret of a case")


def test_a_defect_leaves_its_account_in_a_file_and_a_sentence_to_the_user(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cli.COMMANDS, "broken", Command("tests.unit.test_cli:broken", "It breaks."))
    assert run("broken") == 1
    output = capsys.readouterr().err
    assert output.startswith("kpiwatch failed (ZeroDivisionError): please report ")
    assert "secret" not in output
    account = Path(output.split()[-1])
    assert "Traceback" in account.read_text()
    account.unlink()


def test_a_failure_keeps_its_sentence_and_exit_code() -> None:
    failure = Failure("a.jsonl:3: too long; cut it", 1)
    assert failure_of(failure) is failure
    assert failure_of(ZeroDivisionError()) is None


@pytest.mark.parametrize("known", KNOWN, ids=lambda known: f"{known.module}.{known.name}")
def test_each_known_error_is_an_error_of_its_module(known: KnownError) -> None:
    error = getattr(importlib.import_module(known.module), known.name)
    assert issubclass(error, Exception)
    assert known.sentence.count("{}") == 1
