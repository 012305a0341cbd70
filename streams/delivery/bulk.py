"""Chunks instead of events. This room is the only code that knows the insides of Faust (faust-streaming 0.15.3) and
aiokafka 0.14.0.

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
  handled only while the partition is open: from the seek that ends a recovery to the next revocation. A fetch that was
  under way across rounds is dropped and sought back. A chunk that begins after the offset wanted is sought back once.
* **One owner writes.** Whoever becomes the owner appends a claim to the changelog and reads up to it (rows.py). Own
  records that do not lie side by side in the log show that somebody else has written in between. The partition's
  offsets are then not committed until the log has been read. A later claim of another worker ends this one.
* **A chunk and a sweep never interleave**: both take the partition's turn (`turn`).

Faust's own tables are not used: their recovery shares the consumer, the flow and the queues with the live topics,
which is where its races are, and their store is written before the changelog.
"""

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeAlias, TypeVar

import faust
from aiokafka import TopicPartition  # type: ignore[import-untyped]
from aiokafka.errors import IllegalStateError  # type: ignore[import-untyped]
from faust.types import TP
from faust.types.topics import TopicT

from streams.delivery.faust_driver import Consumer, Handler, Producer, Record, Transport, standalone_reader
from streams.delivery.freeze_guard import FreezeGuard
from streams.delivery.header_names import read_any_header_name
from streams.delivery.recovery import RESTORE_RECORDS, Lasts, OwnedPartition, Recovery
from streams.delivery.rows import PartitionRows

AssignedCallback: TypeAlias = Callable[[frozenset[int], frozenset[int]], Awaitable[None]]

Picked = TypeVar("Picked")

_AUDIT_SECONDS = 60.0
"""Until a stale record behind an idle owner is found: far below the compaction lag."""

_log = logging.getLogger(__name__)


