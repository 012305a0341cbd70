"""Event files as chunks of whole lines: what can be handed to another process without reading a line."""

import gzip
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from services.domain.intake.admission import LARGEST_EVENT

STANDARD_INPUT = "-"
CHUNK_BYTES = 2 * 1024 * 1024
LINES_AT_ONCE = 20_000
"""So many lines a chunk has at most: of what is no event, each is refused with its place."""
_KEPT_OF_A_LINE = 2 * LARGEST_EVENT
"""So much is kept of a line that goes over several pieces: more than an event may have, so that it is refused."""
_PACKED = 15
"""How many bytes of events one byte of gzip is taken for."""


class FileChunk(NamedTuple):
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


def file_chunks(files: Sequence[str], size: int = CHUNK_BYTES) -> Iterator[FileChunk]:
    """The chunks of the files, each cut at the end of a line. EOFError, naming the file and how far it was read, where
    one is damaged."""
    number = 0
    for file in files:
        line = 1
        try:
            for lines in _whole_lines(file, size):
                for some in _few(lines):
                    yield FileChunk(number, file, line, some)
                    number += 1
                    line += some.count(b"\n")
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise EOFError(f"{file}: after line {line - 1}: {error}") from error


def _whole_lines(file: str, size: int) -> Iterator[bytes]:
    """Memory does not grow with a line: what is beyond the size of an event is not kept."""
    with opened(file) as stream:
        rest = _Rest()
        while piece := stream.read(size):
            first = piece.find(b"\n") + 1
            if not first:
                rest.add(piece)
                continue
            last = piece.rfind(b"\n") + 1
            rest.add(piece[:first])
            yield rest.taken() + piece[first:last]
            rest.add(piece[last:])
        end = rest.taken()
        if end.strip():
            yield end


class _Rest:
    """The beginning of a line whose end has not been read."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._is_cut = False

    def add(self, piece: bytes) -> None:
        """More of the line, its end among it or not."""
        room = max(0, _KEPT_OF_A_LINE - len(self._kept))
        self._kept += piece[:room]
        self._is_cut = self._is_cut or len(piece) > room

    def taken(self) -> bytes:
        """The line, to begin the next one. One that is cut ends as it would, and is not blank."""
        line = bytes(self._kept) + b"~\n" if self._is_cut else bytes(self._kept)
        self._kept.clear()
        self._is_cut = False
        return line


def _few(lines: bytes) -> Iterator[bytes]:
    """The same in order, at most so many lines at once."""
    if lines.count(b"\n") <= LINES_AT_ONCE:
        yield lines
        return
    each = lines.split(b"\n")
    for begin in range(0, len(each), LINES_AT_ONCE):
        some = b"\n".join(each[begin : begin + LINES_AT_ONCE])
        is_last = begin + LINES_AT_ONCE >= len(each)
        if some or not is_last:
            yield some if is_last else some + b"\n"


def size_of(files: Sequence[str]) -> int | None:
    """About how many bytes of events the files hold; None where standard input is among them."""
    if STANDARD_INPUT in files:
        return None
    return sum(Path(file).stat().st_size * (_PACKED if file.endswith(".gz") else 1) for file in files)
