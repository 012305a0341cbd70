"""The checker's specification: what is in plans/good is right, and what is in plans/bad is reported, line by line."""

from datetime import date
from pathlib import Path

import pytest

from services.catalog.check.plan_check import check_plan
from services.catalog.load.plan_folder import InvalidPlan, load_plan

PLANS = Path(__file__).parent / "plans"
TODAY = date(2021, 10, 1)


def folders(kind: str) -> list[Path]:
    return sorted(folder for folder in (PLANS / kind).iterdir() if folder.is_dir())


@pytest.mark.parametrize("folder", folders("good"), ids=lambda folder: folder.name)
def test_a_good_plan_has_no_problems_and_loads(folder: Path) -> None:
    assert [str(problem) for problem in check_plan(folder, TODAY)] == []
    assert load_plan(folder).promises


@pytest.mark.parametrize("folder", folders("bad"), ids=lambda folder: folder.name)
def test_of_a_bad_plan_everything_is_reported_at_once(folder: Path) -> None:
    reported = [str(problem).removeprefix(f"{folder}/") for problem in check_plan(folder, TODAY)]
    assert reported == (folder / "expected.txt").read_text(encoding="utf-8").splitlines()


def test_a_folder_that_cannot_be_read_names_every_reason() -> None:
    with pytest.raises(InvalidPlan) as raised:
        load_plan(PLANS / "bad" / "not-toml")
    assert [(problem.file.name, problem.line) for problem in raised.value.problems] == [
        ("first.toml", 10),
        ("second.toml", None),
    ]
