"""Files that change at once: a reader sees the old content or the new content, never a part of it.

`replace_file` is for small files that a process writes again and again: a clock, a position, a sign of life.
`atomic_file` is for large files that a command writes piece by piece. One process writes such a file at a time; a
second one is refused.
"""

import errno
import fcntl
import gzip
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, cast

from services.domain.intake.visible_text import visible

_DEVICES = Path("/dev")
"""/dev/stdout may be led into a file: it stays the one that the shell opened."""


def replace_file(path: Path, content: str, *, durable: bool = False, private: bool = False) -> None:
    """Give a file this text at once. Its folder is made where it is not there.

    The draft lies beside it and bears the number of the process, so that two processes never share a draft.

    Args:
        durable: the text is on the disk when this returns. Without it, a crash of the machine may leave the old text.
        private: only its owner may read and write it.

    Raises:
        OSError: the folder or the file cannot be written, or the path names a device, which a file must not take the
            place of. What is there is then as it was.
    """
    if not _is_file(path):
        raise OSError(errno.EINVAL, "it is no file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with open(draft, "w", encoding="utf-8", opener=_open_private if private else None) as sink:
        sink.write(content)
        if durable:
            sink.flush()
            os.fsync(sink.fileno())
    draft.replace(path)


def _open_private(name: str, flags: int) -> int:
    descriptor = os.open(name, flags, 0o600)
    os.fchmod(descriptor, 0o600)  # a draft of a killed process may be there
    return descriptor


class BeingWritten(Exception):
    """Another process is writing the file: a sentence with place, reason and remedy."""


@contextmanager
def atomic_file(path: Path, *, level: int = 5, durable: bool = False, private: bool = False) -> Iterator[BinaryIO]:
    """A stream to write the file's content to. The file appears when the block ends well, and only then.

    A file whose name ends in .gz is compressed (`level`: how much), without the time of compression, so that the same
    content gives the same bytes. What is no file (a pipe, a terminal, /dev/null) is written directly. `durable`: the
    file is on the disk when the block has ended. `private`: only its owner may read and write it.

    Raises BeingWritten.
    """
    if not _is_file(path):
        with path.open("wb") as sink:
            yield sink
        return
    path = path.resolve()
    draft = _claims.pop(path, None) or _Draft(path)
    try:
        if private:
            os.fchmod(draft.descriptor, 0o600)
        with ExitStack() as stack:
            plain = stack.enter_context(os.fdopen(os.dup(draft.descriptor), "wb"))
            if path.suffix == ".gz":
                yield cast(BinaryIO, stack.enter_context(gzip.GzipFile("", "wb", level, plain, mtime=0)))
            else:
                yield plain
        if durable:
            os.fsync(draft.descriptor)
        draft.place.replace(path)
        if durable:
            sync_folder(path.parent)
    finally:
        draft.drop()


def sync_folder(folder: Path) -> None:
    """Put the names of its files on the disk: a new file is still there after a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def claim(path: Path) -> None:
    """Reserve the file for this process, which writes it later. `release` gives up what was not written. Raises
    BeingWritten."""
    if _is_file(path) and (resolved := path.resolve()) not in _claims:
        _claims[resolved] = _Draft(resolved)


def release() -> None:
    """Give up every file that is reserved or half written, and remove its draft."""
    _claims.clear()
    for draft in list(_drafts):
        draft.drop()


def _is_file(path: Path) -> bool:
    return path.is_file() and path.parent != _DEVICES if path.exists() else path.name != ""


class _Draft:
    """The draft of a file, `.NAME.part` beside it. It is locked while it is written. The system releases the lock of a
    process that has ended, however it ended, so that the next one writes over what it left."""

    def __init__(self, path: Path) -> None:
        self.place = path.with_name(f".{path.name}.part")
        self.descriptor = -1
        while self.descriptor < 0:
            self.descriptor = self._opened(path)
        os.ftruncate(self.descriptor, 0)
        _drafts.add(self)

    def _opened(self, path: Path) -> int:
        """The descriptor of the locked draft; -1 where another process has finished it in the meantime."""
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
        """Remove the draft, unless it has become the file."""
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
