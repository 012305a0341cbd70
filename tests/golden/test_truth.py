"""The events of the simulator and their truth, as committed. That the replay finds it: tests/commands/test_truth.py.

Written again with `python -m tests.golden.test_truth` after a wanted change of the simulator or of the plan.
"""

import csv
import hashlib
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.plan.statutory_time import Law
from services.simulator.district.profile import parse_faults, profile
from services.simulator.simulation import Simulation
from services.simulator.truth.row import Row

PLAN = Path("services/catalog/jiangbei-2021")
GOLDEN = Path(__file__).parent / "truth_seed7.csv"


def summary() -> list[list[str]]:
    """Cases by promise and result: seed 7, 30 days, 100 cases a day, every fault; and the digest of the events."""
    plan = load_plan(PLAN)
    law, rows, digest = Law(plan, calendar_of(plan)), list[Row](), hashlib.sha256()
    chosen = profile("demo").at_volume(100)
    simulation = Simulation(law, chosen, 7, date(2021, 8, 20), 30, faults=parse_faults("all"), truth=rows.append)
    count = 0
    for event in simulation.events():
        digest.update(event.line + b"\n")
        count += 1
    results = Counter((row.kpi, row.variant, row.result.value) for row in rows)
    counts = [[*key, str(n)] for key, n in sorted(results.items())]
    return [["kpi", "variant", "fate", "n"], *counts, ["-", "events", digest.hexdigest(), str(count)]]


def committed() -> list[list[str]]:
    with GOLDEN.open(newline="") as file:
        return list(csv.reader(file))


@pytest.mark.slow
def test_the_simulated_truth_is_the_committed_one() -> None:
    assert summary() == committed()


if __name__ == "__main__":
    with GOLDEN.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(summary())
