"""`python -m tests.truth --days D --seed S`: does `kpiwatch replay` find what the simulator decided?

The simulator knows the result of each case before it writes an event. Here its truth is added up by plain counting, per
promise, variant, unit, item and window, and compared with `values.csv`, in both directions: n, numerator, value, state,
late entries, justified, awaiting, unmeasured and unclassified cases. Each card of `cards.csv` is compared with the
truth, too: when it was raised and cleared, and why; and each step of escalation that followed (`steps.csv`). Exit code
1 on any difference, and if a promise with a threshold was never tested. `--through-kafka`: the events go through a
real broker and the stream workers, too, and what those publish equals what `replay` writes, byte for byte.
"""

import argparse
import csv
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import cache
from pathlib import Path

from services.catalog.load.calendars import FOLDER as CALENDARS
from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan, Promise, Tier
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Zone
from services.simulator.stories.timing import Timing
from tests.through_kafka import published
from tests.truth_states import PACE_DAYS, Figure, StateTruth, is_stale

PLAN = Path("services/catalog/jiangbei-2021")
MICRO = 1_000_000
MINUTE_US = 60 * MICRO
DAY_US = 24 * 60 * MINUTE_US
CLOSED = {"met", "missed", "late_entry", "open_overdue", "counted", "pending"}
SCALES = {"minutes": MINUTE_US, "working_minutes": MINUTE_US, "elapsed_days": DAY_US}
"""How many of the integers of the truth make one unit of a measure; of others millionths."""

Place = tuple[str, str, str, str, str]
"""kpi, unit, item, variant, window."""
Amounts = list[tuple[str, str, int, int]]
"""Unit, item (or period), amount and base of each measured case."""


@dataclass
class Expected:
    """What the truth says about one row of values.csv."""

    n: int = 0
    numerator: int = 0
    late_entry: int = 0
    justified: int = 0
    unmeasured: int = 0
    awaiting: int = 0
    unclassified: int = 0
    unclassified_missed: int = 0
    near: int = 0
    """Open cases that are yellow."""
    provisional: int = 0
    """Cases that a notice about unpublished days may still turn;"""
    provisional_met: int = 0
    """of those, in the numerator."""
    overdue: Counter[str] = field(default_factory=Counter)
    """Open overdue cases by unit, without provisional ones."""
    amounts: Amounts = field(default_factory=list)
    of_open: Amounts = field(default_factory=list)
    """The same of open cases under a mean."""
    reached: list[tuple[date, Fraction]] = field(default_factory=list)
    """Of what is true now: on which day it began to count."""
    reports: int = 0
    """How many rows of the truth it is made of."""

    @property
    def has_cases(self) -> bool:
        """Whether values.csv must have a row for it."""
        return bool(self.n or self.unmeasured or self.justified or self.unclassified)


def first_day(window: str, last: date, year_begins: int = 1) -> date:
    """The first day of a window that ends with `last`, where a year begins with a month."""
    if window.endswith("d"):
        return last - timedelta(days=int(window[:-1]) - 1)
    months = {"month": 1, "quarter": 3, "year": 12}.get(window)
    if months is None:
        return date.min
    first = last.replace(day=1)
    while (first.month - year_begins) % months:
        first = (first - timedelta(days=1)).replace(day=1)
    return first


CARDS = {"yellow_card": "yellow", "red_card": "red"}
"""Fate → level."""
CardKey = tuple[str, str, str]
"""kpi, case, level."""
StepKey = tuple[str, str, str, str, str]
"""kpi, case, step, when it was due, unit."""


@dataclass
class Truth:
    """What truth.csv says, added up."""

    places: dict[Place, Expected] = field(default_factory=lambda: defaultdict(Expected))
    days: dict[Place, dict[int, Expected]] = field(default_factory=dict)
    """The same of each of the last 30 days alone; the window is empty, and a day is how long ago it was, 0 or less."""
    cards: dict[CardKey, dict[str, str]] = field(default_factory=dict)
    steps: Counter[StepKey] = field(default_factory=Counter)
    """The steps of escalation."""
    silent: set[str] = field(default_factory=set)
    """Sources that are silent at the end."""


