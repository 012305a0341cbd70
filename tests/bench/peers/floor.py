"""`python -m tests.bench.peers.floor`: the least that Python needs for the job: a consumer loop and a dict.

Nothing survives a crash. It runs in the peers' own environment.
"""

import gc
import os
import signal
import time
from pathlib import Path

import orjson
from confluent_kafka import Consumer, Producer

from tests.bench.peers.caseclock import CaseClock, State, Totals, add

AT_ONCE = 5_000
COMMIT_SECONDS = 1.0


class Floor:
    """The loop: cases, totals, and the rows that changed since they were last written."""

    def __init__(self) -> None:
        given = os.environ
        self._clock = CaseClock(Path(given["CALENDAR"]))
        self._output = given["OUTPUT"]
        self._cases: dict[bytes, State] = {}
        self._rows: dict[str, Totals] = {}
        self._changed: set[str] = set()
        self._ready = False
        self.running = True
        # `fetch.queue.backoff.ms`: with the default, the loop waits a second whenever the queue was full
        self._consumer = Consumer(
            {
                "bootstrap.servers": given["BOOTSTRAP"],
                "group.id": given["GROUP"],
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "session.timeout.ms": 10_000,
                "fetch.queue.backoff.ms": 20,
            }
        )
        self._producer = Producer({"bootstrap.servers": given["BOOTSTRAP"], "linger.ms": 50})
        self._consumer.subscribe([given["INPUT"]])

    def run(self) -> None:
        """Until `running` is no more."""
        due = 0.0
        while self.running:
            self._consume()
            if time.monotonic() > due:
                self._write()
                due = time.monotonic() + COMMIT_SECONDS
        self._consumer.close()

    def _consume(self) -> None:
        cases, apply, rows, changed = self._cases, self._clock.apply, self._rows, self._changed
        for message in self._consumer.consume(AT_ONCE, 0.2):
            if not self._ready:
                self._ready = True
                print("READY", flush=True)
            key = message.key()
            state = cases.get(key)
            if state is None:
                state = cases[key] = {}
            count = apply(state, orjson.loads(message.value()))
            if count is not None:
                add(rows, count)
                changed.add(count[0])

    def _write(self) -> None:
        for name in self._changed:
            self._producer.produce(self._output, orjson.dumps(self._rows[name]), name)
        self._changed.clear()
        self._producer.flush()
        if self._ready:
            self._consumer.commit()


def main() -> None:
    """Read until the process is ended."""
    # many small containers live long: with the default thresholds half of the CPU time goes into walking them
    gc.set_threshold(100_000, 50, 100)
    floor = Floor()

    def stop(*_: object) -> None:
        floor.running = False

    signal.signal(signal.SIGTERM, stop)
    floor.run()
    print("DONE", flush=True)


if __name__ == "__main__":
    main()
