"""The trusted feed of archives: files of events → `case.events`, as the gateway would write them.

An event is sent with the bytes of its line, so that admission decides on the same bytes by file and by topic. What has
no key is sent with an empty one and becomes a dead letter: nothing is dropped here.
"""

from collections.abc import Callable, Iterable

from kafka import KafkaProducer

from services.messaging.records.case_events import record_of_line
from services.messaging.topics import CASE_EVENTS, partition_of


def feed(
    bootstrap: str,
    lines: Iterable[bytes],
    partitions: int,
    *,
    topic: str = CASE_EVENTS,
    progress: Callable[[int], None] = lambda sent: None,
) -> int:
    """Send every line; returns how many, once the broker has acknowledged all of them."""
    producer = KafkaProducer(
        bootstrap_servers=bootstrap.split(","),
        acks="all",
        linger_ms=20,
        batch_size=256 * 1024,
        key_serializer=None,
        value_serializer=None,
    )
    sent = 0
    failures: list[BaseException] = []
    try:
        for line in lines:
            if line.isspace() or not line:
                continue
            event = line.removesuffix(b"\n")
            key, headers = record_of_line(event)
            producer.send(
                topic, key=key, value=event, headers=[*headers], partition=partition_of(key, partitions)
            ).add_errback(failures.append)
            sent += 1
            if sent % 1000 == 0:
                progress(sent)
                if failures:
                    raise failures[0]
        producer.flush()
        if failures:
            raise failures[0]
    finally:
        producer.close()
    progress(sent)
    return sent