def expected(truth: Iterable[dict[str, str]], plan: Plan, last: date) -> Truth:
    """Every figure that the truth names, by plain counting."""
    promises = {(promise.id, promise.variant): promise for promise in plan.promises}
    found, year_begins = Truth(), plan.head.year_begins
    for row in truth:
        if row["fate"] == "silent":
            found.silent.add(row["case"])
        if row["fate"] == "step":
            found.steps[row["kpi"], row["case"], row["variant"], row["started_at"], row["unit"]] += 1
            continue
        promise = promises.get((row["kpi"], row["variant"]))
        if promise is None:
            continue
        if row["fate"] in CARDS:
            found.cards[row["kpi"], row["case"], CARDS[row["fate"]]] = row
            continue
        for place in places(row, promise, last, year_begins):
            count(found.places[place], row)
        for place, ago in days_of(row, promise, last, year_begins):
            count(found.days.setdefault(place, {}).setdefault(ago, Expected()), row)
    return found


def days_of(row: dict[str, str], promise: Promise, last: date, year_begins: int) -> Iterator[tuple[Place, int]]:
    """The day of a case that was closed within the last 30, at each place without a window."""
    if row["day"] and -PACE_DAYS < (ago := (date.fromisoformat(row["day"]) - last).days) <= 0:
        for place in {(*place[:4], "") for place in places(row, promise, last, year_begins)}:
            yield place, ago


def places(row: dict[str, str], promise: Promise, last: date, year_begins: int) -> Iterator[Place]:
    """The rows of values.csv to which a case of the truth belongs."""
    day = date.fromisoformat(row["day"]) if row["day"] else None
    items = ["-", row["item"]] if promise.published_by_item and row["item"] != "-" else ["-"]
    units = ("ALL",) if row["unit"] == "ALL" else (row["unit"], "ALL")
    for window in promise.windows:
        # what is open or a state of the present counts in every window that ends now
        if day is None or first_day(window, last, year_begins) <= day <= last:
            for unit in units:
                for item in items:
                    yield promise.id, unit, item, promise.variant, window


def count(into: Expected, row: dict[str, str]) -> None:
    """One case of the truth."""
    result = row["fate"]
    into.n += result in CLOSED
    into.numerator += result == "met"
    into.late_entry += result == "late_entry"
    into.justified += result == "justified"
    into.unmeasured += result == "unmeasured"
    into.awaiting += result == "awaiting"
    into.unclassified += result in ("unclassified", "unclassified_missed")
    into.unclassified_missed += result == "unclassified_missed"
    into.near += row["yellow"] == "1"
    into.reports += 1
    is_provisional = row["provisional"] == "1"
    into.provisional += is_provisional
    into.provisional_met += is_provisional and result == "met"
    if result == "open_overdue" and not is_provisional:
        into.overdue[row["unit"]] += 1
    if row["amount"]:
        amounts = into.of_open if result == "open" else into.amounts
        amounts.append((row["unit"], row["item"], int(row["amount"]), int(row["base"] or 0)))
    if result == "met" and row["stopped_at"] and not row["day"]:
        into.reached.append((date.fromisoformat(row["stopped_at"][:10]), Fraction(1)))


def value_of(promise: Promise, true: Expected) -> Fraction | None:
    """The value; None where there is nothing to divide by."""
    match promise.kind:
        case "mean_reduction":
            return reduction(promise, true.amounts)
        case "figure":
            return quotient(*figure(promise, true))
        case "catalogue":
            return list_value(promise, true)
        case "node_duration":
            return mean(true.amounts, DAY_US)
        case "case_mean" | "trend" if getattr(promise, "measure", "") != "share":
            return mean_value(getattr(promise, "measure", ""), true)
    return quotient(true.numerator, true.n)


