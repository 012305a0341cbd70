"""What the whole plan costs beside one promise, on the same events: µs of CPU per event of each part, and the ratio.

    python -m tests.bench.plan_cost                                  60 days of the simulated district, all faults
    python -m tests.bench.plan_cost --seed 2 --promise K24-1 --rounds 7
    python -m tests.bench.plan_cost --events FILE --plan tests/bench/caseclock_plan --promise WATER-ON-TIME

Everything runs in one process, the two plans alternate within each round, and each figure is the median of the rounds.
`replay` is admission, facts, judging each case once, and values. `worker` is admission and a partition that takes the
events in the order of their arrival, in chunks. Neither has a disk or a broker: those cost the same for any plan.
"""

import argparse
import gc
import os
import statistics
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import orjson

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.history.known_at import known_at
from services.domain.intake.admission import Admission, Admitted
from services.domain.intake.facts import Fact, FactType
from services.domain.intake.refusal import Refused
from services.domain.judging.judge import Judge
from services.domain.judging.quarantine import keep
from services.domain.plan.plan import Plan
from services.domain.results.case_partition import CasePartition
from services.domain.results.value_rows import Valuer
from services.domain.sums.tally import Tally, TallyKey
from services.domain.time.zone import DAY_US, Instant
from services.messaging.codec import CODEC
from services.simulator.district.profile import parse_faults, profile
from services.simulator.simulation import Simulation
from tests.bench.job import ROOT

PLAN = ROOT / "services" / "catalog" / "jiangbei-2021"
REPLAY, WORKER = "replay", "worker"
_HEARTBEAT = int(FactType.SOURCE_HEARTBEAT)

Parts = dict[str, float]
"""Part → CPU seconds."""


class Plans(NamedTuple):
    """The whole plan, or one promise of it."""

    name: str
    admission: Admission
    judge: Judge

    @classmethod
    def of(cls, name: str, plan: Plan) -> "Plans":
        """What judges by a plan."""
        return cls(name, Admission(plan, CODEC, trust_receivedat=True), Judge(plan, calendar_of(plan)))


def simulated(plan: Plan, days: int, seed: int) -> list[bytes]:
    """The events of the simulated district in order of arrival, all faults among them."""
    chosen = profile("demo")
    judge = Judge(plan, calendar_of(plan))
    simulation = Simulation(judge.law, chosen, seed, plan.head.issued, days, faults=parse_faults("all"))
    return [event.line for event in simulation.events()]


def replayed(plans: Plans, lines: Sequence[bytes], now: Instant) -> Parts:
    """The parts of a replay without its files."""
    parts: Parts = {}
    clock = _Clock(parts)
    admitted = _admitted(plans.admission, lines)
    clock.note("admission")
    cases = _facts_of(admitted)
    clock.note("facts")
    known = [known_at(facts, now) for facts in cases]
    clock.skip()
    for facts in known:
        if facts and facts[0].type <= _LAST_OF_CASES:
            plans.judge.cases(facts)
    clock.note("(fold alone)")
    tallies: dict[TallyKey, Tally] = {}
    opinions = [plans.judge.judge(facts, now) for facts in cases]
    clock.note("judging")
    for opinion in opinions:
        for judgement in opinion.judgements:
            if judgement.cells:
                key, cells, bin = judgement.contribution()
                tallies.setdefault(key, Tally()).add(cells, bin, 1)
    clock.note("tallies")
    Valuer(plans.judge).rows(tallies, now + 1, _last_events(cases, now))
    clock.note("values")
    return parts


def worked(plans: Plans, lines: Sequence[bytes], chunk: int) -> Parts:
    """The parts of a worker without its broker: rows in memory, one judgement per case and chunk, a sweep after each
    chunk."""
    parts: Parts = {}
    clock = _Clock(parts)
    admitted = _admitted(plans.admission, lines)
    clock.note("admission")
    partition = CasePartition(plans.judge, {}, loads=orjson.loads, dumps=orjson.dumps)
    now: Instant = 0
    for begin in range(0, len(admitted), chunk):
        taken = admitted[begin : begin + chunk]
        now = max(now, *(each.fact.received for each in taken))
        for each in taken:
            partition.add(each.key.encode(), each.fact, now)
        clock.note("adding")
        partition.judge_added(now)
        clock.note("judging")
        for _ in partition.sweep(now):
            pass
        clock.note("sweeps")
    return parts


