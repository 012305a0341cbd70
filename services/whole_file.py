"""A file that is there only once it is whole: who is cut off leaves what was there before."""

import gzip
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

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
