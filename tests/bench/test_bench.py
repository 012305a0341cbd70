"""The benchmark at a fiftieth of its size: what is measured is the right answer. How fast is for `make bench`."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench import generate, truth
from tests.bench.figures import Row, table
from tests.bench.job import ROOT, no_row
from tests.bench.peers.caseclock import CaseClock, State, Totals, add

REFERENCE = ROOT.parent / "shared" / "bench"
"""Programs of another hand for the same job."""
EVENTS = 20_000


def test_worker_and_replay_give_the_right_answer(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "tests.bench", "--parts", "job,replay-job", "--engines", "kpiwatch"]
    command += ["--rounds", "1", "--events", str(EVENTS), "--json", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    found = json.loads(file.read_text())
    assert [(run["engine"], run["note"]) for run in found["runs"]] == [("kpiwatch", "exact")]
    assert [row["note"] for row in found["rows"] if row["what"].startswith("replay")] == [f"{EVENTS:,} events, exact"]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    generate.write(folder, EVENTS, 7)
    truth.write(folder)
    return folder


def test_the_same_numbers_give_the_same_bytes_everywhere(data: Path) -> None:
    digest = hashlib.sha256((data / "events.jsonl").read_bytes()).hexdigest()
    assert digest == "244e0a9abba4f0ed7d05395c9ec56fc24901d3fa7bcec033fb44dfcf3cc72c3c"


def test_generator_and_truth_are_those_of_another_hand(data: Path, tmp_path: Path) -> None:
    if not REFERENCE.exists():
        pytest.skip("the reference programs of the benchmark are not beside the project")
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    generator, answers = str(REFERENCE / "generate.py"), str(REFERENCE / "truth.py")
    for command in (
        [generator, "--events", str(EVENTS), "--seed", "7", "--out", str(tmp_path)],
        [answers, str(tmp_path)],
    ):
        subprocess.run([sys.executable, *command], check=True, env=environment)
    for name in ("events.jsonl", "calendar.csv"):
        assert (data / name).read_bytes() == (tmp_path / name).read_bytes(), name
    assert json.loads((data / "truth.json").read_text()) == json.loads((tmp_path / "truth.json").read_text())


def test_the_bare_loop_gives_the_right_answer(data: Path) -> None:
    clock, cases, rows = CaseClock(data / "calendar.csv"), dict[str, State](), dict[str, Totals]()
    with (data / "events.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            count = clock.apply(cases.setdefault(event["source"] + event["subject"], {}), event)
            if count is not None:
                add(rows, count)
    assert rows == json.loads((data / "truth.json").read_text())


def test_a_case_that_is_late_by_a_day_is_not_on_time(tmp_path: Path) -> None:
    (tmp_path / "calendar.csv").write_text("\n".join(generate.calendar()))
    lines = []
    for subject, day in (("A", "2021-10-09"), ("B", "2021-10-11")):  # a make-up Saturday, and the Monday after
        data = '{"service_item":"power","unit":"u","channel":"online","committed_limit":{"amount":2}}'
        lines += [_line(subject, "accepted", "2021-09-30", data), _line(subject, "completed", day, "{}")]
    (tmp_path / "events.jsonl").write_text("\n".join(lines))
    assert truth.truth(tmp_path) == {"power|u": no_row() | {"completed": 2, "on_time": 1, "online": 2}}


def _line(subject: str, kind: str, day: str, data: str) -> str:
    head = f'"id":"{subject}{kind}","source":"s","type":"case.{kind}","subject":"{subject}"'
    return f'{{{head},"time":"{day}T10:00:00+08:00","data":{data}}}'


def test_the_table_says_how_far_a_figure_is_from_what_it_must_be() -> None:
    row = Row("replay", "22.0", 14, 10, [30.0, 21.0, 20.0], note="exact")
    assert table([row]).splitlines()[-1] == "| replay | 22.0 | ≤ 14 | 10 | 21 (20 to 30) | 1.50 | exact |"
