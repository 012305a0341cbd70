"""`make bench`: our worker and `kpiwatch replay` on the job of ../shared/bench, beside its peers, in one run.

The job, the protocol and the measuring are the benchmark's own (its README explains each figure): run.py is
run as it is, from a copy, with one engine more. A run is exact when the last row of every key is the right one.

    python -m tests.bench                                     floor-python, kstreams-1 and ours, 1,000,000 events
    python -m tests.bench --engines quix,bytewax,kpiwatch --peer-rounds 3
    python -m tests.bench --crash --engines kpiwatch          kill -9 halfway, started again: is the answer exact?
    BENCH_PROFILE=FILE python -m tests.bench --engines kpiwatch --rounds 1     and a profile of its event loop
"""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psutil

from services.local.failures import PartUnavailable
from services.local.kafka import Broker
from services.runtime.settings import Settings
from tests.bench import replayed
from tests.bench.job import ROOT, SHARED
from tests.bench.peers import OURS, NotPossible, Peers, prepare

DRIVER = Path(__file__).with_name("drive.py")
BROKER_MEGABYTES = 1024

Run = dict[str, Any]

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


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--engines", default=f"floor-python,kstreams-1,{OURS}", help="comma-separated")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--slow-events", type=int, default=100_000, help="for the engines marked slow")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3, help="of ours; 0: none")
    parser.add_argument("--peer-rounds", type=int, default=1, help="of the others")
    parser.add_argument("--crash", action="store_true", help="kill -9 halfway instead of timing")
    parser.add_argument("--lose-disk", action="store_true", help="with --crash: the state folder is lost, too")
    parser.add_argument("--timeout", type=float, default=900, help="seconds for one run")
    parser.add_argument("--json", type=Path, help="where every run is written to")
    return parser.parse_args(given)


def measure(args: argparse.Namespace) -> list[Run]:
    """Every engine on a broker of its own making, then the replay. Raises NotPossible, PartUnavailable."""
    cache = Settings.from_environment().cache.absolute()
    peers = prepare(args.engines.split(","), cache / "bench")
    for name, reason in peers.skipped.items():
        print(f"skipped {name}: {reason}")
    work = cache / "bench" / f"run-{os.getpid()}"
    for count in {args.events, args.slow_events}:  # the input is made once and kept
        kept = cache / "bench" / f"data-{count}-{args.seed}"
        kept.mkdir(exist_ok=True)
        work.mkdir(exist_ok=True)
        (work / kept.name).symlink_to(kept)
    broker = Broker.start(work / "kafka", cache=cache, heap_megabytes=BROKER_MEGABYTES)
    try:
        runs = _drive(args, peers, broker, work)
    finally:
        broker.stop()
        shutil.rmtree(work / "kafka")
    if OURS in peers.engines and not args.crash:
        data = work / f"data-{args.events}-{args.seed}"
        truth = json.loads((data / "truth.json").read_text())
        for _ in range(args.rounds):
            runs.append(replayed.measure(data / "events.jsonl", args.events, truth, work))
            print(summary(runs[-1]), flush=True)
    if all(run["note"] == "exact" for run in runs):
        shutil.rmtree(work)
    else:
        print(f"the logs are in {work}")
    return runs


def _drive(args: argparse.Namespace, peers: Peers, broker: Broker, work: Path) -> list[Run]:
    runs = work / "runs.json"
    command: list[object] = [peers.python, DRIVER, "--root", ROOT, "--our-python", sys.executable]
    command += ["--engines", ",".join(peers.engines), "--rounds", args.rounds, "--peer-rounds", args.peer_rounds]
    command += ["--bootstrap", broker.bootstrap, "--broker-pid", broker.pid, "--work", work, "--json", runs]
    command += ["--events", args.events, "--slow-events", args.slow_events, "--seed", args.seed]
    command += ["--timeout", args.timeout]
    command += ["--crash"] * args.crash + ["--lose-disk"] * args.lose_disk
    with subprocess.Popen(list(map(str, command)), cwd=peers.folder, stdout=subprocess.PIPE, text=True) as driver:
        assert driver.stdout is not None
        try:
            for line in driver.stdout:
                print(summary(json.loads(line)) if line.startswith("{") else line.rstrip(), flush=True)
        except BaseException:
            driver.terminate()  # it ends the engine that it has started
            driver.wait()
            raise
    if driver.returncode:
        raise NotPossible(f"the benchmark ended with exit code {driver.returncode}; its logs are in {work}")
    found: list[Run] = json.loads(runs.read_text())
    return found


def summary(run: Run) -> str:
    """One run in a line, as it comes."""
    columns = _CRASH if "disk" in run else {name: _SPEED[name] for name in ("cpu_s_per_million", "events_per_s")}
    figures = [f"{title} {run[name]}" for name, title in columns.items() if name in run and name != "note"]
    return f"{run['engine']}, {run['events']:,} events: {', '.join([run['note'], *figures])}"


def table(runs: Sequence[Run]) -> str:
    """The runs as a table in Markdown: medians of each engine, or every crash."""
    if any("disk" in run for run in runs):
        header = ["engine", "events", *_CRASH.values()]
        lines = [_crash_cells(run) for each in _by_engine(runs) for run in each]
    else:
        header = ["engine", "events", *_SPEED.values(), "CPU range", "exact"]
        lines = [_speed_cells(each) for each in _by_engine(runs)]
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *lines))


def _by_engine(runs: Sequence[Run]) -> list[list[Run]]:
    names = dict.fromkeys(run["engine"] for run in runs)
    return [[run for run in runs if run["engine"] == name] for name in names]


def _crash_cells(run: Run) -> list[str]:
    return [run["engine"], f"{run['events']:,}", *(str(run.get(column, "")) for column in _CRASH)]


def _speed_cells(runs: Sequence[Run]) -> list[str]:
    """The medians of one engine."""
    costs = [run["cpu_s_per_million"] for run in runs if "cpu_s_per_million" in run]
    exact = sum(run["note"] == "exact" for run in runs)
    return [
        runs[0]["engine"],
        f"{runs[0]['events']:,}",
        *(_median(column, [run[column] for run in runs if column in run]) for column in _SPEED),
        f"{min(costs)}-{max(costs)}" if costs else "",
        f"{exact}/{len(runs)}",
    ]


def _median(column: str, figures: Sequence[float]) -> str:
    digits = 0 if column in ("events_per_s", "peak_rss_mb") else 2
    return f"{statistics.median(figures):,.{digits}f}" if figures else ""


def machine() -> str:
    """Where this was measured."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {system}; load average {load} at the end, this run included"


def main() -> None:
    """Measure, print the table; exit code 1 if an answer of ours was wrong, 3 if nothing could be measured."""
    args = arguments()
    if not SHARED.exists():
        print("skipped: ../shared/bench, the job and its peers, is not beside the project")
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # however it ends: nothing that it started stays
    try:
        runs = measure(args)
    except (NotPossible, PartUnavailable) as error:
        print(f"bench: {error}", file=sys.stderr)
        sys.exit(3)
    except KeyboardInterrupt:
        sys.exit("bench: ended from outside before everything was measured")
    where = machine()
    print(f"\n{table(runs)}\n\n{where}")
    if args.json:
        args.json.write_text(json.dumps({"machine": where, "runs": runs}, indent=1))
    sys.exit(any(run["note"] != "exact" for run in runs if run["engine"] in (OURS, "replay")))


if __name__ == "__main__":
    main()
