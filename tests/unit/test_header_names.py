"""Records whose header names are not UTF-8 are read by both Kafka clients: each once, in order, whatever the batch."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from aiokafka.consumer import fetcher  # type: ignore[import-untyped]
from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED  # type: ignore[import-untyped]
from aiokafka.record.default_records import (  # type: ignore[import-untyped]
    DefaultRecordBatch,
    _DefaultRecordBatchBuilderPy,
)
from aiokafka.structs import TopicPartition  # type: ignore[import-untyped]
from kafka.record.memory_records import MemoryRecords

from services.messaging import header_names as of_kafka_python
from streams.delivery import header_names as of_aiokafka
from tests.broken_names import GbkName

NONE, GZIP = 0, 1
VALUE = "部门".encode("gbk") * 50  # what is no UTF-8 in a value stays as it is
Read = tuple[int, bytes, list[str]]


def batch(base: int, names: Sequence[str], compression: int = NONE, producer: int | None = None) -> bytes:
    """A batch as a broker gives it, from an offset on; of a transaction where there is a producer."""
    builder = _DefaultRecordBatchBuilderPy(
        2, compression, producer is not None, -1 if producer is None else producer, 0, -1, 1 << 20
    )
    for offset, name in enumerate(names):
        builder.append(offset, 1_000 + offset, b"\xb2\xbf", VALUE, [("first", b"1"), (name, VALUE), ("last", b"")])
    built = builder.build()
    built[:8] = base.to_bytes(8, "big")
    return bytes(built)


def by_kafka_python(fetched: bytes) -> Iterator[Read]:
    of_kafka_python.read_any_header_name()
    records = MemoryRecords(fetched)
    while records.has_next():
        for record in records.next_batch():
            assert record.key == b"\xb2\xbf" and [value for _, value in record.headers] == [b"1", VALUE, b""]
            yield record.offset, record.value, [name for name, _ in record.headers]


def by_aiokafka(
    fetched: bytes, start: int = 0, aborted: Any = None, isolation: int = READ_UNCOMMITTED
) -> Iterator[Read]:
    of_aiokafka.read_any_header_name()
    records = fetcher.MemoryRecords(fetched)
    for record in fetcher.PartitionRecords(
        TopicPartition("t", 0), records, aborted, start, None, None, True, isolation
    ):
        assert record.key == b"\xb2\xbf" and [value for _, value in record.headers] == [b"1", VALUE, b""]
        yield record.offset, record.value, [name for name, _ in record.headers]


BAD = GbkName("部门")
SHOWN = "\ufffd" * 4


@pytest.mark.parametrize("read", [by_kafka_python, by_aiokafka])
@pytest.mark.parametrize("compression", [NONE, GZIP])
@pytest.mark.parametrize("bad", [{0}, {2}, {6}, {1, 2, 5}, set(range(7)), set()])
def test_every_record_is_read_once_and_in_order(
    read: Callable[[bytes], Iterator[Read]], compression: int, bad: set[int]
) -> None:
    names = [BAD if offset in bad else "部门" for offset in range(7)]
    fetched = batch(0, names[:4], compression) + batch(4, names[4:], compression)
    assert list(read(fetched + fetched[:50])) == [
        (offset, VALUE, ["first", SHOWN if offset in bad else "部门", "last"]) for offset in range(7)
    ]


@pytest.mark.parametrize("start", range(4))
def test_a_fetch_from_within_a_batch_gives_nothing_from_before(start: int) -> None:
    """As a broker answers: with the whole batch in which the offset lies."""
    fetched = batch(0, ["a", BAD, "b", BAD]) + batch(4, ["c", BAD, "d"])
    assert [offset for offset, *_ in by_aiokafka(fetched, start)] == list(range(start, 7))


def test_a_transaction_that_was_aborted_stays_unread_behind_such_a_record() -> None:
    """The second transaction of a producer is aborted: that is remembered when the reader changes."""
    fetched = batch(0, ["a"], producer=7) + batch(1, [BAD]) + batch(2, ["b", BAD], producer=7) + batch(4, ["c"])
    assert [offset for offset, *_ in by_aiokafka(fetched, 0, [(7, 2)], READ_COMMITTED)] == [0, 1, 4]
    assert [offset for offset, *_ in by_aiokafka(fetched)] == list(range(5))


def test_good_names_are_read_in_c() -> None:
    of_aiokafka.read_any_header_name()
    records = fetcher.MemoryRecords(batch(0, ["部门"] * 3))
    assert type(records.next_batch()) is DefaultRecordBatch
    assert DefaultRecordBatch.__module__.startswith("aiokafka.record._crecords")
