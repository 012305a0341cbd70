"""A worker that dies at a named step, as soon as a file names it: a composition root of its own.

`ARMED=<file> python -m tests.integration.failing_worker cases`. It is the real app with some methods wrapped; nothing
in it knows of tests. It dies by `os._exit`: no clean-up, no flush, nothing is said to the broker.

Exit codes: 9 where it died at the named step; 7 where the step waited, as it must, for something that never came.
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from enum import StrEnum
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]

import streams.cases.__main__ as cases_main
import streams.kpis.__main__ as kpis_main
from services.messaging.topics import ALERT_CARDS, CASE_VERDICTS, CASES_CHANGELOG, DEAD_LETTER, KPI_TALLIES, KPI_VALUES
from streams.cases.cases import Cases
from streams.delivery.bulk import BulkDelivery
from streams.delivery.faust_driver import Consumer
from streams.delivery.recovery import Recovery

DIED, WAITED = 9, 7
_PATIENCE_SECONDS = 3.0
_OUTPUTS = (ALERT_CARDS, CASE_VERDICTS)

Pair = tuple[bytes | None, bytes | None]


class Failpoint(StrEnum):
    """Where a worker can die."""

    JUDGED = "judged"
    """A chunk is judged; neither its rows nor what it brings forth have been sent."""
    CHANGELOG_FIRST = "changelog_first"
    """The rows of a chunk are in the changelog; what it brings forth has not been sent."""
    CHANGELOG = "changelog"
    """Outputs and changelog are acknowledged; the offset is not committed."""
    LETTERS = "letters"
    """Dead letters are acknowledged; the rows of their chunk are not in the changelog."""
    SWEEP_TOLD = "sweep_told"
    """A sweep's cards are acknowledged; the rows that know it are not in the changelog."""
    SWEEP_MARKED = "sweep_marked"
    """The rows of a sweep are in the changelog, with the mark that nobody knows what became of their cards, which have
    not been sent."""
    SWEEP_UNMARKED_FIRST = "sweep_unmarked_first"
    """The rows of a sweep are in the changelog without the mark; its cards are lost on the way."""
    CLAIMED = "claimed"
    """A new owner has claimed its partition and sent half of its rows."""
    ROWS = "rows"
    """A new owner has sent all its rows, and does not say so."""
    COMPLETE = "complete"
    """A new owner is complete, and has said nothing of how far it has come."""
    TALLIES = "tallies"
    """Changed tallies are acknowledged; the progress that covers them is not sent."""
    VALUES = "values"
    """The kpis stage has published half of what has changed."""


_in_chunk: ContextVar[bool] = ContextVar("in_chunk", default=False)
"""Whether this is the handling of a chunk (else a sweep, or an assignment)."""
_sent: set[str] = set()
"""Topics that were sent to while armed, outside of chunks where that matters."""


def armed(*failpoints: Failpoint) -> bool:
    """Whether the file names one of them."""
    file = Path(os.environ["ARMED"])
    return file.exists() and file.read_text() in failpoints


def die() -> None:
    os._exit(DIED)


def note_chunks() -> None:
    """Let the failpoints know whether they are within a chunk."""
    deliver = BulkDelivery.deliver

    async def noted(self: BulkDelivery, tp: Any, records: Any, fetched_in: int) -> None:
        before = _in_chunk.set(True)
        try:
            await deliver(self, tp, records, fetched_in)
        finally:
            _in_chunk.reset(before)

    BulkDelivery.deliver = noted  # type: ignore[method-assign]


