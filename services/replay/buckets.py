"""First pass of a replay: events are admitted and sorted by case key into bucket files, so that a case is whole in one.

Memory does not grow with the input; the buckets lie on disk until the second pass has judged them.
"""

import zlib
from pathlib import Path
from typing import BinaryIO, NamedTuple

import orjson

from services.domain.admission import Admission
from services.domain.facts import Fact
from services.domain.refusal import Refused
from services.replay.blocks import Block


class Rejected(NamedTuple):
    """An event that was turned away, with where it stands."""

    file: str
    line: int
    reason: str
    path: str
    sentence: str
    remedy: str


class Sorted(NamedTuple):
    """What became of a block."""

    events: int
    rejected: list[Rejected]


class BucketWriter:
    """Writes admitted facts into one set of bucket files. Each process has its own set."""

    def __init__(self, folder: Path, name: str, buckets: int, admission: Admission) -> None:
        self._admission = admission
        self._files: list[BinaryIO] = [
            (folder / f"{bucket:04d}.{name}").open("ab", buffering=64 * 1024) for bucket in range(buckets)
        ]

    def sort(self, block: Block) -> Sorted:
        """Admit every line of a block."""
        admit, files, count = self._admission.admit, self._files, len(self._files)
        rejected: list[Rejected] = []
        events = 0
        for number, line in enumerate(block.lines.split(b"\n"), block.first_line):
            if not line or line.isspace():
                continue
            events += 1
            try:
                admitted = admit(line)
            except Refused as refused:
                rejected.append(
                    Rejected(block.file, number, str(refused.code), refused.path, refused.sentence, refused.remedy)
                )
                continue
            key = admitted.key
            record = orjson.dumps((key, block.file, number, tuple(admitted.fact)))
            files[zlib.crc32(key.encode()) % count].write(record + b"\n")
        return Sorted(events, rejected)

    def flush(self) -> None:
        """All that was sorted is in the files."""
        for file in self._files:
            file.flush()


class Filed(NamedTuple):
    """A fact with where it came from."""

    fact: Fact
    file: str
    line: int


def read_bucket(folder: Path, bucket: int) -> dict[str, list[Filed]]:
    """The facts of a bucket by case key, whichever process sorted them; each key's in the order of the input."""
    cases: dict[str, list[Filed]] = {}
    for path in sorted(folder.glob(f"{bucket:04d}.*")):
        with path.open("rb") as lines:
            for line in lines:
                key, file, number, fields = orjson.loads(line)
                cases.setdefault(key, []).append(Filed(Fact(*fields), file, number))
    for filed in cases.values():
        filed.sort(key=lambda each: (each.file, each.line))
    return cases
