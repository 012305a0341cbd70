"""How much work is done while a storm lasts: a storm over an idle system shows nothing."""

import threading
from typing import NamedTuple

import orjson
from kafka.errors import KafkaError

from services.messaging.reader import TopicReader
from services.messaging.topics import CASE_EVENTS, KPI_TALLIES


class Count(NamedTuple):
    """The last known numbers: without a broker they are not updated."""

    arrived: int
    """Events in `case.events`."""
    taken: int
    """Events that the owners of the partitions have reported to be in their rows."""


class Work:
    """Reads the progress of the cases stage, from a thread of its own."""

    def __init__(self, bootstrap: str) -> None:
        self._reader = TopicReader(bootstrap, [KPI_TALLIES], counted=[CASE_EVENTS])
        self._positions: dict[int, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="work", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                records = self._reader.poll(0.2)
            except KafkaError:
                continue  # the broker is away
            for record in records:
                if record.value is not None and (record.key or b"").startswith(b"progress|"):
                    progress = orjson.loads(record.value)
                    before = self._positions.get(progress["partition"], 0)
                    self._positions[progress["partition"]] = max(before, progress["position"])

    def count(self) -> Count:
        return Count(self._reader.appended(CASE_EVENTS) or 0, sum(list(self._positions.values())))

    def stop(self) -> None:
        self._over.set()
        self._thread.join(30)
        self._reader.__exit__(None, None, None)
