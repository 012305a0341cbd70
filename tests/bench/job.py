"""The benchmark's job: what every engine has to answer, and how it is read off our tallies.

The job counts, for each service item and unit, the cases that were completed, completed on time by the official
calendar, and handled online: from a topic, with state that survives a crash. Ours is a plan of six promises. A row of
the job is `item|unit: {"completed": n, "on_time": n, "online": n}`. For each family of service items one
promise counts what was on time and one what was handled online, by item.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self, TypeAlias

from services.domain.sums.tally import Tally, TallyField, TallyKey

ROOT = Path(__file__).parents[2]
PLAN = Path(__file__).parent / "caseclock_plan"
PARTITIONS = 8

ON_TIME = "-ON-TIME"
ONLINE = "-ONLINE"

Rows: TypeAlias = dict[str, dict[str, int]]


def no_row() -> dict[str, int]:
    """The row of an item and unit of which nothing is completed."""
    return {"completed": 0, "on_time": 0, "online": 0}


def rows_of(tallies: Mapping[TallyKey, Tally]) -> Rows:
    """The job's rows, of every item and unit with a completed case."""
    rows: Rows = {}
    for key, tally in tallies.items():
        row = rows.setdefault(f"{key.item}|{key.unit}", no_row())
        if key.kpi.endswith(ONLINE):  # matures with the completion, so that what matured is what is completed
            row["completed"] += tally.cells[TallyField.N]
            row["online"] += tally.cells[TallyField.MET]
        elif key.kpi.endswith(ON_TIME):
            row["on_time"] += tally.cells[TallyField.MET]
    return {name: row for name, row in rows.items() if row["completed"]}


def tallies_topic(group: str) -> str:
    """Name of our topic between the worker and the adapter."""
    return f"{group}.kpi.tallies"


class Protocol(NamedTuple):
    """What `engines.py` gives to a program."""

    bootstrap: str
    input: str
    output: str
    group: str
    """Name of the application; part of the name of every topic that it makes."""
    state: Path

    @classmethod
    def from_environment(cls) -> Self:
        """Its variables have no prefix: the peers read the same."""
        given = os.environ
        return cls(given["BOOTSTRAP"], given["INPUT"], given["OUTPUT"], given["GROUP"], Path(given["STATE_DIR"]))

    @property
    def tallies(self) -> str:
        return tallies_topic(self.group)