def with_open_cases(promise: Promise, true: Expected) -> Fraction | None:
    """The mean that counts open cases at their present age, too; None if there are none."""
    if not true.of_open:
        return None
    if promise.kind == "mean_reduction":
        return reduction(promise, true.amounts + true.of_open)
    return mean(true.amounts + true.of_open, SCALES.get(getattr(promise, "measure", ""), MICRO))


def figure(promise: Promise, true: Expected) -> tuple[int, int]:
    """Numerator and denominator of reported figures; of a stock only the last month of each unit."""
    reports = [(part, whole) for _, _, part, whole in true.amounts]
    counted = last_reports(true) if getattr(promise, "statistic", "") == "stock" else reports
    return sum(part for part, _ in counted), sum(whole for _, whole in counted)


def list_value(promise: Promise, true: Expected) -> Fraction | None:
    """The value of a promise about the entries of a list."""
    match getattr(promise, "statistic", ""):
        case "count":
            return Fraction(true.numerator)
        case "sum":
            return Fraction(total(true.amounts), MICRO)
        case "mean":
            return mean(true.amounts, MICRO)
    return quotient(true.numerator, true.n)


def mean_value(measure: str, true: Expected) -> Fraction | None:
    """The value of a promise about what is measured of its cases."""
    if measure == "count":
        return Fraction(true.n)
    if measure.startswith("ratio:"):
        return quotient(total(true.amounts), sum(base for _, _, _, base in true.amounts))
    return mean(true.amounts, SCALES.get(measure, MICRO))


def total(amounts: Amounts) -> int:
    """The sum of all amounts."""
    return sum(amount for _, _, amount, _ in amounts)


def mean(amounts: Amounts, scale: int) -> Fraction | None:
    """The mean of all amounts, in units of so many."""
    return quotient(total(amounts), len(amounts) * scale)


def last_reports(true: Expected) -> list[tuple[int, int]]:
    """Of each unit the last month reported."""
    last: dict[str, tuple[str, int, int]] = {}
    for unit, period, amount, base in true.amounts:
        last[unit] = max(last.get(unit, ("", 0, 0)), (period, amount, base))
    return [(amount, base) for _, amount, base in last.values()]


def quotient(part: int, whole: int) -> Fraction | None:
    """None where there is nothing to divide by."""
    return Fraction(part, whole) if whole else None


def reduction(promise: Promise, amounts: Amounts) -> Fraction | None:
    """A mean reduction, in the definition of its variant."""
    if not amounts:
        return None
    if promise.variant == "ratio_of_sums":
        return 1 - Fraction(total(amounts), sum(base for _, _, _, base in amounts))
    by_item: dict[str, list[Fraction]] = defaultdict(list)
    for _, item, amount, base in amounts:
        by_item["" if promise.variant == "cases" else item].append(1 - Fraction(amount, base))
    means = [sum(reductions, Fraction()) / len(reductions) for reductions in by_item.values()]
    return sum(means, Fraction()) / len(means)


def written(value: Fraction | None) -> str:
    """At most six digits after the point, half-even, no trailing zeros; empty for None."""
    if value is None:
        return ""
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

    cards: int = 0
    """How many cards were compared."""
    steps: int = 0
    """How many steps of escalation were compared."""

    def cell(self, place: Sequence[str], column: str, actual: str, true: str) -> None:
        """Compare one cell. An empty one is equal to nought."""
        self.cells += 1
        if actual != true and not (actual == "" and true == "0"):
            self.differences.append(f"{' '.join(place)}: {column} is {actual or 'empty'}, true is {true or 'empty'}")


def state_of(place: Place, promise: Promise, truth: Truth, judge: StateTruth) -> str:
    """The state that a row must have."""
    true = truth.places.get(place, Expected())
    unit, n = place[1], true.n
    numerator = true.numerator
    if promise.about == "figure":
        part, whole = figure(promise, true)
        n, numerator = whole // MICRO, part // MICRO
    days = truth.days.get((*place[:4], ""), {})
    daily = ((ago, value_of(promise, day)) for ago, day in sorted(days.items()))
    known = Figure(
        value_of(promise, true), n, numerator, true.unmeasured, true.awaiting, true.unclassified,
        true.unclassified_missed, true.reports if promise.about == "figure" else None, true.near,
        with_open_cases(promise, true), tuple(true.reached), is_stale(promise, unit, judge, truth.silent),
        sum(n for each, n in true.overdue.items() if is_stale(promise, each, judge, truth.silent)),
        tuple((ago, value) for ago, value in daily if value is not None), true.provisional, true.provisional_met,
    )  # fmt: skip
    return judge.of(promise, unit, place[4], known)


