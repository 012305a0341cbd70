"""`worker.failures`: workers that died several times in a row of one cause. This module alone knows its fields.

Key: the worker's name. Value: the fields of `WorkerFailure`; none once the worker works.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from services.messaging.records.fields import KeyValue, Unreadable, fields_of, text, whole
from services.runtime.worker_failures import WorkerFailure


def failure_record(worker: str, failure: WorkerFailure | None) -> KeyValue:
    """A failure to send; None: the worker works."""
    return worker.encode(), None if failure is None else orjson.dumps(failure._asdict())


def decode(value: bytes | None) -> WorkerFailure:
    """A failure. Raises Unreadable."""
    fields = fields_of(value)
    return WorkerFailure(
        worker=text(fields, "worker"),
        stage=text(fields, "stage"),
        cause=text(fields, "cause"),
        times=whole(fields, "times"),
        since=_seconds(fields, "since"),
        last=_seconds(fields, "last"),
    )


def _seconds(fields: Mapping[str, Any], name: str) -> float:
    value: Any = fields.get(name)
    if type(value) not in (int, float) or not 0 <= value < 2**33:
        raise Unreadable(f"its field {name} is no time")
    return float(value)
