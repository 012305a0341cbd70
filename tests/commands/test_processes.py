"""What only a process of its own can show: its exit code, its pipes, its end, what it imports."""

import json
import os
import subprocess
import sys
from pathlib import Path

from services.replay.periods import Every
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from tests.unit.cases import WATER
from tests.unit.test_explain import EVENTS, PLAN, PROMISE
from tests.unit.test_notifier import contents
from tests.whole.test_replay import answers, in_disorder, lines_of_the_district

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 180
"""For what a busy machine does late."""


def test_a_reader_who_has_seen_enough_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text("no event\n" * 4_000)  # more than a pipe holds
    command = [sys.executable, "-m", "services.cli", "validate", str(tmp_path / "bad.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.readline()
        running.stdout.close()
        assert len(running.stderr.read().splitlines()) == 1, "it says by which plan is judged"
    assert running.returncode == 0


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


def test_help_does_not_read_the_commands_modules() -> None:
    script = (
        "import sys\n"
        "from services.cli.__main__ import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print('kafka' in sys.modules, 'services.replay.replay' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False False"


def test_a_clock_runs_until_the_process_that_runs_it_ends_and_then_is_stopped(tmp_path: Path) -> None:
    settings = Settings(clock=tmp_path / "clock.json", demo_speed=60)
    environment = {**settings.environment(), "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "services.cli", "clock"]

    def check() -> int:
        return subprocess.run([*command, "--check"], env=environment, capture_output=True, check=False).returncode

    assert check() == 3
    leader = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert leader.stdout is not None
        assert leader.stdout.readline().startswith("the clock runs at speed 60")
        assert check() == 0
    finally:
        leader.terminate()
        assert leader.wait(PATIENCE_SECONDS) == 0
        assert leader.stdout is not None
        leader.stdout.close()
    assert Clock.simulated(tmp_path / "clock.json").speed == 0
    assert check() == 3


def test_what_was_appended_is_there_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "outbox.jsonl"
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom services.notifier.journal import Journal\n"
        "Journal(Path(sys.argv[1])).append({'a': 1})\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, path], check=False, env={**os.environ, "PYTHONPATH": os.getcwd()})
    assert contents(path) == ({"a": 1},)


def test_any_number_of_processes_of_a_replay_gives_the_same_bytes(tmp_path: Path) -> None:
    files = in_disorder(lines_of_the_district(), tmp_path)
    expected = answers(files, tmp_path, every=Every.WEEK)
    assert expected[0].count(b"\n") > 1000
    assert answers(files, tmp_path, every=Every.WEEK, processes=3) == expected


def test_the_json_account_adds_up_and_standard_input_is_read(tmp_path: Path) -> None:
    plan = tmp_path / "plan"
    (plan / "kpis").mkdir(parents=True)
    for name, content in (("plan.toml", PLAN), ("kpis/water.toml", PROMISE), ("text.txt", "不超过13个工作日")):
        (plan / name).write_text(content, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", "explain", f"{WATER} W-1", "-", "--plan", str(plan), "--as-of",
         "2021-11-01T00:00:00+08:00", "--json"],
        input="".join(EVENTS), capture_output=True, text=True, check=True,
    )  # fmt: skip
    content = json.loads(done.stdout)
    (explained,) = content["cycles"][0]["promises"]
    assert explained["verdict"] == "met"
    assert explained["clause"] == "不超过13个工作日"
    counted = explained["account"]
    assert counted["net"] == "13"
    assert sum(int(each["counted"]) for each in counted["days"]) == 13
    assert sum(int(each["suspended"]) for each in counted["days"]) == 4


def test_the_published_schema_of_compose_files_accepts_it() -> None:
    compose = ROOT / "docker-compose.yml"
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(compose)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_generate_writes_all_that_is_generated() -> None:
    recipe = subprocess.run(
        ["make", "--dry-run", "generate"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout  # fmt: skip
    assert all(writer in recipe for writer in ("services.alert_rules deploy", "dashboards.write"))
