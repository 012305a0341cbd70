"""What CONTRIBUTING.md says of adding a kind is followed here, word by word, in a process that has no other kinds."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.unit.test_adding import OF_A_KIND, ROOT, blocks

FOLLOW = """
import importlib, sys
from pathlib import Path
for folder in sys.argv[2:]:
    importlib.import_module(Path(folder).name).__path__.append(folder)

from datetime import date
from services.catalog.check.plan_check import check_plan
from services.catalog.load.plan_folder import load_plan
from services.catalog.samples.promise_samples import samples_of
from services.catalog.words.promise_text import formula, in_words
from tests.verdicts import admitted, judge_of, verdict

folder = Path(sys.argv[1])
print(*check_plan(folder, date(2021, 10, 1)), sep="\\n", end="")
plan = load_plan(folder)
(promise,) = (each for each in plan.promises if each.kind == "backlog")
print(in_words(promise, plan).en, formula(promise).en, promise.figure_unit, sep="\\n")
judge = judge_of(plan)
for sample in samples_of(promise, judge.law):
    seen = verdict(judge, promise, sample, admitted(sample, plan))
    assert seen.row is not None
    print(sample.name, seen.outcome == sample.expected.outcome, seen.row.value, seen.row.state)
"""


def test_a_kind_that_is_added_is_checked_worded_judged_and_sampled(tmp_path: Path) -> None:
    folders = [tmp_path / room.replace("/", ".") for room in OF_A_KIND]
    for folder, source in zip(folders, blocks("Adding a kind of promise", "python"), strict=True):
        folder.mkdir()
        (folder / "backlog.py").write_text(source, encoding="utf-8")
    plan = Path(shutil.copytree(ROOT / "tests" / "golden" / "plans" / "good" / "kinds", tmp_path / "plan"))
    entries = plan / "kpis" / "all.toml"
    first = entries.read_text(encoding="utf-8").split("\n\n[[promise]]")[0] + "\n"
    backlog = (
        first.replace('"P1"', '"P2"')
        .replace("case_limit", "backlog")
        .replace('limit = "4 working_days"', "local = true")
        .replace("小型项目供水接入时间不超过4个工作日", "建立整改台账")
    )
    entries.write_text(f"{first}\n{backlog}objective = '<= 100 cases'\n", encoding="utf-8")
    command = [sys.executable, "-c", FOLLOW, str(plan), *map(str, folders)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == [
        "Getting water (size = small): number of open cases: at most 100 cases.",
        "number of cases whose clock runs",
        "cases",
        "counts True 1 met",
        "does_not_count True 0 met",
    ]
