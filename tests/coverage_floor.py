"""`python -m tests.coverage_floor FILE`: prints what coverage has measured of the domain, and fails below the floor.

FILE is the JSON report of `make coverage`: of what runs in the tests' own processes. What other
processes do (workers, `kpiwatch` as a command) is not measured. Exit code 1: fewer branches of services/domain are
taken than FLOOR says.
"""

import json
import sys
from collections import Counter
from pathlib import Path

FLOOR = 95.0
"""Percent of the branches of services/domain."""
DOMAIN = "services/domain/"


def rooms(report: Path) -> dict[str, Counter[str]]:
    """Room of the domain → how many statements and branches it has, and how many are covered."""
    found: dict[str, Counter[str]] = {}
    for file, content in json.loads(report.read_text())["files"].items():
        room = file.removeprefix(DOMAIN).partition("/")[0]
        numbers = ("num_statements", "covered_lines", "num_branches", "covered_branches")
        found.setdefault(room, Counter()).update({name: content["summary"][name] for name in numbers})
    return found


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


def main() -> int:
    by_room = rooms(Path(sys.argv[1]))
    whole: Counter[str] = Counter()
    for counts in by_room.values():
        whole.update(counts)
    print(f"{DOMAIN:<18}{'lines':>8}{'branches':>10}")
    for name, one in [*sorted(by_room.items()), ("together", whole)]:
        lines = percent(one["covered_lines"], one["num_statements"])
        print(f"{name:<18}{lines:>7.1f}%{percent(one['covered_branches'], one['num_branches']):>9.1f}%")
    reached = percent(whole["covered_branches"], whole["num_branches"])
    if not whole or reached < FLOOR:
        print(f"{reached:.1f} % of the branches are covered, {FLOOR:.0f} % must be: {sys.argv[1]} lists those that are")
        print("missing by file (missing_branches). Add a test that takes them.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
