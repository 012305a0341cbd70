"""`case.quarantine`: the cases that cannot be judged. This module alone knows its key and its fields.

Key: the case key. Value: the fields of `QuarantinedCase`; none once the case is released.
"""

from typing import NamedTuple

import orjson

from services.domain.results.case_row import QuarantineState
from services.domain.time.zone import Zone
from services.messaging.records.fields import KeyValue, fields_of


class QuarantinedCase(NamedTuple):
    """A case that cannot be judged."""

    cause: str
    """Type of the error and place in the code."""
    since: str
    """RFC 3339 in the plan's zone."""
    kpis: tuple[str, ...]
    units: tuple[str, ...]
    """Empty: its events name none."""


def quarantine_record(case: bytes, held: QuarantineState, zone: Zone) -> KeyValue:
    """A quarantined case to send; of a released one the removal of its key. `case`: the case key."""
    if not held.cause:
        return case, None
    units = [unit for unit in held.units if unit]
    body = {"cause": held.cause, "since": zone.text(held.since), "kpis": held.kpis, "units": units}
    return case, orjson.dumps(body)


def decode(value: bytes | None) -> QuarantinedCase:
    """A quarantined case; what a version did not write is empty. Raises Unreadable."""
    body = fields_of(value)
    cause, since = str(body.get("cause") or ""), str(body.get("since") or "")
    return QuarantinedCase(cause, since, _texts(body.get("kpis")), _texts(body.get("units")))


def _texts(listed: object) -> tuple[str, ...]:
    return tuple(each for each in listed if isinstance(each, str)) if isinstance(listed, list) else ()
