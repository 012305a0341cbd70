"""Event files as blocks of whole lines: what can be handed to another process without reading a line."""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

BLOCK_BYTES = 2 * 1024 * 1024


class Block(NamedTuple):
    """Some whole lines of one file."""

    file: str
    first_line: int
    """Number of the first of them, from 1."""
    lines: bytes


def opened(file: str) -> BinaryIO:
    """A file to read events from: plain, gzip by its name, or `-` for standard input."""
    if file == "-":
        return sys.stdin.buffer
    if file.endswith(".gz"):
        return cast(BinaryIO, gzip.open(file, "rb"))
    return Path(file).open("rb")


def blocks(file: str, size: int = BLOCK_BYTES) -> Iterator[Block]:
    """The blocks of a file, each cut at the end of a line."""
    with opened(file) as stream:
        line, rest = 1, b""
        while piece := stream.read(size):
            cut = piece.rfind(b"\n") + 1
            if not cut:
                rest += piece
                continue
            lines = rest + piece[:cut]
            yield Block(file, line, lines)
            line += lines.count(b"\n")
            rest = piece[cut:]
        if rest.strip():
            yield Block(file, line, rest)


def size_of(files: list[str]) -> int:
    """About how many bytes of events the files hold; compressed ones are taken for ten times their size."""
    return sum(Path(file).stat().st_size * (10 if file.endswith(".gz") else 1) for file in files if file != "-")
