"""`python -m tests.truth --days D --seed S`: does `kpiwatch replay` find what the simulator decided?

The simulator knows the fate of each case before it writes an event. Here its truth is added up by plain counting, per
promise, variant, unit, item and window, and compared with `values.csv`, in both directions: n, numerator, value, late
entries, justified and unmeasured cases; of what has no threshold also that it is never judged. Exit code 1 on any
difference, and where a promise with a threshold was never put to the test. `--through-kafka`: the events go through a
real broker and the stream workers, too, and what those publish equals what `replay` writes, byte for byte.
"""

import argparse
import csv
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from pathlib import Path

from services.catalog.load import load_plan
from services.domain.plan import Kind, Plan, Promise, Tier

PLAN = Path("services/catalog/jiangbei-2021")
MICRO = 1_000_000
MINUTE_US = 60 * MICRO
DAY_US = 24 * 60 * MINUTE_US
CLOSED = {"met", "missed", "late_entry", "open_overdue", "counted", "pending"}
SCALES = {"minutes": MINUTE_US, "working_minutes": MINUTE_US, "elapsed_days": DAY_US}
"""How many of the integers of the truth make one unit of a measure; of others millionths."""

Place = tuple[str, str, str, str, str]
"""kpi, unit, item, variant, window."""


@dataclass
class Expected:
    """What the truth says about one row of values.csv."""

    n: int = 0
    numerator: int = 0
    late_entry: int = 0
    justified: int = 0
    unmeasured: int = 0
    amounts: list[tuple[str, str, int, int]] = field(default_factory=list)
    """Unit, item (or period), amount and base of each measured case."""


