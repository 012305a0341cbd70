"""The benchmark's job for peers in Python: the state of a case, the working-day clock, the totals of a row.

Standard library only: it runs in the peers' own environment, and in ours as the reference loop of the guard.
"""

from bisect import bisect_right
from pathlib import Path
from typing import Any, TypeAlias

State: TypeAlias = dict[str, Any]
"""Of one case: the ids that were seen and what is known of acceptance and completion."""
Count: TypeAlias = tuple[str, bool, bool]
"""What one completed case adds: its `item|unit`, whether it was on time, whether it was handled online."""
Totals: TypeAlias = dict[str, int]


class CaseClock:
    """Applies events to cases. Called for every event: hence few calls."""

    def __init__(self, calendar: Path) -> None:
        with calendar.open(encoding="utf-8") as rows:
            self._workdays = [row[:10] for row in rows if row.rstrip().endswith(",1")]  # ISO dates sort as text
        self._due: dict[tuple[str, int], str] = {}

    def due_day(self, accepted: str, limit: int) -> str:
        """The last day of the limit, as an ISO date: working days from the day after the acceptance on."""
        key = accepted, limit
        if key not in self._due:
            self._due[key] = self._workdays[bisect_right(self._workdays, accepted) + limit - 1]
        return self._due[key]

    def apply(self, state: State, event: Any) -> Count | None:
        """Add an event to its case; a count where that made the case complete. An event seen before changes nothing."""
        seen = state.setdefault("seen", [])
        if event["id"] in seen:
            return None
        seen.append(event["id"])
        before = "accepted" in state and "completed" in state
        if event["type"] == "case.accepted":
            data = event["data"]
            state["row"] = f"{data['service_item']}|{data['unit']}"
            state["accepted"] = event["time"][:10]
            state["limit"] = data["committed_limit"]["amount"]
            state["online"] = data["channel"] == "online"
        elif event["type"] == "case.completed":
            state["completed"] = event["time"][:10]
        if before or "accepted" not in state or "completed" not in state:
            return None
        on_time = state["completed"] <= self.due_day(state["accepted"], state["limit"])
        return state["row"], on_time, state["online"]


def add(rows: dict[str, Totals], count: Count) -> None:
    """Add a completed case to its row."""
    name, on_time, online = count
    row = rows.get(name)
    if row is None:
        row = rows[name] = {"completed": 0, "on_time": 0, "online": 0}
    row["completed"] += 1
    row["on_time"] += on_time
    row["online"] += online
