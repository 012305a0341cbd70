"""The parts of `make bench` without a broker: `kpiwatch replay`, beside others and beside itself."""

import csv
import sys
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from services.catalog.load.plan_folder import load_plan
from services.runtime.settings import Settings
from tests import oracle
from tests.bench import environments, one_promise, process_tree
from tests.bench.figures import Row, interleaved, ratios
from tests.bench.job import ON_TIME, ONLINE, PLAN, ROOT, Rows, no_row
from tests.bench.stream import Stream

AS_OF = "2022-07-01"
"""Of the job: after the last completion."""
WHOLE_PLAN = Settings().plan
ONE_PROMISE = "K26-3"
"""The promise of the plan by which most cases of the simulated district are counted."""
BOSTON = ROOT.parent / "shared" / "data" / "us-boston311-2011"
BOSTON_ZONE = "America/New_York"
DAYS = 75


class Wrong(Exception):
    """An answer is not the right one, or there is none: what, and where the log is."""


def command(name: str, *arguments: object) -> list[object]:
    return [sys.executable, "-m", "services.cli", name, *arguments]


def finished(name: str, what: list[object], folder: Path) -> process_tree.Finished:
    """A command that succeeded. Raises Wrong."""
    log = folder / f"{name}.log"
    done = process_tree.run(what, ROOT, log)
    if done.code:
        raise Wrong(f"{name} ended with {done.code}: {log}")
    return done


# ---- the job ------------------------------------------------------------------------------------------
def of_the_job(stream: Stream, folder: Path, rounds: int) -> list[Row]:
    """`replay` of the job's events, its values compared with the truth."""
    values, right = folder / "values.csv", stream.answer()

    def once() -> float:
        arguments = [stream.events, "--plan", PLAN, "--as-of", AS_OF, "--out", values]
        done = finished("replay-job", command("replay", *arguments), folder)
        if rows_of_values(values) != right:
            raise Wrong(f"replay of the job: {values} has other rows than {stream.folder / 'truth.json'}")
        return done.cpu_seconds / stream.number * 1e6

    costs = interleaved({"replay": once}, rounds, "CPU s per million")
    return [
        Row(
            "replay, bench job, CPU s per million",
            "22.0",
            14,
            10,
            costs["replay"],
            "",
            f"{stream.number:,} events, exact",
        )
    ]


def rows_of_values(values: Path) -> Rows:
    """The job's rows, read off values.csv."""
    rows: Rows = {}
    with values.open(newline="") as lines:
        for value in csv.DictReader(lines):
            if value["unit"] == "ALL" or value["item"] == "-":
                continue
            row = rows.setdefault(f"{value['item']}|{value['unit']}", no_row())
            if value["kpi"].endswith(ONLINE):
                row["completed"] = int(value["n"])
                row["online"] = int(value["numerator"])
            elif value["kpi"].endswith(ON_TIME):
                row["on_time"] = int(value["numerator"])
    return {name: row for name, row in rows.items() if row["completed"]}


# ---- the district ---------------------------------------------------------------------------------------
class District(NamedTuple):
    """Events of the simulated district, which the whole plan and a plan of one promise both admit."""

    events: Path
    number: int
    one: Path
    """The plan of one promise."""
    as_of: str
    """The day after the last one."""


def district(days: int, kept: Path) -> District:
    """So many days of the district, without faults, made in the folder `kept` if they are not there."""
    folder = kept / f"district-{days}"
    one, events = folder / ONE_PROMISE, folder / "events.jsonl"
    if not events.exists():
        print(f"simulating {days} days of the district", flush=True)
        folder.mkdir(parents=True, exist_ok=True)
        one_promise.write(WHOLE_PLAN, ONE_PROMISE, one)
        made = folder / "made.jsonl"
        finished(
            "simulate", command("simulate", "--days", days, "--seed", 7, "--faults", "none", "--out", made), folder
        )
        with made.open("rb") as lines, events.open("wb") as target:
            # a report about a promise names it, and the other plan does not have it
            target.writelines(line for line in lines if b'"kpi":' not in line)
        made.unlink()
    with events.open("rb") as lines:
        number = sum(1 for _ in lines)
    after = load_plan(WHOLE_PLAN).head.issued + timedelta(days=days)
    return District(events, number, one, after.isoformat())


def whole_and_one(given: District, folder: Path, rounds: int) -> list[Row]:
    """`replay` of the same events by the whole plan and by one promise."""

    def by(plan: Path) -> Callable[[], float]:
        arguments = [given.events, "--plan", plan, "--as-of", given.as_of, "--out", folder / "values.csv"]
        return lambda: (
            finished("replay-district", command("replay", *arguments), folder).cpu_seconds / given.number * 1e6
        )

    costs = interleaved({"whole plan": by(WHOLE_PLAN), "one promise": by(given.one)}, rounds, "CPU s per million")
    note = f"{given.number:,} events; one: {ONE_PROMISE}"
    return [
        Row(
            "whole plan ÷ one promise, replay",
            "2.1–2.5",
            1.5,
            1.3,
            ratios(costs, "whole plan", "one promise"),
            "",
            note,
        )
    ]


def every_day(given: District, folder: Path, rounds: int) -> list[Row]:
    """`replay --every day` beside a single as-of."""
    arguments = [given.events, "--as-of", given.as_of, "--out", folder / "values.csv"]
    contestants: Mapping[str, Callable[[], float]] = {
        "every day": lambda: (
            finished("replay-days", command("replay", *arguments, "--every", "day"), folder).cpu_seconds
        ),
        "single": lambda: finished("replay-single", command("replay", *arguments), folder).cpu_seconds,
    }
    costs = interleaved(contestants, rounds, "CPU s")
    note = f"{given.number:,} events"
    return [
        Row(
            f"`--every day` of {DAYS} days ÷ single as-of",
            "3.2",
            1.5,
            None,
            ratios(costs, "every day", "single"),
            "",
            note,
        )
    ]


# ---- Boston ---------------------------------------------------------------------------------------------
def boston(data: Path, folder: Path, rounds: int) -> list[Row]:
    """`replay` of Boston's service requests by month beside an analyst's scripts. Raises NotPossible."""
    export = data / "events_normalised.csv.gz"
    if not export.is_file():
        raise environments.NotPossible(f"the data set {BOSTON.name} is not there; --boston names its folder")
    python, scripts = environments.python(), Path(__file__).with_name("peers")
    events, arguments = oracle.prepared(data, BOSTON_ZONE, folder)
    values = folder / "values.csv"

    def script(name: str) -> Callable[[], float]:
        what = [python, scripts / f"{name}.py", export, folder / f"{name}.csv"]
        return lambda: finished(name, what, folder).cpu_seconds

    contestants: Mapping[str, Callable[[], float]] = {
        "replay": lambda: (
            finished(
                "replay-boston", command("replay", events, *arguments, "--every", "month", "--out", values), folder
            ).cpu_seconds
        ),
        "pandas": script("boston_pandas"),
        "polars": script("boston_polars"),
    }
    costs = interleaved(contestants, rounds, "CPU s")
    return [
        Row("replay of Boston ÷ pandas script", "6–10", 3, 1, ratios(costs, "replay", "pandas"), note="by month"),
        Row(
            "replay of Boston ÷ polars script", "17–25", None, None, ratios(costs, "replay", "polars"), note="by month"
        ),
    ]
