"""`kpi.tallies`: what owners of source partitions append. This module alone knows keys and fields; what a reader makes
of the log is in `services/messaging/tally_log.py`.

| record | key | value, beside `type`, `partition`, `epoch` |
|---|---|---|
| claim | `claim\\|partition\\|epoch` | |
| row | `row\\|partition\\|epoch\\|kpi\\|unit\\|item\\|day` | `key`, `tally` |
| complete | `complete\\|partition\\|epoch` | |
| progress | `progress\\|partition` | the fields of `Progress` |

Older versions wrote claims and completions without the epoch in the key.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson

from services.domain.sums.tally import TALLY_FIELDS, Tally, TallyKey
from services.domain.time.zone import Instant
from services.messaging.records.fields import KeyValue, Unreadable, fields_of, is_whole, whole
from services.messaging.records.latencies import Latencies, Pairs, arrivals_of

_PROGRESS = b"progress|"
_SEPARATOR = "|"
_CLAIM, _COMPLETE, _ROW = "claim", "complete", "row"

_LAST_DAY = 3_000_000
"""Ordinal of a day that no event names."""
_LAST_INSTANT = 13_569_465_600_000_000
"""The year 2400."""
_DIGITS = 100
"""Sums have fewer."""


class Claim(NamedTuple):
    """The owner of this epoch takes over a source partition."""

    partition: int
    epoch: int


class Complete(NamedTuple):
    """All rows of this epoch have been appended."""

    partition: int
    epoch: int


class TallyRow(NamedTuple):
    """A tally of an owner, not decoded yet: a row that no longer counts need not be."""

    partition: int
    epoch: int
    record_key: bytes
    body: Mapping[str, Any]

    def decode(self) -> tuple[TallyKey, Tally]:
        """The tally. Raises Unreadable."""
        key, tally = _tally_key(self.body.get("key")), _tally(self.body.get("tally"))
        if self.record_key != _row_key(self.partition, self.epoch, key):
            raise Unreadable("its key names another row than its value")
        return key, tally


class Progress(NamedTuple):
    """How far an owner has got with a source partition."""

    partition: int
    epoch: int
    swept_to: Instant
    """Every case of the partition is judged as of this instant at least."""
    sources: Mapping[str, Instant]
    """Source → arrival of its last event in this partition."""
    lag: int
    """Records of this partition not yet read."""
    position: int = 0
    """Every record of the partition before this offset is in the rows."""
    judged_to: Instant = 0
    """Nothing in the rows is judged as of later than this, whoever judged it. Later than `swept_to` where the clock was
    set back; 0 where the writer did not say."""
    lost: int = 0
    """Rows of the changelog that cannot be read: their cases are missing in the sums."""
    quarantined: int | None = None
    """How many cases cannot be judged now; None where the writer did not say."""
    retried: int = 0
    """How many times this owner has judged a quarantined case again, one after the other in turn."""
    refused: Mapping[str, int] = {}
    """Source → how many of its events this owner has refused; the empty source: it is not known which."""
    left_out: Mapping[str, int] = {}
    """Source → how many of them have no dead letter, since it had too many."""
    answered: tuple[int, ...] = ()
    """How long the events waited that this owner has judged (`Latencies.packed`); empty: the writer did not say."""
    arrivals: Pairs = ()
    """When the events arrived that are in the tallies since its progress before this one."""

    @property
    def latest(self) -> Instant:
        """Nothing in the rows is judged as of later than this, nor has anything arrived later."""
        return max(self.swept_to, self.judged_to, *self.sources.values())

    def record(self) -> KeyValue:
        """As it is sent."""
        return _progress_key(self.partition), orjson.dumps({"type": "progress", **self._asdict()})


# ---- writing ---------------------------------------------------------------------------------------------------
def claim(partition: int, epoch: int) -> KeyValue:
    """The claim of an owner to send."""
    return _mark(_CLAIM, partition, epoch)


def complete(partition: int, epoch: int) -> KeyValue:
    """The completion of an owner's rows to send."""
    return _mark(_COMPLETE, partition, epoch)


def row(partition: int, epoch: int, key: TallyKey, tally: Tally) -> KeyValue:
    """The whole tally to send; an empty one says that it counts nothing any more."""
    body = {"type": _ROW, "partition": partition, "epoch": epoch, "key": list(key), "tally": tally.packed()}
    return _row_key(partition, epoch, key), orjson.dumps(body)


def _mark(kind: str, partition: int, epoch: int) -> KeyValue:
    return _mark_key(kind, partition, epoch), orjson.dumps({"type": kind, "partition": partition, "epoch": epoch})


def _mark_key(kind: str, partition: int, epoch: int) -> bytes:
    return _SEPARATOR.join((kind, str(partition), str(epoch))).encode()


def mark_keys(partition: int, epoch: int) -> Iterator[bytes]:
    """The keys of an owner's claim and completion."""
    return (_mark_key(kind, partition, epoch) for kind in (_CLAIM, _COMPLETE))