def compare(values: Iterable[dict[str, str]], truth: Truth, plan: Plan, last: date) -> Comparison:
    """Row by row, in both directions."""
    judge = StateTruth(plan, Timing(Law(plan, calendar_of(plan))), last)
    promises = {(promise.id, promise.variant): promise for promise in plan.promises}
    compared = Comparison()
    left = {place for place, true in truth.places.items() if true.has_cases}
    for row in values:
        promise = promises[row["kpi"], row["variant"]]
        place = (row["kpi"], row["unit"], row["item"], row["variant"], row["window"])
        left.discard(place)
        true = truth.places.get(place, Expected())
        compared.rows += 1
        compared.by_promise[promise.key] += 1
        if place[1:3] == ("ALL", "-") and row["window"] == promise.official_window:
            compared.cases[promise.key] = true.n + true.unmeasured
        compare_row(compared, promise, place, row, true)
        compared.cell(place, "state", row["state"], state_of(place, promise, truth, judge))
    compared.differences += [f"{' '.join(place)}: no such row in values.csv" for place in sorted(left)]
    compared.untested = [key for key in judged_in_force(plan, last) if not compared.cases.get(key)]
    return compared


def compare_cards(compared: Comparison, cards: Iterable[dict[str, str]], truth: Truth) -> None:
    """Card by card, in both directions: who has it, when it was raised and cleared, until when, and why."""
    left = dict(truth.cards)
    for card in cards:
        key = card["kpi"], card["case"], card["level"]
        true = left.pop(key, None)
        if true is None:
            compared.differences.append(f"{' '.join(key)}: there is no such card")
            continue
        compared.cards += 1
        for column, name in (
            ("unit", "unit"), ("raised_at", "started_at"), ("due_at", "due_at"), ("cleared_at", "stopped_at"),
            ("reason", "reason"), ("node", "item"),
        ):  # fmt: skip
            compared.cell(key, column, card[column], true[name])
    compared.differences += [f"{' '.join(key)}: no such card in cards.csv" for key in sorted(left)]


def compare_steps(compared: Comparison, steps: Iterable[dict[str, str]], truth: Truth) -> None:
    """Step by step, in both directions: of which card it is, when it was due, and to whom it goes."""
    found = Counter((row["kpi"], row["case"], row["step"], row["at"], row["unit"]) for row in steps)
    compared.steps += found.total()
    compared.differences += [f"{' '.join(key)}: there is no such step" for key in sorted(found - truth.steps)]
    compared.differences += [f"{' '.join(key)}: no such step in steps.csv" for key in sorted(truth.steps - found)]


def judged_in_force(plan: Plan, last: date) -> Iterator[str]:
    """The promises with a threshold that are in force on a day."""
    for promise in plan.promises:
        if promise.tier is not Tier.Q and promise.effective_from <= last:
            yield promise.key


def compare_row(compared: Comparison, promise: Promise, place: Place, row: dict[str, str], true: Expected) -> None:
    """The cells of one row that the truth knows."""
    compared.cell(place, "value", row["value"], written(value_of(promise, true)))
    if getattr(promise, "statistic", "") == "count":
        return
    n, numerator = true.n, true.numerator
    if promise.about == "figure":
        part, whole = figure(promise, true)
        n, numerator = whole // MICRO, part // MICRO
    compared.cell(place, "n", row["n"], str(n))
    if row["numerator"]:
        compared.cell(place, "numerator", row["numerator"], str(numerator))
    for column, amount in (
        ("late_entry_n", true.late_entry),
        ("justified_n", true.justified),
        ("unmeasured_n", true.unmeasured),
        ("awaiting_n", true.awaiting),
        ("unclassified_n", true.unclassified),
        ("provisional_n", true.provisional),
    ):
        compared.cell(place, column, row[column], str(amount))


