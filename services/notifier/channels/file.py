"""Notices as lines of JSON in a file: `file:///srv/notices/water.jsonl`. The outbox is such a file, too."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from services.notifier.channels.port import Notice
from services.notifier.journal import Journal

SCHEME = "file"


class FileChannel:
    """Appends each notice to a file that its owner alone can read."""

    def __init__(self, path: Path) -> None:
        """Raises JournalInUse if another notifier writes the file, OSError if it cannot be opened."""
        self._journal = Journal(path)
        self.read = self._journal.read
        """The notices that were in the file when it was opened, in order."""

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Returns once the disk has them. Raises OSError (the disk is full); then none of them is there."""
        self._journal.append(*(dict(notice) for notice in notices))

    def close(self) -> None:
        self._journal.close()


def open_channel(contact: str) -> FileChannel:
    """The file of a contact. ValueError if it names none."""
    url = urlsplit(contact)
    path = Path(unquote(url.path))
    if url.netloc or not path.is_absolute() or path == Path("/"):
        raise ValueError(f"{contact!r} names no file: write file:///FOLDER/NAME.jsonl")
    return FileChannel(path)
