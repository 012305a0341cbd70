"""The trusted feed of archives: files of events → `case.events`, as the gateway would write them.

An event is sent as its bytes stand in the file, so that admission decides on the same bytes by file and by topic. The
arrival that the file rule gives (`recordedat`, else `time`), where the event itself has none, goes into a header of the
record: the running system judges exactly what `kpiwatch replay` judges. What cannot be keyed is sent under an empty key
and becomes a dead letter: nothing is dropped here.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import orjson
from kafka import KafkaProducer

from services.domain.intake.facts import case_key
from services.domain.intake.record_headers import RECEIVED
from services.messaging.topics import CASE_EVENTS, partition_of

_LONGEST_TIME = 40


class Addressed(NamedTuple):
    """The record of an event: its value is the event's bytes."""

    key: bytes
    headers: Sequence[tuple[str, bytes]]


def addressed(line: bytes) -> Addressed:
    """The key of an event's record, and its headers: the arrival, where the event does not say it."""
    try:
        event = orjson.loads(line)
    except ValueError:
        event = None
    if type(event) is not dict:
        return Addressed(b"", ())
    return Addressed(_key(event), _headers(event))


def _key(event: dict[str, Any]) -> bytes:
    owner = event.get("caseowner") or event.get("source")
    subject = event.get("subject") or ""
    return case_key(owner, subject).encode() if type(owner) is str and type(subject) is str else b""


def _headers(event: dict[str, Any]) -> Sequence[tuple[str, bytes]]:
    if "receivedat" in event:
        return ()
    arrived = event.get("recordedat") or event.get("time")
    if type(arrived) is not str or len(arrived) > _LONGEST_TIME:
        return ()  # it is refused for that
    return ((RECEIVED, arrived.encode()),)


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
            key, headers = addressed(event)
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
