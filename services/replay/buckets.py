"""First pass of a replay: events are admitted and sorted by case key into bucket files, so that a case is whole in one.

Memory does not grow with the input; the buckets lie on disk until the second pass has judged them. They are read by
this process family only and at once: hence `marshal`, the fastest way there is to write plain tuples and read them.
"""

import marshal
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

from services.domain.intake.admission import Admission
from services.domain.intake.facts import Fact
from services.domain.intake.refusal import Refused
from services.domain.time.zone import Instant
from services.replay.blocks import Block

_LENGTH = 4
"""Bytes of the number before each chunk that says how long it is."""

Record = tuple[Any, ...]
"""A fact with where it came from, flat: case key, file, line, and the fields of the fact."""


class Rejected(NamedTuple):
    """An event that was turned away, with where it stands."""

    file: str
    line: int
    reason: str
    path: str
    sentence: str
    remedy: str

    @classmethod
    def of(cls, refused: Refused, file: str, line: int) -> Self:
        """The event of that line, refused."""
        return cls(file, line, str(refused.code), refused.path, refused.sentence, refused.remedy)


class Sorted(NamedTuple):
    """What became of a block."""

    events: int
    bytes: int
    first: Instant | None
    """The earliest time of its admitted events."""
    rejected: list[Rejected]


class BucketWriter:
    """Writes admitted facts into one set of bucket files. Each process has its own set."""

    def __init__(self, folder: Path, name: str, buckets: int, admission: Admission) -> None:
        self._admission = admission
        self._files: list[BinaryIO] = [
            (folder / f"{bucket:04d}.{name}").open("ab", buffering=0) for bucket in range(buckets)
        ]

    def sort(self, block: Block) -> Sorted:
        """Admit every line of a block; when this returns, all of it is in the files."""
        admit, count, checksum = self._admission.admit, len(self._files), zlib.crc32
        chunks: list[list[Record]] = [[] for _ in range(count)]
        rejected: list[Rejected] = []
        file, events = block.file, 0
        first: Instant | None = None
        for number, line in enumerate(block.lines.split(b"\n"), block.first_line):
            if not line or line.isspace():
                continue
            events += 1
            try:
                admitted = admit(line)
            except Refused as refused:
                rejected.append(Rejected.of(refused, file, number))
                continue
            key, fact = admitted.key, admitted.fact
            if first is None or fact.time < first:
                first = fact.time
            chunks[checksum(key.encode()) % count].append((key, file, number, *fact))
        for records, sink in zip(chunks, self._files, strict=True):
            if records:
                chunk = marshal.dumps((block.number, records))
                sink.write(len(chunk).to_bytes(_LENGTH, "big") + chunk)
        return Sorted(events, len(block.lines), first, rejected)

    def close(self) -> None:
        for file in self._files:
            file.close()


def read_bucket(folder: Path, bucket: int) -> dict[str, list[Record]]:
    """The records of a bucket by case key, whichever process sorted them; each key's in the order of the input."""
    chunks = [chunk for path in folder.glob(f"{bucket:04d}.*") for chunk in _chunks(path.read_bytes())]
    chunks.sort(key=lambda chunk: chunk[0])
    cases: dict[str, list[Record]] = {}
    for _, records in chunks:
        for record in records:
            held = cases.get(record[0])
            if held is None:
                cases[record[0]] = [record]
            else:
                held.append(record)
    return cases


def _chunks(content: bytes) -> Iterator[tuple[int, list[Record]]]:
    at = 0
    while at < len(content):
        begin = at + _LENGTH
        at = begin + int.from_bytes(content[at:begin], "big")
        yield marshal.loads(content[begin:at])


def fact_of(record: Record) -> Fact:
    """The fact of a record."""
    return Fact._make(record[3:])
