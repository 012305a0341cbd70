"""`python -m tests.oracle FOLDER --timezone ZONE`: real casework, imported and replayed, against independent figures.

FOLDER has `events_normalised.csv.gz` (events accepted, suspended, resumed, completed; local wall clocks of the zone)
and `oracle.csv`, computed from the same source by a program that shares no code with this project. The events go
through `kpiwatch import` and `kpiwatch replay --every month`; each column of each unit and month and of `ALL` is
compared. Exit code 1 on any difference.

The oracle counts closed cases only, so of on-time figures the open overdue ones are taken out of the denominator again.
"""

import argparse
import csv
import gzip
import json
import math
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

PLAN = Path(__file__).parent / "oracle_plan"
MAPPING = Path(__file__).parent / "mappings" / "nl-wabo-receipt.toml"
"""The two data sets have the same columns: of one mapping only the time zone is exchanged."""

TOLERANCE = 1e-6
BIN = 1 / (24 * 60)
"""Percentiles of elapsed days are exact to one minute."""
EXAMPLES = 5

Row = Mapping[str, str]
Place = tuple[str, str]
"""Unit and month, each of which may be `ALL`."""


class Column(NamedTuple):
    """Where a column of the oracle is found in values.csv."""

    promise: str
    read: Callable[[Row], float]
    tolerance: float = TOLERANCE
    decides: bool = True
    """Whether a difference fails the comparison."""


def _cell(name: str) -> Callable[[Row], float]:
    return lambda row: float(row[name]) if row[name] else math.nan


def _closed(row: Row) -> float:
    return float(row["n"]) - float(row["open_overdue"])


def _share_of_closed(row: Row) -> float:
    return float(row["numerator"]) / _closed(row) if _closed(row) else math.nan


_VALUE, _N, _NUMERATOR, _P95 = _cell("value"), _cell("n"), _cell("numerator"), _cell("p95")
COLUMNS: Mapping[str, Column] = {
    "completed": Column("CALENDAR", _N),
    "mean_calendar_days": Column("CALENDAR", _VALUE),
    "p95_calendar_days": Column("CALENDAR", _P95, TOLERANCE + BIN),
    "mean_working_days": Column("WORKING", _VALUE),
    "p95_working_days": Column("WORKING", _P95),
    "n_channel_known": Column("ONLINE", _N),
    "n_online": Column("ONLINE", _NUMERATOR),
    "share_online": Column("ONLINE", _VALUE),
    "n_with_due": Column("WITHIN", _closed),
    "n_within": Column("WITHIN", _NUMERATOR),
    "share_within": Column("WITHIN", _share_of_closed),
    "n_within_by_date": Column("WITHIN-DATE", _NUMERATOR),
    "share_within_by_date": Column("WITHIN-DATE", _share_of_closed),
    "mean_net_cal": Column("NET-CALENDAR", _VALUE),
    "p95_net_cal": Column("NET-CALENDAR", _P95, TOLERANCE + BIN),
    # which days of a suspension are no working days, the data's README leaves open: shown, and not decisive
    "mean_net_wd": Column("NET-WORKING", _VALUE, decides=False),
    "p95_net_wd": Column("NET-WORKING", _P95, decides=False),
}


# ---- the values of this project ----------------------------------------------------------------------------
class Unusable(Exception):
    """The folder cannot be compared: the reason."""


