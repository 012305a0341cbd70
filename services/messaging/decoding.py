"""Records of our topics as a reader takes them: what any version may have written, or else `Unreadable`.

A topic outlives the version that wrote it, and somebody else may have written into it. So whoever reads takes records
through here: fields that an older version did not write have their meaning of that time, fields that a newer one adds
are left aside, and whatever else is not as the topic has it is `Unreadable`. The reader counts it, logs its place with
`passed_over`, and goes on with the next record.
"""

import logging
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple, TypeGuard

import orjson

from services.domain.judging.data_quality import FORECASTS
from services.domain.results.published import Card, Level, State, ValueRow, Verdict
from services.domain.time.zone import Instant, instant_of
from services.messaging import metrics
from services.messaging.series import number_of
from services.process.worker_failures import WorkerFailure

SIGNAL = b"signal|"
"""Begins the keys of what is published beside the value rows."""

_LARGEST = 2**63 - 1
_YEARS = range(1900, 2400)
"""Events are of 1900 to 2199; a limit may end later."""


class Unreadable(ValueError):
    """A record that is not what its topic promises. Says what is wrong, and never quotes from it: it may hold what must
    not be seen."""


class Published(NamedTuple):
    """A value row with what is published around it."""

    row: ValueRow
    computed_at: str
    """RFC 3339, by the plan's clock."""
    watermark: str
    """RFC 3339: everything up to then is judged. Empty: an earlier version did not know."""
    state_at_midnight: str
    """The state in which the promise stood when the day began; the present one where the writer did not say."""

    @property
    def as_of(self) -> Instant | None:
        """The time for which the row was computed; None where it does not say so."""
        text = self.row.window_end or self.watermark
        return instant_of(datetime.fromisoformat(text)) if text else None


def passed_over(log: logging.Logger, topic: str, partition: int, offset: int, reason: object) -> None:
    """Log that a record was not read, and where it is: never its key or its content."""
    log.warning("%s, partition %d, offset %d: the record cannot be read and is passed over: %s", topic, partition,
                offset, reason)  # fmt: skip


# ---- parts of records ------------------------------------------------------------------------------------------
def fields_of(value: bytes | None) -> dict[str, Any]:
    """The fields of a record that is a JSON object."""
    if value is None:
        raise Unreadable("it has no value")
    try:
        fields = orjson.loads(value)
    except ValueError:
        raise Unreadable("it is not JSON") from None
    if type(fields) is not dict:
        raise Unreadable("it is no JSON object")
    return fields


def is_whole(value: object, least: int = 0, most: int = _LARGEST) -> TypeGuard[int]:
    """Whether it is a whole number within limits; `true` is none."""
    return type(value) is int and least <= value <= most


def whole(fields: Mapping[str, Any], name: str, default: int | None = None, *, least: int = 0) -> int:
    """A field that is a whole number of at most 64 bits."""
    value = fields.get(name, default)
    if not is_whole(value, least):
        raise Unreadable(f"its field {name} is no whole number, or out of bounds")
    return value


def text(fields: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A field that is a text; without a default it must be there and not empty."""
    value = fields.get(name, default)
    if type(value) is not str or (default is None and not value):
        raise Unreadable(f"its field {name} is no text")
    return value


def moment(fields: Mapping[str, Any], name: str) -> str:
    """A field that is a time (RFC 3339 with an offset), or empty."""
    written = text(fields, name, "")
    if written:
        try:
            parsed = datetime.fromisoformat(written)
        except ValueError:
            raise Unreadable(f"its field {name} is no time") from None
        if parsed.tzinfo is None or parsed.year not in _YEARS:
            raise Unreadable(f"its field {name} is a time without offset, or of no year that is judged")
    return written


def _number(fields: Mapping[str, Any], name: str) -> None:
    written = text(fields, name, "")
    if written:
        try:
            number = number_of(name, written)
        except ValueError:
            raise Unreadable(f"its field {name} is no number") from None
        if not math.isfinite(number):
            raise Unreadable(f"its field {name} is no finite number")


# ---- kpi.values ------------------------------------------------------------------------------------------------
_ROW_DEFAULTS = dict.fromkeys(ValueRow._fields, "") | {"item": "-", "variant": "official"}
_ROW_NAMES = ("kpi", "unit", "window")
_ROW_TIMES = ("window_start", "window_end", "computed_at", "watermark")


def read_row(value: bytes | None) -> Published:
    """A value row. Raises Unreadable."""
    fields = fields_of(value)
    cells = {name: text(fields, name, default) for name, default in _ROW_DEFAULTS.items()}
    for name in _ROW_NAMES:
        text(fields, name)
    for name in _ROW_TIMES:
        moment(fields, name)
    for name in metrics.ROW_METRICS:
        _number(fields, name)
    state, before = text(fields, "state"), text(fields, "state_at_midnight", "")
    return Published(
        ValueRow(**cells), fields.get("computed_at", ""), fields.get("watermark", ""),
        before if before in _STATES else state,
    )  # fmt: skip


_STATES = frozenset(State)


def read_signal(value: bytes | None) -> dict[str, str]:
    """A signal (`domain.signals.SignalRow` by its fields), or a forecast. Raises Unreadable."""
    fields = fields_of(value)
    signal = {name: text(fields, name) for name in metrics.SIGNAL_LABELS}
    signal |= {name: text(fields, name, "") for name in ("n", "of", "mean")}
    for name in ("n", "of", "mean"):
        _number(signal, name)
    if signal["signal"] in FORECASTS:
        if not signal["mean"]:
            raise Unreadable("it foretells nothing")
        return signal
    for name in ("n", "of"):
        if signal[name] and not signal[name].removeprefix("-").isdecimal():
            raise Unreadable(f"its field {name} is no whole number")
    if not signal["n"]:
        raise Unreadable("its field n is no whole number")
    return signal


# ---- alert.cards, case.verdicts --------------------------------------------------------------------------------
def read_card(value: bytes | None) -> Card:
    """A card. Raises Unreadable."""
    fields = fields_of(value)
    for name in ("raised_at", "due_at", "cleared_at"):
        moment(fields, name)
    if fields.get("level") not in _LEVELS:
        raise Unreadable("its level is none that is known")
    return Card(
        kpi=text(fields, "kpi"),
        case=text(fields, "case"),
        cycle=whole(fields, "cycle"),
        node=text(fields, "node", "-"),
        level=fields["level"],
        unit=text(fields, "unit", ""),
        raised_at=text(fields, "raised_at"),
        due_at=text(fields, "due_at", ""),
        cleared_at=text(fields, "cleared_at", ""),
        reason=text(fields, "reason", ""),
    )


_LEVELS = tuple(Level)


def read_verdict(value: bytes | None) -> Verdict:
    """A verdict. Raises Unreadable."""
    fields = fields_of(value)
    for name in ("started_at", "due_at", "stopped_at", "judged_at"):
        moment(fields, name)
    texts = {name: text(fields, name, "") for name in Verdict._fields if name != "cycle"}
    for name in ("kpi", "case", "verdict"):
        text(fields, name)
    return Verdict(cycle=whole(fields, "cycle"), **texts)


# ---- worker.failures -------------------------------------------------------------------------------------------
def read_failure(value: bytes | None) -> WorkerFailure:
    """A record of worker.failures. Raises Unreadable."""
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
