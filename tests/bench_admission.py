"""`python -m tests.bench_admission`: CPU time of the admission of an event, plainly and by template, interleaved.

It compares the two on every event, too. Events: those of the benchmark's job, and those of a
simulated district with all faults, as lines of an archive and as records of `case.events`.
"""

import argparse
import gc
import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import orjson

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.intake.admission import Admission, Admitted
from services.domain.intake.refusal import Refused
from services.domain.plan.plan import Plan
from services.domain.plan.statutory_time import Law
from services.messaging.codec import CODEC, admission
from services.messaging.records.case_events import record_of_line
from services.runtime.settings import Settings
from services.simulator.district.profile import parse_faults, profile
from services.simulator.simulation import Simulation
from tests.bench import generate
from tests.bench.job import PLAN

CHUNK = 1_000
"""Events by one way before the other has its turn with the same ones."""

Given = tuple[bytes, Mapping[str, Any]]
"""The bytes of an event, and the other arguments of `admit`."""
Verdict = Admitted | tuple[str, ...]


def of_the_job(number: int, seed: int = 7) -> Iterator[Given]:
    """The first events of the benchmark's generator."""
    return ((line.encode(), {}) for line in generate.lines(number, seed))


def of_the_district(days: int, seed: int = 3) -> Iterator[bytes]:
    """The lines of a simulated district with all faults."""
    plan = load_plan(Settings().plan)
    law, demo = Law(plan, calendar_of(plan)), profile("demo")
    simulation = Simulation(law, demo, seed, plan.head.issued, days, faults=parse_faults("all"))
    return (event.line for event in simulation.events())


def as_record(line: bytes) -> Given:
    """The line as the worker gets it: its arrival is a header."""
    try:
        event = orjson.loads(line)
        key, headers = record_of_line(line)
        arrival = event.pop("receivedat").encode()
    except (ValueError, KeyError, AttributeError):  # the district has bad events, too
        return line, {"received": 0}
    return orjson.dumps(event), {"received": 0, "key": key, "headers": [*headers, ("receivedat", arrival)]}


def verdict(edge: Admission, given: Given) -> Verdict:
    """What a way of admission says of an event."""
    try:
        return edge.admit(given[0], **given[1])
    except Refused as refused:
        return str(refused.code), refused.path, refused.sentence, refused.remedy


def differing(plan: Plan, events: Iterable[Given]) -> int:
    """Of how many events the two ways say different things."""
    plain, quick = Admission(plan, CODEC, trust_receivedat=True), admission(plan, trust_receivedat=True)
    return sum(verdict(plain, given) != verdict(quick, given) for given in events)


def measured(plan: Plan, events: Sequence[Given], rounds: int) -> tuple[float, float]:
    """µs of CPU per event, plainly and by template: both on the same events in turn, each new in each round."""
    times: list[list[float]] = []
    gc.freeze()  # a worker has no 200,000 events in memory that the collector looks at
    for _ in range(rounds):
        ways = Admission(plan, CODEC, trust_receivedat=True), admission(plan, trust_receivedat=True)
        spent = [0.0, 0.0]
        for chunk in _chunks(events):
            for number, edge in enumerate(ways):
                begun = time.process_time()
                _admit(edge, chunk)
                spent[number] += time.process_time() - begun
        times.append([each / len(events) * 1e6 for each in spent])
    gc.unfreeze()
    plain, quick = map(statistics.median, zip(*times, strict=True))
    return plain, quick


def _admit(edge: Admission, chunk: Sequence[Given]) -> None:
    admit = edge.admit
    for raw, others in chunk:
        try:  # noqa: SIM105  # a context manager would be measured, too
            admit(raw, **others)
        except Refused:
            pass


def _chunks(events: Sequence[Given]) -> Iterator[Sequence[Given]]:
    return (events[at : at + CHUNK] for at in range(0, len(events), CHUNK))


def main() -> int:
    """Print one line for each kind of events; 1 if an answer differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=200_000, help="of the job")
    parser.add_argument("--days", type=int, default=60, help="of the district")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    whole, lines = load_plan(Settings().plan), list(of_the_district(args.days))
    kinds: list[tuple[str, Plan, Iterable[Given]]] = [
        ("the job of the benchmark", load_plan(PLAN), of_the_job(args.events)),
        ("the whole plan, an archive", whole, ((line, {}) for line in lines)),
        ("the whole plan, records", whole, map(as_record, lines)),
    ]
    failed = 0
    for name, plan, events in kinds:
        given = list(events)
        plain, quick = measured(plan, given, args.rounds)
        different = differing(plan, given)
        print(
            f"{name:28}{len(given):>9,} events   plain {plain:5.1f} µs   by template {quick:5.1f} µs   "
            f"({quick / plain:.2f})   {different} answers differ",
            flush=True,
        )
        failed += different
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
