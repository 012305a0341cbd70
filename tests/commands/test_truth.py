"""`python -m tests.truth` in small: the replay finds what the simulator decided, whatever the sources get wrong."""

import csv
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from services.domain.plan.plan import Tier
from tests.golden.test_truth import committed
from tests.truth import PLAN, Comparison, Run, Truth, check, compare, compare_cards, expected, plan_in

DAYS, CASES_PER_DAY = 20, 120
OFTEN = (
    "disorder=0.3,skew=0.5,corrections=0.2,held_back=0.3,stop_and_go=0.3,late_entry=0.2,backdated=0.2,reopened=0.2,"
    "silence=0.3,reclassified=0.5,conflicts=0.1,bad=0.1,duplicates=0.2,stopped_twice=0.5,"
    "asked_again=0.2,granted_after_all=0.5,empty=0.2,slips=0.3,extensions=0.2,applied_later=0.3,undelivered=0.9"
)
"""Every fault many times as often as in life."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A district of some weeks with every fault, replayed."""
    run = Run(tmp_path_factory.mktemp("truth"), days=DAYS, seed=7, cases_per_day=CASES_PER_DAY)
    run.simulate()
    run.replay()
    yield run


class Material(NamedTuple):
    """What is compared."""

    values: list[dict[str, str]]
    cards: list[dict[str, str]]
    truth: Truth


@pytest.fixture(scope="module")
def material(run: Run) -> Material:
    with (
        run.truth.open(newline="") as reported,
        run.values.open(newline="") as values,
        run.cards.open(newline="") as cards,
    ):
        truth = expected(csv.DictReader(reported), plan_in(run.plan), run.last)
        return Material(list(csv.DictReader(values)), list(csv.DictReader(cards)), truth)


def said(compared: Comparison) -> str:
    return "\n".join(compared.differences[:40])


def test_the_replay_finds_what_was_decided_with_every_fault_switched_on(run: Run) -> None:
    compared = run.compare()
    assert not compared.differences, said(compared)
    assert compared.cells > 10_000 and compared.cards > 100


@pytest.fixture(scope="module")
def often_wrong(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Comparison]:
    """Every fault many times; units are merged, and the published calendar ends, in the middle."""
    folder = tmp_path_factory.mktemp("often")
    run = Run(folder, days=DAYS, seed=9, faults=OFTEN, cases_per_day=CASES_PER_DAY, mergers=True, provisional=True)
    return run, check(run)


def test_the_replay_finds_it_however_often_sources_are_wrong(often_wrong: tuple[Run, Comparison]) -> None:
    """And where units are merged, and the published calendar ends, in the middle."""
    _, compared = often_wrong
    assert not compared.differences, said(compared)


def test_what_a_notice_may_still_change_is_compared(often_wrong: tuple[Run, Comparison]) -> None:
    """Hits, misses, means, late entries and cards; where the truth knows none of it, counts, states and reasons
    differ."""
    run, _ = often_wrong
    plan = plan_in(run.merged)
    with (
        run.truth.open(newline="") as reported,
        run.values.open(newline="") as values,
        run.cards.open(newline="") as cards,
    ):
        rows = list(csv.DictReader(reported))
        marked = {row["fate"] for row in rows if row["provisional"]}
        assert {"met", "missed", "open_overdue", "counted", "late_entry"} <= marked
        blind = ({**row, "provisional": "", "reason": row["reason"].replace("provisional", "")} for row in rows)
        truth = expected(blind, plan, run.last)
        compared = compare(csv.DictReader(values), truth, plan, run.last)
        compare_cards(compared, csv.DictReader(cards), truth)
    assert {"provisional_n", "state", "reason"} <= {each.partition(": ")[2].split()[0] for each in compared.differences}


def test_a_promise_with_a_threshold_that_was_never_put_to_the_test_is_named(run: Run) -> None:
    """In so few weeks no lawsuit ends, no month is over, and no line of 10 kV is laid."""
    compared = run.compare()
    assert "K33-2" in compared.untested
    assert "K13-1" not in compared.untested, "it is not in force yet"
    of_tier_q = {promise.key for promise in plan_in(PLAN).promises if promise.tier is Tier.Q}
    assert not of_tier_q & set(compared.untested)


COLUMNS = ("n", "numerator", "value", "late_entry_n", "justified_n", "unmeasured_n", "unclassified_n", "state")


@pytest.mark.parametrize("column", COLUMNS)
def test_a_value_that_is_not_the_truth_is_found(run: Run, material: Material, column: str) -> None:
    """In any of the columns, of any row that has it: here the first one of the whole."""
    rows = [dict(row) for row in material.values]
    wanted = {"state": "untargeted"}.get(column)
    row = next(row for row in rows if row["unit"] == "ALL" and (row[column] == wanted if wanted else row[column]))
    row[column] = "met" if column == "state" else f"{float(row[column]) + 1:g}"
    [difference] = compare(rows, material.truth, plan_in(run.plan), run.last).differences
    assert column in difference and row["kpi"] in difference


def test_a_card_that_is_not_the_truth_is_found(run: Run, material: Material) -> None:
    """One that was cleared at another time, one that is missing, one that never was."""
    compared = Comparison()
    moved, missing, *others = material.cards
    moved = {**moved, "cleared_at": "2021-09-01T00:00:00+08:00"}
    compare_cards(compared, [moved, *others, {**others[0], "case": "/units/nobody X1"}], material.truth)
    assert len(compared.differences) == 3
    assert any("cleared_at" in each for each in compared.differences)
    assert any(missing["case"] in each and "no such card in" in each for each in compared.differences)


def test_a_row_that_is_missing_is_found(run: Run, material: Material) -> None:
    rows = [row for row in material.values if (row["kpi"], row["unit"], row["window"]) != ("K06-1", "ALL", "year")]
    [difference] = compare(rows, material.truth, plan_in(run.plan), run.last).differences
    assert "no such row" in difference


def test_another_seed_is_another_district(run: Run, tmp_path: Path) -> None:
    other = replace(run, folder=tmp_path, seed=8, days=3)
    other.simulate()
    assert other.truth.read_bytes() != run.truth.read_bytes()


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    """The order of a set differs between processes; that of this one is another than 0."""
    done = subprocess.run(
        [sys.executable, "-c", "from tests.golden.test_truth import summary; print(*summary()[-1])"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONHASHSEED": "0"},
    )  # fmt: skip
    assert done.stdout.split() == committed()[-1]
