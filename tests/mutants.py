"""`python -m tests.mutants --number N --seed S`: does a test notice when a rule of the domain is changed a little?

mutmut changes one place at a time (a comparison, a constant, an `or`) in the rooms that decide most: time, kinds of
promises, forecast, admission. The places are drawn by the seed. Each change runs the tests that reach its function.
What no test notices is shown as a difference: it needs a test, or is no fault (a wording, an impossible case).

It works in `build/mutation`, a copy of the sources. Exit code 1: something was not noticed.
"""

import argparse
import json
import random
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

WORK = Path("build/mutation")
COPIED = ("services", "tests", "pyproject.toml")
MUTMUT = (sys.executable, "-m", "mutmut")
KILLED = {1, 3}
"""Exit codes of pytest: a test failed, or raised where it is collected."""
NO_TEST, TIMED_OUT = 33, {-24, 24, 36, 152, 255}
"""How mutmut notes that no test reaches a place, and that one runs for much too long, which is noticed, too."""


def copy_sources() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    for name in map(Path, COPIED):
        if name.is_dir():
            shutil.copytree(name, WORK / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(name, WORK / name)


def outcomes() -> dict[str, int | None]:
    """Name of each changed place → exit code of its tests; None: not tried."""
    found: dict[str, int | None] = {}
    for file in WORK.glob("mutants/**/*.meta"):
        found |= json.loads(file.read_text())["exit_code_by_key"]
    return found


def run_mutmut(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([*MUTMUT, *arguments], cwd=WORK, capture_output=True, text=True, check=False)


def verdict(code: int | None) -> str:
    if code in KILLED:
        return "noticed"
    if code in TIMED_OUT:
        return "noticed, by never ending"
    if code == NO_TEST:
        return "reached by no chosen test"
    return "NOT NOTICED" if code == 0 else f"not decided (code {code})"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--number", type=int, default=120, help="how many changes are tried")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    copy_sources()
    made = run_mutmut("run", "no.such.place*")  # makes all changes, and notes which test reaches which function
    places = sorted(outcomes())
    if not places:
        print(made.stdout[-3000:], made.stderr[-3000:])
        return 1
    drawn = random.Random(asked.seed).sample(places, min(asked.number, len(places)))
    tried = run_mutmut("run", *drawn)
    said = {place: verdict(code) for place, code in outcomes().items() if place in set(drawn)}
    for place in sorted(place for place, what in said.items() if what == "NOT NOTICED"):
        print(f"\n{run_mutmut('show', place).stdout.strip()}")
    counted = Counter(said.values())
    print(f"\n{len(drawn)} of {len(places)} places, seed {asked.seed}: {dict(counted)}")
    if tried.returncode:
        print(tried.stdout[-2000:], tried.stderr[-2000:])
    return 1 if tried.returncode or counted["NOT NOTICED"] else 0


if __name__ == "__main__":
    sys.exit(main())
