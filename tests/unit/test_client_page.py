"""docs/client.md: every example gives what the page says, and every public name is on it."""

import contextlib
import io
import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from kpiwatch import client
from tests.served import served
from tests.unit.commands import run
from tests.unit.gateway import GOOD, Gateway

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "client.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```python\n(.*?)```\n```text\n(.*?)```", re.S)


def test_the_examples_give_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    gateway = Gateway()
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    with served(gateway.app) as url:
        for code, said in EXAMPLE.findall(PAGE):
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec(_here(code, url, gateway).replace('["KEY"]', repr([gateway.key])), names)
            assert printed.getvalue() == said
        assert {orjson.loads(each.value)["id"] for each in gateway.log.records} == {f"9f2c7a10-{n}" for n in (1, 2, 3)}
        for name in ("events.jsonl", "more.jsonl"):
            (tmp_path / name).write_bytes(orjson.dumps({**GOOD, "id": name}) + b"\n")
        _commands(_here(PAGE, url, gateway), monkeypatch)
        assert "0 events are parked, 0 wait" in capfd.readouterr().out


def _here(text: str, url: str, gateway: Gateway) -> str:
    return text.replace("https://gateway.example:19102", url).replace("KPIWATCH_KEY=KEY", f"KPIWATCH_KEY={gateway.key}")


def _commands(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    section = page.partition("## From files")[2].partition("## From a folder")[0]
    for line in re.findall(r"^    (.+)$", section, re.M):
        command, *words = line.split()
        if command == "export":
            for word in words:
                monkeypatch.setenv(*word.split("=", 1))
        else:
            assert command == "kpiwatch" and run(*[word.replace("more.jsonl.gz", "more.jsonl") for word in words]) == 0


def test_every_public_name_is_on_the_page() -> None:
    names = {*client.__all__} - {"Event"}
    methods = {
        name for kind in (client.Client, client.AsyncClient) for name in vars(kind) if not name.startswith("_")
    } - {"close", "spool"}
    assert {name for name in names | methods if not re.search(rf"\b{name}\b", PAGE)} == set()


def test_every_option_of_tail_is_on_the_page_or_one_of_send() -> None:
    shown = {"--gateway", "--every"}
    options = set(re.findall(r'"(--[a-z]+)"', (ROOT / "services/cli/tail.py").read_text(encoding="utf-8")))
    assert {option for option in options - shown if option not in PAGE} == set()
