"""`python -m tests.bench.truth FOLDER`: the right answer of the benchmark's job, in one plain pass over its files.

Reads `events.jsonl` and `calendar.csv` of the folder, writes `truth.json`:
`{"item|unit": {"completed": n, "on_time": n, "online": n}, …}`. It shares no code with any engine: it walks the
calendar day by day.
"""

import argparse
import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.bench.job import Rows, no_row

Case = Mapping[str, Any]
"""Event type → the event, of one case."""


def due_day(workdays: Mapping[date, bool], accepted: date, limit: int) -> date:
    """The last day of the limit: working days are counted from the day after the acceptance on."""
    day = accepted
    while limit:
        day += timedelta(days=1)
        limit -= workdays[day]
    return day


def cases(lines: Iterable[str]) -> Iterable[Case]:
    """The events of each case, each event once."""
    seen: set[tuple[str, str]] = set()
    found: dict[tuple[str, str], dict[str, Any]] = defaultdict(dict)
    for line in lines:
        event = json.loads(line)
        identity = event["source"], event["id"]
        if identity not in seen:
            seen.add(identity)
            found[event["source"], event["subject"]][event["type"]] = event
    return found.values()


def truth(folder: Path) -> Rows:
    """The rows of a folder, sorted."""
    with (folder / "calendar.csv").open(encoding="utf-8", newline="") as lines:
        workdays = {date.fromisoformat(row["date"]): row["workday"] == "1" for row in csv.DictReader(lines)}
    rows: Rows = defaultdict(no_row)
    with (folder / "events.jsonl").open(encoding="utf-8") as lines:
        for case in cases(lines):
            if len(case) == 2:
                _count(rows, case, workdays)
    return dict(sorted(rows.items()))


def _count(rows: Rows, case: Case, workdays: Mapping[date, bool]) -> None:
    data = case["case.accepted"]["data"]
    accepted, completed = (datetime.fromisoformat(case[f"case.{name}"]["time"]).date() for name in _ENDS)
    row = rows[f"{data['service_item']}|{data['unit']}"]
    row["completed"] += 1
    row["on_time"] += completed <= due_day(workdays, accepted, data["committed_limit"]["amount"])
    row["online"] += data["channel"] == "online"


_ENDS = ("accepted", "completed")


def write(folder: Path) -> None:
    """`truth.json` beside the events."""
    (folder / "truth.json").write_text(json.dumps(truth(folder), indent=0), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.truth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
