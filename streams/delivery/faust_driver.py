"""What is replaced in Faust (faust-streaming 0.15.3, aiokafka 0.14.0): its producer, its consumer and its transport.

Every override says what the stock code does and why that is not enough. All else about delivery is in `bulk.py`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol, TypeAlias

import faust
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer  # type: ignore[import-untyped]
from aiokafka.producer.message_accumulator import BatchBuilder  # type: ignore[import-untyped]
from aiokafka.structs import ConsumerRecord  # type: ignore[import-untyped]
from faust.transport.consumer import ensure_TP
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import FutureMessage

from services.messaging.topics import LARGEST_BATCH
from streams.delivery.freeze_guard import FreezeGuard

Record: TypeAlias = "ConsumerRecord[bytes, bytes]"
Handler: TypeAlias = Callable[[TP, Sequence[Record]], Awaitable[None]]
Headers: TypeAlias = list[tuple[str, bytes]]

_POLL_SECONDS = 0.5  # how long a fetch may wait for records: a worker that is to stop waits for it
FETCH_BYTES_OF_ALL = 24 << 20
"""What one fetch may bring of all partitions together: two whole chunks. It bounds the memory of a worker that owns
many partitions with a backlog. Each fetch asks for them in another order, so that none waits for long."""
_GZIP = 1  # the codec that every client has


class Delivery(Protocol):
    """What the consumer and the producer ask of `bulk.BulkDelivery`."""

    app: faust.App
    round: int
    handlers: dict[str, Handler]
    freeze_guard: FreezeGuard | None

    async def deliver(self, tp: TP, records: Sequence[Record], fetched_in: int) -> None: ...
    def commits(self, tp: TP) -> bool: ...
    def committable(self, tp: TP) -> bool: ...
    def next_offset(self, tp: TP) -> int | None: ...
    def lost(self, partition: int) -> int: ...
    def assigned(self, tps: Collection[TP]) -> None: ...
    def opened(self, during: int, starts: Mapping[TP, int]) -> None: ...
    async def close(self) -> None: ...


class Producer(driver.Producer):
    """Remembers every send until the broker has acknowledged it, and keeps the first failure: no offset is committed
    after it.

    Stock `flush`, which runs before each commit of offsets, gives up after 0.1 s and does not count what is on its way.
    A failed send is only logged."""

    def __init__(self, transport: "Transport", **kwargs: Any) -> None:
        self._unacknowledged: set[asyncio.Future[Any]] = set()
        self.failure: BaseException | None = None
        self._freeze_guard = transport.delivery.freeze_guard
        super().__init__(transport, **kwargs)

    def _new_producer(self, transactional_id: str | None = None) -> AIOKafkaProducer:
        """Every request passes the freeze guard: a worker that was frozen must not send what it still had in hand."""
        producer = super()._new_producer(transactional_id)
        if self._freeze_guard is not None:
            guard, client = self._freeze_guard, producer.client
            send = client.send

            async def send_unless_frozen(*args: Any, **kwargs: Any) -> Any:
                guard.check()
                return await send(*args, **kwargs)

            client.send = send_unless_frozen
            guard.start()
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


class ConsumerThread(driver.AIOKafkaConsumerThread):
    """The consumer's own thread, with Faust's assignor."""

    def _create_worker_consumer(self, transport: driver.Transport) -> AIOKafkaConsumer:
        """Faust's assignor keeps partitions where they are; without tables of its own Faust would take round-robin.
        Faust has no setting for the bytes of a whole fetch; the consumer reads them when it starts."""
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_bytes = FETCH_BYTES_OF_ALL
        self._assignor = self.app.assignor
        consumer._partition_assignment_strategy = [self._assignor]
        return consumer


class Consumer(driver.Consumer):
    """Hands each fetched chunk to the delivery, and asks it for the offsets to seek and to commit."""

    def __init__(self, transport: "Transport", *args: Any, **kwargs: Any) -> None:
        self._delivery = transport.delivery
        super().__init__(transport, *args, **kwargs)

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

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
        starts = await self._starts()
        if during == delivery.round:
            for tp, offset in starts.items():  # again: an older fetch may have moved the position since
                await self.seek(tp, offset)
            delivery.opened(during, starts)

    async def _starts(self) -> dict[TP, int]:
        """From which offset each partition is read: the committed one, or the first where nothing is committed or all
        events are to be read again."""
        tps = [tp for tp in self.assignment() if tp.topic in self._delivery.handlers]
        starts = {tp: offset for tp in tps if (offset := self._committed(tp))}
        unknown = [tp for tp in tps if tp not in starts]
        if unknown:
            starts |= {ensure_TP(tp): offset for tp, offset in (await self.earliest_offsets(*unknown)).items()}
        return starts

    def _committed(self, tp: TP) -> int | None:
        """The committed offset from which to go on; None: begin at the first."""
        offset: int | None = self._committed_offset[tp]
        if not offset or not self._delivery.commits(tp) or self._delivery.lost(tp.partition):
            return None
        return offset

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


class Transport(driver.Transport):
    """Makes the consumer and the producer of this module for an app."""

    Consumer = Consumer
    Producer = Producer

    def __init__(self, delivery: Delivery) -> None:
        self.delivery = delivery
        super().__init__(delivery.app.conf.broker_consumer, delivery.app)


@asynccontextmanager
async def standalone_reader(app: faust.App) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of its own, without a group: the live topics and their positions have no part in it."""
    conf = app.conf
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
