"""`kpi.values`: value rows, and beside them signals and forecasts. This module alone knows their keys and fields.

| record | key | value: `computed_at`, `watermark`, and |
|---|---|---|
| value row | `kpi\\|variant\\|unit\\|item\\|window` | the cells of `ValueRow`, `state_at_midnight` |
| signal or forecast | `signal\\|signal\\|unit\\|item` | the cells of `SignalRow` |
| arrivals | `arrivals\\|` | `published_ms` and `arrivals` alone |

Every cell is a text, as in `values.csv`. `decode` gives the numbers as numbers, so that no reader parses a cell.
"""

from datetime import datetime
from typing import Final, NamedTuple

import orjson

from services.domain.judging.data_quality import FORECASTS, SignalRow
from services.domain.results.published import State, ValueRow
from services.domain.time.zone import Instant, instant_of
from services.messaging.records.fields import KeyValue, Unreadable, fields_of, finite, number_of, text, time_text, whole
from services.messaging.records.latencies import Pairs, arrivals_of

_SIGNAL: Final = b"signal|"
_ARRIVALS: Final = b"arrivals|"

_NOT_NUMBERS = {"kpi", "unit", "item", "variant", "window", "window_start", "window_end", "state", "plan_version"}
FIGURES: Final = tuple(name for name in ValueRow._fields if name not in _NOT_NUMBERS)
"""The columns of a value row that hold numbers."""


class Times(NamedTuple):
    """When a record was computed, and up to when everything is judged in it. RFC 3339, by the plan's clock."""

    computed_at: str
    watermark: str
    """Empty: an earlier version did not write it."""


class PublishedRow(NamedTuple):
    """A value row as it is published."""

    row: ValueRow
    figures: dict[str, float]
    """Column → number, for each column of FIGURES that is not empty."""
    computed_at: str
    watermark: str
    state_at_midnight: str
    """The state of the promise when the day began; the present state where the writer did not say."""

    @property
    def as_of(self) -> Instant | None:
        """The time for which the row was computed; None where it does not say so."""
        text = self.row.window_end or self.watermark
        return instant_of(datetime.fromisoformat(text)) if text else None


class Signal(NamedTuple):
    """A signal beside the value rows: how many cases, and of how many. Or a forecast: only its `mean` is set."""

    signal: str
    unit: str
    item: str
    n: int | None
    of: int | None
    mean: float | None

    @property
    def is_forecast(self) -> bool:
        return self.signal in FORECASTS


class Arrivals(NamedTuple):
    """Of the events that the rows before this record count for the first time. Real time, in ms since 1970."""

    published_ms: int
    arrivals: Pairs


# ---- writing ---------------------------------------------------------------------------------------------------
def row_key(row: ValueRow) -> bytes:
    """The key of a value row."""
    return "|".join((row.kpi, row.variant, row.unit, row.item, row.window)).encode()


def row_record(row: ValueRow, times: Times, state_at_midnight: str) -> KeyValue:
    """A value row to send. `state_at_midnight`: the state of the promise when the day began."""
    body = row._asdict() | times._asdict() | {"state_at_midnight": state_at_midnight}
    return row_key(row), orjson.dumps(body)


def signal_record(signal: SignalRow, times: Times) -> KeyValue:
    """A signal or forecast to send."""
    key = "|".join((signal.signal, signal.unit, signal.item)).encode()
    return _SIGNAL + key, orjson.dumps(signal._asdict() | times._asdict())


def arrivals_record(given: Arrivals) -> KeyValue:
    """Arrivals to send, behind the rows."""
    return _ARRIVALS, orjson.dumps({"published_ms": given.published_ms, "arrivals": given.arrivals})


# ---- reading ---------------------------------------------------------------------------------------------------
def is_arrivals(key: bytes) -> bool:
    """Whether a key is that of arrivals: neither a value row nor a signal."""
    return key == _ARRIVALS


def decode_arrivals(value: bytes | None) -> Arrivals:
    """When events arrived. Raises Unreadable."""
    fields = fields_of(value)
    return Arrivals(whole(fields, "published_ms"), arrivals_of(fields.get("arrivals")))


def is_signal(key: bytes) -> bool:
    """Whether a key is of a signal or forecast; else it is of a value row."""
    return key.startswith(_SIGNAL)


def decode(key: bytes, value: bytes | None) -> PublishedRow | Signal:
    """The record of a key. Raises Unreadable."""
    return decode_signal(value) if is_signal(key) else decode_row(value)


_ROW_DEFAULTS = dict.fromkeys(ValueRow._fields, "") | {"item": "-", "variant": "official"}
_ROW_NAMES = ("kpi", "unit", "window")
_ROW_TIMES = ("window_start", "window_end", "computed_at", "watermark")
_STATES = frozenset(State)


def decode_row(value: bytes | None) -> PublishedRow:
    """A value row. Raises Unreadable."""
    fields = fields_of(value)
    row = ValueRow(**{name: text(fields, name, default) for name, default in _ROW_DEFAULTS.items()})
    for name in _ROW_NAMES:
        text(fields, name)
    for name in _ROW_TIMES:
        time_text(fields, name)
    state, before = text(fields, "state"), text(fields, "state_at_midnight", "")
    return PublishedRow(
        row,
        figures_of(row),
        fields.get("computed_at", ""),
        fields.get("watermark", ""),
        before if before in _STATES else state,
    )


def figures_of(row: ValueRow) -> dict[str, float]:
    """Column → number, for each cell with a number that is not empty. Raises Unreadable."""
    cells = row._asdict()
    return {name: _number(name, cells[name]) for name in FIGURES if cells[name]}


def _number(column: str, cell: str) -> float:
    try:
        return finite(column, objective_of(cell) if column == "objective" else float(cell))
    except Unreadable:
        raise
    except ValueError:
        raise Unreadable(f"its field {column} is no number") from None


def objective_of(cell: str) -> float:
    """The number in the cell of an objective: `<= 28` is 28; of a range `3..5` the lower end, which must be reached.
    ValueError if there is none."""
    return float(cell.partition("..")[0].rpartition(" ")[2])


def decode_signal(value: bytes | None) -> Signal:
    """A signal or forecast. Raises Unreadable."""
    fields = fields_of(value)
    names = {name: text(fields, name) for name in ("signal", "unit", "item")}
    return signal_of(SignalRow(**names, **{name: text(fields, name, "") for name in ("n", "of", "mean")}))


def signal_of(row: SignalRow) -> Signal:
    """A signal or forecast with its numbers. Raises Unreadable."""
    numbers = {name: _number(name, cell) for name in ("n", "of", "mean") if (cell := getattr(row, name))}
    mean = numbers.get("mean")
    if row.signal in FORECASTS:
        if mean is None:
            raise Unreadable("it foretells nothing")
        return Signal(row.signal, row.unit, row.item, None, None, mean)
    n, of = (_whole(name, cell) for name, cell in (("n", row.n), ("of", row.of)))
    if n is None:
        raise Unreadable("its field n is no whole number")
    return Signal(row.signal, row.unit, row.item, n, of, mean)


def _whole(name: str, cell: str) -> int | None:
    number = number_of(cell.removeprefix("-"))
    if cell and number is None:
        raise Unreadable(f"its field {name} is no whole number")
    return number if number is None or not cell.startswith("-") else -number