def kpiwatch(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command line, as a user calls it."""
    return subprocess.run([sys.executable, "-m", "services.cli", *arguments], capture_output=True, text=True)


plan_in = cache(load_plan)

MERGERS = {"chuangang-gas": "liangjiang-gas", "district-financial-affairs": "district-finance"}
"""Unit that ends → unit that continues its work: two with sources of their own, and two that owe monthly reports."""


def merge_units(plan: Path, into: Path, first_day: date) -> None:
    """A copy of a plan in which units are merged on a day."""
    shutil.copytree(plan, into)
    file = into / "units.toml"
    text = file.read_text()
    for ended, successor in MERGERS.items():
        for unit, line in (
            (ended, f"effective_to = {first_day - timedelta(days=1)}"),
            (successor, f'successor_of = ["{ended}"]'),
        ):
            text = text.replace(f'id = "{unit}"\n', f'id = "{unit}"\n{line}\n', 1)
    file.write_text(text)


def publish_through(plan: Path, into: Path, last: date) -> None:
    """A copy of a plan with a calendar of its own, of which no day after the last is published."""
    shutil.copytree(plan, into)
    head = (into / "plan.toml").read_text()
    calendar = tomllib.loads((CALENDARS / f"{plan_in(plan).head.calendar}.toml").read_text())
    worked = [day.isoformat() for day in calendar["make_up_days"] if day <= last]
    lines = [
        f'name = "{calendar["name"]}"', f'version = "through {last}"', f"published_from = {calendar['published_from']}",
        f"published_through = {last}", f"make_up_days = [{', '.join(worked)}]",
    ]  # fmt: skip
    for holiday in calendar["holiday"]:
        if holiday["last"] <= last:
            lines += ["", "[[holiday]]", f'name = "{holiday["name"]}"', f'name_en = "{holiday["name_en"]}"']
            lines += [f"first = {holiday['first']}", f"last = {holiday['last']}"]
    (into / "calendar.toml").write_text("\n".join(lines) + "\n")
    own = re.sub(r'^calendar = ".*?"', 'calendar = "calendar.toml"', head, count=1, flags=re.MULTILINE)
    (into / "plan.toml").write_text(own)


@dataclass(frozen=True)
class Run:
    """One simulated district, and the files that are made of it."""

    folder: Path
    plan: Path = PLAN
    days: int = 120
    seed: int = 7
    faults: str = "all"
    profile: str = "district"
    cases_per_day: float = 220
    mergers: bool = False
    """Whether two units end in the middle of the simulated days, and others continue their work."""
    provisional: bool = False
    """Whether the calendar is published until the middle of the simulated days only."""

    @property
    def last(self) -> date:
        """The last simulated day."""
        return plan_in(self.plan).head.issued + timedelta(days=self.days - 1)

    @property
    def as_of(self) -> str:
        """The midnight after it, in the plan's zone."""
        return (self.last + timedelta(days=1)).isoformat()

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def truth(self) -> Path:
        return self.folder / "truth.csv"

    @property
    def values(self) -> Path:
        return self.folder / "values.csv"

    @property
    def cards(self) -> Path:
        return self.folder / "cards.csv"

    @property
    def steps(self) -> Path:
        return self.folder / "steps.csv"

    @property
    def merged(self) -> Path:
        """The plan that is simulated and replayed: that of `plan`, or a copy of it with mergers, or with a calendar
        that ends."""
        plan, middle = self.plan, plan_in(self.plan).head.issued + timedelta(days=self.days // 2)
        for wanted, name, copy in (
            (self.mergers, "merged", merge_units),
            (self.provisional, "provisional", publish_through),
        ):
            if wanted:
                source, plan = plan, self.folder / name
                if not plan.exists():
                    copy(source, plan, middle)
        return plan

    def simulate(self) -> None:
        """Events and truth."""
        done = kpiwatch(
            "simulate", "--plan", str(self.merged), "--days", str(self.days), "--seed", str(self.seed),
            "--faults", self.faults, "--profile", self.profile, "--cases-per-day", str(self.cases_per_day),
            "--out", str(self.events), "--truth", str(self.truth),
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"kpiwatch simulate: {done.stderr or done.stdout}")

    def replay(self) -> None:
        """Values, cards and steps. Some events are rejected, as they should be: the exit code of the command is 1."""
        done = kpiwatch(
            "replay", str(self.events), "--plan", str(self.merged), "--as-of", self.as_of,
            "--out", str(self.values), "--cards", str(self.cards), "--steps", str(self.steps),
        )  # fmt: skip
        if done.returncode not in (0, 1) or not self.cards.exists():
            raise RuntimeError(f"kpiwatch replay: {done.stderr or done.stdout}")

    def compare(self) -> Comparison:
        """The values and cards of the replay with the truth."""
        plan = plan_in(self.merged)
        with self.truth.open(newline="") as written:
            truth = expected(csv.DictReader(written), plan, self.last)
        with self.values.open(newline="") as values, self.cards.open(newline="") as cards:
            compared = compare(csv.DictReader(values), truth, plan, self.last)
            compare_cards(compared, csv.DictReader(cards), truth)
        with self.steps.open(newline="") as steps:
            compare_steps(compared, csv.DictReader(steps), truth)
        return compared

    def stream(self) -> list[str]:
        """What the stream workers publish of the same events differently from the replay, in words."""
        plan = plan_in(self.plan)
        now = Zone(plan.head.timezone).midnight(self.last.toordinal() + 1)
        streamed = published(self.events, self.merged, now, self.as_of, self.folder)
        return [
            f"through Kafka: {file.name} differs from that of the replay"
            for file, content in ((self.values, streamed.values), (self.cards, streamed.cards))
            if file.read_bytes() != content
        ]


def check(run: Run, *, through_kafka: bool = False) -> Comparison:
    """Simulates, replays and compares; RuntimeError if a command fails."""
    run.simulate()
    run.replay()
    compared = run.compare()
    if through_kafka:
        compared.differences += run.stream()
    return compared


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.truth", description="Does replay find what was decided?")
    parser.add_argument("--days", type=int, default=Run.days)
    parser.add_argument("--seed", type=int, default=Run.seed)
    parser.add_argument("--faults", default=Run.faults)
    parser.add_argument("--profile", default=Run.profile)
    parser.add_argument("--cases-per-day", type=float, default=Run.cases_per_day)
    parser.add_argument("--plan", type=Path, default=PLAN)
    parser.add_argument("--mergers", action="store_true", help="two units are merged in the middle of the days")
    parser.add_argument("--provisional", action="store_true", help="the calendar ends in the middle of the days")
    parser.add_argument("--through-kafka", action="store_true", help="and through a real broker and the workers, too")
    given = vars(parser.parse_args())
    through_kafka = given.pop("through_kafka")
    with tempfile.TemporaryDirectory(prefix="kpiwatch-truth-") as folder:
        try:
            compared = check(Run(Path(folder), **given), through_kafka=through_kafka)
        except RuntimeError as error:
            print(error, file=sys.stderr)
            return 3
    for name, rows in sorted(compared.by_promise.items()):
        wrong = sum(difference.startswith(f"{name.split('/')[0]} ") for difference in compared.differences)
        of_them = f"  {wrong} differences" if wrong else ""
        print(f"{name:<22}{rows:>6} rows{compared.cases.get(name, 0):>9,} cases{of_them}")
    if compared.untested:
        print(f"without a single case: {', '.join(compared.untested)}")
    many = len(compared.differences)
    print(
        f"{compared.rows} rows, {compared.cards} cards, {compared.steps} steps, {compared.cells} cells compared, "
        f"{many} differences"
    )
    for difference in compared.differences[:60]:
        print(f"  {difference}")
    return 1 if compared.differences or compared.untested else 0


if __name__ == "__main__":
    sys.exit(main())
