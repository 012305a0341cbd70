"""What an event costs beside the bare loop, in one process: the guard of `make test` against a slower hot path.

Two costs are measured, that of the benchmark's job and that of the whole plan, each over the cost of the bare loop of
`peers/caseclock.py` in the same run. A cost is the sum over slices of some hundred events, of each slice the least CPU
time of all repetitions. Loop and path take turns, slice by slice. What a busy machine adds to a slice it rarely adds to
all of its repetitions; what the path itself needs is in each of them.

    python -m tests.bench.guard              measure, beside the committed ratios
    python -m tests.bench.guard --renew      write the ratios of `guard.toml`, after a change that is meant
    python -m tests.bench.guard --repeat 20  how much they vary on this machine
"""

import argparse
import gc
import os
import platform
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import orjson
import tomli_w

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.judging import judge
from services.domain.plan.plan import Plan
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant, instant_of
from services.runtime.settings import Settings
from services.simulator.district.profile import profile
from services.simulator.simulation import Simulation
from tests.bench import generate
from tests.bench.figures import markdown
from tests.bench.in_process import HotPath, chunks
from tests.bench.job import PLAN
from tests.bench.peers.caseclock import CaseClock, State, Totals, add

COMMITTED = Path(__file__).with_name("guard.toml")
LIMIT = 1.12
"""So many times the committed ratio is too much. Ratios vary by some 2 % between runs (decision 0331): a slow-down of
15 % is seen."""
BUSY = 4
"""With more than so many processes for each core, what they take of the caches costs us more than the bare loop: up to
a tenth at a load of 20 on two cores. A ratio above the limit then says nothing."""
REPETITIONS = 3
MOST_REPETITIONS = 8
"""Above the limit it is measured again, up to so often: a repetition can only take off what was added from outside."""
RENEWALS = 5

JOB_EVENTS = 15_000
PLAN_EVENTS = 8_000
SLICE = 500
AS_OF_JOB = "2022-07-01"
"""As of when the job is judged: after its last completion."""
LOOPS = 4
"""The bare loop goes over a slice so often, since one time is short."""

Take = Callable[[Sequence[bytes]], object]
"""Takes the next slice."""


class Case(NamedTuple):
    """Something to be measured."""

    name: str
    slices: Sequence[Sequence[bytes]]
    start: Callable[[], Take]
    """A fresh beginning; what it returns takes the slices in their order."""


class Inputs(NamedTuple):
    """The events and the plans, made once."""

    job: Sequence[Sequence[bytes]]
    district: Sequence[Sequence[bytes]]
    clock: CaseClock


def inputs() -> Inputs:
    """Made anew each time: the same bytes on every machine."""
    lines = (line.encode() for line in generate.lines(JOB_EVENTS, 7))
    with tempfile.TemporaryDirectory() as folder:
        calendar = Path(folder) / "calendar.csv"
        calendar.write_text("".join(f"{line}\n" for line in generate.calendar()), encoding="utf-8")
        clock = CaseClock(calendar)
    plan = load_plan(Settings().plan)
    simulation = Simulation(Law(plan, calendar_of(plan)), profile("demo"), 7, plan.head.issued, faults={})
    district = (event.line for event in islice(simulation.events(), PLAN_EVENTS))
    return Inputs(list(chunks(lines, SLICE)), list(chunks(district, SLICE)), clock)


def cases(given: Inputs) -> Sequence[Case]:
    """The two hot paths."""
    return [
        Case("job", given.job, _starts(load_plan(PLAN), at(AS_OF_JOB))),
        Case("plan", given.district, _starts(load_plan(Settings().plan), at("2021-12-01"))),
    ]


def _starts(plan: Plan, now: Instant) -> Callable[[], Take]:
    return lambda: HotPath(plan, now).take


def at(day: str) -> Instant:
    return instant_of(datetime.fromisoformat(f"{day}T00:00:00+08:00"))


def bare_loop(clock: CaseClock) -> Take:
    """The reference: read each event, apply it to its case, count."""
    known: dict[tuple[str, str], State] = {}
    rows: dict[str, Totals] = {}

    def take(lines: Sequence[bytes]) -> None:
        for line in lines:
            event = orjson.loads(line)
            key = event["source"], event["subject"]
            state = known.get(key)
            if state is None:
                state = known[key] = {}
            count = clock.apply(state, event)
            if count is not None:
                add(rows, count)

    return take


class Least:
    """Of each slice the least CPU time, in nanoseconds."""

    def __init__(self, slices: int) -> None:
        self._found = [sys.maxsize] * slices

    def note(self, number: int, take: Take, lines: Sequence[bytes]) -> None:
        began = time.thread_time_ns()
        take(lines)
        self._found[number] = min(self._found[number], time.thread_time_ns() - began)

    def per_event(self, events: int) -> float:
        return sum(self._found) / events


