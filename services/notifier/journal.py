"""An append-only file of JSON lines that survives a crash: a line is there once `append` has returned."""

import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import Any

import orjson

from services.runtime.atomic_file import sync_folder

log = logging.getLogger(__name__)

PRIVATE = 0o600
"""Notices name cases: only the notifier's user may read them."""
PRIVATE_FOLDER = 0o700
"""Of a folder that is made. One that was there may hold other things, too: it is left as it is."""


class JournalInUse(Exception):
    """Another process writes this file; two notifiers would deliver everything twice."""


class Journal:
    """One writer per file, which its owner alone can read. What is in it is read once, when it is opened."""

    def __init__(self, path: Path, *, keep_read: bool = True) -> None:
        """`keep_read`: whether somebody asks what was in it. Raises JournalInUse.

        A last line that a crash cut off was never acknowledged: it is removed. Any other line that is no JSON object is
        passed over and stays where it is."""
        self._path = path
        path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        self._file = FileIO(path, "a+", opener=_private)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise JournalInUse(
                f"{path}: another notifier writes it. Stop that one, or give this one a KPIWATCH_OUTBOX of its own"
            ) from None
        os.fchmod(self._file.fileno(), PRIVATE)  # it may be there from a version that did not mind
        self._file.seek(0)
        content = self._file.readall()
        self._size = content.rfind(b"\n") + 1
        """How long the file is with everything that was acknowledged."""
        self._cut_off_what_is_not_whole()
        self.read = tuple(_objects(path, content[: self._size])) if keep_read else ()
        """The records that were there, in order; empty where they are not kept."""
        self._lock = threading.Lock()
        sync_folder(path.parent)

    def append(self, *records: dict[str, Any]) -> None:
        """Writes the records and waits until the disk has them. Raises OSError (the disk is full) with the file's
        name; then none of them is there, and they can be written again."""
        content = b"".join(orjson.dumps(record) + b"\n" for record in records)
        with self._lock:
            self._cut_off_what_is_not_whole()
            try:
                _write_all(self._file, content)
                os.fsync(self._file.fileno())
            except OSError as error:
                error.filename = str(self._path)  # a write knows no name
                self._cut_off_what_is_not_whole()
                raise
            self._size += len(content)

    def _cut_off_what_is_not_whole(self) -> None:
        """What a write left that failed, or that a crash cut off."""
        if os.fstat(self._file.fileno()).st_size > self._size:
            self._file.truncate(self._size)

    def close(self) -> None:
        self._file.close()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)


def _write_all(file: FileIO, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[file.write(rest) or 0 :]


def _objects(path: Path, content: bytes) -> Iterator[dict[str, Any]]:
    """The JSON objects of the lines; where others are is said, and not what they hold."""
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            record = None
        if isinstance(record, dict):
            yield record
        else:
            log.warning("%s, line %d: no JSON object; passed over", path, number)