def _row_key(partition: int, epoch: int, key: TallyKey) -> bytes:
    return _SEPARATOR.join((_ROW, str(partition), str(epoch), key.kpi, key.unit, key.item, str(key.day))).encode()


def _progress_key(partition: int) -> bytes:
    return _PROGRESS + str(partition).encode()


# ---- reading ---------------------------------------------------------------------------------------------------
def decode(key: bytes, value: bytes | None) -> Claim | Complete | TallyRow | Progress:
    """A record of the log. Raises Unreadable."""
    body = fields_of(value)
    kind = body.get("type")
    if kind == "progress":
        return _progress(key, body)
    partition, epoch = whole(body, "partition"), whole(body, "epoch")
    if kind == _ROW:
        return TallyRow(partition, epoch, key, body)
    if kind not in (_CLAIM, _COMPLETE):
        raise Unreadable("its type is none that is known")
    if key not in (_mark_key(kind, partition, epoch), f"{kind}|{partition}".encode()):  # the second: of older versions
        raise Unreadable("its key names another owner than its value")
    return Claim(partition, epoch) if kind == _CLAIM else Complete(partition, epoch)


def owner_of_row(key: bytes) -> tuple[int, int] | None:
    """Partition and epoch of a row, by its key; None where the key is no row's."""
    match key.split(b"|", 3):
        case [b"row", partition, epoch, _] if _is_number(partition) and _is_number(epoch):
            return int(partition), int(epoch)
    return None


def _is_number(text: bytes) -> bool:
    return text.isdigit() and len(text) < 20


def is_progress(key: bytes) -> bool:
    """Whether a key is of a progress."""
    return key.startswith(_PROGRESS)


def decode_progress(key: bytes, value: bytes | None) -> Progress:
    """The progress of a record. Raises Unreadable."""
    return _progress(key, fields_of(value))


def _progress(key: bytes, body: dict[str, Any]) -> Progress:
    partition = whole(body, "partition")
    if key != _progress_key(partition):
        raise Unreadable("its key names another partition than its value")
    for name in ("swept_to", "judged_to"):
        if not is_whole(body.get(name, 0), 0, _LAST_INSTANT):
            raise Unreadable(f"its field {name} is no time")
    return Progress(
        partition=partition,
        epoch=whole(body, "epoch"),
        swept_to=whole(body, "swept_to"),
        sources=_arrivals(body.get("sources", {})),
        lag=whole(body, "lag", 0),
        position=whole(body, "position", 0),
        judged_to=whole(body, "judged_to", 0),
        lost=whole(body, "lost", 0),
        quarantined=None if body.get("quarantined") is None else whole(body, "quarantined"),
        retried=whole(body, "retried", 0),
        refused=_counts(body.get("refused", {})),
        left_out=_counts(body.get("left_out", {})),
        answered=_answered(body.get("answered", [])),
        arrivals=arrivals_of(body.get("arrivals", [])),
    )


def _answered(packed: Any) -> tuple[int, ...]:
    return Latencies.unpacked(packed).packed() if packed else ()


def _arrivals(sources: Any) -> Mapping[str, Instant]:
    if type(sources) is not dict or not all(
        is_whole(arrived, -_LAST_INSTANT, _LAST_INSTANT) for arrived in sources.values()
    ):
        raise Unreadable("it does not say what has arrived from whom")
    return sources


def _counts(sources: Any) -> Mapping[str, int]:
    if type(sources) is not dict or not all(is_whole(count) for count in sources.values()):
        raise Unreadable("it does not say how many events were refused")
    return sources


def _tally_key(parts: Any) -> TallyKey:
    if type(parts) is not list or len(parts) != 4 or not all(type(part) is str for part in parts[:3]):
        raise Unreadable("it names no tally")
    if not parts[0]:
        raise Unreadable("it names no promise and no signal")
    if not is_whole(parts[3], 0, _LAST_DAY):
        raise Unreadable("it names no day")
    return TallyKey(*parts)


def _tally(packed: Any) -> Tally:
    """A tally out of its packed form (`Tally.packed`), checked: other numbers would give wrong sums."""
    match packed:
        case [list(cells), list(bins)] if all(map(_is_cell, cells)) and all(map(_is_bin, bins)):
            return Tally.unpacked(packed)
    raise Unreadable("it holds no tally")


def _is_cell(pair: Any) -> bool:
    match pair:
        case [cell, int() | str() as amount] if is_whole(cell, 0, TALLY_FIELDS - 1) and type(amount) is not bool:
            digits = amount.removeprefix("-") if isinstance(amount, str) else "0"
            return digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS
    return False


def _is_bin(pair: Any) -> bool:
    match pair:
        case [bin, count]:
            return is_whole(bin, -(2**63)) and is_whole(count, -(2**63))
    return False
