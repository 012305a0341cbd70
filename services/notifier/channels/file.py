"""Notices as lines of JSON in a file: `file:///srv/notices/water.jsonl`. The outbox is such a file, too."""

import os
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from services.notifier.channels.port import Notice
from services.notifier.journal import Journal

SCHEME = "file"


class FileChannel:
    """Appends each notice to a file that its owner alone can read."""

    def __init__(self, path: Path, *, keep_read: bool = True) -> None:
        """`keep_read`: for the outbox. Raises JournalInUse if another notifier writes the file, OSError if it cannot be
        opened."""
        self._journal = Journal(path, keep_read=keep_read)
        self.read = self._journal.read
        """The notices that were in the file when it was opened, in order; empty where they are not kept."""

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Returns once the disk has them. Raises OSError (the disk is full) with the file's name; then none of them is
        there."""
        self._journal.append(*(dict(notice) for notice in notices))

    def close(self) -> None:
        self._journal.close()


def place_of(contact: str) -> str:
    """The file of a contact, the same however it is written. ValueError if it names none."""
    return os.path.realpath(_path(contact))


def open_channel(contact: str) -> FileChannel:
    """The file of a contact. ValueError if it names none."""
    return FileChannel(_path(contact), keep_read=False)


def _path(contact: str) -> Path:
    url = urlsplit(contact)
    path = Path(unquote(url.path))
    if url.netloc or not path.is_absolute() or path == Path("/"):
        raise ValueError(f"{contact!r} names no file: write file:///FOLDER/NAME.jsonl")
    return path
