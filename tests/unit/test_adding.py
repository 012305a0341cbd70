"""What CONTRIBUTING.md says of adding a promise and a kind is followed here, word by word."""

import re
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from services.catalog.check.plan_check import check_plan
from services.catalog.load.lock import read_lock, write_lock
from services.catalog.load.plan_folder import load_plan, read_plan
from services.domain.plan.all_kinds import SPECIFICATIONS, class_name
from services.handbook.write import write_handbook
from services.runtime.settings import Settings
from tests.thresholds import amounts

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
OF_A_KIND = (
    "services/domain/plan/kinds",
    "services/domain/judging/kinds",
    "services/catalog/words",
    "services/catalog/samples",
)
TODAY = date(2021, 10, 1)


def blocks(heading: str, language: str) -> list[str]:
    """The worked examples under a heading of the guide, in one language."""
    section = GUIDE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return re.findall(rf"```{language}\n(.*?)```", section, re.DOTALL)


# ---- a promise -------------------------------------------------------------------------------------------
def test_a_promise_needs_its_entry_its_line_of_the_lock_and_its_line_of_thresholds(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(Settings().plan, tmp_path / "plan"))
    (entry,) = blocks("Adding a promise", "toml")
    with (folder / "kpis" / "06-water-power-gas.toml").open("a", encoding="utf-8") as file:
        file.write("\n" + entry)
    (unlocked,) = check_plan(folder, TODAY)
    assert "K06-9 2021-08-20 is in force and not locked" in unlocked.sentence
    before = read_lock(folder)
    write_lock(folder, read_plan(folder).promises)
    assert read_lock(folder).keys() - before.keys() == {"K06-9 2021-08-20"}
    assert {version: kept for version, kept in read_lock(folder).items() if version in before} == before
    assert check_plan(folder, TODAY) == []
    plan = load_plan(folder)
    added = next(promise for promise in plan.promises if promise.id == "K06-9")
    written = [",".join((added.id, added.variant, *each, "entry")) for each in amounts(added, plan.head.issued)]
    assert blocks("Adding a promise", "csv") == ["".join(f"{line}\n" for line in written)]


def test_the_page_of_an_added_promise_follows_from_its_entry(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(ROOT / "tests" / "golden" / "plans" / "good" / "smallest", tmp_path / "plan"))
    entries = folder / "kpis" / "water.toml"
    first = entries.read_text(encoding="utf-8")
    entries.write_text(first + "\n" + first.replace('"P1"', '"P2"').replace('"4 work', '"3 work'), encoding="utf-8")
    pages = {path.name for path in write_handbook(folder, tmp_path / "docs")}
    assert {"P1.md", "P2.md"} <= pages


# ---- a kind ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("kind", SPECIFICATIONS)
def test_a_kind_is_four_files_with_its_name(kind: str) -> None:
    assert [(ROOT / room / f"{kind}.py").exists() for room in OF_A_KIND] == [True] * 4


def test_no_file_of_kinds_is_without_its_fields() -> None:
    for room in OF_A_KIND[:2]:
        found = {path.stem for path in (ROOT / room).glob("*.py")} - {"__init__"}
        assert found == SPECIFICATIONS.keys(), room


@pytest.mark.parametrize("kind", SPECIFICATIONS)
def test_nothing_but_its_files_and_the_simulator_names_a_kind(kind: str) -> None:
    name = re.compile(rf'\b{class_name(kind)}(Promise|Judge)\b|kinds\.{kind}\b|kind == "{kind}"')
    of_kinds = {ROOT / room for room in OF_A_KIND}
    for package in ("services", "streams", "dashboards"):
        for path in (ROOT / package).rglob("*.py"):
            if path.parent in of_kinds or "simulator" in path.parts:
                continue
            assert not name.search(path.read_text(encoding="utf-8")), f"{path} names the kind {kind}"


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
