"""The events of the fixture: a small district in which every event type occurs, as day after day of arrivals.

`BEFORE` days are in the recorded topics. The others come when the version under test has taken over.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import orjson

from services.domain.intake.events import MODELS
from tests.integration.crash_story import BEGIN
from tests.unit.poison import POISON

BEFORE = 9
AFTER = 5
PARTITIONS = 2
ITEMS = ("permit", "licence")
COMMITTED = {"amount": 5, "unit": "working_days"}
STATUTORY = {"amount": 10, "unit": "working_days"}


def days() -> list[list[bytes]]:
    """The events that arrive on each day, in order of arrival. Every event says when it arrived."""
    arrivals = sorted((_received(line), line) for line in _lines())
    found: list[list[bytes]] = [[] for _ in range(BEFORE + AFTER)]
    for received, line in arrivals:
        found[(received - BEGIN).days].append(line)
    return found


def _received(line: bytes) -> datetime:
    """Lines that are no event arrive on the first day."""
    try:
        return datetime.fromisoformat(orjson.loads(line)["receivedat"])
    except ValueError:
        return BEGIN


def _lines() -> Iterator[bytes]:
    for number in range(28):
        yield from _ordinary_case(number)
    yield from _full_case()
    yield from _corrected_cases()
    yield from _late_entries()
    yield from _registers()
    yield from _conflict()
    yield from _poisoned()
    yield b"no event"
    yield _event("S", "source.heartbeat", 3, about=None)
    yield _event("S", "source.heartbeat", 11, about=None)


def _event(
    case: str, kind: str, hours: float, data: object = None, *, name: str = "", received: float = 0, about: object = ""
) -> bytes:
    """An event of a case at so many hours after the beginning; it arrives at once, or `received` hours after that."""
    time = BEGIN + timedelta(hours=hours)
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": name or f"{case}-{kind}-{hours:g}",
        "source": f"/units/{_unit(case)}",
        "type": kind,
        "subject": case,
        "time": time.isoformat(),
        "recordedat": time.isoformat(),
        "receivedat": (time + timedelta(hours=received)).isoformat(),
    }
    if about is None:
        del event["subject"]
    else:
        event["data"] = data or {}
    return orjson.dumps(event)


def _unit(case: str) -> str:
    return ("north", "south")[sum(case.encode()) % 2]


def _filing(case: str, item: str = "permit") -> dict[str, Any]:
    return {
        "service_item": item,
        "unit": _unit(case),
        "channel": "online" if sum(case.encode()) % 3 else "counter",
        "committed_limit": COMMITTED,
        "statutory_limit": STATUTORY,
    }


def _ordinary_case(number: int) -> Iterator[bytes]:
    """Accepted on one of the first days, completed after up to a week, or never."""
    case, begin = f"C{number}", 9 + 24 * (number % 7) + number / 4
    yield _event(case, "case.accepted", begin, _filing(case, ITEMS[number % 2]))
    if number % 4 == 1:
        yield _event(case, "case.suspended", begin + 5, {"unit": _unit(case), "reason": "hearing"})
        if number % 8 == 1:
            yield _event(case, "case.resumed", begin + 30, {"unit": _unit(case), "reason": "hearing"})
    if number % 5:
        yield _event(case, "case.completed", begin + 6 + 17 * (number % 11), {"outcome": "granted"})


def _full_case() -> Iterator[bytes]:
    """Every event type that a case can have, before and after the change of the version."""
    for case, begin in (("F1", 9.0), ("F2", 24.0 * 7 + 10), ("F3", 24.0 * 10 + 9)):
        unit = _unit(case)
        steps: list[tuple[str, dict[str, Any]]] = [
            ("case.applied", _filing(case)),
            ("case.supplement_requested", {"round": 1, "reason": "one more page"}),
            ("case.refused", {"round": 1, "reason": "not complete"}),
            ("case.accepted", _filing(case)),
            ("case.reclassified", {"service_item": "licence"}),
            ("case.milestone", {"name": "seen", "unit": unit}),
            ("case.node_started", {"node": "survey", "unit": unit, "limit": COMMITTED}),
            ("case.node_ended", {"node": "survey", "unit": unit}),
            ("case.suspended", {"unit": unit, "reason": "hearing"}),
            ("case.resumed", {"unit": unit, "reason": "hearing"}),
            ("case.extended", {"limit": {"amount": 1, "unit": "working_days"}, "authority": "law"}),
            ("case.measured", {"quantity": "visits", "value": 1.5}),
            ("case.justified", {"kpi": "WITHIN", "decision": "requested"}),
            ("case.completed", {"outcome": "granted", "channel": "online"}),
            ("case.reopened", {"reason": "completion_void"}),
            ("case.completed", {"outcome": "partly"}),
            ("case.rated", {"score": 4, "rated_by": "applicant"}),
            ("case.reopened", {"reason": "new_request"}),
            ("case.accepted", _filing(case)),
            ("case.withdrawn", {"reason": "changed plans"}),
        ]
        for number, (kind, data) in enumerate(steps):
            yield _event(case, kind, begin + 4 * number, data)


def _corrected_cases() -> Iterator[bytes]:
    """A completion that is moved, one that is struck out, one that is corrected after the change of the version."""
    for case, arrives, replaced in (("X1", 60, True), ("X2", 70, False), ("X3", 24 * 10, True)):
        yield _event(case, "case.accepted", 10, _filing(case))
        yield _event(case, "case.completed", 40, {}, name=f"{case}-done")
        time = (BEGIN + timedelta(hours=30)).isoformat()
        event = {"type": "case.completed", "time": time, "recordedat": time, "data": {}} if replaced else None
        yield _event(case, "correction", arrives, {"of": f"{case}-done", "event": event})


def _late_entries() -> Iterator[bytes]:
    """Completed in time and reported after the limit: one is confirmed before, one after the change of the version."""
    for case, confirmed in (("L1", 24 * 8 + 1), ("L2", 24 * 9 + 1), ("L3", 0)):
        yield _event(case, "case.accepted", 9, _filing(case))
        yield _event(case, "case.completed", 20, {}, received=24 * 7)
        if confirmed:
            yield _event(case, "case.confirmed", confirmed, {"kpi": "WITHIN", "decision": "accepted"})


def _registers() -> Iterator[bytes]:
    """Entries of a catalogue, duties and figures."""
    for number in range(4):
        for platform in ("base", "website"):
            entry, unit = f"E{number}-{platform}", _unit(f"E{number}")
            state = {"code": f"code{number}", "live": bool(number % 2), "platform": platform, "version": "1"}
            yield _event(entry, "item.upserted", 10 + number, _entry(unit, state))
            if number == 1 and platform == "base":
                yield _event(entry, "item.upserted", 24 * 10, _entry(unit, state | {"version": "2"}))
    gone = {"code": "code9", "live": True, "platform": "base", "version": "1"}
    yield _event("E9", "item.upserted", 12, _entry("north", gone))
    yield _event("E9", "item.retired", 50, _entry("north", gone))
    yield _event("E2-base", "item.retired", 24 * 11, _entry("north", {"code": "code2", "platform": "base"}))
    for hours, period in ((30, "2021-08"), (24 * 12, "2021-09")):
        for unit in ("north", "south"):
            data = {"duty": "report", "unit": unit, "period": period}
            yield _event(f"D-{unit}", "duty.fulfilled", hours, data)
        counts = {"quantity": "loans", "unit": "north", "period": period, "numerator": 40.5, "denominator": hours * 2}
        yield _event("G", "figure.reported", hours + 1, counts)


def _entry(unit: str, attributes: dict[str, Any]) -> dict[str, Any]:
    return {"collection": "services", "unit": unit, "attributes": attributes}


def _conflict() -> Iterator[bytes]:
    """Two events with one id and different content, in both orders of their digests; one of them arrives later."""
    for case, later in (("K1", 12), ("K2", 12), ("K3", 24 * 9)):
        yield _event(case, "case.accepted", 9, _filing(case))
        yield _event(case, "case.completed", 20, {}, name=f"{case}-done")
        yield _event(case, "case.completed", 20, {"outcome": "granted"}, name=f"{case}-done", received=later)


def _poisoned() -> Iterator[bytes]:
    """A case that the recorded worker cannot judge (tests/unit/poison.py). The version under test can."""
    for case in ("P1", "P2"):
        yield _event(case, "case.accepted", 24 * 2, _filing(case))
        seen = {"name": "seen", "unit": _unit(case)}
        yield _event(case, "case.milestone", 24 * 3, seen, name=f"{POISON}-{case}")
        yield _event(case, "case.completed", 24 * 4, {})


def missing_types() -> set[str]:
    """The event types that the stream does not have."""
    there = {orjson.loads(line)["type"] for day in days() for line in day if line.startswith(b"{")}
    return set(MODELS) - there
