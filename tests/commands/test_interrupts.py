"""Ctrl-C and SIGTERM: a command ends soon, without a traceback, with its exit code, and nothing of it stays."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from services.replay import replay

ROOT = Path(__file__).parents[2]
PLAN = ROOT / "services" / "catalog" / "jiangbei-2021"
SECONDS = 5.0
"""One on a quiet machine; the tests share theirs."""
PATIENCE_SECONDS = 180
"""For what a busy machine does late, where it does not matter when."""


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Enough for a replay of some seconds."""
    file = tmp_path_factory.mktemp("events") / "events.jsonl"
    day = f"simulate --days 12 --seed 3 --out {file}".split()
    subprocess.run([sys.executable, "-m", "services.cli", *day], cwd=ROOT, check=True, capture_output=True)
    file.write_bytes(file.read_bytes() * 12)
    return file


@pytest.fixture
def scratch() -> Iterator[Path]:
    """For temporary files; its name is short, since sockets are in it."""
    with tempfile.TemporaryDirectory(prefix="k") as folder:
        yield Path(folder)


def test_a_temporary_folder_with_a_long_name_is_a_sentence(events: Path, tmp_path: Path) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    arguments = f"replay {events} --as-of 2021-11-01 --out {tmp_path}/v.csv --processes 2".split()
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(long)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, behind_the_plan(done.stderr)) == (
        2, f"{long}: its name is too long for a socket: name a shorter folder in TMPDIR\n"
    )  # fmt: skip


def behind_the_plan(errors: str) -> str:
    """What comes after the line that says by which plan is judged."""
    return "".join(line for line in errors.splitlines(keepends=True) if not line.startswith("plan: "))


def until(ready: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not ready():
        assert time.monotonic() < end and process.poll() is None, process.communicate()
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", ["replay", "simulate"])
def test_a_command_that_is_interrupted_leaves_nothing(
    command: str, number: signal.Signals, events: Path, tmp_path: Path, scratch: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    arguments = {
        "replay": f"replay {events} --as-of 2021-11-01 --out {out}/v.csv --every day --processes 2",
        "simulate": f"simulate --days 3000 --seed 1 --out {out}/e.jsonl.gz --truth {out}/t.csv",
    }[command].split()
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(scratch)}, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    of_it = psutil.Process(process.pid)
    if command == "replay":  # both processes have begun to sort
        until(lambda: len(list(scratch.glob("kpiwatch-replay-*/0000.*"))) == 2, process)
    else:
        until(lambda: (out / ".e.jsonl.gz.part").exists(), process)
    children = of_it.children(recursive=True)
    assert len(children) >= (3 if command == "replay" else 0)
    began = time.monotonic()
    # a terminal sends Ctrl-C to all of them
    os.killpg(process.pid, number) if number is signal.SIGINT else process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert time.monotonic() - began < SECONDS
    assert (process.returncode, output, behind_the_plan(errors.decode())) == (128 + number, b"", "")
    assert list(out.iterdir()) == [] and list(scratch.glob("kpiwatch-*")) == []
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_SECONDS)
    assert alive == []


def test_the_processes_of_a_replay_that_is_killed_end(events: Path, tmp_path: Path, scratch: Path) -> None:
    arguments = f"replay {events} --as-of 2021-11-01 --out {tmp_path}/v.csv --processes 2".split()
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", *arguments],
        cwd=ROOT, env=os.environ | {"TMPDIR": str(scratch)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    until(lambda: len(list(scratch.glob("kpiwatch-replay-*/0000.*"))) == 2, process)
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(children, timeout=PATIENCE_SECONDS)
    assert alive == []


def test_a_second_replay_into_the_same_file_is_refused_before_any_work(events: Path, tmp_path: Path) -> None:
    out = tmp_path / "v.csv"
    arguments = f"replay {events} --as-of 2021-11-01 --out {out} --processes 1".split()
    first = subprocess.Popen([sys.executable, "-m", "services.cli", *arguments], cwd=ROOT, stderr=subprocess.PIPE)
    try:
        until(lambda: (tmp_path / ".v.csv.part").exists(), first)
        second = subprocess.run(
            [sys.executable, "-m", "services.cli", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert first.poll() is None
        assert (second.returncode, behind_the_plan(second.stderr)) == (
            2, f"{out} is being written by another process: wait until it has ended, or name another file\n",
        )  # fmt: skip
        assert (tmp_path / ".v.csv.part").exists()
    finally:
        first.send_signal(signal.SIGINT)
        first.communicate(timeout=PATIENCE_SECONDS)
    assert list(tmp_path.iterdir()) == []


def test_a_server_of_processes_starts_without_our_output(capfd: pytest.CaptureFixture[str]) -> None:
    with replay._muted():
        os.write(1, b"nobody")
        os.write(2, b"hears it")
    os.write(1, b"seen")
    assert capfd.readouterr() == ("seen", "")