class BulkDelivery:
    """Binds to a `faust.App` before it starts. At most one table; topics handed over here share its partition count."""

    def __init__(self, app: faust.App, *, table: str | None = None, end_when_frozen: bool = True) -> None:
        self.app = app
        self.round = 0
        """Counts revocations and assignments. What began in an earlier round must not touch the present one."""
        self.handlers: dict[str, Handler] = {}
        self._recovery = Recovery(app, table, self._round_lasts) if table else None
        self._replayed: set[str] = set()
        self._assigned_callbacks: list[AssignedCallback] = []
        self._owned: frozenset[int] = frozenset()
        self._recovered = -1  # the round whose recovery is complete
        self._parts: dict[int, OwnedPartition] = {}
        self._next: dict[TP, int] = {}
        self._ends: dict[TP, int] = {}  # where the partitions ended when they were opened, as far as that is known
        self._sought: dict[TP, int] = {}
        conf = app.conf
        # the broker may replace a member after its session, or after the time a rebalance waits for it
        freeze_limit = min(conf.broker_session_timeout, conf.broker_rebalance_timeout) - conf.broker_heartbeat_interval
        self.freeze_guard = FreezeGuard(freeze_limit) if end_when_frozen else None
        # App._new_producer asks `transport`, not `producer_transport`
        app.transport = Transport(self)
        read_any_header_name()
        app.on_rebalance_complete.connect(self._recover)
        app.on_before_shutdown.connect(self._shut)
        if self._recovery:
            app.timer(_AUDIT_SECONDS)(self._audit)

    # -- set-up --------------------------------------------------------------------------------------------------------
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

    # -- for handlers and timers ---------------------------------------------------------------------------------------
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
        """Rows of a partition that are missing, until its events have been read again; see rows.py. 0 of a partition
        that is assigned and not yet taken over: another recovery follows, which asks again."""
        part = self._parts.get(partition)
        return len(part.rows.lost) if self._recovery and part else 0

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
        """Wait until everything sent so far is acknowledged. Raises the error of the first record that was not."""
        await self._producer.flush()

    async def publish(self, partition: int) -> None:
        """Wait until the rows that this chunk or turn has changed so far are in the changelog: for outputs that may
        only be sent then. Raises LookupError where the delivery keeps no table."""
        if self._recovery is None:
            raise LookupError("this delivery keeps no table")
        await self._recovery.publish(self._parts[partition])
        await self.flush()

    async def records_since(
        self, topic: str, partition: int, since_ms: int, pick: Callable[[bytes, bytes | None, int], Picked | None]
    ) -> list[Picked]:
        """What `pick` gives for key, value and time (ms) of each record of a partition, from a time of the broker's on
        up to its present end. Records for which it gives None are left out."""
        tp, found = TopicPartition(topic, partition), list[Picked]()
        async with standalone_reader(self.app) as reader:
            reader.assign([tp])
            first = (await reader.offsets_for_times({tp: max(0, since_ms)}))[tp]
            if first is None:
                return found
            end = (await reader.end_offsets([tp]))[tp]
            reader.seek(tp, first.offset)
            while not self.app.should_stop and await reader.position(tp) < end:
                fetched = await reader.getmany(timeout_ms=500, max_records=RESTORE_RECORDS)
                picked = (pick(record.key or b"", record.value, record.timestamp) for record in fetched.get(tp, ()))
                found += (one for one in picked if one is not None)
        return found

    def in_hand(self, partition: int) -> bool:
        """Whether a chunk or a turn of a partition is in hand: `turn` waits for its end."""
        part = self._parts.get(partition)
        return part is not None and part.lock.locked()

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
            if self._leaves_gap(tp, wanted, records[0].offset):
                await self._seek_back(tp, wanted)
                return
            async with self._working(part):
                await self.handlers[tp.topic](tp, records)
            self._next[tp] = records[-1].offset + 1

    def _leaves_gap(self, tp: TP, wanted: int, found: int) -> bool:
        """Whether records seem to be missing before a chunk. Asked once per offset: transactions and compaction leave
        real holes."""
        if found <= wanted or not self.commits(tp) or self._sought.get(tp) == wanted:
            return False
        self._sought[tp] = wanted
        _log.warning("%s: offset %s follows %s, fetching again", tp, found, wanted - 1)
        return True

    async def _seek_back(self, tp: TP, offset: int) -> None:
        with suppress(IllegalStateError):  # not assigned any more: the next assignment seeks
            await self._consumer.seek(tp, offset)

    @asynccontextmanager
    async def _working(self, part: OwnedPartition) -> AsyncIterator[None]:
        """The partition's turn: what it changed is published when it ends well, and never when it does not."""
        try:
            yield
            if self._recovery:
                await self._recovery.publish(part)
        except BaseException:
            part.open = part.sound = False  # half a chunk is in memory
            raise

    def committable(self, tp: TP) -> bool:
        """No foreign record lies unread between this owner's own ones."""
        part = self._parts.get(tp.partition)
        return part is not None and part.sound and not (self._recovery and part.rows.disturbed)

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
        present, owned, lasts = self.round, self._owned, self._round_lasts()
        self._take_over(owned)
        if self._recovery and owned:
            await self._recovery.restore([self._parts[partition] for partition in sorted(owned)], lasts)
        if not lasts():
            return  # another rebalance has begun: its recovery does it all again
        await self._announce(owned)
        if present == self.round:
            self._recovered = present

    def _take_over(self, owned: frozenset[int]) -> None:
        """Let go of the partitions that are not owned any more, and open the rows of those that are new."""
        for partition in self._parts.keys() - owned:
            part = self._parts.pop(partition)
            if self._recovery:
                part.rows.close()
        self._next = {tp: offset for tp, offset in self._next.items() if tp.partition in owned}
        for partition in owned - self._parts.keys():
            rows = self._recovery.open_rows(partition) if self._recovery else None
            self._parts[partition] = OwnedPartition(partition, rows)

    async def _announce(self, owned: frozenset[int]) -> None:
        """Call back the application: these partitions are owned, and their rows are recovered."""
        fresh = frozenset(partition for partition, part in self._parts.items() if not part.announced)
        for callback in self._assigned_callbacks:
            await callback(owned, fresh)
        for part in self._parts.values():
            part.announced = True

    def _round_lasts(self) -> Lasts:
        """For the present round: whether it still lasts."""
        present = self.round
        return lambda: present == self.round and not self.app.should_stop

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
        if self._recovery and self._producer.failure is None:
            await self.flush()
            for part in self._parts.values():
                part.rows.close()

    async def _audit(self) -> None:
        """Look for foreign records behind owners that have nothing to write themselves."""
        parts = [part for part in self._parts.values() if part.open]
        if self._recovery and self.ready and parts:
            await self._recovery.audit(parts)

    @property
    def _producer(self) -> Producer:
        return self.app.producer  # type: ignore[return-value]  # made by Transport

    @property
    def _consumer(self) -> Consumer:
        return self.app.consumer  # type: ignore[return-value]  # made by Transport
