"""The commands in README.md work as they are written."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def block_after(heading: str) -> str:
    """The first indented block with commands of ours below a heading."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    blocks: list[str] = re.findall(r"(?:^    .*\n)+", section, re.MULTILINE)
    return next(block for block in blocks if "kpiwatch" in block)


def test_the_commands_that_need_no_server_work_as_written(tmp_path: Path) -> None:
    commands = block_after("Without a server")
    (tmp_path / "services").symlink_to(ROOT / "services")
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands.replace("--days 75", "--days 20 --cases-per-day 40")],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"[\d,]+ accepted, 0 rejected", done.stdout)
    assert "办理经过 What happened" in done.stdout
    assert re.search(r"\d+ promises in \d+ entries, no errors", done.stdout)
