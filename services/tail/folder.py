"""A folder of files that grow. Each line is read once; how far each file was read is saved with what was read.

A file is known by its number in the file system, so that renaming it (rotation) changes nothing. It is read anew where
what was read of it is no longer there: it was cut off, or its number was given to another file. Rotated files are taken
first, the oldest first; then those that were read before; then files with a new number in the order of their names.
"""

import hashlib
import os
import re
import sqlite3
import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

import orjson

from services.client.spool import Spool

PIECE_BYTES: Final = 1024 * 1024
_LONGEST_LINE: Final = 8 * 1024 * 1024
_MARKED: Final = 1024
"""Bytes at the beginning and before the position, by which a file is recognised."""
_ROTATION: Final = re.compile(r"[.-][0-9][0-9T:_.-]*$")
"""What rotation appends to a name: `.1`, `-20261130`, `.2026-11-30`."""
HOLD_SECONDS: Final = 10.0
"""So long the end of a row may keep one waiting whose lines are whole."""


class Piece(NamedTuple):
    """Whole lines at the position of a file."""

    file: Path
    number: int
    """Of the file in the file system."""
    content: bytes
    first_line: int
    """From 1."""
    settled: bool
    """Nothing that belongs to these lines is still to come."""
    again_to: int
    """Up to this line the file was read before: of its rows only those are taken that could not be read; 0: none was.
    """


class Read(NamedTuple):
    """How much of a piece was taken."""

    bytes: int
    lines: int


class PieceReader(Protocol):
    """What makes events of lines."""

    @property
    def version(self) -> str:
        """Of the rules by which lines are read."""

    def has_unread(self, number: int) -> bool:
        """Whether lines of the file with this number could not be read, and are parked."""

    def take(self, store: sqlite3.Connection, piece: Piece) -> Read:
        """Puts them into the spool, in the transaction of the caller. What is not taken, comes again. Raises
        UnreadableFile."""


class UnreadableFile(Exception):
    """A file that cannot be followed: a sentence with its name, the reason and the remedy."""


class _Position(NamedTuple):
    bytes: int
    lines: int
    begin: str
    """SHA-256 of its first bytes."""
    before: str
    """SHA-256 of the bytes before the position."""
    version: str = ""
    """Of the rules by which it was read."""
    again_to: int = 0
    """As in a piece."""


class _File(NamedTuple):
    path: Path
    number: int
    size: int
    changed: int


