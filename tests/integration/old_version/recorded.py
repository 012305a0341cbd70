"""What a version left behind: the records of its topics, the offsets it had committed, and its state folder."""

import gzip
import json
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent
PLAN = FOLDER / "plan"
TOPICS = FOLDER / "topics.jsonl.gz"
STATE = FOLDER / "state.tar.gz"
WORKER = "cases-1"


class Recorded(NamedTuple):
    """One record as it was in its topic."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Sequence[tuple[str, bytes]]
    value: bytes | None


class Committed(NamedTuple):
    """The offset that the workers of the cases stage had committed for a partition of `case.events`."""

    partition: int
    offset: int


def write_topics(file: Path, committed: Iterable[Committed], records: Iterable[Recorded]) -> None:
    """A line each. Bytes are written as Latin-1, so that texts stay readable."""
    lines = [json.dumps({"committed": place.partition, "offset": place.offset}) for place in committed]
    for record in records:
        body = record._asdict() | {
            "key": _text(record.key),
            "headers": [[name, _text(value)] for name, value in record.headers],
            "value": _text(record.value),
        }
        lines.append(json.dumps(body))
    file.write_bytes(gzip.compress("".join(line + "\n" for line in lines).encode(), mtime=0))


def read_topics() -> tuple[list[Committed], list[Recorded]]:
    """The committed offsets, and the records in the order of their offsets."""
    committed, records = [], []
    for line in gzip.decompress(TOPICS.read_bytes()).splitlines():
        body = json.loads(line)
        if "committed" in body:
            committed.append(Committed(body["committed"], body["offset"]))
            continue
        headers = [(name, value.encode("latin-1")) for name, value in body["headers"]]
        records.append(
            Recorded(
                body["topic"], body["partition"], body["offset"], _bytes(body["key"]), headers, _bytes(body["value"])
            )
        )
    return committed, records


def of_topic(records: Iterable[Recorded], topic: str) -> Iterator[Recorded]:
    """The records of one topic."""
    return (record for record in records if record.topic == topic)


def unpack_state(folder: Path) -> None:
    """Put the worker's state folder into `folder`."""
    with tarfile.open(STATE) as packed:
        packed.extractall(folder, filter="data")


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("latin-1")


def _bytes(content: str | None) -> bytes | None:
    return None if content is None else content.encode("latin-1")
