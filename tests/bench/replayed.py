"""`kpiwatch replay` on the benchmark's file: how fast, at what cost, and whether its values are the right ones."""

import csv
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from tests.bench.job import ON_TIME, ONLINE, PLAN, ROOT, Rows, no_row

AS_OF = "2022-07-01"
"""After the last completion."""
_SAMPLE_SECONDS = 0.05


def measure(events: Path, count: int, truth: Rows, folder: Path) -> dict[str, Any]:
    """One replay, measured from outside as an engine is: CPU and memory of the whole process tree."""
    values = folder / "values.csv"
    command = [sys.executable, "-m", "services.cli", "replay", str(events)]
    command += ["--plan", str(PLAN), "--as-of", AS_OF, "--out", str(values)]
    began = time.monotonic()
    with (folder / "replay.log").open("wb") as log:
        process = psutil.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    cpu: dict[psutil.Process, float] = {}
    peak = 0
    while process.poll() is None:
        peak = max(peak, _sample(process, cpu))
        time.sleep(_SAMPLE_SECONDS)
    seconds = time.monotonic() - began
    if process.returncode:
        note = f"exited {process.returncode}: see {folder / 'replay.log'}"
    else:
        note = "exact" if rows_of_values(values) == truth else "wrong"
    return {
        "engine": "replay",
        "events": count,
        "note": note,
        "cpu_s_per_million": round(sum(cpu.values()) / count * 1e6, 2),
        "events_per_s": round(count / seconds),
        "wall_s": round(seconds, 2),
        "peak_rss_mb": round(peak / 2**20),
    }


def _sample(process: psutil.Popen, cpu: dict[psutil.Process, float]) -> int:
    """Note the CPU seconds of each process of the tree so far; returns their resident bytes."""
    resident = 0
    try:
        for each in (process, *process.children(recursive=True)):
            times = each.cpu_times()
            cpu[each] = times.user + times.system
            resident += each.memory_info().rss
    except psutil.NoSuchProcess:
        pass  # it ended while it was looked at
    return resident


def rows_of_values(values: Path) -> Rows:
    """The benchmark's rows, read off values.csv."""
    rows: Rows = {}
    with values.open(newline="") as lines:
        for value in csv.DictReader(lines):
            if value["unit"] == "ALL" or value["item"] == "-":
                continue
            row = rows.setdefault(f"{value['item']}|{value['unit']}", no_row())
            if value["kpi"].endswith(ONLINE):
                row["completed"] = int(value["n"])
                row["online"] = int(value["numerator"])
            elif value["kpi"].endswith(ON_TIME):
                row["on_time"] = int(value["numerator"])
    return {name: row for name, row in rows.items() if row["completed"]}
