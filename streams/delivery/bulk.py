"""Chunks instead of events: the one module that knows the insides of Faust (faust-streaming 0.15.3, aiokafka 0.14.0);
`header_names.py` beside it knows how aiokafka reads a record.

Faust gives the group, the assignment, the offsets, the timers and the worker. Its own path from the fetch to an
agent is replaced, because it was seen to lose events when a worker joins and costs two tasks and a changelog send
per event. Here a partition's whole fetch goes to one coroutine:

    delivery = BulkDelivery(app, table="cases")
    delivery.chunks(app.topic("case.events"), on_events)        # async on_events(tp, records)
    delivery.on_assigned(on_assigned)                            # async on_assigned(owned, fresh)

    async def on_events(tp, records):
        rows = delivery.rows(tp.partition)                       # bytes -> bytes, read and written freely
        ...
        await delivery.send_many("alert.cards", partition, pairs)

What holds, and what it rests on:

* **Nothing is lost.** An offset is committed only after the handler of its chunk has returned and every record sent
  until then (outputs and changelog) is acknowledged by the broker. A handler that raises ends the worker with exit
  code 1.
* **Nothing is skipped in a rebalance.** A *round* begins with every revocation and every assignment. Chunks are
  handled only while the partition is open, which is from the seek that ends a recovery to the next revocation. A
  fetch that was under way across rounds is dropped and sought back; a chunk that begins after the offset wanted is
  sought back once.
* **One owner writes.** Whoever becomes the owner appends a claim to the changelog and reads up to it, see rows.py.
  Own records that do not lie side by side in the log show that somebody else has written in between: the
  partition's offsets are then not committed until the log has been read. A later claim of another worker ends this
  one.
* **A chunk and a sweep never interleave**: both take the partition's turn (`turn`).

Faust's own tables are not used: their recovery shares the consumer, the flow and the queues with the live topics,
which is where its races are, and their store is written before the changelog.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, TypeAlias

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import IllegalStateError, KafkaError  # type: ignore[import-untyped]
from aiokafka.producer.message_accumulator import BatchBuilder  # type: ignore[import-untyped]
from aiokafka.structs import ConsumerRecord  # type: ignore[import-untyped]
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.topics import TopicT
from faust.types.tuples import FutureMessage

from services.messaging.records.rows import CLAIM_KEY, encode
from services.messaging.topics import LARGEST_BATCH
from streams.delivery.freeze_guard import Pulse
from streams.delivery.header_names import read_any_header_name
from streams.delivery.rows import Change, MemoryStore, PartitionRows, RocksStore, Store

Record: TypeAlias = "ConsumerRecord[bytes, bytes]"
Handler: TypeAlias = Callable[[TP, Sequence[Record]], Awaitable[None]]
AssignedCallback: TypeAlias = Callable[[frozenset[int], frozenset[int]], Awaitable[None]]
Headers: TypeAlias = list[tuple[str, bytes]]

_log = logging.getLogger(__name__)

_POLL_SECONDS = 0.5  # how long a fetch may wait for records: a worker told to stop waits for it
_AUDIT_SECONDS = 60.0  # until a stale record behind an idle owner is found; far below the compaction lag
_RESTORE_RECORDS = 10_000
_GZIP = 1  # the codec that every client has


def changelog_topic(app_id: str, table: str) -> str:
    """Name of the changelog of a table, the one Faust would give it."""
    return f"{app_id}-{table}-changelog"


class _Part:
    """One partition number on this worker: its turn, its rows."""

    def __init__(self, partition: int, rows: PartitionRows | None) -> None:
        self.partition = partition
        self.lock = asyncio.Lock()
        self.open = False
        """Chunks and turns may begin."""
        self.sound = True
        """Everything that was begun has ended well: what is in memory may be committed."""
        self.told = False
        """The application has been told of the rows as they are (`on_assigned`)."""
        self._rows = rows

    @property
    def rows(self) -> PartitionRows:
        if self._rows is None:
            raise LookupError("this delivery keeps no table")
        return self._rows


class BulkDelivery:
    """Binds to a `faust.App` before it starts. At most one table; topics handed over here share its partition count."""

    def __init__(self, app: faust.App, *, table: str | None = None, end_when_frozen: bool = True) -> None:
        self.app = app
        self.round = 0
        """Counts revocations and assignments. What began in an earlier round must not touch the present one."""
        self.handlers: dict[str, Handler] = {}
        self._table = table
        self._changelog = changelog_topic(app.conf.id, table) if table else ""
        self._replayed: set[str] = set()
        self._assigned_callbacks: list[AssignedCallback] = []
        self._owned: frozenset[int] = frozenset()
        self._recovered = -1  # the round whose recovery is complete
        self._parts: dict[int, _Part] = {}
        self._next: dict[TP, int] = {}
        self._ends: dict[TP, int] = {}  # where the partitions ended when they were opened, as far as that is known
        self._sought: dict[TP, int] = {}
        self._mending: set[asyncio.Task[None]] = set()
        conf = app.conf
        # the broker may replace a member after its session, or after the time a rebalance waits for it
        freeze_limit = min(conf.broker_session_timeout, conf.broker_rebalance_timeout) - conf.broker_heartbeat_interval
        self.pulse = Pulse(freeze_limit) if end_when_frozen else None
        # App._new_producer asks `transport`, not `producer_transport`
        app.transport = _Transport(self)
        read_any_header_name()
        app.on_rebalance_complete.connect(self._recover)
        app.on_before_shutdown.connect(self._shut)
        if table:
            app.timer(_AUDIT_SECONDS)(self._audit)

    # -- what an application says ------------------------------------------------------------------------------------
    def chunks(self, topic: TopicT, handler: Handler, *, replayed: bool = False) -> None:
        """Give each fetched chunk of a partition of `topic` to `handler`, in order, one at a time per partition.

        Args:
            replayed: read from the beginning at every assignment and commit nothing; the topic may be compacted.
        """
        name = topic.get_topic_name()
        self.handlers[name] = handler
        if replayed:
            self._replayed.add(name)
        self.app.topics.add(topic)

    def on_assigned(self, callback: AssignedCallback) -> None:
        """`callback(owned, fresh)` runs when the rows are recovered and before the first chunk. `owned`: every
        partition of this worker; `fresh`: those of them whose rows may differ from what this worker last saw."""
        self._assigned_callbacks.append(callback)

    # -- what a handler does -----------------------------------------------------------------------------------------
    @property
    def owned(self) -> frozenset[int]:
        """The partitions whose chunks this worker handles now; empty during a rebalance."""
        return frozenset(part.partition for part in self._parts.values() if part.open)

    @property
    def ready(self) -> bool:
        """The worker has taken part in its group, is recovered and not in a rebalance (it may own nothing)."""
        return self._recovered == self.round

    def rows(self, partition: int) -> PartitionRows:
        """The rows of a partition: to be written only by its chunk handler or within its `turn`."""
        return self._parts[partition].rows

    def epoch(self, partition: int) -> int:
        """Grows with every change of the partition's owner: the offset of this owner's claim in the changelog."""
        return self._parts[partition].rows.epoch

    def lost(self, partition: int) -> int:
        """Rows of a partition that are missing, until its events have been read again; see rows.py."""
        return len(self._parts[partition].rows.lost) if self._table else 0

    @asynccontextmanager
    async def turn(self, partition: int) -> AsyncIterator[PartitionRows | None]:
        """The rows of a partition for work outside a chunk, published at the end; None if it is not owned now."""
        part = self._parts.get(partition)
        if part is None or not part.open:
            yield None
            return
        async with part.lock:
            if not part.open:
                yield None
                return
            async with self._working(part):
                if self.lost(partition) and self.lag(partition) == 0:
                    part.rows.forget_lost()  # all events have been read again
                yield part.rows

    async def send_many(self, topic: str, partition: int, pairs: Iterable[tuple[bytes | None, bytes | None]]) -> None:
        """Queue records for one partition, packed in record batches. Offsets are committed only when they are
        acknowledged; `flush` waits for that."""
        await self._producer.send_batches(topic, partition, ((key, value, []) for key, value in pairs))

    async def flush(self) -> None:
        """Everything sent so far is acknowledged; raises the error of the first record that was not."""
        await self._producer.flush()

    async def publish(self, partition: int) -> None:
        """The rows that this chunk or turn has changed so far are in the changelog: for what may only be told then."""
        await self._publish(self._parts[partition])
        await self.flush()

    async def keys_since(self, topic: str, partition: int, since_ms: int) -> list[bytes]:
        """The keys of all records of a partition from a time of the broker's on up to its present end."""
        tp, keys = TopicPartition(topic, partition), list[bytes]()
        async with self._changelog_reader() as reader:
            reader.assign([tp])
            first = (await reader.offsets_for_times({tp: max(0, since_ms)}))[tp]
            if first is None:
                return keys
            end = (await reader.end_offsets([tp]))[tp]
            reader.seek(tp, first.offset)
            while not self.app.should_stop and await reader.position(tp) < end:
                fetched = await reader.getmany(timeout_ms=500, max_records=_RESTORE_RECORDS)
                keys += (record.key for record in fetched.get(tp, ()) if record.key is not None)
        return keys

    def lag(self, partition: int) -> int | None:
        """Events of an owned partition that wait to be handled, whatever waits in others; None while that is not
        known."""
        if not self.ready:
            return None
        waiting = 0
        for tp, offset in self._next.items():
            if tp.partition == partition:
                end = self._end(tp)
                if end is None:
                    return None
                waiting += max(0, end - offset)
        return waiting

    def total_lag(self) -> int | None:
        """Events of all owned partitions that wait to be handled; None while that is not known."""
        known = [waiting for partition in self.owned if (waiting := self.lag(partition)) is not None]
        return sum(known) if self.ready and len(known) == len(self.owned) else None

    @property
    def caught_up(self) -> bool:
        """Everything is handled that the owned partitions held when they were opened. It stays so, whatever comes in,
        until the next rebalance."""
        if not self.ready or not self.owned:
            return False
        for tp, offset in self._next.items():
            end = self._ends.get(tp)
            if end is None and (end := self._end(tp)) is not None:
                self._ends[tp] = end
            if end is None or offset < end:
                return False
        return True

    def _end(self, tp: TP) -> int | None:
        """The offset behind the last record of a partition, as of its last fetch; None: nothing is fetched yet."""
        try:
            end: int | None = self._consumer.highwater(tp)
        except AssertionError:  # aiokafka: not assigned any more
            return None
        return end

    # -- chunks ------------------------------------------------------------------------------------------------------
    async def deliver(self, tp: TP, records: Sequence[Record], fetched_in: int) -> None:
        """Handle a fetched chunk, or make sure that it is fetched again."""
        part = self._parts.get(tp.partition)
        if part is None:
            return
        async with part.lock:
            if not part.open:
                return  # the seek that opens the partition follows
            wanted = self._next[tp]
            if fetched_in != self.round:  # the fetch was under way across a rebalance, and has moved the position
                await self._seek_back(tp, wanted)
                return
            if records[0].offset < wanted:
                records = [record for record in records if record.offset >= wanted]
                if not records:
                    return
            if records[0].offset > wanted and self.commits(tp) and self._sought.get(tp) != wanted:
                self._sought[tp] = wanted  # once: transactions and compaction leave real holes
                _log.warning("%s: offset %s follows %s, fetching again", tp, records[0].offset, wanted - 1)
                await self._seek_back(tp, wanted)
                return
            async with self._working(part):
                await self.handlers[tp.topic](tp, records)
            self._next[tp] = records[-1].offset + 1

    async def _seek_back(self, tp: TP, offset: int) -> None:
        with suppress(IllegalStateError):  # not assigned any more: the next assignment seeks
            await self._consumer.seek(tp, offset)

    @asynccontextmanager
    async def _working(self, part: _Part) -> AsyncIterator[None]:
        """The partition's turn: what it changed is published when it ends well, and never when it does not."""
        try:
            yield
            if self._table:
                await self._publish(part)
        except BaseException:
            part.open = part.sound = False  # half a chunk is in memory
            raise

    async def _publish(self, part: _Part) -> None:
        """One changelog record per changed key, in record batches; the store follows when they are acknowledged."""
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

    def _acknowledged(self, part: _Part, batch: Sequence[Change], done: "asyncio.Future[Any]") -> None:
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
            self._mend_soon(part)

    def committable(self, tp: TP) -> bool:
        """No foreign record lies unread between this owner's own ones."""
        part = self._parts.get(tp.partition)
        return part is not None and part.sound and not (self._table and part.rows.disturbed)

    def commits(self, tp: TP) -> bool:
        return tp.topic not in self._replayed

    def next_offset(self, tp: TP) -> int | None:
        """The offset to commit: behind the last chunk whose handler has returned."""
        return self._next.get(tp) if self.commits(tp) else None

    # -- rebalance ---------------------------------------------------------------------------------------------------
    async def close(self) -> None:
        """A rebalance begins, or the worker ends: no chunk or turn is in hand after this, and none will begin."""
        for part in list(self._parts.values()):
            async with part.lock:  # never held over a fetch or a seek: those wait for the rebalance
                part.open = False

    def assigned(self, tps: Collection[TP]) -> None:
        self._owned = frozenset(tp.partition for tp in tps if tp.topic in self.handlers)

    async def _recover(self, *_: object, **__: object) -> None:
        """Bring the rows of the owned partitions up to this worker's claim. Faust waits for it before it seeks."""
        present, owned = self.round, self._owned
        for partition in self._parts.keys() - owned:
            part = self._parts.pop(partition)
            if self._table:
                part.rows.close()
        self._next = {tp: offset for tp, offset in self._next.items() if tp.partition in owned}
        for partition in owned - self._parts.keys():
            place = f"{self._changelog}, partition {partition}"
            rows = PartitionRows(self._new_store(partition), place) if self._table else None
            self._parts[partition] = _Part(partition, rows)
        if self._table and owned:
            await self._claim_and_restore([self._parts[partition] for partition in sorted(owned)], present)
        if not self._still(present):
            return  # another rebalance has begun: its recovery does it all again
        fresh = frozenset(partition for partition, part in self._parts.items() if not part.told)
        for callback in self._assigned_callbacks:
            await callback(owned, fresh)
        for part in self._parts.values():
            part.told = True
        if present == self.round:
            self._recovered = present

    async def _claim_and_restore(self, parts: Sequence[_Part], present: int) -> None:
        """Claim, read what others wrote before the claim, put right what is stale; or stop when the round is over."""
        started = time.monotonic()
        await self._check_partitions(parts)
        claims = [
            (part, await self._producer.send_batches(self._changelog, part.partition, [(CLAIM_KEY, b"claim", [])]))
            for part in parts
        ]
        targets: dict[_Part, int] = {}
        for part, [(acknowledgement, _)] in claims:
            claim = (await acknowledgement).offset
            if part.rows.unpublished:  # written outside a turn, and dropped now: the application must begin anew
                part.told = False
            part.rows.begin(claim)
            if part.rows.position < claim:
                targets[part] = claim
        count = 0
        if targets:
            async with self._changelog_reader() as reader:
                count = await self._read_changelog(reader, targets, present)
        if not self._still(present):
            return
        for part in parts:
            part.rows.restate()
            await self._publish(part)
            if part.rows.lost:
                _log.error("%s, partition %s: %s rows are lost: all events of the partition are read again",
                           self._changelog, part.partition, len(part.rows.lost))  # fmt: skip
        _log.info(
            "recovered %s of %s partitions, %s rows, in %.1f s",
            len(targets), len(parts), count, time.monotonic() - started,
        )  # fmt: skip

    async def _check_partitions(self, parts: Sequence[_Part]) -> None:
        there = await self._producer.partitions_of(self._changelog)
        missing = {part.partition for part in parts} - there
        if missing:
            raise RuntimeError(
                f"topic {self._changelog} has no partitions {sorted(missing)}, but the topics it serves have: "
                "make it with their number, or replay into a new topic set"
            )

    @asynccontextmanager
    async def _changelog_reader(self) -> AsyncIterator[AIOKafkaConsumer]:
        """A consumer of its own, without a group: the live topics and their positions have no part in it."""
        conf = self.app.conf
        reader = AIOKafkaConsumer(
            bootstrap_servers=driver.server_list(conf.broker_consumer, driver.Transport.default_port),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=conf.consumer_max_fetch_size,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            **driver.credentials_to_aiokafka_auth(conf.broker_credentials, conf.ssl_context),
        )
        try:
            await reader.start()
            yield reader
        finally:
            await reader.stop()

    async def _read_changelog(self, reader: AIOKafkaConsumer, targets: Mapping[_Part, int], present: int) -> int:
        """Absorb the log of each partition up to its target, or until the round is over; the number of changed rows."""
        changed = 0
        waiting = {TopicPartition(self._changelog, part.partition): part for part in targets}
        reader.assign(list(waiting))
        for tp, part in waiting.items():
            reader.seek(tp, part.rows.position + 1)
        while waiting:
            fetched = await reader.getmany(timeout_ms=500, max_records=_RESTORE_RECORDS)
            if not self._still(present):
                break
            for tp, records in fetched.items():
                if tp in waiting:
                    part = waiting[tp]
                    target = targets[part]
                    count = part.rows.absorb([record for record in records if record.offset <= target])
                    changed += count
                    part.told = part.told and not count
            for tp, part in list(waiting.items()):
                if await reader.position(tp) > targets[part]:
                    part.rows.skip_to(targets[part])
                    del waiting[tp]
                    reader.pause(tp)
        return changed

    def _still(self, present: int) -> bool:
        return present == self.round and not self.app.should_stop

    def opened(self, during: int, starts: Mapping[TP, int]) -> None:
        """The last step of a rebalance: chunks are handled from these offsets on."""
        if during != self.round or self._recovered != during:
            return
        self._ends.clear()
        for tp, offset in starts.items():
            self._next[tp] = offset
        for part in self._parts.values():
            part.open = True

    async def _shut(self, *_: object, **__: object) -> None:
        """The worker ends: Faust has stopped fetching, and commits once more after this."""
        await self.close()
        if self._table and self._producer.failure is None:
            await self.flush()
            for part in self._parts.values():
                part.rows.close()

    # -- foreign records ---------------------------------------------------------------------------------------------
    def _mend_soon(self, part: _Part) -> None:
        task = asyncio.ensure_future(self._mend(part))
        self._mending.add(task)
        task.add_done_callback(self._mended)

    def _mended(self, task: "asyncio.Task[None]") -> None:
        self._mending.discard(task)
        if not task.cancelled() and (error := task.exception()):
            self._producer.failure = self._producer.failure or error  # no offset is committed after this
            asyncio.ensure_future(self.app.crash(error))

    async def _mend(self, part: _Part) -> None:
        """Read what somebody else has written into this partition's changelog and put the right rows last."""
        async with part.lock:
            if not part.open:
                return  # the next recovery does it
            await self.flush()
            tp = TP(self._changelog, part.partition)
            present, reading_again = self.round, bool(part.rows.lost)
            async with self._changelog_reader() as reader:
                end = (await reader.end_offsets([tp]))[tp]
                targets = {part: end - 1} if end > part.rows.position + 1 else {}
                await self._read_changelog(reader, targets, present)
            if not self._still(present):
                return  # the next recovery does it
            _log.warning("%s: %s rows written again behind stale records", tp, len(part.rows.stale))
            part.rows.restate()
            if not reading_again:
                part.rows.forget_lost()  # its owner had every row: under these keys there was none
            part.rows.disturbed = False
            await self._publish(part)

    async def _audit(self) -> None:
        """Look for foreign records behind owners that have nothing to write themselves."""
        if not self.ready or not self._parts:
            return
        tps = {TP(self._changelog, partition): part for partition, part in self._parts.items() if part.open}
        try:
            async with self._changelog_reader() as reader:
                ends = await reader.end_offsets(list(tps))
        except KafkaError as error:  # the broker is away: nobody writes behind anybody now, and the next audit looks
            _log.warning("%s cannot be audited now: %s", self._changelog, error)
            return
        await self.flush()
        for tp, part in tps.items():
            if part.open and not part.rows.disturbed and ends[tp] > part.rows.position + 1:
                part.rows.disturbed = True
                self._mend_soon(part)

    # -- parts -------------------------------------------------------------------------------------------------------
    def _new_store(self, partition: int) -> Store:
        conf = self.app.conf
        if conf.store.scheme == "memory":
            return MemoryStore()
        return RocksStore(conf.tabledir / f"{self._table}-{partition}.rows")

    @property
    def _producer(self) -> "_Producer":
        return self.app.producer  # type: ignore[return-value]  # made by _Transport

    @property
    def _consumer(self) -> "_Consumer":
        return self.app.consumer  # type: ignore[return-value]  # made by _Transport


