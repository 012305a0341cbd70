"""`case.quarantine`: the cases that cannot be judged. Key: the case key; a value of null says that it is released."""

from typing import NamedTuple

import orjson

from services.domain.results.case_row import QuarantineState
from services.domain.time.zone import Zone
from services.messaging.decoding import fields_of

Record = tuple[bytes, bytes | None]
"""Key and value as they are sent."""


class QuarantinedCase(NamedTuple):
    """One record."""

    cause: str
    """Type of the error and place in the code."""
    since: str
    """RFC 3339 in the plan's zone."""
    kpis: tuple[str, ...]
    units: tuple[str, ...]
    """Empty: its events name none."""


def record(key: bytes, held: QuarantineState, zone: Zone) -> Record:
    """What is published of a case that is quarantined, or was once."""
    if not held.cause:
        return key, None
    units = [unit for unit in held.units if unit]
    body = {"cause": held.cause, "since": zone.text(held.since), "kpis": held.kpis, "units": units}
    return key, orjson.dumps(body)


def decode(value: bytes) -> QuarantinedCase:
    """The case of a record. Raises Unreadable; what a version leaves out is empty, what it adds is ignored."""
    body = fields_of(value)
    cause, since = str(body.get("cause") or ""), str(body.get("since") or "")
    return QuarantinedCase(cause, since, _texts(body.get("kpis")), _texts(body.get("units")))


def _texts(told: object) -> tuple[str, ...]:
    return tuple(each for each in told if isinstance(each, str)) if isinstance(told, list) else ()
