"""The parts of `make bench` with a broker: engines on the job, and our worker by the whole plan and by one promise."""

import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from services.catalog.load.plan_folder import load_plan
from services.domain.time.zone import instant_of
from services.local.kafka import Broker
from services.runtime.clock import Clock
from tests.bench.engines import OURS, Place, Program, RowsAnswer, Run, TalliesAnswer, Watched, crash, measure, programs
from tests.bench.figures import Row, markdown, ratios
from tests.bench.in_process import HotPath, Packed, chunks
from tests.bench.job import tallies_topic
from tests.bench.replays import ONE_PROMISE, WHOLE_PLAN, District, Wrong
from tests.bench.stream import Stream, load
from tests.bench.worker import CLOCK, PLAN_FOLDER

_SPEED = {
    "cpu_s_per_million": "CPU s / million",
    "events_per_s": "events/s",
    "startup_cpu_s": "start CPU s",
    "startup_s": "start s",
    "broker_cpu_s_per_million": "broker CPU s / million",
    "peak_rss_mb": "peak RSS MB",
}
_CRASH = {
    "disk": "disk",
    "recovery_s": "recovery s",
    "recovery_cpu_s": "recovery CPU s",
    "rest_s": "rest s",
    "rest_cpu_s": "rest CPU s",
    "missing": "missing",
    "extra": "extra",
    "note": "answer",
}


class Rounds(NamedTuple):
    """How often, and for how long at most."""

    number: int
    timeout: float


# ---- the job -----------------------------------------------------------------------------------------------
class Engines(NamedTuple):
    """What was measured of the engines, round by round, and what was left out."""

    runs: list[Run]
    skipped: Mapping[str, str]


def of_the_job(names: Sequence[str], stream: Stream, broker: Broker, folder: Path, rounds: Rounds) -> Engines:
    """Every engine in each round. Raises NotPossible."""
    found, skipped = programs(names)
    load(stream, broker.bootstrap)
    place, right = Place(broker, stream, folder, rounds.timeout), stream.answer()
    runs = []
    for number in range(rounds.number):
        for name in _turned(list(found), number):
            group = f"bench-{name}-{os.getpid()}-{number}"
            watched = Watched(found[name], place, group, lambda output: RowsAnswer(broker.bootstrap, output, right))
            runs.append(measure(name, watched))
            print(f"  {summary(runs[-1])}", flush=True)
    return Engines(runs, skipped)


def crashes(names: Sequence[str], stream: Stream, broker: Broker, folder: Path, *, lose_disk: bool) -> Engines:
    """Every engine killed once. Raises NotPossible."""
    found, skipped = programs(names)
    load(stream, broker.bootstrap)
    place, right = Place(broker, stream, folder, 900), stream.answer()
    runs = []
    for name, program in found.items():
        group = f"bench-{name}-{os.getpid()}-crash"
        watched = Watched(program, place, group, lambda output: RowsAnswer(broker.bootstrap, output, right))
        runs.append(crash(name, watched, lose_disk=lose_disk))
        print(f"  {summary(runs[-1])}", flush=True)
    return Engines(runs, skipped)


def _turned(names: list[str], number: int) -> list[str]:
    turn = number % len(names)
    return names[turn:] + names[:turn]


def summary(run: Run) -> str:
    """One run in a line, as it comes."""
    columns = _CRASH if "disk" in run else {name: _SPEED[name] for name in ("cpu_s_per_million", "events_per_s")}
    figures = [f"{title} {run[name]}" for name, title in columns.items() if name in run and name != "note"]
    load_now = f"load {os.getloadavg()[0]:.1f}"
    return f"{run['engine']}, {run['events']:,} events: {', '.join([run['note'], *figures, load_now])}"


def engines_table(runs: Sequence[Run]) -> str:
    """The runs as a table: medians of each engine, or every crash."""
    names = dict.fromkeys(run["engine"] for run in runs)
    each = [[run for run in runs if run["engine"] == name] for name in names]
    if any("disk" in run for run in runs):
        return markdown(["engine", "events", *_CRASH.values()], [_crash_cells(run) for of in each for run in of])
    return markdown(["engine", "events", *_SPEED.values(), "exact"], [_speed_cells(of) for of in each])


