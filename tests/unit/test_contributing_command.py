"""The worked example of CONTRIBUTING.md: a command is a module and a line."""

import re
from pathlib import Path

import pytest

import services.cli
from services.cli.__main__ import COMMANDS, Command, main

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")


def example(path: str) -> str:
    """The code that the section "A command" gives for a file."""
    section = TEXT.partition("\n## A command\n")[2].partition("\n## ")[0]
    found = re.search(rf"<!-- worked example: {re.escape(path)} -->\n```python\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def with_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The example's two files, as if they were in the tree."""
    (tmp_path / "limit.py").write_text(example("services/cli/limit.py"), encoding="utf-8")
    monkeypatch.setattr(services.cli, "__path__", [*services.cli.__path__, str(tmp_path)])
    line = eval(f"{{{example('services/cli/__main__.py')}}}", {"Command": Command})
    for name, command in line.items():
        monkeypatch.setitem(COMMANDS, name, command)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return int(end.value.code or 0)


@pytest.mark.usefixtures("with_command")
def test_the_command_of_the_example_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert (run("limit", "4 working_days"), capsys.readouterr().out) == (0, "4 working_days\n")
    assert run("limit", "four days") == 1
    assert "'four days' is not a limit: write a whole number and a unit" in capsys.readouterr().err


@pytest.mark.usefixtures("with_command")
def test_the_list_of_commands_shows_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    assert "Show how a limit of a plan is read." in capsys.readouterr().out
