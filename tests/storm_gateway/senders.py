"""`python -m tests.storm_gateway.senders WAY JOB JOURNAL`: a source's program, by `services.client` or by its inbox.

At least once: what is not in its journal it sends again.

JOB has one request a line: where it goes, and the events. The journal has one line for each that was answered: the
status, and the places of the refused events.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
from kafka import KafkaProducer
from kafka.errors import KafkaError

from services.client.client import Client
from services.client.spool import Entry
from services.messaging.records.gateway_keys import hash_of
from tests.storm_gateway.journal import Journal

_AGAIN_SECONDS: Final = 0.2


class Job(NamedTuple):
    """What a sender is to send."""

    targets: Sequence[str]
    """Addresses of gateways, or of brokers."""
    pause: float
    """Seconds between two requests."""
    requests: Sequence[tuple[str, Sequence[str]]]
    """(key or inbox, events)."""

    def write(self, file: Path) -> None:
        file.write_bytes(orjson.dumps(self._asdict()))

    @classmethod
    def read(cls, file: Path) -> "Job":
        return cls(**orjson.loads(file.read_bytes()))


class Ask(NamedTuple):
    """One request."""

    number: int
    """Its place in the job."""
    target: str
    events: Sequence[str]


Send = Callable[[Ask], str]
"""Sends a request; what the journal says of it. Returns once it is answered."""


def by_client(job: Job, folder: Path) -> Send:
    """By the client that integrators have, with one spool for each key."""
    clients: dict[str, Client] = {}

    def send(ask: Ask) -> str:
        if ask.target not in clients:
            spool = folder / f"{hash_of(ask.target)[:16]}.spool"
            clients[ask.target] = Client(job.targets[0], ask.target, spool, patience=None)
        client = clients[ask.target]
        if int(client.spool.position("job") or 0) <= ask.number:
            entries = [Entry(event.encode(), str(ask.number), place) for place, event in enumerate(ask.events)]
            with client.spool.writing() as store:
                client.spool.add_in(store, entries)
                client.spool.set_position_in(store, "job", str(ask.number + 1))
        client.flush()
        refused = [str(one.place) for one in client.parked() if one.origin == str(ask.number)]
        return " ".join(["422" if refused else "202", *refused])

    return send


def by_inbox(job: Job, folder: Path) -> Send:
    """The answer of a broker says nothing of the events."""
    made: list[Any] = []

    def send(ask: Ask) -> str:
        while True:
            try:
                if not made:
                    made.append(KafkaProducer(bootstrap_servers=list(job.targets), acks="all", max_block_ms=5_000))
                for sent in [made[0].send(ask.target, event.encode()) for event in ask.events]:
                    sent.get(20)
                return "acknowledged"
            except KafkaError:
                time.sleep(_AGAIN_SECONDS)

    return send


WAYS: Final = {"http": by_client, "inbox": by_inbox}


def main() -> None:
    way, job_file, journal_file = sys.argv[1:]
    job, journal = Job.read(Path(job_file)), Journal(Path(journal_file))
    send = WAYS[way](job, Path(journal_file).parent)
    for number, (target, events) in enumerate(job.requests[journal.count :], journal.count):
        journal.add(send(Ask(number, target, events)))
        time.sleep(job.pause)
    os._exit(0)  # the producer's threads have nothing left to send


if __name__ == "__main__":
    main()
