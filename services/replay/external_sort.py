"""Sorting more than memory holds: rows in sorted runs on disk, merged when they are read."""

import heapq
import pickle
import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import IO, Any, Generic, TypeVar

ROWS_IN_MEMORY = 50_000
_ROWS_AT_ONCE = 512

R = TypeVar("R", bound=tuple[Any, ...])


class SortedRows(Generic[R]):
    """Named tuples, read back in their order. Beyond a number of them, sorted runs go to temporary files."""

    def __init__(self, in_memory: int = ROWS_IN_MEMORY) -> None:
        self._in_memory = in_memory
        self._rows: list[R] = []
        self._runs: list[IO[bytes]] = []
        self._opened = ExitStack()
        weakref.finalize(self, self._opened.close)
        self._length = 0

    def add(self, rows: Iterable[R]) -> None:
        """Take in some rows."""
        before = len(self._rows)
        self._rows += rows
        self._length += len(self._rows) - before
        if len(self._rows) >= self._in_memory:
            self._spill()

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[R]:
        self._rows.sort()
        yield from heapq.merge(*map(_read, self._runs), self._rows)

    def _spill(self) -> None:
        self._rows.sort()
        run = self._opened.enter_context(tempfile.TemporaryFile(prefix="kpiwatch-run-"))  # noqa: SIM115  # the stack closes it
        for begin in range(0, len(self._rows), _ROWS_AT_ONCE):
            pickle.dump(self._rows[begin : begin + _ROWS_AT_ONCE], run, pickle.HIGHEST_PROTOCOL)
        self._runs.append(run)
        self._rows = []


def _read(run: IO[bytes]) -> Iterator[Any]:
    run.seek(0)
    while True:
        try:
            yield from pickle.load(run)
        except EOFError:
            return
