"""The frame of the command line: exit codes, and no traceback for a user."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from services.cli import __main__ as cli
from services.cli.__main__ import COMMANDS, Command, main
from services.cli.failure import Failure, failure_of


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
    assert capsys.readouterr().err == "nowhere.jsonl: No such file or directory\n"


def test_a_gzip_file_that_is_none_is_an_error_of_the_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.jsonl.gz").write_bytes(b"{}")
    assert run("validate", str(tmp_path / "events.jsonl.gz")) == 1
    assert "cannot be read to its end" in capsys.readouterr().err


def test_a_plan_that_is_none_is_an_error_of_the_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "events.jsonl").write_bytes(b"")
    assert run("validate", str(tmp_path / "events.jsonl"), "--plan", str(tmp_path)) == 1
    assert "is not a plan" in capsys.readouterr().err


def test_a_broker_that_does_not_answer_is_exit_code_3() -> None:
    script = (
        "from services.messaging import topics\n"
        "from services.cli.__main__ import main\n"
        "topics.ANSWER_MS = 300\n"
        "main(['topics', '--bootstrap', '127.0.0.1:1'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("Kafka does not answer")
    assert "Traceback" not in done.stderr


def broken() -> None:
    """A command with a defect."""
    raise ZeroDivisionError("secret of a case")


def test_a_defect_leaves_its_account_in_a_file_and_a_sentence_to_the_user(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cli.COMMANDS, "broken", Command("tests.unit.test_cli:broken", "It breaks."))
    assert run("broken") == 1
    told = capsys.readouterr().err
    assert told.startswith("kpiwatch failed (ZeroDivisionError): please report ")
    assert "secret" not in told
    account = Path(told.split()[-1])
    assert "Traceback" in account.read_text()
    account.unlink()


def test_a_failure_keeps_its_sentence_and_exit_code() -> None:
    failure = Failure("a.jsonl:3: too long; cut it", 1)
    assert failure_of(failure) is failure
    assert failure_of(ZeroDivisionError()) is None


def test_help_does_not_read_the_commands_modules() -> None:
    script = (
        "import sys\n"
        "from services.cli.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print('kafka' in sys.modules, 'services.replay.replay' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"
