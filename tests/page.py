"""Runs a page of the documents: writes its files, runs its commands, and looks for what it says that they print.

A block with `file=PATH` behind its kind is a file. A block of kind `sh` has commands. The block of kind `text` below it
has lines that they print (`exit=1`: with that exit code). A command of `kpiwatch` runs within the process of the test,
which costs a tenth.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from tests.unit.commands import run

_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


_LATER = "kpiwatch cases "
"""Commands that give their answer a moment after an event was sent."""
_PATIENCE_SECONDS = 120
_EXPORT = re.compile(r"export (\w+)=(.*)")


class Block(NamedTuple):
    """A block of a page."""

    kind: str
    options: Mapping[str, str]
    content: str


def blocks(page: Path) -> Iterator[Block]:
    """All of them, in order."""
    for kind, options, content in _BLOCK.findall(page.read_text(encoding="utf-8")):
        yield Block(
            kind, {name: value for name, _, value in (each.partition("=") for each in options.split())}, content
        )


@dataclass
class Reader:
    """Somebody who follows a page, in a folder."""

    folder: Path
    replaced: Mapping[str, str] = field(default_factory=dict)
    """Texts of commands → what this reader has in their place."""
    exit_code: int = 0
    printed: str = ""
    """Since the last block of expected lines."""
    exported: dict[str, str] = field(default_factory=dict)
    """Variables that the page has set."""

    def follow(self, page: Path, *, running: bool = False) -> None:
        """AssertionError where the page is wrong. `running`: a system runs, so that blocks that need one are followed,
        too."""
        needs = False
        for block in blocks(page):
            if block.kind == "sh":
                needs = "running" in block.options
            if needs and not running:
                continue
            if "file" in block.options:
                file = self.folder / block.options["file"]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(block.content, encoding="utf-8")
            elif block.kind == "sh":
                assert not self.exit_code, self.printed
                for line in block.content.replace("\\\n", " ").splitlines():
                    self._command(line)
            elif block.kind == "text":
                self._compare(block)

    def _command(self, line: str) -> None:
        for old, new in self.replaced.items():
            line = line.replace(old, new)
        if export := _EXPORT.fullmatch(line):
            code, said = self._shell(f"printf %s {export[2]}")
            assert code == 0, said
            self.exported[export[1]] = said
            return
        code, said = self._said(line)
        end = time.monotonic() + _PATIENCE_SECONDS
        while code and line.startswith(_LATER) and time.monotonic() < end:
            time.sleep(0.5)
            code, said = self._said(line)
        assert not self.exit_code, f"{line}\nbegins after a command that failed:\n{self.printed}"
        self.exit_code = code
        self.printed += said

    def _said(self, line: str) -> tuple[int, str]:
        return self._ours(line) if line.startswith("kpiwatch ") else self._shell(line)

    def _ours(self, line: str) -> tuple[int, str]:
        code, words = self._shell(f"printf '%s\\0' {line.removeprefix('kpiwatch ')}")
        assert code == 0, words
        with (
            chdir(self.folder), mock.patch.dict(os.environ, self.exported), redirect_stdout(StringIO()) as output,
            redirect_stderr(StringIO()) as errors,
        ):  # fmt: skip
            code = run(*words.split("\0")[:-1])
        return code, output.getvalue() + errors.getvalue()

    def _shell(self, line: str) -> tuple[int, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line],
            cwd=self.folder,
            env={**os.environ, **self.exported, "PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def _compare(self, block: Block) -> None:
        assert self.exit_code == int(block.options.get("exit", "0")), self.printed
        for line in block.content.splitlines():
            assert plain(line) in plain(self.printed), f"{line!r} is not in:\n{self.printed}"
        self.exit_code, self.printed = 0, ""


def plain(text: str) -> str:
    """Without what depends on the width of a terminal."""
    return " ".join(text.split())