_LAST_OF_CASES = int(FactType.CASE_CONFIRMED)


class _Clock:
    """Adds the CPU time since the last call to a part."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.skip()

    def skip(self) -> None:
        """What was done since the last call counts for no part."""
        self._since = time.process_time()

    def note(self, part: str) -> None:
        """What was done since the last call counts for a part."""
        now = time.process_time()
        self._parts[part] = self._parts.get(part, 0.0) + now - self._since
        self._since = time.process_time()


def _admitted(admission: Admission, lines: Iterable[bytes]) -> list[Admitted]:
    found: list[Admitted] = []
    for line in lines:
        try:
            found.append(admission.admit(line))
        except Refused:
            continue
    return found


def _facts_of(admitted: Iterable[Admitted]) -> list[list[Fact]]:
    """The facts of each case, heartbeats left out."""
    cases: dict[str, list[Fact]] = {}
    for each in admitted:
        if each.fact.type != _HEARTBEAT:
            keep(cases.setdefault(each.key, []), each.fact)
    return list(cases.values())


def _last_events(cases: Iterable[Sequence[Fact]], now: Instant) -> dict[str, Instant]:
    last: dict[str, Instant] = {}
    for facts in cases:
        for fact in facts:
            if fact.received <= now:
                last[fact.source] = max(fact.received, last.get(fact.source, 0))
    return last


def measure(plans: Sequence[Plans], lines: Sequence[bytes], rounds: int, chunk: int) -> dict[tuple[str, str], Parts]:
    """(driver, plan) → medians of each part, in µs per event."""
    now = _end(plans[0].admission, lines)
    runs: dict[tuple[str, str], list[Parts]] = {}
    for _ in range(rounds):
        for each in plans:
            gc.collect()
            runs.setdefault((REPLAY, each.name), []).append(replayed(each, lines, now))
            gc.collect()
            runs.setdefault((WORKER, each.name), []).append(worked(each, lines, chunk))
    return {which: _medians(found, len(lines)) for which, found in runs.items()}


def _end(admission: Admission, lines: Sequence[bytes]) -> Instant:
    """A day after the last arrival."""
    return max(each.fact.received for each in _admitted(admission, lines)) + DAY_US


def _medians(runs: Sequence[Parts], events: int) -> Parts:
    found = {part: statistics.median(run[part] for run in runs) * 1e6 / events for part in runs[0]}
    whole = statistics.median(sum(each for part, each in run.items() if part[0] != "(") for run in runs)
    return found | {"all": whole * 1e6 / events}


def table(measured: Mapping[tuple[str, str], Parts], whole: str, one: str) -> str:
    """A line for each part, in Markdown."""
    lines = [f"| part | {whole} | {one} | ratio |", "|---|---|---|---|"]
    for driver in (REPLAY, WORKER):
        of_whole, of_one = measured[driver, whole], measured[driver, one]
        for part, cost in of_whole.items():
            lines.append(f"| {driver}: {part} | {cost:.1f} | {of_one[part]:.1f} | {cost / of_one[part]:.2f} |")
    return "\n".join(lines)


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.plan_cost",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--plan", type=Path, default=PLAN)
    parser.add_argument("--promise", default="K06-1", help="id of the one promise")
    parser.add_argument("--events", type=Path, help="a file of events; else they are simulated")
    parser.add_argument("--at-most", type=int, default=1_000_000, help="events of the file")
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--chunk", type=int, default=4_000, help="events that the worker takes together")
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args(given)


def main() -> None:
    """Measure and print the table."""
    args = arguments()
    plan = load_plan(args.plan)
    chosen = tuple(promise for promise in plan.promises if promise.id == args.promise)
    if not chosen:
        raise SystemExit(f"plan_cost: {args.plan} has no promise {args.promise}: choose another with --promise")
    whole, one = f"{len(plan.promises)} promises", args.promise
    plans = [Plans.of(whole, plan), Plans.of(one, plan.model_copy(update={"promises": chosen}))]
    if args.events is None:
        lines = simulated(plan, args.days, args.seed)
    else:
        lines = args.events.read_bytes().splitlines()[: args.at_most]
    measured = measure(plans, lines, args.rounds, args.chunk)
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    print(f"{table(measured, whole, one)}\n\n{len(lines):,} events, medians of {args.rounds}; load average {load}")


if __name__ == "__main__":
    main()
