"""`case.verdicts`: misses, late entries and reversals. This module alone knows its key and its fields.

Key: `kpi|case|cycle`, the case with U+001F between owner and subject. Value: the fields of `Verdict`; none where the
verdict was retracted.
"""

import orjson

from services.domain.results.published import Verdict
from services.messaging.records.fields import KeyValue, Unreadable, fields_of, text, time_text, whole

_TIMES = ("started_at", "due_at", "stopped_at", "judged_at")
_TEXTS = tuple(name for name in Verdict._fields if name != "cycle")


def verdict_record(kpi: str, case: str, cycle: int, verdict: Verdict | None) -> KeyValue:
    """A verdict to send; None: it was retracted, its key is removed. `case`: the case key."""
    return f"{kpi}|{case}|{cycle}".encode(), None if verdict is None else orjson.dumps(verdict._asdict())


def decode(value: bytes | None) -> Verdict:
    """A verdict. Raises Unreadable."""
    fields = fields_of(value)
    for name in _TIMES:
        time_text(fields, name)
    for name in ("kpi", "case", "verdict"):
        text(fields, name)
    return Verdict(cycle=whole(fields, "cycle"), **{name: text(fields, name, "") for name in _TEXTS})


def case_of_key(key: bytes) -> str:
    """The case key in the key of a record. Raises Unreadable."""
    kpi, _, rest = key.decode(errors="replace").partition("|")
    case, _, cycle = rest.rpartition("|")
    if not kpi or not case or not cycle:
        raise Unreadable("its key is none of a verdict")
    return case
