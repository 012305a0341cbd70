"""A file that is there only once it is whole: who is cut off leaves what was there before. One process writes it at a
time: a second one is refused."""

import csv
import errno
import fcntl
import gzip
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from services.domain.intake.visible_text import cell, visible

if TYPE_CHECKING:
    from _csv import Writer

_DEVICES = Path("/dev")
"""/dev/stdout may be led into a file: it stays the one that the shell opened."""


class BeingWritten(Exception):
    """Another process is writing the file: a sentence with place, reason and remedy."""


@contextmanager
def whole_file(path: Path, *, level: int = 5) -> Iterator[BinaryIO]:
    """Where to write it; packed (`level`: how much) if its name ends in .gz, without the time of packing, so that the
    same content gives the same bytes. What is no file (a pipe, a terminal, /dev/null) is written as it comes.

    Raises BeingWritten.
    """
    if not _is_file(path):
        with path.open("wb") as sink:
            yield sink
        return
    path = path.resolve()
    draft = _claims.pop(path, None) or _Draft(path)
    try:
        with ExitStack() as stack:
            plain = stack.enter_context(os.fdopen(os.dup(draft.descriptor), "wb"))
            if path.suffix == ".gz":
                yield cast(BinaryIO, stack.enter_context(gzip.GzipFile("", "wb", level, plain, mtime=0)))
            else:
                yield plain
        draft.place.replace(path)
    finally:
        draft.drop()


def claim(path: Path) -> None:
    """From now on this process alone writes the file, though it does so only later. `release` lets go of what was not
    written. Raises BeingWritten."""
    if _is_file(path) and (resolved := path.resolve()) not in _claims:
        _claims[resolved] = _Draft(resolved)


def release() -> None:
    """Lets go of all that was claimed and not written, and of what is half written: nothing of it stays."""
    _claims.clear()
    for draft in list(_drafts):
        draft.drop()


def _is_file(path: Path) -> bool:
    return not path.exists() or (path.is_file() and path.parent != _DEVICES)


class _Draft:
    """The file beside it, `.NAME.part`, that becomes it. Locked while it is written: the system lets go of the lock of
    a process that is gone, however it ended, so that what it left is written over."""

    def __init__(self, path: Path) -> None:
        self.place = path.with_name(f".{path.name}.part")
        self.descriptor = -1
        while self.descriptor < 0:
            self.descriptor = self._opened(path)
        os.ftruncate(self.descriptor, 0)
        _drafts.add(self)

    def _opened(self, path: Path) -> int:
        """The descriptor of the locked draft; -1 where it was finished meanwhile, and so is no draft any more."""
        descriptor = os.open(self.place, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            held, there = os.fstat(descriptor), self.place.stat()
            if (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            raise BeingWritten(
                f"{visible(str(path))} is being written by another process: wait until it has ended, or name another "
                "file"
            ) from None
        except FileNotFoundError:
            pass
        except OSError as error:
            if error.errno in _NO_LOCKS:
                return descriptor
            os.close(descriptor)
            raise
        os.close(descriptor)
        return -1

    def drop(self) -> None:
        """Gone, where it has not become the file."""
        if self not in _drafts:
            return
        _drafts.discard(self)
        held = os.fstat(self.descriptor)
        with suppress(FileNotFoundError):
            there = self.place.stat()
            if (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino):
                self.place.unlink()
        os.close(self.descriptor)


_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
"""Some network file systems: one writer at a time is the user's own care there."""
_drafts: set[_Draft] = set()
_claims: dict[Path, _Draft] = {}


# ---- CSV -------------------------------------------------------------------------------------------------
class Rows:
    """Writes the rows of a CSV; what comes from outside cannot bite there (`services.domain.intake.visible_text`)."""

    def __init__(self, writer: "Writer") -> None:
        self._writer = writer

    def writerow(self, row: Sequence[object]) -> None:
        """A row; what is no text is written as `str` does."""
        cells: Sequence[str]
        try:
            whole = f",{','.join(row)},"  # type: ignore[arg-type]  # most rows are texts: numbers of ours, ids, states
            cells = row  # type: ignore[assignment]
        except TypeError:
            cells = [str(one) for one in row]
            whole = f",{','.join(cells)},"
        self._writer.writerow(cells if _is_plain(whole) else [cell(one) for one in cells])


def _is_plain(whole: str) -> bool:
    """Whether nothing needs a second look in cells with commas around them: nearly all rows, and there are many."""
    return (
        whole.isascii()
        and whole.isprintable()
        and ",=" not in whole
        and ",+" not in whole
        and ",@" not in whole
        and ",'" not in whole
        and ", " not in whole
        and whole.count(",-") == whole.count(",-,")
    )


@contextmanager
def whole_csv(path: Path) -> Iterator[Rows]:
    """The same for rows: in UTF-8, each ended by a line feed."""
    with whole_file(path) as plain:
        text = io.TextIOWrapper(plain, encoding="utf-8", newline="")
        try:
            yield Rows(csv.writer(text, lineterminator="\n"))
        finally:
            text.detach()
