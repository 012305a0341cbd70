"""The changelog of the cases stage: one row for each case. This module alone knows its keys and its bytes.

| record | key | value | header |
|---|---|---|---|
| row | the case key | epoch (8 bytes, big-endian, signed), then the row as JSON | |
| deleted row | the case key | none | `epoch` |
| claim | empty | `claim`; its offset is the epoch | |

What a row holds is the business of `services/domain/results/case_partition.py`.
"""

import json
import struct
from collections.abc import Sequence
from typing import Any, Final, Protocol

import orjson

from services.messaging.records.fields import Unreadable

CLAIM_KEY: Final = b""
"""Key of a claim in the changelog, and of the place in a store. No row may use it."""
EPOCH_HEADER: Final = "epoch"

_EPOCH = struct.Struct(">q")


class ChangelogRecord(Protocol):
    """What `decode` reads of a consumer's record."""

    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


# ---- the epoch around a row --------------------------------------------------------------------------------------
def encode(epoch: int, row: bytes | None) -> tuple[bytes | None, list[tuple[str, bytes]]]:
    """Value and headers of a changelog record."""
    if row is None:
        return None, [(EPOCH_HEADER, _EPOCH.pack(epoch))]
    return _EPOCH.pack(epoch) + row, []


def decode(record: ChangelogRecord) -> tuple[int, bytes | None]:
    """Epoch and row of a changelog record. Raises Unreadable."""
    value = record.value
    if value is not None:
        if len(value) < _EPOCH.size:
            raise Unreadable("it is too short to have an epoch")
        return _epoch(value), value[_EPOCH.size :]
    for name, content in record.headers:
        if name == EPOCH_HEADER:
            if type(content) is not bytes or len(content) != _EPOCH.size:
                raise Unreadable("its epoch is none")
            return _epoch(content), None
    raise Unreadable("it has no epoch")


def _epoch(content: bytes) -> int:
    epoch: int = _EPOCH.unpack_from(content)[0]
    if epoch < 0:
        raise Unreadable("its epoch is below 0")
    return epoch


# ---- the row -------------------------------------------------------------------------------------------------------
_ANY: Final = b"\x01"
"""Begins a row that JSON's fast writer cannot write: no JSON text begins so."""


def dump_row(row: Any) -> bytes:
    """A row of facts as it is stored. What orjson cannot write (integers beyond 64 bits, very deep values) the standard
    library can: no fact is lost for that."""
    try:
        return orjson.dumps(row)
    except TypeError:
        return _ANY + json.dumps(row, separators=(",", ":")).encode()


def load_row(stored: bytes) -> Any:
    """The row that was stored. ValueError if it is none."""
    try:
        return orjson.loads(stored)
    except ValueError:
        if stored[:1] != _ANY:
            raise
    return json.loads(stored[1:])
