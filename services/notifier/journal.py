"""An append-only file of JSON lines that survives a crash: a line is there once `append` has returned."""

import fcntl
import os
import threading
from pathlib import Path
from typing import Any

import orjson


class JournalInUse(Exception):
    """Another process writes this file; two notifiers would tell everything twice."""


class Journal:
    """One writer per file. What is in it is read once, when it is opened."""

    def __init__(self, path: Path) -> None:
        """Raises JournalInUse. A last line that a crash cut off was never acknowledged: it is removed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise JournalInUse(
                f"{path}: another notifier writes it. Stop that one, or give this one a KPIWATCH_OUTBOX of its own"
            ) from None
        self._file.seek(0)
        content = self._file.read()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._file.truncate(whole)
        self.read = tuple(orjson.loads(line) for line in content[:whole].splitlines())
        """The records that were there, in order."""
        self._lock = threading.Lock()
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)  # so that a new file is still there after a power cut
        os.close(folder)

    def append(self, *records: dict[str, Any]) -> None:
        """Writes the records and waits until the disk has them."""
        with self._lock:
            self._file.write(b"".join(orjson.dumps(record) + b"\n" for record in records))
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