def _crash_cells(run: Run) -> list[str]:
    return [run["engine"], f"{run['events']:,}", *(str(run.get(column, "")) for column in _CRASH)]


def _speed_cells(runs: Sequence[Run]) -> list[str]:
    exact = sum(run["note"] == "exact" for run in runs)
    medians = [_median(column, [run[column] for run in runs if column in run]) for column in _SPEED]
    return [runs[0]["engine"], f"{runs[0]['events']:,}", *medians, f"{exact}/{len(runs)}"]


def _median(column: str, figures: Sequence[float]) -> str:
    digits = 0 if column in ("events_per_s", "peak_rss_mb") else 2
    return f"{statistics.median(figures):,.{digits}f}" if figures else ""


def job_rows(engines: Engines) -> list[Row]:
    """The lines of the table that come of the engines."""
    costs: dict[str, list[float]] = {}
    for run in engines.runs:
        if "cpu_s_per_million" in run:
            costs.setdefault(run["engine"], []).append(run["cpu_s_per_million"])
    if OURS not in costs:
        return []
    floor = f"floor {statistics.median(costs['floor-python']):.1f}" if "floor-python" in costs else "no floor beside it"
    note = f"{engines.runs[0]['events']:,} events"
    rows = [Row("worker, bench job, CPU s per million", "37–39", 24, 19, costs[OURS], "", f"{note}; {floor}")]
    if len(costs.get("kstreams-1", [])) == len(costs[OURS]):
        rows.append(
            Row("worker ÷ Kafka Streams, bench job", "1.86", 1.2, 1.0, ratios(costs, OURS, "kstreams-1"), "", note)
        )
    return rows


# ---- the district --------------------------------------------------------------------------------------------
def whole_and_one(given: District, broker: Broker, folder: Path, rounds: Rounds) -> list[Row]:
    """Our worker on the district's events by the whole plan and by one promise. Its tallies are compared with those of
    one partition in this process."""
    stream = Stream("district.events", given.number, given.events.parent)
    load(stream, broker.bootstrap)
    place = Place(broker, stream, folder, rounds.timeout)
    clock = folder / "clock.json"
    now = instant_of(datetime.fromisoformat(f"{given.as_of}T00:00:00+08:00"))
    plans = {"whole plan": WHOLE_PLAN, "one promise": given.one}
    right = {name: _tallies(plan, given.events, now) for name, plan in plans.items()}
    (ours,) = programs([OURS])[0].values()
    costs: dict[str, list[float]] = {name: [] for name in plans}
    for number in range(rounds.number):
        for name in _turned(list(plans), number):
            Clock.simulated(clock).set(now, 0.0)
            program = Program(ours.command, {PLAN_FOLDER: str(plans[name]), CLOCK: str(clock)})
            group = f"bench-{name.split()[0]}-{os.getpid()}-{number}"
            run = measure(name, Watched(program, place, group, _reader(broker, group, right[name])))
            print(f"  {summary(run)}", flush=True)
            if run["note"] != "exact":
                raise Wrong(f"worker by the {name}: {run['note']}; its log is {folder / group}.log")
            costs[name].append(run["cpu_s_per_million"])
    note = f"{given.number:,} events, exact; one: {ONE_PROMISE}"
    return [
        Row("whole plan ÷ one promise, worker", "not measured", 1.5, 1.3, ratios(costs, *plans), "", note),
        Row("worker, whole plan, CPU s per million", "", None, None, costs["whole plan"]),
    ]


def _reader(broker: Broker, group: str, right: Packed) -> Callable[[str], TalliesAnswer]:
    return lambda output: TalliesAnswer(broker.bootstrap, tallies_topic(group), right)


def _tallies(plan: Path, events: Path, now: int) -> Packed:
    """By one partition in this process."""
    began = time.process_time()
    path = HotPath(load_plan(plan), now - 1)  # a worker judges as of the last instant before its clock
    with events.open("rb") as lines:
        for chunk in chunks(line.rstrip() for line in lines):
            path.take(chunk)
    found = path.settle()
    print(f"  in one process, by {plan.name}: {time.process_time() - began:.1f} CPU s", flush=True)
    return found
