"""Run with the Python of the benchmark's own environment: its run.py, unchanged, with one more engine.

`python drive.py …` in a copy of the benchmark's folder. Nothing of the project is on its path; stdlib only, therefore.
"""

import argparse
import importlib.util
import json
import signal
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

OURS = "kpiwatch"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", type=Path, required=True, help="of the project")
    parser.add_argument("--our-python", required=True)
    parser.add_argument("--engines", required=True)
    parser.add_argument("--rounds", type=int, required=True)
    parser.add_argument("--peer-rounds", type=int, required=True)
    parser.add_argument("--bootstrap", required=True)
    parser.add_argument("--broker-pid", type=int)
    parser.add_argument("--events", type=int, required=True)
    parser.add_argument("--slow-events", type=int, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--timeout", type=float, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--crash", action="store_true")
    parser.add_argument("--lose-disk", action="store_true")
    return parser.parse_args()


def benchmark(folder: Path) -> ModuleType:
    """run.py of the folder, as a module."""
    spec = importlib.util.spec_from_file_location("run", folder / "run.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Every engine in turn, round after round; each result is written as soon as it is there."""
    args = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # not without ending the engine that runs
    bench = benchmark(Path.cwd())
    engines: dict[str, dict[str, Any]] = bench.ENGINES
    engines[OURS] = {"command": [args.our_python, "-m", "tests.bench.worker"], "env": {"PYTHONPATH": str(args.root)}}
    names = args.engines.split(",")
    if unknown := set(names) - set(engines):
        sys.exit(f"there are no engines {', '.join(sorted(unknown))}; there are {', '.join(engines)}")
    size = {name: args.slow_events if engines[name].get("slow") else args.events for name in names}
    streams = {count: bench.Stream(args, count) for count in sorted(set(size.values()))}
    runs: list[dict[str, Any]] = []
    for number in range(max(args.rounds, args.peer_rounds)):
        for name in names:
            if number >= (args.rounds if name == OURS else args.peer_rounds):
                continue
            if args.crash:
                result = bench.crash(args, name, streams[size[name]], number, args.lose_disk)
            else:
                result = bench.measure(args, name, streams[size[name]], number)
            runs.append(result | {"round": number})
            print(json.dumps(runs[-1]), flush=True)
            args.json.write_text(json.dumps(runs, indent=1))


if __name__ == "__main__":
    main()
