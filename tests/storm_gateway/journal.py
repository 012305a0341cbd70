"""What a sender has had acknowledged, on the disk: after kill -9 it goes on behind the last whole line."""

import os
from collections.abc import Iterator
from pathlib import Path


class Journal:
    """Lines that are on the disk when `add` returns. A line that the end of the process cut off counts as not there."""

    def __init__(self, file: Path) -> None:
        self._file = file
        whole = file.read_bytes().rpartition(b"\n")[0] if file.exists() else b""
        self.count = len(whole.splitlines())
        self._sink = file.open("r+b" if file.exists() else "w+b")
        self._sink.truncate(len(whole) + bool(whole))
        self._sink.seek(0, os.SEEK_END)

    def add(self, line: str) -> None:
        """`line`: without its end, not empty."""
        self._sink.write(line.encode() + b"\n")
        self._sink.flush()
        os.fsync(self._sink.fileno())
        self.count += 1


def lines_of(file: Path) -> Iterator[str]:
    """The whole lines of a journal, whoever writes it."""
    if file.exists():
        yield from file.read_bytes().rpartition(b"\n")[0].decode().splitlines()
