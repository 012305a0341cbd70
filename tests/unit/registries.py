"""A small plan whose registries the tests of the edge ask, and events that it admits."""

from datetime import date
from typing import Any

import orjson

from services.domain.plan.all_kinds import promise_of
from services.domain.plan.plan import (
    AttributeSpec,
    Collection,
    Plan,
    PlanHead,
    ServiceItem,
    Source,
    Title,
    Unit,
)

TITLE = Title(zh="水", en="Water")
WATER = "/units/water"
SEALS = "/units/seals"
OPERATIONS = "/operations"
LIMIT = {"amount": 4, "unit": "working_days"}


def plan(*, is_open: bool = False) -> Plan:
    """Water and seals: two service items, three sources, one collection, one duty."""
    return Plan(
        head=PlanHead(
            id="small",
            title=TITLE,
            issued=date(2021, 8, 20),
            timezone="Asia/Shanghai",
            calendar="cn",
            text="plan.txt",
            version="1",
            collections=(Collection(id="catalogue", title=TITLE, attributes={"online": AttributeSpec(type="bool")}),),
            duties={"report": TITLE},
            figures={"queries": TITLE},
            reasons=("hearing", "weather"),
            open=is_open,
        ),
        promises=(
            promise_of(
                {
                    "id": "K06-1",
                    "item": 6,
                    "clause": "x",
                    "title": {"zh": "水", "en": "Water"},
                    "kind": "case_limit",
                    "strength": "hard",
                    "limit": "4 working_days",
                    "effective_from": date(2021, 8, 20),
                }
            ),
        ),
        units={name: Unit(id=name, title=TITLE) for name in ("water", "planning", "seals")},
        service_items={
            "water.connection": ServiceItem(
                code="water.connection",
                title=TITLE,
                attributes={
                    "project_size": AttributeSpec(type="code", values=("small", "large")),
                    "external_line": AttributeSpec(type="bool"),
                    "pipe": AttributeSpec(type="integer"),
                    "fee": AttributeSpec(type="number"),
                    "note": AttributeSpec(type="text"),
                    "areas": AttributeSpec(type="codes"),
                },
                milestones=("connected",),
                nodes=("survey",),
                quantities=("visits",),
            ),
            "seal.issue": ServiceItem(code="seal.issue", title=TITLE),
        },
        sources={
            WATER: Source(id=WATER, units=("water", "planning")),
            SEALS: Source(id=SEALS, units=("seals",), owners=(WATER,), real_time=True),
            OPERATIONS: Source(id=OPERATIONS, units=("*",), owners=("*",), real_time=True, operations=True),
        },
        fingerprint="0",
    )


def event(event_type: str = "case.accepted", data: Any = None, **attributes: Any) -> dict[str, Any]:
    """An event that the plan admits, unless the attributes say otherwise; an attribute of None is left out."""
    if data is None:
        data = {"service_item": "water.connection", "unit": "water"} if event_type == "case.accepted" else {}
    whole = {
        "specversion": "1.0",
        "id": "e-1",
        "source": WATER,
        "type": event_type,
        "subject": "W-2021-000123",
        "time": "2021-09-16T09:12:00+08:00",
        "recordedat": "2021-09-16T09:12:05+08:00",
        "data": data,
        **attributes,
    }
    return {name: value for name, value in whole.items() if value is not None}


def raw(event_type: str = "case.accepted", data: Any = None, **attributes: Any) -> bytes:
    """The bytes of such an event."""
    return orjson.dumps(event(event_type, data, **attributes))


EXAMPLES: dict[str, dict[str, Any]] = {
    "case.applied": {"service_item": "water.connection", "unit": "water", "channel": "counter"},
    "case.accepted": {
        "service_item": "water.connection",
        "unit": "water",
        "channel": "online",
        "applicant": "enterprise",
        "committed_limit": LIMIT,
        "statutory_limit": {"amount": 20, "unit": "working_days"},
        "due_at": "2021-09-22T16:00:00Z",
        "parent": f"{WATER}\x1fP-1",
        "attributes": {
            "project_size": "small",
            "external_line": False,
            "pipe": 3,
            "fee": 12.5,
            "note": "渝北",
            "areas": ["a"],
        },
    },
    "case.supplement_requested": {"round": 1, "reason": "the drawing is missing"},
    "case.refused": {"reason": "not ours"},
    "case.reclassified": {"service_item": "seal.issue", "applicant": "unknown", "committed_limit": LIMIT},
    "case.milestone": {"name": "connected", "unit": "water", "attributes": {"pipe": 2}},
    "case.node_started": {"node": "survey", "unit": "planning", "limit": LIMIT},
    "case.node_ended": {"node": "survey", "unit": "planning"},
    "case.suspended": {"reason": "hearing", "unit": "water"},
    "case.resumed": {"reason": "hearing", "unit": "water"},
    "case.extended": {"limit": LIMIT, "authority": "district", "reason": "weather"},
    "case.measured": {"quantity": "visits", "value": -1.5, "unit_of_measure": "visits"},
    "case.completed": {"outcome": "granted", "channel": "online", "attributes": {"external_line": True}},
    "case.withdrawn": {"reason": "moved away"},
    "case.reopened": {"reason": "new_request"},
    "case.rated": {"score": 5, "rated_by": "applicant"},
    "case.justified": {"kpi": "K06-1", "reason": "weather", "decision": "requested"},
    "case.confirmed": {
        "kpi": "K06-1",
        "decision": "accepted",
        "cycle": 1,
        "through": "2021-09-16T08:00:00+08:00",
    },
    "correction": {
        "of": "e-0",
        "event": {
            "specversion": "1.0",
            "id": "e-0",
            "source": WATER,
            "type": "case.accepted",
            "subject": "W-2021-000123",
            "time": "2021-09-16T08:00:00+08:00",
            "recordedat": "2021-09-16T08:00:00+08:00",
            "data": {"service_item": "water.connection", "unit": "water"},
        },
    },
    "item.upserted": {"collection": "catalogue", "unit": "water", "attributes": {"online": True}},
    "item.retired": {"collection": "catalogue", "unit": "water"},
    "duty.fulfilled": {"duty": "report", "unit": "water", "period": "2021-10"},
    "figure.reported": {
        "quantity": "queries",
        "unit": "water",
        "period": "2021-10",
        "numerator": 3,
        "denominator": 4.5,
    },
    "source.heartbeat": {},
}
"""Data of each type that the plan admits (`case.confirmed` from the operations centre)."""


def example(event_type: str) -> dict[str, Any]:
    """An admissible event of the type."""
    source = OPERATIONS if event_type == "case.confirmed" else WATER
    owner = WATER if source == OPERATIONS else None
    return event(event_type, EXAMPLES[event_type], source=source, caseowner=owner)