def first_day(window: str, last: date) -> date:
    """The first day of a window that ends with `last`."""
    if window.endswith("d"):
        return last - timedelta(days=int(window[:-1]) - 1)
    starts = {
        "month": last.replace(day=1),
        "quarter": date(last.year, (last.month - 1) // 3 * 3 + 1, 1),
        "year": date(last.year, 1, 1),
    }
    return starts.get(window, date.min)


def expected(truth: Iterable[dict[str, str]], plan: Plan, last: date) -> dict[Place, Expected]:
    """Every figure that the truth names, by plain counting."""
    promises = {(promise.id, promise.variant): promise for promise in plan.promises}
    found: dict[Place, Expected] = defaultdict(Expected)
    for row in truth:
        promise = promises.get((row["kpi"], row["variant"]))
        if promise is None:
            continue
        for place in places(row, promise, last):
            count(found[place], row)
    return found


def places(row: dict[str, str], promise: Promise, last: date) -> Iterator[Place]:
    """The rows of values.csv to which a case of the truth belongs."""
    day = date.fromisoformat(row["day"]) if row["day"] else None
    items = ["-", row["item"]] if promise.published_by_item and row["item"] != "-" else ["-"]
    units = ("ALL",) if row["unit"] == "ALL" else (row["unit"], "ALL")
    for window in promise.windows:
        # what is open or a state of the present counts in every window that ends now
        if day is None or first_day(window, last) <= day <= last:
            for unit in units:
                for item in items:
                    yield promise.id, unit, item, promise.variant, window


def count(into: Expected, row: dict[str, str]) -> None:
    """One case of the truth."""
    fate = row["fate"]
    into.n += fate in CLOSED
    into.numerator += fate == "met"
    into.late_entry += fate == "late_entry"
    into.justified += fate == "justified"
    into.unmeasured += fate == "unmeasured"
    if row["amount"]:
        into.amounts.append((row["unit"], row["item"], int(row["amount"]), int(row["base"] or 0)))


def value_of(promise: Promise, true: Expected) -> str:
    """The value as values.csv writes it."""
    amounts = [(amount, base) for _, _, amount, base in true.amounts]
    measure = promise.measure or ""
    match promise.kind:
        case Kind.MEAN_REDUCTION:
            return reduction(promise, true)
        case Kind.FIGURE:
            counted = last_reports(true) if promise.statistic == "stock" else amounts
            return quotient(sum(part for part, _ in counted), sum(whole for _, whole in counted))
        case Kind.CATALOGUE if promise.statistic == "count":
            return str(true.numerator)
        case Kind.CATALOGUE if promise.statistic == "sum":
            return written(Fraction(sum(amount for amount, _ in amounts), MICRO))
        case Kind.CATALOGUE if promise.statistic == "mean":
            return quotient(sum(amount for amount, _ in amounts), len(amounts) * MICRO)
        case Kind.NODE_DURATION:
            return quotient(sum(amount for amount, _ in amounts), len(amounts) * DAY_US)
        case Kind.CASE_MEAN | Kind.TREND if measure == "count":
            return str(true.n)
        case Kind.CASE_MEAN | Kind.TREND if measure.startswith("ratio:"):
            return quotient(sum(part for part, _ in amounts), sum(whole for _, whole in amounts))
        case Kind.CASE_MEAN | Kind.TREND if measure != "share":
            return quotient(sum(amount for amount, _ in amounts), len(amounts) * SCALES.get(measure, MICRO))
    return quotient(true.numerator, true.n)


def last_reports(true: Expected) -> list[tuple[int, int]]:
    """Of each unit the last month reported."""
    last: dict[str, tuple[str, int, int]] = {}
    for unit, period, amount, base in true.amounts:
        last[unit] = max(last.get(unit, ("", 0, 0)), (period, amount, base))
    return [(amount, base) for _, amount, base in last.values()]


def quotient(part: int, whole: int) -> str:
    """Empty where there is nothing to divide by."""
    return written(Fraction(part, whole)) if whole else ""


def reduction(promise: Promise, true: Expected) -> str:
    """A mean reduction, in the definition of its variant."""
    if not true.amounts:
        return ""
    if promise.variant == "ratio_of_sums":
        return written(1 - Fraction(sum(a for _, _, a, _ in true.amounts), sum(b for _, _, _, b in true.amounts)))
    by_item: dict[str, list[Fraction]] = defaultdict(list)
    for _, item, amount, base in true.amounts:
        by_item["" if promise.variant == "cases" else item].append(1 - Fraction(amount, base))
    means = [sum(reductions, Fraction()) / len(reductions) for reductions in by_item.values()]
    return written(sum(means, Fraction()) / len(means))


def written(value: Fraction) -> str:
    """At most six digits after the point, half-even, no trailing zeros."""
    whole = Decimal(value.numerator) / Decimal(value.denominator)
    text = f"{whole.quantize(Decimal('0.000001'), ROUND_HALF_EVEN):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@dataclass
class Comparison:
    """What was compared, and each difference in words."""

    rows: int = 0
    cells: int = 0
    by_promise: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    cases: dict[str, int] = field(default_factory=dict)
    """Of each promise: how many were counted in the whole, in its official window."""
    untested: list[str] = field(default_factory=list)
    """Promises with a threshold, in force, of which there was not a single case."""
    differences: list[str] = field(default_factory=list)

    def cell(self, place: Place, column: str, said: str, true: str) -> None:
        self.cells += 1
        if said != true and not (said == "" and true == "0"):
            self.differences.append(f"{' '.join(place)}: {column} is {said or 'empty'}, true is {true or 'empty'}")


def compare(values: Iterable[dict[str, str]], truth: dict[Place, Expected], plan: Plan, last: date) -> Comparison:
    """Row by row, in both directions."""
    promises = {(promise.id, promise.variant): promise for promise in plan.promises}
    compared = Comparison()
    left = {place for place, true in truth.items() if true.n or true.unmeasured or true.justified}
    for row in values:
        promise = promises[row["kpi"], row["variant"]]
        place = (row["kpi"], row["unit"], row["item"], row["variant"], row["window"])
        left.discard(place)
        true = truth.get(place, Expected())
        compared.rows += 1
        compared.by_promise[promise.key] += 1
        if row["unit"] == "ALL" and row["item"] == "-" and row["window"] == promise.official_window:
            compared.cases[promise.key] = true.n + true.unmeasured
        compare_row(compared, promise, place, row, true)
    compared.differences += [f"{' '.join(place)}: no such row in values.csv" for place in sorted(left)]
    compared.untested = [
        promise.key
        for promise in plan.promises
        if promise.tier is not Tier.Q and promise.effective_from <= last and not compared.cases.get(promise.key)
    ]
    return compared


def compare_row(compared: Comparison, promise: Promise, place: Place, row: dict[str, str], true: Expected) -> None:
    """The cells of one row that the truth knows."""
    if promise.target is None:
        compared.cell(place, "state", row["state"], "untargeted")
    compared.cell(place, "value", row["value"], value_of(promise, true))
    if promise.kind is Kind.CATALOGUE and promise.statistic == "count":
        return
    n = true.n
    if promise.kind is Kind.FIGURE:
        counted = last_reports(true) if promise.statistic == "stock" else [(a, b) for _, _, a, b in true.amounts]
        n = sum(whole for _, whole in counted) // MICRO
    compared.cell(place, "n", row["n"], str(n))
    if row["numerator"] and promise.kind is not Kind.FIGURE:
        compared.cell(place, "numerator", row["numerator"], str(true.numerator))
    for column, amount in (
        ("late_entry_n", true.late_entry),
        ("justified_n", true.justified),
        ("unmeasured_n", true.unmeasured),
    ):
        compared.cell(place, column, row[column], str(amount))


def kpiwatch(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a user calls it."""
    return subprocess.run([sys.executable, "-m", "services.cli", *arguments], capture_output=True, text=True)


def check(
    plan_folder: Path, days: int, seed: int, faults: str, profile: str, cases_per_day: float, folder: Path
) -> Comparison:
    """Simulates, replays and compares; RuntimeError if one of the commands fails."""
    events, truth, values = folder / "events.jsonl", folder / "truth.csv", folder / "values.csv"
    plan = load_plan(plan_folder)
    simulated = kpiwatch(
        "simulate", "--plan", str(plan_folder), "--days", str(days), "--seed", str(seed), "--faults", faults,
        "--profile", profile, "--cases-per-day", str(cases_per_day), "--out", str(events), "--truth", str(truth),
    )  # fmt: skip
    if simulated.returncode:
        raise RuntimeError(f"kpiwatch simulate: {simulated.stderr or simulated.stdout}")
    last = plan.head.issued + timedelta(days=days - 1)
    as_of = f"{last + timedelta(days=1)}T00:00:00+08:00"
    replayed = kpiwatch(
        "replay", str(events), "--plan", str(plan_folder), "--as-of", as_of, "--out", str(values)
    )  # fmt: skip
    if replayed.returncode not in (0, 1) or not values.exists():  # 1: some events were rejected, as they should be
        raise RuntimeError(f"kpiwatch replay: {replayed.stderr or replayed.stdout}")
    with truth.open(newline="") as told, values.open(newline="") as said:
        return compare(csv.DictReader(said), expected(csv.DictReader(told), plan, last), plan, last)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.truth", description="Does replay find what was decided?")
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--faults", default="all")
    parser.add_argument("--profile", default="demo")
    parser.add_argument("--cases-per-day", type=float, default=220)
    parser.add_argument("--plan", type=Path, default=PLAN)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kpiwatch-truth-") as folder:
        try:
            compared = check(
                given.plan, given.days, given.seed, given.faults, given.profile, given.cases_per_day, Path(folder)
            )
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 3
    for name, rows in sorted(compared.by_promise.items()):
        wrong = sum(difference.startswith(f"{name.split('/')[0]} ") for difference in compared.differences)
        of_them = f"  {wrong} differences" if wrong else ""
        print(f"{name:<22}{rows:>6} rows{compared.cases.get(name, 0):>9,} cases{of_them}")
    if compared.untested:
        print(f"without a single case: {', '.join(compared.untested)}")
    print(f"{compared.rows} rows, {compared.cells} cells compared, {len(compared.differences)} differences")
    for difference in compared.differences[:60]:
        print(f"  {difference}")
    return 1 if compared.differences or compared.untested else 0


if __name__ == "__main__":
    sys.exit(main())