class _Producer(driver.Producer):
    """Stock `flush`, which runs before each commit of offsets, gives up after 0.1 s and does not count what is on its
    way, and a failed send is only logged. Here every send is remembered until it is acknowledged, and the first failure
    stays: no offset is committed after it."""

    def __init__(self, transport: "_Transport", **kwargs: Any) -> None:
        self._unacknowledged: set[asyncio.Future[Any]] = set()
        self.failure: BaseException | None = None
        self._pulse = transport.delivery.pulse
        super().__init__(transport, **kwargs)

    def _new_producer(self, transactional_id: str | None = None) -> AIOKafkaProducer:
        """Every request passes the pulse: a worker that was frozen must not send what it still had in hand."""
        producer = super()._new_producer(transactional_id)
        if self._pulse is not None:
            pulse, client = self._pulse, producer.client
            send = client.send

            async def send_if_alive(*args: Any, **kwargs: Any) -> Any:
                pulse.check()
                return await send(*args, **kwargs)

            client.send = send_if_alive
            pulse.start()
        return producer

    def _settings_extra(self) -> Mapping[str, Any]:
        """Idempotent: a batch sent twice, because its acknowledgement was lost, is written once and in order."""
        return {"acks": "all", "enable_idempotence": True}

    async def send_batches(
        self, topic: str, partition: int, records: Iterable[tuple[bytes | None, bytes | None, Headers]]
    ) -> list[tuple["asyncio.Future[Any]", int]]:
        """Queue records in as few batches as possible; for each batch its acknowledgement and its number of records.
        Waits while an earlier batch of the partition is not yet on its way: that is the back-pressure."""
        producer = self._ensure_producer()
        sent: list[tuple[asyncio.Future[Any], int]] = []
        batch = None
        for key, value, headers in records:
            if batch is None or batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                if batch is not None:
                    sent.append(await self._queue(producer, batch, topic, partition))
                batch = self._batch_for(producer, value)
                batch.append(key=key, value=value, timestamp=None, headers=headers)
        if batch is not None:
            sent.append(await self._queue(producer, batch, topic, partition))
        return sent

    @staticmethod
    def _batch_for(producer: AIOKafkaProducer, value: bytes | None) -> Any:
        """A batch that begins with this record: it takes its first one, whatever the size. A large record is alone in a
        compressed one. It is the row of a large case, and what came of the facts is bounded by no number, but repeats
        itself."""
        if len(value or b"") > LARGEST_BATCH:
            return BatchBuilder(LARGEST_BATCH, _GZIP)
        return producer.create_batch()

    async def _queue(
        self, producer: AIOKafkaProducer, batch: Any, topic: str, partition: int
    ) -> tuple["asyncio.Future[Any]", int]:
        count = batch.record_count()
        future = await producer.send_batch(batch, topic, partition=partition)
        self._remember(future)
        return future, count

    async def send(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        future = await super().send(*args, **kwargs)
        self._remember(asyncio.ensure_future(future))
        return future

    def send_soon(self, fut: FutureMessage) -> None:
        self._remember(fut)
        super().send_soon(fut)

    async def flush(self) -> None:
        if self._unacknowledged:
            await asyncio.wait(list(self._unacknowledged))
        await super().flush()
        if self.failure is not None:
            raise self.failure

    async def partitions_of(self, topic: str) -> set[int]:
        return set(await self._ensure_producer().partitions_for(topic) or ())

    def _remember(self, future: "asyncio.Future[Any]") -> None:
        self._unacknowledged.add(future)
        future.add_done_callback(self._forget)

    def _forget(self, future: "asyncio.Future[Any]") -> None:
        self._unacknowledged.discard(future)
        if not future.cancelled() and (error := future.exception()):
            self.failure = self.failure or error


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        """Faust's assignor keeps partitions where they are; without tables of its own Faust would take round-robin."""
        consumer = super()._create_worker_consumer(transport)
        self._assignor = self.app.assignor
        consumer._partition_assignment_strategy = [self._assignor]
        return consumer


class _Consumer(driver.Consumer):
    def __init__(self, transport: "_Transport", *args: Any, **kwargs: Any) -> None:
        self._delivery = transport.delivery
        super().__init__(transport, *args, **kwargs)

    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def _wait_next_records(self, timeout: float) -> tuple[Any, set[TP] | None]:
        """Take the chunks out of what was fetched. The rest (topics of stock agents) goes Faust's way, unless the fetch
        was under way across a rebalance: stock asks for the generation after the fetch and would take it as current."""
        delivery = self._delivery
        began = delivery.round
        records, active = await super()._wait_next_records(min(timeout, _POLL_SECONDS))
        others: dict[TP, Any] = {}
        for key, chunk in (records or {}).items():
            tp = ensure_TP(key)
            if tp.topic in delivery.handlers:
                await self._to_the_end(delivery.deliver(tp, chunk, began))
                self._note(tp)
            else:
                others[tp] = chunk
        if began != delivery.round or not self.flow_active:
            return None, active
        return others, active

    async def _to_the_end(self, work: Awaitable[None]) -> None:
        """A worker that stops, and cancels the fetcher, finishes the chunk in hand first."""
        task = asyncio.ensure_future(work)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            await task
            raise

    def _note(self, tp: TP) -> None:
        """What stock bookkeeping needs: `commit` looks at partitions with an entry here, the livelock detector at the
        time of the last event."""
        self._acked[tp]
        self.app.monitor.stream_inbound_time[tp] = time.monotonic()

    async def perform_seek(self) -> None:
        """The last step of a recovery. Stock seeks with the flow open, and drops what arrives before it ends."""
        self.stop_flow()
        delivery = self._delivery
        during = delivery.round
        await super().perform_seek()
        tps = [tp for tp in self.assignment() if tp.topic in delivery.handlers]
        starts = {
            tp: offset
            for tp in tps
            if (offset := self._committed_offset[tp]) and delivery.commits(tp) and not delivery.lost(tp.partition)
        }
        unknown = [tp for tp in tps if tp not in starts]
        if unknown:
            starts |= {ensure_TP(tp): offset for tp, offset in (await self.earliest_offsets(*unknown)).items()}
        if during == delivery.round:
            for tp, offset in starts.items():  # again: an older fetch may have moved the position since
                await self.seek(tp, offset)
            delivery.opened(during, starts)

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic in self._delivery.handlers:
            return self._delivery.next_offset(tp)
        acked, committed = self._acked[tp], self._committed_offset[tp]
        if acked and committed and min(acked) > committed and not self._gap[tp]:
            return None  # stock commits over a hole of one event
        return super()._new_offset(tp)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:
        """Acknowledged first, then looked at, then committed."""
        await self.app.producer.flush()
        delivery = self._delivery
        safe = {
            tp: offset
            for tp, offset in offsets.items()
            if tp.topic not in delivery.handlers or delivery.committable(tp)
        }
        return bool(safe) and await super()._commit_offsets(safe, start_new_transaction)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Stock forgets what is handled and not committed; here the chunk in hand is finished and committed."""
        delivery = self._delivery
        delivery.round += 1
        self.stop_flow()
        try:
            await delivery.close()
            # False: another commit was under way, with older offsets
            await self.commit() or await self.commit()
        except Exception as error:  # raised here it would end in a thread of Faust's, unseen
            await self.crash(error)
        await super().on_partitions_revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        delivery = self._delivery
        delivery.round += 1
        self.stop_flow()  # the recovery of an older assignment may have opened it
        delivery.assigned(assigned)
        await super().on_partitions_assigned(assigned, generation_id)


class _Transport(driver.Transport):
    Consumer = _Consumer
    Producer = _Producer

    def __init__(self, delivery: BulkDelivery) -> None:
        self.delivery = delivery
        super().__init__(delivery.app.conf.broker_consumer, delivery.app)
