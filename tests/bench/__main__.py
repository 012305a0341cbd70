"""`make bench`: every figure of the README and of docs/performance.md about speed, measured again in one run.

Each part has its contestants in turn, round after round, and compares their answers with independent ones. A figure is
a median; a ratio is the median of the ratios of each round. CPU seconds are those of whole process trees.

    python -m tests.bench                                    all parts
    python -m tests.bench --parts replay-job,days --rounds 1 --events 100000
    python -m tests.bench --parts job --engines floor-python,floor-java,kstreams-1,kstreams-1-partials,kpiwatch
    python -m tests.bench --crash --engines kpiwatch          kill -9 halfway, started again: is the answer exact?
    BENCH_PROFILE=FILE python -m tests.bench --parts job --engines kpiwatch --rounds 1     with a profile
"""

import argparse
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from services.local.failures import PartUnavailable
from services.local.kafka import Broker
from services.runtime.settings import Settings
from tests.bench import on_kafka, replays, scrape, stream
from tests.bench.engines import OURS
from tests.bench.environments import NotPossible
from tests.bench.figures import Row, machine, table
from tests.bench.on_kafka import Engines, Rounds
from tests.bench.replays import DAYS, District, Wrong

BROKER_MEGABYTES = 1024
PARTS = ("job", "plan-worker", "plan-replay", "replay-job", "boston", "days", "scrape")


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", default=",".join(PARTS), help=f"comma-separated, of {', '.join(PARTS)}")
    parser.add_argument("--engines", default=f"floor-python,floor-java,kstreams-1,{OURS}", help="of the job")
    parser.add_argument("--events", type=int, default=1_000_000, help="of the job")
    parser.add_argument("--days", type=int, default=265, help="of the district: by these, 300,000 events")
    parser.add_argument("--seed", type=int, default=7, help="of the job")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--crash", action="store_true", help="kill -9 halfway instead of timing; the part job only")
    parser.add_argument("--lose-disk", action="store_true", help="with --crash: the state folder is lost, too")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one run")
    parser.add_argument("--boston", type=Path, default=replays.BOSTON, help="folder of the data set")
    parser.add_argument("--json", type=Path, help="where every figure is written to")
    args = parser.parse_args(given)
    if unknown := set(args.parts.split(",")) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return args


class Bench:
    """One run: its folders, and what it has found."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._cache = Settings.from_environment().cache.absolute()
        self._kept = self._cache / "bench"
        self.work = self._kept / f"run-{os.getpid()}"
        self.work.mkdir(parents=True)
        self._broker: Broker | None = None
        self.rows: list[Row] = []
        self.engines = Engines([], {})
        self.failures: list[str] = []

    # ---- the parts -----------------------------------------------------------------------------------
    def job(self) -> list[Row]:
        names, job = self._args.engines.split(","), self._stream()
        if self._args.crash:
            lose = self._args.lose_disk
            self.engines = on_kafka.crashes(names, job, self.broker(), self.work, lose_disk=lose)
        else:
            self.engines = on_kafka.of_the_job(names, job, self.broker(), self.work, self._rounds())
        for name, reason in self.engines.skipped.items():
            print(f"  skipped {name}: {reason}")
        wrong = [run for run in self.engines.runs if run["engine"] == OURS and run["note"] != "exact"]
        self.failures += [f"the worker's answer: {run['note']}" for run in wrong]
        return [] if self._args.crash else on_kafka.job_rows(self.engines)

    def plan_worker(self) -> list[Row]:
        return on_kafka.whole_and_one(self._district(), self.broker(), self.work, self._rounds())

    def plan_replay(self) -> list[Row]:
        return replays.whole_and_one(self._district(), self.work, self._args.rounds)

    def replay_job(self) -> list[Row]:
        return replays.of_the_job(self._stream(), self.work, self._args.rounds)

    def boston(self) -> list[Row]:
        return replays.boston(self._args.boston, self.work, self._args.rounds)

    def days(self) -> list[Row]:
        return replays.every_day(replays.district(DAYS, self._kept), self.work, self._args.rounds)

    def scrape(self) -> list[Row]:
        return scrape.measure(replays.district(DAYS, self._kept), self.broker(), self.work, self._args.rounds)

    def _stream(self) -> stream.Stream:
        return stream.of_the_job(self._args.events, self._args.seed, self._kept)

    def _district(self) -> District:
        return replays.district(self._args.days, self._kept)

    def _rounds(self) -> Rounds:
        return Rounds(self._args.rounds, self._args.timeout)

    # ---- all of them ---------------------------------------------------------------------------------
    def broker(self) -> Broker:
        """One for all parts that need it. Raises PartUnavailable."""
        if self._broker is None:
            self._broker = Broker.start(self.work / "kafka", cache=self._cache, heap_megabytes=BROKER_MEGABYTES)
        return self._broker

    def run(self, parts: Sequence[str]) -> None:
        """Each part; what cannot be measured here is said and left out."""
        made: Mapping[str, Callable[[], list[Row]]] = {
            name: getattr(self, name.replace("-", "_")) for name in PARTS if name in parts
        }
        for name, part in made.items():
            print(f"{name}:", flush=True)
            try:
                self.rows += part()
            except (NotPossible, PartUnavailable) as reason:
                print(f"  skipped: {reason}", flush=True)
            except Wrong as error:
                self.failures.append(str(error))
                print(f"  {error}", flush=True)

    def close(self) -> None:
        """End the broker; the logs are kept if something went wrong."""
        if self._broker is not None:
            self._broker.stop()
            shutil.rmtree(self.work / "kafka")
        if self.failures:
            print(f"the logs are in {self.work}")
        else:
            shutil.rmtree(self.work)

    def report(self) -> dict[str, Any]:
        """Print the tables; everything, to be kept."""
        where = machine()
        if self.engines.runs:
            print(f"\n{on_kafka.engines_table(self.engines.runs)}")
        if self.rows:
            print(f"\n{table(self.rows)}")
        print(f"\n{where}")
        return {"machine": where, "runs": self.engines.runs, "rows": [row._asdict() for row in self.rows]}


@contextmanager
def bench(args: argparse.Namespace) -> Iterator[Bench]:
    found = Bench(args)
    try:
        yield found
    finally:
        found.close()


def main() -> None:
    """Measure, print the tables; exit code 1 if an answer of ours was wrong, 3 if nothing could be measured."""
    args = arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it ends: nothing that it started stays
    try:
        with bench(args) as found:
            found.run(["job"] if args.crash else args.parts.split(","))
    except KeyboardInterrupt:
        sys.exit("bench: ended from outside before everything was measured")
    report = found.report()
    if args.json:
        args.json.write_text(json.dumps(report, indent=1), encoding="utf-8")
    for failure in found.failures:
        print(f"bench: {failure}", file=sys.stderr)
    sys.exit(1 if found.failures else 0 if found.rows or found.engines.runs else 3)


if __name__ == "__main__":
    main()
