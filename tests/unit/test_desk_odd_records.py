"""Records of other writers and versions break no page of the desk."""

from pathlib import Path
from typing import Any

import pytest

from services.messaging.records.decisions import Matter
from services.messaging.records.ledger import Kind, Request
from tests.unit.acting_world import KEY, ActingWorld
from tests.unit.test_desk_acts import CENTRE, START, WORKS
from tests.unit.test_desk_assignments import HELPERS
from tests.unit.test_desk_withdrawals import case

MATTER = Matter("S", KEY, 1)
ODD: tuple[Any, ...] = (None, 7, -1, True, "", "x", ["x"], {"x": 1}, [7], "2021-02-30", 10**15, 1.5)
BODIES: dict[str, tuple[Kind, dict[str, Any]]] = {
    "assignment": (Kind.DECIDED, {"about": "assignment", "decision": "assigned", "to": "helpers", "why": "help",
                                  "until": "2021-09-28"}),
    "circular": (Kind.DECIDED, {"about": "circular", "decision": "issued", "step": 1, "units": ["works"]}),
    "withdrawal": (Kind.DECIDED, {"about": "withdrawal", "decision": "withdrawn", "withdraws": 1}),
    "again": (Kind.DECIDED, {"about": "reason", "decision": "accepted", "again": 1}),
    "refusal": (Kind.DECIDED, {"about": "extension", "decision": "refused"}),
    "extension": (Kind.ASKED, {"about": "extension", "limit": {"amount": 3, "unit": "working_days"}, "reason": "x"}),
    "taken back": (Kind.ASKED, {"about": "withdrawal", "withdraws": 1}),
    "reply": (Kind.REPLIED, {"until": "2021-09-28"}),
    "acknowledged": (Kind.ACKNOWLEDGED, {"until": "2021-09-28"}),
    "step": (Kind.STEP, {"step": "circular", "level": "red", "node": "-", "unit": "works", "days": 10}),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", BODIES)
def test_no_record_of_another_writer_breaks_a_page(tmp_path: Path, name: str) -> None:
    world = ActingWorld(tmp_path, [START])
    kind, body = BODIES[name]
    whole = {**MATTER.fields(), "by": "x", "role": "unit", **body}
    for number, (field, odd) in enumerate((field, odd) for field in whole for odd in ODD):
        request = Request(f"o{number}", kind, "other", MATTER.subject, "works", seen=10**9, body=whole | {field: odd})
        world.keeper_world.ask(request)
    world.keep()
    for viewer in (CENTRE, WORKS, HELPERS):
        client = world.client(viewer)
        acts = [world.act(act, "S") for act in ("decide-extension", "withdraw-decision", "send-again", "extension")]
        for path in (case(world), "/waiting", "/circulars", "/assignments", "/district", "/orders", *acts):
            assert client.get(path).status_code < 500, path
