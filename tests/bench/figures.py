"""What `make bench` prints: rows of what must hold, of figures that rounds of several contestants gave."""

import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import psutil


class Row(NamedTuple):
    """One line of the table."""

    what: str
    today: str
    """Before the work that this table is about, on a quiet machine."""
    must: float | None
    aim: float | None
    measured: Sequence[float]
    """One figure a round."""
    unit: str = ""
    note: str = ""

    def cells(self) -> list[str]:
        middle = statistics.median(self.measured)
        spread = f" ({min(self.measured):.4g} to {max(self.measured):.4g})" if len(self.measured) > 1 else ""
        of_must = f"{middle / self.must:.2f}" if self.must else ""
        return [
            self.what,
            self.today,
            f"≤ {self.must:g}{self.unit}" if self.must else "",
            f"{self.aim:g}{self.unit}" if self.aim else "",
            f"{middle:.4g}{self.unit}{spread}",
            of_must,
            self.note,
        ]


_HEADER = ["", "today", "must", "aim", "measured: median (range)", "measured ÷ must", ""]


def markdown(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *lines))


def table(rows: Sequence[Row]) -> str:
    """The rows that were measured, and whether what must be is kept."""
    return markdown(_HEADER, [row.cells() for row in rows])


Costs = Mapping[str, Sequence[float]]
"""Contestant → CPU seconds, one figure a round."""


def interleaved(contestants: Mapping[str, Callable[[], float]], rounds: int, what: str) -> Costs:
    """Every contestant once a round; another one begins each time. `what`: the unit, for what is printed."""
    names, costs = list(contestants), defaultdict(list)
    for number in range(rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            cost = contestants[name]()
            costs[name].append(cost)
            print(f"  {name}: {cost:.2f} {what}, load {os.getloadavg()[0]:.1f}", flush=True)
    return costs


def ratios(costs: Costs, one: str, other: str) -> list[float]:
    """One cost over another, round by round."""
    return [mine / theirs for mine, theirs in zip(costs[one], costs[other], strict=True)]


def machine() -> str:
    """Where this was measured."""
    memory = psutil.virtual_memory().total / 2**30
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {system}; load average {load} at the end, this run included"
