"""Event files as blocks of whole lines: what can be handed to another process without reading a line."""

import gzip
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

STANDARD_INPUT = "-"
BLOCK_BYTES = 2 * 1024 * 1024
_PACKED = 15
"""How many bytes of events one byte of gzip is taken for."""


class Block(NamedTuple):
    """Some whole lines of one file."""

    number: int
    """Counted over all files, in their order."""
    file: str
    first_line: int
    """Number of the first of them, from 1."""
    lines: bytes


def opened(file: str) -> BinaryIO:
    """A file to read events from: plain, gzip by its name, or `-` for standard input."""
    if file == STANDARD_INPUT:
        return sys.stdin.buffer
    if file.endswith(".gz"):
        return cast(BinaryIO, gzip.open(file, "rb"))
    return Path(file).open("rb")


def blocks(files: Sequence[str], size: int = BLOCK_BYTES) -> Iterator[Block]:
    """The blocks of the files, each cut at the end of a line. EOFError, naming the file and how far it was read, where
    one is damaged."""
    number = 0
    for file in files:
        line = 1
        try:
            for lines in _whole_lines(file, size):
                yield Block(number, file, line, lines)
                number += 1
                line += lines.count(b"\n")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise EOFError(f"{file}: after line {line - 1}: {error}") from error


def _whole_lines(file: str, size: int) -> Iterator[bytes]:
    with opened(file) as stream:
        rest: list[bytes] = []
        while piece := stream.read(size):
            cut = piece.rfind(b"\n") + 1
            if cut:
                yield b"".join([*rest, piece[:cut]])
                rest = [piece[cut:]]
            else:
                rest.append(piece)
        last = b"".join(rest)
        if last.strip():
            yield last


def size_of(files: Sequence[str]) -> int | None:
    """About how many bytes of events the files hold; None where standard input is among them."""
    if STANDARD_INPUT in files:
        return None
    return sum(Path(file).stat().st_size * (_PACKED if file.endswith(".gz") else 1) for file in files)
