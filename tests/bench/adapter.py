"""`python -m tests.bench.adapter`: from the worker's tallies to the benchmark's rows, like any reader of `kpi.tallies`.

A row for every key that changed, about once a second.
"""

import time

import orjson
from kafka import KafkaProducer

from services.messaging.reader import TopicReader
from services.messaging.tally_log import TallyLog
from tests.bench.job import Protocol, Rows, rows_of

PERIOD_SECONDS = 1.0
"""As often as the worker publishes."""


def main() -> None:
    """Read and write until the worker ends it."""
    protocol = Protocol.from_environment()
    log = TallyLog()
    written: Rows = {}
    producer = KafkaProducer(bootstrap_servers=protocol.bootstrap, linger_ms=20)
    with TopicReader(protocol.bootstrap, [protocol.tallies]) as reader:
        while True:
            until = time.monotonic() + PERIOD_SECONDS
            while (left := until - time.monotonic()) > 0:
                for record in reader.poll(left):
                    log.append(record.key or b"", record.value)
            if not log.changed:
                continue
            log.changed.clear()
            for name, row in rows_of(log.tallies()).items():
                if written.get(name) != row:
                    written[name] = row
                    producer.send(protocol.output, key=name.encode(), value=orjson.dumps(row))


if __name__ == "__main__":
    main()
