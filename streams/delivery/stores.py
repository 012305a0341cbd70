"""Where the acknowledged rows of a partition are kept: on disk, or in memory for tests."""

import shutil
import struct
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol, TypeAlias

from rocksdict import BlockBasedOptions, Cache, DBCompressionType, Options, Rdict, WriteBatch, WriteOptions

from services.messaging.records.rows import CLAIM_KEY

Change: TypeAlias = tuple[bytes, bytes | None]
"""A key and its row; None: the row is deleted."""

_PLACE = struct.Struct(">qq")

_CACHE_BYTES = 256 << 20
_MEMTABLE_BYTES = 16 << 20  # without a write-ahead log a kill -9 costs at most this much re-reading per partition
_OPEN_PATIENCE_SECONDS = 10.0


class Store(Protocol):
    """Where the acknowledged rows of one partition are kept, with the place in the changelog they stand for."""

    position: int
    """Offset of the last changelog record that is in the store; -1: none."""
    epoch: int
    """The highest epoch seen up to `position`; -1: none."""

    def get(self, key: bytes) -> bytes | None: ...
    def items(self) -> Iterator[tuple[bytes, bytes]]: ...
    def write(self, changes: Iterable[Change], position: int, epoch: int) -> None:
        """Rows and place change together or not at all."""

    def clear(self) -> None: ...
    def close(self) -> None: ...


class MemoryStore:
    """Rows in a dict, for tests: restored from the changelog's beginning at every start."""

    def __init__(self) -> None:
        self.position = self.epoch = -1
        self._rows: dict[bytes, bytes] = {}
        self.get = self._rows.get

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self._rows.items()))

    def write(self, changes: Iterable[Change], position: int, epoch: int) -> None:
        for key, row in changes:
            if row is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = row
        self.position, self.epoch = position, epoch

    def clear(self) -> None:
        self._rows.clear()
        self.position = self.epoch = -1

    def close(self) -> None:
        pass


class RocksStore:
    """Rows in RocksDB, one database per partition. The changelog is the write-ahead log, so RocksDB keeps none:
    what a kill -9 takes from the memtable is read again from the place that survived with the rows."""

    _cache: Cache | None = None  # shared by all partitions of a worker

    def __init__(self, path: Path) -> None:
        self._path = path
        self._unlogged = WriteOptions()
        self._unlogged.disable_wal = True  # type: ignore[method-assign,assignment]  # a property; the stub says method
        self._open()

    def _open(self) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        give_up = time.monotonic() + _OPEN_PATIENCE_SECONDS
        while True:
            try:
                self._rows = Rdict(str(self._path), self._options())
                break
            except Exception as error:  # rocksdict raises plain Exception; a worker that is still ending holds the lock
                if "lock" not in str(error).lower() or time.monotonic() > give_up:
                    raise
                time.sleep(0.2)
        self.get = self._rows.get
        place = self._rows.get(CLAIM_KEY)
        self.position, self.epoch = _PLACE.unpack(place) if place else (-1, -1)

    @classmethod
    def _options(cls) -> Options:
        cls._cache = cls._cache or Cache(_CACHE_BYTES)
        table = BlockBasedOptions()
        table.set_block_cache(cls._cache)
        table.set_bloom_filter(10, block_based=False)  # a new case is looked up and is not there
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        options.set_block_based_table_factory(table)
        options.set_write_buffer_size(_MEMTABLE_BYTES)
        options.set_memtable_whole_key_filtering(True)  # the same for what is not on disk yet
        options.set_memtable_prefix_bloom_ratio(0.05)
        options.set_compression_type(DBCompressionType.lz4())
        options.set_keep_log_file_num(2)
        return options

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        for key, row in self._rows.items():
            if key != CLAIM_KEY:
                yield key, row  # type: ignore[misc]  # raw mode: keys are bytes

    def write(self, changes: Iterable[Change], position: int, epoch: int) -> None:
        batch = WriteBatch(raw_mode=True)
        for key, row in changes:
            if row is None:
                batch.delete(key)
            else:
                batch.put(key, row)
        batch.put(CLAIM_KEY, _PLACE.pack(position, epoch))
        self._rows.write(batch, self._unlogged)
        self.position, self.epoch = position, epoch

    def clear(self) -> None:
        self._rows.close()
        shutil.rmtree(self._path)
        self._open()

    def close(self) -> None:
        self._rows.flush()
        self._rows.close()
