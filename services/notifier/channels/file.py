"""Notices as lines of JSON in a file: what a unit has whose contact names no other channel."""

import fcntl
import os
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from io import FileIO
from pathlib import Path
from typing import Annotated, Literal

import orjson
from pydantic import Field

from services.messaging.codec import canonical
from services.notifier.channels.account import AccountEntry, Opened, Tools
from services.notifier.channels.message import FOR_EVER, Accepted, Message, Outcome, Retry
from services.notifier.channels.rate_limit import NO_LIMITS, Limit
from services.notifier.journal import PRIVATE, PRIVATE_FOLDER
from services.runtime.atomic_file import sync_folder

KIND = "file"
_PATIENCE_SECONDS = 2.0


class Account(AccountEntry):
    """A file."""

    kind: Literal["file"]
    path: Annotated[str, Field(pattern=r"^/[!-~]")]
    """Absolute."""


class NoticeFile:
    """Appends each notice once to a file that its owner alone can read. Several processes may write one file: each
    locks it for one notice, and reads before it what others have written."""

    window_seconds = FOR_EVER
    limits: Sequence[Limit] = NO_LIMITS
    limits_of_recipient: Sequence[Limit] = NO_LIMITS

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._keys: set[str] = set()
        """Of the lines that were read."""
        self._read_to = 0
        """Up to which byte."""
        self._inode = 0
        """Of the file that was read: it may be moved away, and a new one begun."""

    def render(self, message: Message) -> bytes:
        """A JSON object with the fields of the message."""
        return canonical(
            {
                "number": message.number,
                "title": message.title,
                "text_zh": message.text_zh,
                "text_en": message.text_en,
                "link": message.link,
                "unit": message.unit,
                "urgent": message.urgent,
                **({"checkpoint": message.checkpoint} if message.checkpoint else {}),
            }
        )

    def send(self, rendered: bytes, key: str) -> Outcome:
        """Returns once the disk has it. A key that is in the file is not written again."""
        line = {
            **orjson.loads(rendered),
            "key": key,
            "written_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        try:
            with self._lock, self._opened() as file:
                if key not in self._keys:
                    _append(file, orjson.dumps(line) + b"\n")
        except OSError as error:
            return Retry(f"the file of notices cannot be written: {error.strerror}")
        return Accepted(key)

    def was_accepted(self, key: str) -> bool | None:
        """Whether the file has it; None if it cannot be read."""
        try:
            with self._lock, self._opened():
                return key in self._keys
        except OSError:
            return None

    def _opened(self) -> FileIO:
        """The file, locked until it is closed; its keys are known. Raises OSError."""
        self._path.parent.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
        is_new = not self._path.exists()
        file = FileIO(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, PRIVATE), "r+")
        try:
            _lock(file)
            if is_new:
                sync_folder(self._path.parent)
            self._learn(file)
        except BaseException:
            file.close()
            raise
        return file

    def _learn(self, file: FileIO) -> None:
        """Read the keys of the lines that are new since the last time, and remove a last line that a crash cut off: it
        was never acknowledged."""
        inode = os.fstat(file.fileno()).st_ino
        if inode != self._inode:
            self._keys, self._read_to, self._inode = set(), 0, inode
        file.seek(self._read_to)
        content = file.readall()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            file.truncate(self._read_to + whole)
        self._keys.update(_keys(content[:whole]))
        self._read_to += whole


def _lock(file: FileIO) -> None:
    """Raises OSError if another process does not give the file free for some seconds."""
    until = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)


def opened(account: Account, tools: Tools) -> Opened:
    """The file, whoever its notices are for."""
    channel = NoticeFile(Path(account.path))
    return lambda to: channel


def _keys(lines: bytes) -> Iterator[str]:
    """The keys of lines; one that is no notice has none, and stays where it is."""
    for line in lines.splitlines():
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(found, dict) and isinstance(found.get("key"), str):
            yield found["key"]


def _append(file: FileIO, line: bytes) -> None:
    """Write a line to the disk. Raises OSError; then nothing of it stays, or what stays is removed at the next time."""
    size = os.fstat(file.fileno()).st_size
    try:
        rest = memoryview(line)
        while rest:
            rest = rest[file.write(rest) or 0 :]
        os.fsync(file.fileno())
    except OSError:
        file.truncate(size)
        raise
