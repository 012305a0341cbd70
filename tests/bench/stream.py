"""Events in a topic: made once as a file, and loaded into the broker of a run, keyed and placed as sources do."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]
from kafka.admin import KafkaAdminClient

from services.domain.intake.facts import case_key
from services.messaging.topics import partition_of
from tests.bench import generate, truth
from tests.bench.job import PARTITIONS, Rows

_BATCH_BYTES = 512 * 1024


class Stream(NamedTuple):
    """A file of events, and the topic that holds them."""

    topic: str
    number: int
    folder: Path
    """With `events.jsonl`, `calendar.csv` and `truth.json`."""

    @property
    def events(self) -> Path:
        return self.folder / "events.jsonl"

    def answer(self) -> Rows:
        rows: Rows = json.loads((self.folder / "truth.json").read_text(encoding="utf-8"))
        return rows


def of_the_job(count: int, seed: int, kept: Path) -> Stream:
    """The job's events, made in the folder `kept` if they are not there."""
    folder = kept / f"data-{count}-{seed}"
    if not (folder / "truth.json").exists():
        print(f"making {count:,} events", flush=True)
        generate.write(folder, count, seed)
        truth.write(folder)
    return Stream(f"case.events.{count}.{seed}", count, folder)


def make_topics(bootstrap: str, topics: Mapping[str, Mapping[str, Any]]) -> None:
    """Topic → `num_partitions` and `configs`, of those that are not there: after a crash they are."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        there = set(admin.list_topics())
        if missing := {name: dict(topic) for name, topic in topics.items() if name not in there}:
            admin.create_topics(missing, wait_for_metadata=True)
    finally:
        admin.close()


def load(stream: Stream, bootstrap: str) -> None:
    """Fill the topic, in the order of the file."""
    print(f"loading {stream.number:,} events into {stream.topic}", flush=True)
    make_topics(bootstrap, {stream.topic: {"num_partitions": PARTITIONS}})
    asyncio.run(_load(stream, bootstrap))


async def _load(stream: Stream, bootstrap: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=_BATCH_BYTES, acks="all")
    await producer.start()
    try:
        batches = {number: producer.create_batch() for number in range(PARTITIONS)}
        with stream.events.open("rb") as lines:
            for line in lines:
                key, value = key_of(line), line.rstrip()
                number = partition_of(key, PARTITIONS)
                if batches[number].append(key=key, value=value, timestamp=None) is None:  # it is full
                    await producer.send_batch(batches[number], stream.topic, partition=number)
                    batches[number] = producer.create_batch()
                    batches[number].append(key=key, value=value, timestamp=None)
        for number, batch in batches.items():
            await producer.send_batch(batch, stream.topic, partition=number)
        await producer.flush()
    finally:
        await producer.stop()


def key_of(line: bytes) -> bytes:
    """The key of an event's case: its owner, or else its source, and its subject."""
    event = orjson.loads(line)
    # a heartbeat has no subject
    return case_key(event.get("caseowner") or event["source"], event.get("subject", "")).encode()
