"""From a fact back to its event, for when the original record is not available."""

from collections.abc import Mapping
from typing import Any

from services.domain.intake.events import text_of
from services.domain.intake.facts import INSTANTS, KEY_SEPARATOR, Fact, FactType


def serialize(key: str, fact: Fact) -> dict[str, Any]:
    """The event in the form of the contract. Admitted again, it gives the same fact except for the digest: defaults are
    left out and times are in UTC. The arrival is left out, as in an event from outside.

    `key`: of the case.
    """
    owner, _, subject = key.partition(KEY_SEPARATOR)
    event: dict[str, Any] = {
        "specversion": "1.0",
        "id": fact.id,
        "source": fact.source,
        "type": FactType(fact.type).event_type,
        "subject": subject,
        "time": text_of(fact.time),
    }
    if owner != fact.source:
        event["caseowner"] = owner
    if fact.recorded is not None:
        event["recordedat"] = text_of(fact.recorded)
    return event | {"data": _data(fact.data)}


def _data(kept: Mapping[str, Any]) -> dict[str, Any]:
    data = dict(kept)
    for name in INSTANTS.intersection(data):
        data[name] = text_of(data[name])
    if data.get("event") is not None:
        data["event"] = _replacement(data["event"])
    return data


def _replacement(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What a correction puts in the place of its target."""
    event = {"type": kept["type"], "time": text_of(kept["time"]), "data": _data(kept["data"])}
    if kept["recorded"] is not None:
        event["recordedat"] = text_of(kept["recorded"])
    return event
