"""The rows of the owned partitions follow their changelog: claimed, restored, published, and put right where somebody
else has written.

`rows.py` says what a row, a claim and a stale record are. Here they meet the broker.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]
from faust.types import TP

from services.messaging.records.rows import CLAIM_KEY, encode
from streams.delivery.faust_driver import Producer, Record, standalone_reader
from streams.delivery.rows import PartitionRows
from streams.delivery.stores import Change, MemoryStore, RocksStore, Store

Lasts: TypeAlias = Callable[[], bool]
"""Whether the round in which something began still lasts: no rebalance since then, and the worker is not to stop."""

RESTORE_RECORDS = 10_000
"""How many records of a log are taken at once."""

_log = logging.getLogger(__name__)


def changelog_topic(app_id: str, table: str) -> str:
    """Name of the changelog of a table, the one Faust would give it."""
    return f"{app_id}-{table}-changelog"


class OwnedPartition:
    """One partition number on this worker: its turn and its rows."""

    def __init__(self, partition: int, rows: PartitionRows | None) -> None:
        self.partition = partition
        self.lock = asyncio.Lock()
        self.open = False
        """Chunks and turns may begin."""
        self.sound = True
        """Everything that was begun has ended well: what is in memory may be committed."""
        self.announced = False
        """The application knows the rows as they are (`on_assigned`)."""
        self._rows = rows

    @property
    def rows(self) -> PartitionRows:
        """Its rows. LookupError where the delivery keeps no table."""
        if self._rows is None:
            raise LookupError("this delivery keeps no table")
        return self._rows


class Recovery:
    """The changelog of one table, and the rows that follow it."""

    def __init__(self, app: faust.App, table: str, round_lasts: Callable[[], Lasts]) -> None:
        """`round_lasts`: gives, for the present round, whether it still lasts."""
        self._app = app
        self._table = table
        self._changelog = changelog_topic(app.conf.id, table)
        self._round_lasts = round_lasts
        self._repairs: set[asyncio.Task[None]] = set()

    def open_rows(self, partition: int) -> PartitionRows:
        """The rows of a partition as they are on this disk."""
        return PartitionRows(self._open_store(partition), f"{self._changelog}, partition {partition}")

    def _open_store(self, partition: int) -> Store:
        conf = self._app.conf
        if conf.store.scheme == "memory":
            return MemoryStore()
        return RocksStore(conf.tabledir / f"{self._table}-{partition}.rows")

    # -- towards the changelog ---------------------------------------------------------------------------------------
    async def publish(self, part: OwnedPartition) -> None:
        """Queue one changelog record per changed key, in record batches. The store follows when they are
        acknowledged."""
        rows = part.rows
        changes = rows.take_changes()
        if not changes:
            return
        epoch = rows.epoch
        records = ((key, *encode(epoch, row)) for key, row in changes.items())
        waiting = list(changes.items())
        for future, count in await self._producer.send_batches(self._changelog, part.partition, records):
            future.add_done_callback(partial(self._acknowledged, part, waiting[:count]))
            waiting = waiting[count:]

    def _acknowledged(self, part: OwnedPartition, batch: Sequence[Change], done: "asyncio.Future[Any]") -> None:
        if done.cancelled() or done.exception():
            return  # `flush` raises it
        rows = part.rows
        was_disturbed = rows.disturbed
        try:
            rows.acknowledge(done.result().offset, batch)
        except Exception as error:  # the disk, whatever rocksdict calls it: `flush` raises it
            part.open = part.sound = False
            self._producer.failure = self._producer.failure or error
            return
        if rows.disturbed and not was_disturbed:
            self._repair_soon(part)

    # -- a new owner -------------------------------------------------------------------------------------------------
    async def restore(self, parts: Sequence[OwnedPartition], lasts: Lasts) -> None:
        """Claim, read what others wrote before the claim, put right what is stale. Stops where the round ends."""
        started = time.monotonic()
        await self._check_partitions(parts)
        targets = await self._claim(parts)
        count = 0
        if targets:
            async with standalone_reader(self._app) as reader:
                count = await self._read(reader, targets, lasts)
        if not lasts():
            return
        for part in parts:
            part.rows.rewrite_stale()
            await self.publish(part)
            if part.rows.lost:
                _log.error("%s, partition %s: %s rows are lost: all events of the partition are read again",
                           self._changelog, part.partition, len(part.rows.lost))  # fmt: skip
        _log.info(
            "recovered %s of %s partitions, %s rows, in %.1f s",
            len(targets), len(parts), count, time.monotonic() - started,
        )  # fmt: skip

    async def _check_partitions(self, parts: Sequence[OwnedPartition]) -> None:
        there = await self._producer.partitions_of(self._changelog)
        missing = {part.partition for part in parts} - there
        if missing:
            raise RuntimeError(
                f"topic {self._changelog} has no partitions {sorted(missing)}, but the topics it serves have: "
                "make it with their number, or replay into a new topic set"
            )

    async def _claim(self, parts: Sequence[OwnedPartition]) -> dict[OwnedPartition, int]:
        """Append this worker's claims. Returns the partitions that are behind their claim, with its offset."""
        claims = [
            (part, await self._producer.send_batches(self._changelog, part.partition, [(CLAIM_KEY, b"claim", [])]))
            for part in parts
        ]
        targets: dict[OwnedPartition, int] = {}
        for part, [(acknowledgement, _)] in claims:
            claim = (await acknowledgement).offset
            if part.rows.unpublished:  # written outside a turn, and dropped now: the application must begin anew
                part.announced = False
            part.rows.begin(claim)
            if part.rows.position < claim:
                targets[part] = claim
        return targets

    async def _read(self, reader: AIOKafkaConsumer, targets: Mapping[OwnedPartition, int], lasts: Lasts) -> int:
        """Absorb the log of each partition up to its target, or until the round is over. Returns the number of changed
        rows."""
        changed = 0
        waiting = {TopicPartition(self._changelog, part.partition): part for part in targets}
        reader.assign(list(waiting))
        for tp, part in waiting.items():
            reader.seek(tp, part.rows.position + 1)
        while waiting:
            fetched = await reader.getmany(timeout_ms=500, max_records=RESTORE_RECORDS)
            if not lasts():
                break
            for tp in fetched.keys() & waiting.keys():
                changed += _absorb(waiting[tp], fetched[tp], targets[waiting[tp]])
            for tp, part in list(waiting.items()):
                if await reader.position(tp) > targets[part]:
                    part.rows.skip_to(targets[part])
                    del waiting[tp]
                    reader.pause(tp)
        return changed

    # -- foreign records ---------------------------------------------------------------------------------------------
    def _repair_soon(self, part: OwnedPartition) -> None:
        task = asyncio.ensure_future(self._repair(part))
        self._repairs.add(task)
        task.add_done_callback(self._repaired)

    def _repaired(self, task: "asyncio.Task[None]") -> None:
        self._repairs.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._producer.failure = self._producer.failure or error  # no offset is committed after this
            asyncio.ensure_future(self._app.crash(error))

    async def _repair(self, part: OwnedPartition) -> None:
        """Read what somebody else has written into this partition's changelog, and put the right rows last."""
        async with part.lock:
            if not part.open:
                return  # the next recovery does it
            await self._producer.flush()
            tp = TP(self._changelog, part.partition)
            lasts, reading_again = self._round_lasts(), bool(part.rows.lost)
            async with standalone_reader(self._app) as reader:
                end = (await reader.end_offsets([tp]))[tp]
                targets = {part: end - 1} if end > part.rows.position + 1 else {}
                await self._read(reader, targets, lasts)
            if not lasts():
                return  # the next recovery does it
            _log.warning("%s: %s rows written again behind stale records", tp, len(part.rows.stale))
            part.rows.rewrite_stale()
            if not reading_again:
                part.rows.forget_lost()  # its owner had every row: under these keys there was none
            part.rows.disturbed = False
            await self.publish(part)

    async def audit(self, parts: Sequence[OwnedPartition]) -> None:
        """Look for foreign records behind owners that have nothing to write themselves."""
        tps = {TP(self._changelog, part.partition): part for part in parts}
        try:
            async with standalone_reader(self._app) as reader:
                ends = await reader.end_offsets(list(tps))
        except KafkaError as error:  # the broker is away: nobody writes behind anybody now, and the next audit looks
            _log.warning("%s cannot be audited now: %s", self._changelog, error)
            return
        await self._producer.flush()
        for tp, part in tps.items():
            if part.open and not part.rows.disturbed and ends[tp] > part.rows.position + 1:
                part.rows.disturbed = True
                self._repair_soon(part)

    @property
    def _producer(self) -> Producer:
        return self._app.producer  # type: ignore[return-value]  # made by faust_driver.Transport


def _absorb(part: OwnedPartition, records: Sequence[Record], target: int) -> int:
    """Apply the records up to an offset. Returns how many rows changed; if any did, the application must know."""
    count = part.rows.absorb([record for record in records if record.offset <= target])
    part.announced = part.announced and not count
    return count
