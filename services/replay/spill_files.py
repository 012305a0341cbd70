"""First pass of a replay: events are admitted and sorted by case key into spill files, so that a case is in one file.

Memory does not grow with the input; the spill files are on disk until the second pass has judged them. Only this family
of processes reads them, and at once: hence `marshal`, the fastest way to write plain tuples and read them.
"""

import marshal
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, Self

from services.domain.intake.admission import Admission
from services.domain.intake.facts import Fact, FactType
from services.domain.intake.refusal import Refused
from services.domain.time.zone import Instant
from services.replay.file_chunks import FileChunk

_LENGTH = 4
"""Bytes of the number before each piece that says how long it is."""

SpilledFact = tuple[Any, ...]
"""A fact with where it came from, flat: case key, file, line, and the fields of the fact."""


class Rejected(NamedTuple):
    """An event that was refused, and its place."""

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


class ChunkResult(NamedTuple):
    """What became of a chunk."""

    events: int
    bytes: int
    first: Instant | None
    """The earliest time of its admitted events."""
    rejected: list[Rejected]


class SpillWriter:
    """Writes admitted facts into one set of spill files. Each process has its own set."""

    def __init__(self, folder: Path, name: str, count: int, admission: Admission) -> None:
        self._admission = admission
        self._files: list[BinaryIO] = [
            (folder / f"{number:04d}.{name}").open("ab", buffering=0) for number in range(count)
        ]

    def sort(self, chunk: FileChunk) -> ChunkResult:
        """Admit every line of a chunk; when this returns, all of it is in the files."""
        admit, count, checksum = self._admission.admit, len(self._files), zlib.crc32
        pieces: list[list[SpilledFact]] = [[] for _ in range(count)]
        rejected: list[Rejected] = []
        file, events = chunk.file, 0
        first: Instant | None = None
        for number, line in enumerate(chunk.lines.split(b"\n"), chunk.first_line):
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
            pieces[checksum(key.encode()) % count].append((key, file, number, *fact))
        for records, sink in zip(pieces, self._files, strict=True):
            if records:
                piece = marshal.dumps((chunk.number, records))
                sink.write(len(piece).to_bytes(_LENGTH, "big") + piece)
        return ChunkResult(events, len(chunk.lines), first, rejected)

    def close(self) -> None:
        for file in self._files:
            file.close()


def read_spill_file(folder: Path, number: int) -> dict[str, list[SpilledFact]]:
    """The records of a spill file by case key, whichever process sorted them; each key's in the order of the input."""
    pieces = [piece for path in folder.glob(f"{number:04d}.*") for piece in _pieces(path.read_bytes())]
    pieces.sort(key=lambda piece: piece[0])
    cases: dict[str, list[SpilledFact]] = {}
    for _, records in pieces:
        for record in records:
            held = cases.get(record[0])
            if held is None:
                cases[record[0]] = [record]
            else:
                held.append(record)
    return cases


def _pieces(content: bytes) -> Iterator[tuple[int, list[SpilledFact]]]:
    at = 0
    while at < len(content):
        begin = at + _LENGTH
        at = begin + int.from_bytes(content[at:begin], "big")
        yield marshal.loads(content[begin:at])


def fact_of(record: SpilledFact) -> Fact:
    """The fact of a record."""
    return Fact._make(record[3:])


def is_heartbeat(record: SpilledFact) -> bool:
    """Whether it is a heartbeat of a source."""
    return bool(record[_TYPE] == _HEARTBEAT)


_TYPE, SOURCE, RECEIVED = (3 + Fact._fields.index(name) for name in ("type", "source", "received"))
"""The places of these fields of the fact."""
_HEARTBEAT = int(FactType.SOURCE_HEARTBEAT)