class Measurement:
    """A case beside the bare loop. Every repetition makes it more exact."""

    def __init__(self, case: Case, given: Inputs) -> None:
        self.case = case
        self._given = given
        self._ours, self._bare = Least(len(case.slices)), Least(len(given.job))

    def repeat(self, times: int) -> None:
        """Go through all events so often; the slices of the two take turns."""
        was_enabled = gc.isenabled()
        gc.collect()
        gc.disable()  # a collection would fall on some slice
        try:
            for _ in range(times):
                self._once()
        finally:
            if was_enabled:
                gc.enable()

    def _once(self) -> None:
        take, slices, job = self.case.start(), self.case.slices, self._given.job
        loops = [bare_loop(self._given.clock) for _ in range(LOOPS)]
        for number in range(max(len(slices), len(job))):
            if number < len(slices):
                self._ours.note(number, take, slices[number])
            if number < len(job):
                for loop in loops:
                    self._bare.note(number, loop, job[number])

    @property
    def microseconds(self) -> tuple[float, float]:
        """Of an event: ours, and that of the bare loop."""
        ours = self._ours.per_event(sum(map(len, self.case.slices)))
        return ours / 1000, self._bare.per_event(sum(map(len, self._given.job))) / 1000

    @property
    def ratio(self) -> float:
        ours, bare = self.microseconds
        return ours / bare


def measured(case: Case, given: Inputs, limit: float | None = None) -> Measurement:
    """Repeated until the ratio is at or below the limit, or often enough."""
    found = Measurement(case, given)
    found.repeat(REPETITIONS)
    for _ in range(MOST_REPETITIONS - REPETITIONS):
        if limit is None or found.ratio <= limit:
            break
        found.repeat(1)
    return found


def busy() -> bool:
    """Whether other processes leave too little of the machine to judge a ratio that is too high."""
    return os.getloadavg()[0] > BUSY * (os.cpu_count() or 1)


def python() -> str:
    """The kind of Python to which a ratio belongs."""
    compiled = "plain" if str(judge.__file__).endswith(".py") else "compiled"
    return f"{platform.python_implementation().lower()}-{sys.version_info.major}.{sys.version_info.minor} {compiled}"


def committed() -> Mapping[str, Mapping[str, float]]:
    """Kind of Python → case → ratio."""
    return tomllib.loads(COMMITTED.read_text(encoding="utf-8")) if COMMITTED.exists() else {}


def renew(given: Inputs) -> Mapping[str, float]:
    """Measure each ratio some times, and write the medians for this kind of Python."""
    found: dict[str, list[float]] = {}
    for _ in range(RENEWALS):
        for case in cases(given):
            found.setdefault(case.name, []).append(measured(case, given).ratio)
    ratios = {name: round(statistics.median(each), 2) for name, each in found.items()}
    content = tomli_w.dumps({**committed(), python(): ratios})
    COMMITTED.write_text(f"{_HEADING}{content}", encoding="utf-8")
    return ratios


_HEADING = """\
# What an event costs over the bare loop (tests/bench/guard.py), for each kind of Python on which it was measured.
# Written by `python -m tests.bench.guard --renew`; do not edit.

"""


def main() -> None:
    """Measure; exit code 1 where a ratio is above its limit."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.guard", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--renew", action="store_true", help="write the ratios of guard.toml for this Python")
    parser.add_argument("--repeat", type=int, default=1, help="measure so often, and show how much the ratios vary")
    args = parser.parse_args()
    given = inputs()
    if args.renew:
        print(f"{python()}: {renew(given)}")
        return
    known = committed().get(python(), {})
    lines, slow = [], False
    for case in cases(given):
        found = [_said(measured(case, given)) for _ in range(args.repeat)]
        ratios = [each.ratio for each in found]
        ours, bare = found[-1].microseconds
        limit = known.get(case.name, 0) * LIMIT
        slow |= bool(limit) and statistics.median(ratios) > limit
        lines.append([case.name, f"{ours:.1f}", f"{bare:.2f}", *_spread(ratios), f"{limit:.2f}" if limit else "none"])
    print(markdown(["", "µs an event", "bare loop", "ratio: median", "least", "most", "deviation", "limit"], lines))
    print(f"{python()}, load {os.getloadavg()[0]:.1f}")
    sys.exit(slow)


def _said(found: Measurement) -> Measurement:
    print(f"{found.case.name}: {found.ratio:.2f}, load {os.getloadavg()[0]:.1f}", flush=True)
    return found


def _spread(ratios: Sequence[float]) -> list[str]:
    middle = statistics.median(ratios)
    deviation = statistics.pstdev(ratios) / middle
    return [f"{middle:.2f}", f"{min(ratios):.2f}", f"{max(ratios):.2f}", f"{deviation:.1%}"]


if __name__ == "__main__":
    main()
