"""Header names that are not UTF-8, as a client in C may write them (GBK): both Kafka clients in Python raise at such a
record, at every attempt, and so never reach the records behind it.

Here it is read like any other. What is no UTF-8 in a name becomes U+FFFD, by which admission refuses the event; keys
and values stay as they are. A batch of good names is read as before and costs nothing.
"""

from collections.abc import Callable
from typing import Any, SupportsIndex

from kafka.record.default_records import DefaultRecordBatch


class LenientBytes(bytearray):
    """Bytes of which every part can be decoded: what is no UTF-8 becomes U+FFFD."""

    def __getitem__(self, place: SupportsIndex | slice) -> Any:
        found = super().__getitem__(place)
        return LenientBytes(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        """As text, whatever the bytes are."""
        return super().decode(encoding, "replace")


def lenient(read: Callable[..., Any]) -> Callable[..., Any]:
    """A `_read_msg` of a batch, as both clients have it, that reads a record with such a name, too. It moves on in the
    batch's `_buffer` only where it succeeds, so that the record can be read a second time."""

    def read_any(batch: Any) -> Any:
        try:
            return read(batch)
        except UnicodeDecodeError:
            batch._buffer = LenientBytes(batch._buffer)
            return read(batch)

    return read_any


def read_any_header_name() -> None:
    """Let kafka-python read such records, in every consumer of this process. A second call changes nothing."""
    if DefaultRecordBatch._read_msg is not _READ:
        DefaultRecordBatch._read_msg = _READ


_READ = lenient(DefaultRecordBatch._read_msg)