def answers(folder: Path, timezone: str, work: Path) -> list[Row]:
    """The values of `kpiwatch replay` at the end of each month, through the last one in the data."""
    events, arguments = prepared(folder, timezone, work)
    values = work / "values.csv"
    _kpiwatch("replay", events, *arguments, "--every", "month", "--out", values)
    with values.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def prepared(folder: Path, timezone: str, work: Path) -> tuple[Path, list[object]]:
    """The data imported: its events, and by which plan and as of when `replay` judges them. Raises Unusable."""
    export = folder / "events_normalised.csv.gz"
    with gzip.open(export, "rt", encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        columns = set(reader.fieldnames or ())
        kinds, last = set(), ""
        for row in reader:
            kinds.add(row["event"])
            last = max(last, row["occurred_at"])
    if unknown := kinds - {"accepted", "suspended", "resumed", "completed"}:
        raise Unusable(f"{export}: events {', '.join(sorted(unknown))} are not known")
    events = work / "events.jsonl"
    _kpiwatch("import", export, "--mapping", _mapping(timezone, columns, work), "--out", events)
    return events, ["--plan", _plan(timezone, "suspended" in kinds, work), "--as-of", _month_after(last)]


def _kpiwatch(*arguments: object) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.cli", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        lines = done.stderr.splitlines()
        raise Unusable("\n".join([f"kpiwatch {arguments[0]} ended with {done.returncode}:", *lines[:20], *lines[-1:]]))


def _month_after(time: str) -> str:
    """The first day of the month after that of a time."""
    year, month = int(time[:4]), int(time[5:7])
    return f"{year + month // 12:04}-{month % 12 + 1:02}-01"


def _mapping(timezone: str, columns: set[str], work: Path) -> Path:
    """The mapping for this folder: its time zone, and only the columns that it has."""
    mapping = tomllib.loads(MAPPING.read_text(encoding="utf-8"))
    for event in mapping["event"]:
        event["data"] = {
            name: content
            for name, content in event["data"].items()
            if not isinstance(content, dict) or content["column"] in columns
        }
    lines = [f"timezone = {json.dumps(timezone)}"]
    for name, meanings in mapping["values"].items():
        lines += [f"[values.{name}]", *(f"{key} = {_toml(value)}" for key, value in meanings.items())]
    for event in mapping["event"]:
        lines += ["[[event]]", *(f"{key} = {_toml(value)}" for key, value in event.items())]
    path = work / "mapping.toml"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def _plan(timezone: str, suspended: bool, work: Path) -> Path:
    """The oracle's plan in this zone; where cases were suspended, net durations, too."""
    folder = shutil.copytree(PLAN, work / "plan")
    head = folder / "plan.toml"
    text = head.read_text(encoding="utf-8")
    head.write_text(text.replace('timezone = "Asia/Shanghai"', f"timezone = {json.dumps(timezone)}"), encoding="utf-8")
    if suspended:
        (folder / "kpis" / "net.toml").write_text(_NET, encoding="utf-8")
    return folder


_NET = "".join(
    f"""
[[promise]]
tier = "H"
id = "{name}"
item = 1
clause = "duration"
title = {{ zh = "平均净历时", en = "Mean net duration" }}
kind = "case_mean"
strength = "hard"
measure = "{measure}"
clock_stops = ["suspended"]
minimum_n = 0
windows = ["month", "all"]
official_window = "all"
effective_from = 2000-01-01
"""
    for name, measure in (("NET-CALENDAR", "elapsed_days"), ("NET-WORKING", "working_days"))
)


# ---- the comparison --------------------------------------------------------------------------------------
@dataclass
class Comparison:
    """What was compared, and what differed."""

    rows: int = 0
    cells: Counter[str] = field(default_factory=Counter)
    largest: dict[str, tuple[float, str]] = field(default_factory=dict)
    """Of each column, the largest difference and where it is."""
    mismatches: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Class of mismatch → examples, all of them."""
    undecided: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """The same, of columns that do not decide."""
    left_out: list[str] = field(default_factory=list)
    """Columns of the oracle that nothing here answers to."""


def compare(oracle: Sequence[Row], values: Iterable[Row]) -> Comparison:
    """Every cell of the oracle with the values; and no month is left over that the oracle does not have."""
    found = _by_place(values)
    outcome = Comparison(rows=len(oracle))
    names = [name for name in (oracle[0] if oracle else {}) if name not in ("unit", "month")]
    outcome.left_out = [name for name in names if name not in COLUMNS]
    compared = [name for name in names if name in COLUMNS]
    for row in oracle:
        place = row["unit"], row["month"]
        for name in compared:
            _compare_cell(name, place, row[name], found[COLUMNS[name].promise].get(place), outcome)
    _find_months_without_oracle(oracle, found["CALENDAR"], outcome)
    return outcome


def _find_months_without_oracle(oracle: Sequence[Row], found: Mapping[Place, Row], outcome: Comparison) -> None:
    known = {(row["unit"], row["month"]) for row in oracle}
    for place, row in found.items():
        if place not in known and row["n"] != "0":
            outcome.mismatches["not in the oracle"].append(f"{' '.join(place)}: {row['n']} completed")


def _by_place(values: Iterable[Row]) -> Mapping[str, dict[Place, Row]]:
    """The rows by promise, unit and month; of the window `all` the last."""
    found: dict[str, dict[Place, Row]] = defaultdict(dict)
    for row in values:
        month = row["window_start"][:7] if row["window"] == "month" else "ALL"
        place = row["unit"], month
        held = found[row["kpi"]].get(place)
        if held is None or held["window_end"] < row["window_end"]:
            found[row["kpi"]][place] = row
    return found


def _compare_cell(name: str, place: Place, cell: str, row: Row | None, outcome: Comparison) -> None:
    column = COLUMNS[name]
    expected = float(cell) if cell else math.nan
    actual = _nothing(name) if row is None else column.read(row)
    outcome.cells[name] += 1
    where = " ".join(place)
    difference = abs(actual - expected)  # not a number where one of them is none
    if difference > outcome.largest.get(name, (-1.0, ""))[0]:
        outcome.largest[name] = difference, where
    mismatch = _mismatch(expected, actual, column.tolerance)
    if mismatch:
        mismatches = outcome.mismatches if column.decides else outcome.undecided
        change = "" if math.isnan(difference) else f" ({actual - expected:+.6f})"
        here = "none" if math.isnan(actual) else f"{actual:.6f}"
        mismatches[f"{name}: {mismatch}"].append(f"{where}: oracle {cell or 'none'}, here {here}{change}")


def _nothing(name: str) -> float:
    """A cell without a row: no case of that unit was ever counted by this promise."""
    return 0.0 if name == "completed" or name.startswith("n_") else math.nan


def _mismatch(expected: float, actual: float, tolerance: float) -> str:
    """In which way two cells differ; empty: they are equal."""
    if math.isnan(expected) or math.isnan(actual):
        if math.isnan(expected) and math.isnan(actual):
            return ""
        return "only here" if math.isnan(expected) else "only in the oracle"
    if abs(actual - expected) <= tolerance + 1e-12:
        return ""
    return "larger here" if actual > expected else "smaller here"


def report(outcome: Comparison) -> Iterator[str]:
    """The comparison in lines."""
    cells = sum(outcome.cells.values())
    yield f"{outcome.rows} rows, {len(outcome.cells)} columns, {cells} cells compared"
    for name, count in outcome.cells.items():
        difference, where = outcome.largest.get(name, (0.0, ""))
        allowed = COLUMNS[name].tolerance
        yield f"  {name:22} {count:6} cells, largest difference {difference:.7f} of {allowed:.7f} allowed  {where}"
    if outcome.largest:
        name, (difference, where) = max(outcome.largest.items(), key=lambda one: one[1][0] / COLUMNS[one[0]].tolerance)
        yield f"largest difference against its tolerance: {difference:.7f} ({name}, {where})"
    for name in outcome.left_out:
        yield f"not compared: {name} is not a column that a value answers to"
    yield from _classes(outcome.undecided, "for information")
    yield from _classes(outcome.mismatches, "MISMATCH")
    if not outcome.rows:
        yield "MISMATCH: the oracle has no rows"
    elif not outcome.mismatches:
        yield "all equal"


def _classes(classes: Mapping[str, list[str]], word: str) -> Iterator[str]:
    for name, examples in sorted(classes.items()):
        yield f"{word}: {name}: {len(examples)}"
        yield from (f"    {example}" for example in examples[:EXAMPLES])
        if len(examples) > EXAMPLES:
            yield f"    … and {len(examples) - EXAMPLES} more"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.oracle", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, help="with events_normalised.csv.gz and oracle.csv")
    parser.add_argument("--timezone", required=True, help="of the wall clocks, e.g. Europe/Amsterdam")
    asked = parser.parse_args(arguments)
    for name in ("events_normalised.csv.gz", "oracle.csv"):
        if not (asked.folder / name).is_file():
            parser.error(f"there is no {asked.folder / name}")
    with (asked.folder / "oracle.csv").open(encoding="utf-8", newline="") as lines:
        oracle = list(csv.DictReader(lines))
    with tempfile.TemporaryDirectory(prefix="kpiwatch-oracle-") as work:
        try:
            values = answers(asked.folder, asked.timezone, Path(work))
        except Unusable as error:
            print(error)
            return 1
    outcome = compare(oracle, values)
    for line in report(outcome):
        print(line)
    return 1 if outcome.mismatches or not outcome.rows else 0


if __name__ == "__main__":
    sys.exit(main())
