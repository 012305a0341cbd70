"""What CONTRIBUTING.md says of adding a promise and a kind is followed here, word by word."""

import re
import shutil
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
@pytest.mark.slow
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
