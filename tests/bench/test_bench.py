"""The benchmark's job at a fiftieth of its size: both drivers give the exact answer. How fast is for `make bench`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.job import ROOT, SHARED


@pytest.mark.skipif(not SHARED.exists(), reason="../shared/bench is not beside the project")
def test_worker_and_replay_give_the_benchmarks_answer(tmp_path: Path) -> None:
    file = tmp_path / "runs.json"
    command = [sys.executable, "-m", "tests.bench", "--engines", "kpiwatch", "--rounds", "1"]
    command += ["--events", "20000", "--slow-events", "20000"]  # each number of events is an input that is made
    done = subprocess.run([*command, "--json", str(file)], cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    runs = json.loads(file.read_text())["runs"]
    assert [(run["engine"], run["note"]) for run in runs] == [("kpiwatch", "exact"), ("replay", "exact")]
