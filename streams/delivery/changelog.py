"""The records of a changelog: what a row, its deletion and a claim look like on the wire.

A record is `key -> epoch (8 bytes) + row`; a deleted row is `key -> None` with the epoch in a header. A claim has the
empty key.
"""

import struct
from collections.abc import Sequence
from typing import Protocol, TypeAlias

CLAIM_KEY = b""
"""Key of a claim in the changelog, and of the place in a store. No row may use it."""

EPOCH_HEADER = "epoch"

Change: TypeAlias = tuple[bytes, bytes | None]

_EPOCH = struct.Struct(">q")


class ChangelogRecord(Protocol):
    """What `PartitionRows.absorb` reads of an aiokafka ConsumerRecord."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class ForeignRecord(ValueError):
    """A changelog record that was not written by this program. Says why, and never quotes from it."""


def encode(epoch: int, row: bytes | None) -> tuple[bytes | None, list[tuple[str, bytes]]]:
    """Value and headers of a changelog record."""
    if row is None:
        return None, [(EPOCH_HEADER, _EPOCH.pack(epoch))]
    return _EPOCH.pack(epoch) + row, []


def decode(record: ChangelogRecord) -> tuple[int, bytes | None]:
    """Epoch and row of a changelog record; a row of None is deleted. Raises ForeignRecord."""
    value = record.value
    if value is not None:
        if len(value) < _EPOCH.size:
            raise ForeignRecord("it is too short to have an epoch")
        return _epoch(value, record.offset), value[_EPOCH.size :]
    for name, content in record.headers:
        if name == EPOCH_HEADER:
            if type(content) is not bytes or len(content) != _EPOCH.size:
                raise ForeignRecord("its epoch is none")
            return _epoch(content, record.offset), None
    raise ForeignRecord("it has no epoch")


def _epoch(content: bytes, offset: int) -> int:
    """The epoch of the record at an offset: the offset of a claim before it."""
    epoch: int = _EPOCH.unpack_from(content)[0]
    if epoch < 0:
        raise ForeignRecord("its epoch is below 0")
    if epoch > offset:
        raise ForeignRecord("its epoch is of a claim that is still to come")
    return epoch
