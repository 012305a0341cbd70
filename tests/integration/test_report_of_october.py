"""The shipped plan and the simulated October 2021: every number on every page is traced to a value row."""

from datetime import date
from pathlib import Path

from services.catalog.load.plan_folder import load_plan
from services.replay.replay import replay
from services.reporting.times import times_as_of
from services.runtime.settings import Settings
from tests.unit.commands import run
from tests.whole.test_report import MONTH, ZONE, Page, at, cells_of, states_of, trace

PLAN = Settings().plan


def test_every_number_in_the_reports_of_october_is_a_cell_of_values_csv(tmp_path: Path) -> None:
    events, out, values = tmp_path / "events.jsonl", tmp_path / "reports", tmp_path / "values.csv"
    days = ("--days", 75, "--seed", 7, "--faults", "none", "--cases-per-day", 60)
    assert run("simulate", "--plan", PLAN, *days, "--out", events) == 0
    assert run("report", events, "--plan", PLAN, "--month", MONTH, "--out", out) == 0
    plan = load_plan(PLAN)
    times = times_as_of(at("2021-11-01"), ZONE, date(2021, 8, 20)).every
    cells = cells_of(values, replay([str(events)], PLAN, times, restate=at("2021-10-01")))
    traced = {}
    for path in out.glob("*.html"):
        unit = path.stem.removeprefix(f"{MONTH}-")
        lead = None if unit == "ALL" else unit
        traced[unit] = trace(Page(path), cells, plan, states_of(cells, plan, lead))["cells"]
    assert traced.keys() == {unit for promise in plan.promises for unit in promise.lead} | {"ALL"}
    print(f"{sum(traced.values()):,} numbers and states on {len(traced)} pages traced")
    assert sum(traced.values()) > 5_000
