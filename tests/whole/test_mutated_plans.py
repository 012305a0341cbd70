"""Loading a plan and checking it agree: what loads can be judged by, and what is wrong with one entry by itself keeps a
plan from loading."""

import random
import re
import shutil
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from services.catalog.check.plan_check import check_plan
from services.catalog.load.calendars import load_calendar
from services.catalog.load.plan_folder import InvalidPlan, load_plan
from services.catalog.samples.promise_samples import samples_of
from services.domain.intake.facts import Fact
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Plan
from services.domain.plan.statutory_time import Law
from tests.unit.cases import at, in_order
from tests.verdicts import admitted

PLANS = Path(__file__).parents[1] / "golden" / "plans" / "good"
MUTATED = ("kinds", "cases", "delays", "versions", "smallest")
TODAY = date(2021, 10, 1)
CALENDAR = load_calendar("cn")
ANY_VALUES = ('""', '"calendar_days"', '"nothing"', "-1", "0", "2", "true", "[]", '["completed"]', "1999-12-31", "{}")
_VALUE = re.compile(r"^(\w+) = (.+?)\s*$")
NUMBER, SEED = 240, 4


class Mutation(NamedTuple):
    """One line of a file of a plan that says something else, or is left out."""

    plan: str
    file: str
    line: int
    text: str

    def write(self, folder: Path) -> Path:
        copy = Path(shutil.copytree(PLANS / self.plan, folder / "plan"))
        path = copy / self.file
        lines = path.read_text(encoding="utf-8").splitlines()
        lines[self.line] = self.text
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return copy


def values() -> Iterator[tuple[str, str, int, str, str]]:
    """(plan, file, line, key, value) of each value that stands on a line of its own."""
    for plan in MUTATED:
        for path in sorted((PLANS / plan).rglob("*.toml")):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines()):
                if found := _VALUE.match(line):
                    yield plan, str(path.relative_to(PLANS / plan)), number, found[1], found[2]


def mutations() -> Iterator[Mutation]:
    """Each value in turn left out, or replaced by one that its key has elsewhere, or by any."""
    of_key: Mapping[str, set[str]] = defaultdict(set)
    for _, _, _, key, value in values():
        of_key[key].add(value)
    for plan, file, line, key, value in values():
        yield Mutation(plan, file, line, "")
        for other in sorted({*of_key[key], *ANY_VALUES} - {value}):
            yield Mutation(plan, file, line, f"{key} = {other}")


@cache
def samples(plan: str) -> Sequence[Sequence[Fact]]:
    """What happens under each promise of a plan, told by its own samples."""
    law = Law(load_plan(PLANS / plan), CALENDAR)
    told = (sample for promise in law.plan.promises for sample in samples_of(promise, law))
    by_key: dict[bytes, list[Fact]] = defaultdict(list)
    for sample in told:
        for key, fact in admitted(sample, law.plan):
            by_key[key].append(fact)
    return [in_order(facts) for facts in by_key.values()]


def judges(plan: Plan, subjects: Sequence[Sequence[Fact]]) -> None:
    """Judges all of it, at several moments; whatever is raised is a defect of loading."""
    judge = Judge(plan, CALENDAR)
    for facts in subjects:
        for moment in ("2021-10-15", "2022-03-01"):
            judge.judge(facts, at(moment))


def drawn(number: int) -> list[Mutation]:
    every = list(mutations())
    return random.Random(SEED).sample(every, min(number, len(every)))


def test_what_loads_can_be_judged_by_and_the_check_says_what_is_wrong_with_it(tmp_path: Path, thorough: bool) -> None:
    loaded = refused = 0
    for number, mutation in enumerate(drawn(20 * NUMBER if thorough else NUMBER)):
        folder = mutation.write(tmp_path / str(number))
        problems = [str(problem) for problem in check_plan(folder, TODAY)]
        try:
            plan = load_plan(folder)
        except InvalidPlan as error:
            refused += 1
            # what keeps it from loading is said by the check, too
            assert {str(each).partition(": ")[2] for each in error.problems} <= {
                each.partition(": ")[2] for each in problems
            }, mutation
            continue
        loaded += 1
        try:
            judges(plan, samples(mutation.plan))
        except Exception as error:
            pytest.fail(f"{mutation} loads, and judging raises {error!r}; the check says {problems}")
        shutil.rmtree(folder)
    assert loaded > 40 and refused > 40


@pytest.mark.parametrize("clause", ['""', '" "'])
def test_an_empty_clause_is_said_to_be_one(tmp_path: Path, clause: str) -> None:
    line = next(each for each in values() if each[0] == "smallest" and each[3] == "clause")
    folder = Mutation(*line[:3], f"clause = {clause}").write(tmp_path)
    assert any("quote the plan's words" in problem.sentence for problem in check_plan(folder, TODAY))


@pytest.mark.parametrize(
    ("plan", "line", "written", "sentence"),
    [
        ("kinds", 'measure = "working_days"', 'measure = "calendar_days"', "'calendar_days' is no measure"),
        ("smallest", 'stop = "milestone:connected"', 'stop = "connected"', "'connected' is no clock point"),
    ],
)
def test_an_entry_that_the_check_refuses_by_itself_is_not_loaded(
    tmp_path: Path, plan: str, line: str, written: str, sentence: str
) -> None:
    folder = Path(shutil.copytree(PLANS / plan, tmp_path / "plan"))
    (path,) = [path for path in folder.glob("kpis/*.toml") if line in path.read_text(encoding="utf-8")]
    path.write_text(path.read_text(encoding="utf-8").replace(line, written, 1), encoding="utf-8")
    assert any(sentence in problem.sentence for problem in check_plan(folder, TODAY))
    with pytest.raises(InvalidPlan, match=sentence):
        load_plan(folder)


@pytest.mark.parametrize(
    ("file", "text", "sentence"),
    [
        ("opening_hours.toml", 'weekly = { mon_fri = ["9-12"] }', "no span of hours"),
        ("opening_hours.toml", 'weekly = { saturday = ["09:00-12:00"] }', "no hours on a working weekday"),
    ],
)
def test_hours_by_which_no_clock_runs_are_not_loaded(tmp_path: Path, file: str, text: str, sentence: str) -> None:
    folder = Path(shutil.copytree(PLANS / "smallest", tmp_path / "plan"))
    head = '[[hours]]\nid = "hall"\neffective_from = 2021-01-01\n'
    (folder / file).write_text(f"{head}{text}\n", encoding="utf-8")
    with pytest.raises(InvalidPlan, match=sentence):
        load_plan(folder)


@pytest.mark.parametrize("name", ["units.toml", "service_items.toml"])
def test_so_is_a_hall_without_hours(tmp_path: Path, name: str) -> None:
    folder = Path(shutil.copytree(PLANS / "smallest", tmp_path / "plan"))
    text = (folder / name).read_text(encoding="utf-8")
    lines = text.splitlines()
    last = max(number for number, line in enumerate(lines) if line.startswith("[["))
    (folder / name).write_text(
        "\n".join([*lines[: last + 1], 'opening_hours = "hall"', *lines[last + 1 :]]), encoding="utf-8"
    )
    with pytest.raises(InvalidPlan, match="hours 'hall' is not in opening_hours.toml"):
        load_plan(folder)