def fail_around_sending() -> None:
    """Of what the application sends, nothing or a part."""
    send_many = BulkDelivery.send_many

    async def part(self: BulkDelivery, topic: str, partition: int, pairs: list[Pair]) -> None:
        await send_many(self, topic, partition, pairs)
        await self.flush()
        die()

    async def failing(self: BulkDelivery, topic: str, partition: int, pairs: Iterable[Pair]) -> None:
        listed = list(pairs)
        if topic in _OUTPUTS and _in_chunk.get() and armed(Failpoint.CHANGELOG_FIRST):
            die()
        if topic == KPI_TALLIES and listed:
            last = _kind(listed[-1])
            if last == "complete" and len(listed) > 2 and armed(Failpoint.CLAIMED):
                await part(self, topic, partition, listed[: len(listed) // 2])
            if last == "complete" and len(listed) > 2 and armed(Failpoint.ROWS):
                await part(self, topic, partition, listed[:-1])
            if last == "complete" and armed(Failpoint.COMPLETE):
                await part(self, topic, partition, listed)
            rows = [pair for pair in listed if _kind(pair) == "row"]
            if last == "progress" and rows and armed(Failpoint.TALLIES):
                await part(self, topic, partition, rows)
        if topic == KPI_VALUES and len(listed) > 1 and armed(Failpoint.VALUES):
            await part(self, topic, partition, listed[: len(listed) // 2])
        if topic == DEAD_LETTER and armed(Failpoint.LETTERS):
            _sent.add(topic)
        if topic == ALERT_CARDS and not _in_chunk.get():
            if armed(Failpoint.SWEEP_MARKED):
                die()
            if armed(Failpoint.SWEEP_TOLD):
                _sent.add(topic)
        await send_many(self, topic, partition, listed)

    BulkDelivery.send_many = failing  # type: ignore[method-assign]


def fail_before_the_changelog() -> None:
    """All that was sent is acknowledged, and the rows are not sent."""
    publish, sweep = Recovery.publish, Cases._sweep

    async def failing(self: Recovery, part: Any) -> None:
        if _in_chunk.get() and (armed(Failpoint.JUDGED) or DEAD_LETTER in _sent):
            await self._producer.flush()
            die()
        await publish(self, part)

    async def swept(self: Cases, number: int, partition: Any, now: int) -> bool:
        done = await sweep(self, number, partition, now)
        if ALERT_CARDS in _sent:
            die()
        return done

    Recovery.publish = failing  # type: ignore[method-assign]
    Cases._sweep = swept  # type: ignore[method-assign]


def fail_before_the_offset() -> None:
    """All that was sent is acknowledged, and the offset is not committed."""
    commit = Consumer._commit_offsets

    async def failing(self: Any, offsets: Mapping[Any, int], start_new_transaction: bool = True) -> bool:
        await self.app.producer.flush()
        if armed(Failpoint.CHANGELOG):
            die()
        return await commit(self, offsets, start_new_transaction)

    Consumer._commit_offsets = failing  # type: ignore[method-assign]


def fail_behind_the_changelog() -> None:
    """Cards and verdicts of a sweep stay on their way for ever. The process dies once the changelog of what they came
    from is acknowledged; or after a while in which that has not happened, since it is waiting for them."""
    send_batch = AIOKafkaProducer.send_batch
    held = False

    async def failing(self: Any, batch: Any, topic: str, *, partition: int) -> Any:
        nonlocal held
        if topic in _OUTPUTS and not _in_chunk.get() and armed(Failpoint.SWEEP_UNMARKED_FIRST):
            if not held:
                held = True
                timer = threading.Timer(_PATIENCE_SECONDS, os._exit, (WAITED,))
                timer.daemon = True
                timer.start()
            return asyncio.get_running_loop().create_future()
        acknowledged = await send_batch(self, batch, topic, partition=partition)
        if topic == CASES_CHANGELOG and held and not _in_chunk.get():
            acknowledged.add_done_callback(lambda _: die())
        return acknowledged

    AIOKafkaProducer.send_batch = failing


def _kind(pair: Pair) -> str:
    return (pair[0] or b"").split(b"|")[0].decode()


def main() -> None:
    """Wrap what can fail, then run the real thing."""
    note_chunks()
    fail_around_sending()
    fail_before_the_changelog()
    fail_before_the_offset()
    fail_behind_the_changelog()
    stages: Mapping[str, Callable[[], None]] = {"cases": cases_main.main, "kpis": kpis_main.main}
    stages[sys.argv[1]]()


if __name__ == "__main__":
    main()
