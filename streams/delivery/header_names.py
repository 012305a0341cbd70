"""Records whose header names are not UTF-8, for aiokafka 0.14.0; why is said in `services.messaging.header_names`.

aiokafka's reader in C raises at such a record. What it has given out until then stays; the rest of the fetch is read by
the reader in Python, which is lenient here. Every other fetch is read in C.
"""

from typing import Any

from aiokafka.consumer import fetcher  # type: ignore[import-untyped]
from aiokafka.record.default_records import (  # type: ignore[import-untyped]
    DefaultRecordBatch,
    _DefaultRecordBatchPy,
)
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy  # type: ignore[import-untyped]

from services.messaging.header_names import lenient


class _Records(MemoryRecords):  # type: ignore[misc]
    """What was fetched of a partition, with its bytes."""

    def __init__(self, fetched: bytes) -> None:
        super().__init__(fetched)
        self.fetched = fetched


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    _read_msg = lenient(_DefaultRecordBatchPy._read_msg)


class _LenientRecords(_MemoryRecordsPy):  # type: ignore[misc]
    """The same, read in Python, from the batch on in which an offset lies."""

    def __init__(self, fetched: bytes, offset: int) -> None:
        super().__init__(fetched)
        passed = MemoryRecords(fetched)
        while passed.has_next() and passed.next_batch().next_offset <= offset:
            self._cache_next()

    def next_batch(self) -> Any:
        content = self._next_slice
        batch = super().next_batch()
        return _LenientBatch(content) if isinstance(batch, DefaultRecordBatch) else batch


class _PartitionRecords(fetcher.PartitionRecords):  # type: ignore[misc]
    _records: Any
    _records_iterator: Any

    def __next__(self) -> Any:
        try:
            return next(self._records_iterator)  # as stock has it: one call more would cost a tenth
        except StopIteration:
            self._records_iterator = None
            raise
        except UnicodeDecodeError:
            if not isinstance(self._records, _Records):
                raise
            # What was given out already lies below `next_fetch_offset`, and is passed over in this batch.
            self._records = _LenientRecords(self._records.fetched, self.next_fetch_offset)
            self._records_iterator = self._unpack_records()
            return super().__next__()


def read_any_header_name() -> None:
    """Let aiokafka read such records, in every consumer of this process. A second call changes nothing."""
    fetcher.MemoryRecords = _Records
    fetcher.PartitionRecords = _PartitionRecords