class FolderTail:
    """Follows the files of one folder."""

    def __init__(self, folder: Path, pattern: str, spool: Spool, name: str, reader: PieceReader) -> None:
        """`pattern`: of the names of files, as in `*.csv`. `name`: tells this tail from others in the spool."""
        self._folder = folder
        self._pattern = pattern
        self._spool = spool
        self._name = name
        self._reader = reader
        self._whole = False
        self._done: dict[int, tuple[int, int]] = {}
        self._held: dict[int, tuple[int, float]] = {}
        self._said: dict[int, str] = {}
        self._unreadable: set[int] = set()
        self._names: dict[int, Path] = {}
        self.notes: list[str] = []
        """What somebody should know, in sentences; the caller says and removes them."""

    def put_whole(self) -> None:
        """Files are put into the folder whole: a last line without an end is one, too."""
        self._whole = True

    @property
    def held(self) -> list[Path]:
        """The files that end with something that is not whole: a line, a row, the header."""
        return sorted(self._names[number] for number in self._held)

    @property
    def unreadable(self) -> int:
        """How many files cannot be followed: a note has said why."""
        return len(self._unreadable)

    def step(self, clock: Callable[[], float] = time.monotonic) -> bool:
        """Take one piece of one file into the spool, if there is one. OSError where the folder is not there."""
        for file in self._files():
            if self._done.get(file.number) == (file.size, file.changed):
                continue
            if self._take(file, clock()):
                return True
            if file.number not in self._held:
                self._done[file.number] = (file.size, file.changed)
        return False

    def _files(self) -> list[_File]:
        """Those to read, in their order: with a name of the pattern, rotated, or read before under such a name."""
        found = list(self._listed())
        read_before = self._spool.positions(self._prefix)
        known = {file.number for file in found if self._key(file.number) in read_before}
        wanted = []
        for file in found:
            if file.number in known or self._is_named(file.path.name):
                wanted.append(file)
            else:
                self._note(file, f"{file.path}: it is passed over: its name does not match {self._pattern} (--files)")
        return sorted(wanted, key=lambda file: (*self._turn(file, file.number in known), file.path.name))

    def _turn(self, file: _File, known: bool) -> tuple[int, int]:
        if self._is_rotated(file.path.name):
            return 0, file.changed
        return (1 if known else 2), 0

    def _is_named(self, name: str) -> bool:
        return fnmatch(name, self._pattern) or self._is_rotated(name)

    def _is_rotated(self, name: str) -> bool:
        """A name of the pattern and what rotation appends. A packed file is none."""
        end = _ROTATION.search(name)
        return end is not None and fnmatch(name[: end.start()], self._pattern) and not fnmatch(name, self._pattern)

    def _listed(self) -> Iterator[_File]:
        for entry in os.scandir(self._folder):
            try:
                if entry.is_file() and not entry.name.startswith("."):
                    about = entry.stat()
                    yield _File(Path(entry.path), about.st_ino, about.st_size, about.st_mtime_ns)
            except FileNotFoundError:
                continue

    @property
    def _prefix(self) -> str:
        """How the names begin under which the positions in files are saved."""
        return f"{self._name} file "

    def _key(self, number: int) -> str:
        return f"{self._prefix}{number}"

    def _take(self, file: _File, now: float) -> bool:
        self._unreadable.discard(file.number)
        self._names[file.number] = file.path
        try:
            with file.path.open("rb") as stream:
                position = self._position(file, stream)
                if position is None:
                    return False
                stream.seek(position.bytes)
                content, rest = self._whole_lines(stream)
                if content:
                    return self._read(file, stream, position, content, now)
                self._wait_for_end(file, rest, now)
                return False
        except FileNotFoundError:
            return False  # renamed or removed since it was listed
        except (UnreadableFile, PermissionError) as error:
            self._held.pop(file.number, None)
            self._unreadable.add(file.number)
            self._note(file, str(error))
            return False

    def _position(self, file: _File, stream: BinaryIO) -> _Position | None:
        """Where to go on; None for a file that only has the number of one that was followed."""
        saved = self._spool.position(self._key(file.number))
        nowhere = _Position(0, 0, "", "")
        if saved is None:
            return self._copied(stream) if self._is_rotated(file.path.name) else nowhere
        position = _Position(*orjson.loads(saved))
        if position.bytes and _marked(stream, position.bytes, position.lines)[:4] != position[:4]:
            if not self._is_named(file.path.name):
                return None
            self.notes.append(f"{file.path}: it was cut off, or is another file: it is read from its beginning")
            return nowhere
        if position.version != self._reader.version and self._reader.has_unread(file.number):
            self._note(file, f"{file.path}: the mapping has changed: rows that could not be read are read again")
            return nowhere._replace(again_to=max(position.lines, position.again_to))
        return position

    def _copied(self, stream: BinaryIO) -> _Position:
        """Where to go on in a new file: rotation may copy a file that was read, and cut it off then."""
        saved = self._spool.positions(self._prefix).values()
        positions = sorted((_Position(*orjson.loads(position)) for position in saved), reverse=True)
        same = (each for each in positions if _marked(stream, each.bytes, each.lines)[:4] == each[:4])
        return next(same, _Position(0, 0, "", ""))

    def _whole_lines(self, stream: BinaryIO) -> tuple[bytes, int]:
        """From the position on, and how many bytes are behind them: a line without an end waits for it."""
        content = stream.read(PIECE_BYTES)
        while b"\n" not in content and (more := stream.read(PIECE_BYTES)) and len(content) < _LONGEST_LINE:
            content += more
        if (self._whole and not stream.read(1)) or len(content) > _LONGEST_LINE:
            return content, 0
        end = content.rfind(b"\n") + 1
        return content[:end], len(content) - end

    def _wait_for_end(self, file: _File, rest: int, now: float) -> None:
        """Of a line without an end; whose end does not come soon is said."""
        size, since = self._held.get(file.number, (-1, now))
        if not rest:
            self._held.pop(file.number, None)
        elif size != rest:
            self._held[file.number] = (rest, now)
        elif now - since >= HOLD_SECONDS:
            self._held.pop(file.number)
            self._note(file, f"{file.path}: its last line has no end yet, and waits for it (--whole: it needs none)")

    def _read(self, file: _File, stream: BinaryIO, position: _Position, content: bytes, now: float) -> bool:
        size, since = self._held.get(file.number, (-1, now))
        settled = size == len(content) and now - since >= HOLD_SECONDS
        piece = Piece(file.path, file.number, content, position.lines + 1, settled, position.again_to)
        with self._spool.writing() as store:
            read = self._reader.take(store, piece)
            if read.bytes:
                new = _marked(stream, position.bytes + read.bytes, position.lines + read.lines)
                again_to = position.again_to if new.lines < position.again_to else 0
                new = new._replace(version=self._reader.version, again_to=again_to)
                self._spool.set_position_in(store, self._key(file.number), orjson.dumps(tuple(new)).decode())
        if read.bytes:
            self._held.pop(file.number, None)
        elif size != len(content):
            self._held[file.number] = (len(content), now)
        return read.bytes > 0

    def _note(self, file: _File, sentence: str) -> None:
        """Say it once."""
        if self._said.get(file.number) != sentence:
            self._said[file.number] = sentence
            self.notes.append(sentence)


def _marked(stream: BinaryIO, size: int, lines: int) -> _Position:
    """The position behind so many bytes, with the marks of what is there now."""
    stream.seek(0)
    begin = stream.read(min(size, _MARKED))
    stream.seek(max(0, size - _MARKED))
    before = stream.read(min(size, _MARKED))
    return _Position(size, lines, hashlib.sha256(begin).hexdigest(), hashlib.sha256(before).hexdigest())
