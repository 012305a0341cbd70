"""A file that is there only once it is whole: who is cut off leaves what was there before."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _csv import Writer

_DEVICES = Path("/dev")
"""/dev/stdout may be led into a file: it stays the one that the shell opened."""


@contextmanager
def whole_file(path: Path, *, level: int = 5) -> Iterator[BinaryIO]:
    """Where to write it; packed (`level`: how much) if its name ends in .gz, without the time of packing, so that the
    same content gives the same bytes. What is no file (a pipe, a terminal, /dev/null) is written as it comes."""
    if path.exists() and (not path.is_file() or path.parent == _DEVICES):
        with path.open("wb") as sink:
            yield sink
        return
    path = path.resolve()
    draft = path.with_name(f".{path.name}.part")
    try:
        with ExitStack() as stack:
            plain = stack.enter_context(draft.open("wb"))
            if path.suffix == ".gz":
                yield cast(BinaryIO, stack.enter_context(gzip.GzipFile("", "wb", level, plain, mtime=0)))
            else:
                yield plain
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def whole_csv(path: Path) -> Iterator["Writer"]:
    """The same for rows: in UTF-8, each ended by a line feed."""
    with whole_file(path) as plain:
        text = io.TextIOWrapper(plain, encoding="utf-8", newline="")
        try:
            yield csv.writer(text, lineterminator="\n")
        finally:
            text.detach()
