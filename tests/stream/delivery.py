"""A delivery without a broker: it remembers what a stage sends, in order, and what had been acknowledged when."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any

FLUSHED = "flushed"
"""In `order`: here everything sent before was acknowledged."""
PUBLISHED = "published"
"""In `order`: here rows went to the changelog."""

Pair = tuple[bytes | None, bytes | None]


class FakeDelivery:
    """What `streams.delivery.bulk.BulkDelivery` offers to a stage."""

    def __init__(self, partitions: Iterable[int] = (0,)) -> None:
        self.stores: dict[int, dict[bytes, bytes]] = {number: {} for number in partitions}
        self.owned = frozenset(self.stores)
        self.ready = True
        self.unread: dict[int, int | None] = dict.fromkeys(self.stores, 0)
        self.busy: set[int] = set()
        """Partitions with a chunk in hand."""
        self.caught_up = True
        self.next: int = 0
        self.epochs = dict.fromkeys(self.stores, 1)
        self.sent: list[tuple[str, int, Pair]] = []
        self.order: list[str] = []
        """Topics as they were sent to, `FLUSHED` and `PUBLISHED`."""
        self.read_back: list[tuple[str, int, int]] = []
        """What `records_since` was asked."""
        self.appended_ms = 0
        """When all of it was sent, for `records_since`."""

    def rows(self, partition: int) -> dict[bytes, bytes]:
        return self.stores[partition]

    def epoch(self, partition: int) -> int:
        return self.epochs[partition]

    def lag(self, partition: int) -> int | None:
        return self.unread[partition]

    def lost(self, partition: int) -> int:
        return 0

    def in_hand(self, partition: int) -> bool:
        return partition in self.busy

    def next_offset(self, tp: object) -> int | None:
        return self.next

    @asynccontextmanager
    async def turn(self, partition: int) -> AsyncIterator[dict[bytes, bytes] | None]:
        if partition not in self.owned:
            yield None
            return
        yield self.stores[partition]
        self.order.append(PUBLISHED)

    async def send_many(self, topic: str, partition: int, pairs: Iterable[Pair]) -> None:
        listed = list(pairs)
        self.sent += [(topic, partition, pair) for pair in listed]
        if listed:
            self.order.append(topic)

    async def publish(self, partition: int) -> None:
        self.order.append(PUBLISHED)
        await self.flush()

    async def flush(self) -> None:
        self.order.append(FLUSHED)

    async def records_since(
        self, topic: str, partition: int, since_ms: int, pick: Callable[[bytes, bytes | None, int], Any]
    ) -> list[Any]:
        self.read_back.append((topic, partition, since_ms))
        found = [
            pick(key or b"", value, self.appended_ms)
            for name, number, (key, value) in self.sent
            if (name, number) == (topic, partition)
        ]
        return [one for one in found if one is not None]

    def take(self, topic: str) -> list[Pair]:
        """What was sent to a topic since the last call."""
        taken = [pair for name, _, pair in self.sent if name == topic]
        self.sent = [each for each in self.sent if each[0] != topic]
        return taken
