"""`python -m tests.storm_gateway.senders WAY JOB JOURNAL`: a source's program, by HTTP or by its inbox. At least once:
what is not in its journal it sends again.

JOB has one request a line: where it goes, and the events. The journal has one line for each that was answered: the
status, and the places of the refused events.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import orjson
from kafka import KafkaProducer
from kafka.errors import KafkaError

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


Send = Callable[[str, Sequence[str]], str]
"""One request; what the journal says of it. Returns once it is answered."""


def by_http(job: Job) -> Send:
    """Any of the gateways may be away: then the next one gets the same."""
    client = httpx.Client(timeout=20, trust_env=False)
    turn = 0

    def send(key: str, events: Sequence[str]) -> str:
        nonlocal turn
        body = f"[{','.join(events)}]".encode()
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/cloudevents-batch+json"}
        while True:
            try:
                answer = client.post(f"{job.targets[turn % len(job.targets)]}/events", content=body, headers=headers)
            except httpx.TransportError:
                turn += 1
                time.sleep(_AGAIN_SECONDS)
                continue
            if answer.status_code in (202, 422):
                refused = [str(one["index"]) for one in answer.json().get("problems", ())]
                return " ".join([str(answer.status_code), *refused])
            if answer.status_code != 503 or "retry-after" not in answer.headers:
                sys.exit(f"{answer.status_code}: {answer.text[:500]}")
            turn += 1
            time.sleep(min(_AGAIN_SECONDS, float(answer.headers["retry-after"])))

    return send


def by_inbox(job: Job) -> Send:
    """The answer of a broker says nothing of the events."""
    made: list[Any] = []

    def send(inbox: str, events: Sequence[str]) -> str:
        while True:
            try:
                if not made:
                    made.append(KafkaProducer(bootstrap_servers=list(job.targets), acks="all", max_block_ms=5_000))
                for sent in [made[0].send(inbox, event.encode()) for event in events]:
                    sent.get(20)
                return "acknowledged"
            except KafkaError:
                time.sleep(_AGAIN_SECONDS)

    return send


WAYS: Final = {"http": by_http, "inbox": by_inbox}


def rest(job: Job, journal: Journal) -> Iterator[tuple[str, Sequence[str]]]:
    """The requests that have no answer yet."""
    for request in job.requests[journal.count :]:
        yield request
        time.sleep(job.pause)


def main() -> None:
    way, job_file, journal_file = sys.argv[1:]
    job, journal = Job.read(Path(job_file)), Journal(Path(journal_file))
    send = WAYS[way](job)
    for target, events in rest(job, journal):
        journal.add(send(target, events))
    os._exit(0)  # the producer's threads have nothing left to send


if __name__ == "__main__":
    main()
