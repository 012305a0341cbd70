"""Why a stream worker died, and how often in a row: the file `<state folder>/<worker>.failures`.

A process that dies in its first seconds cannot be asked. So it writes down the cause as it dies, and its successor
reads it. While a worker runs there is a mark, `<worker>.running`. A start that finds a mark knows that the process
before it ended without a word.

From the third death of one cause on, the worker publishes it at its start (`streams/published_failures.py`) for
`kpiwatch status` and the alert `WorkerFailing`; `kpiwatch up` and the health check read the file. Once the worker has
lived for clearly longer than before, both are withdrawn. A cause names code, never data.
"""

import contextlib
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.runtime.atomic_file import replace_file
from services.runtime.logs import complain

REPEATED = 3
"""So many deaths of one cause in a row are no accident."""
PATIENCE_SECONDS = 60.0
LONGEST_PATIENCE_SECONDS = 3_600.0
WITHOUT_A_WORD = (
    "it ended without a word: killed, out of memory, frozen for longer than its session, or the machine stopped"
)

_ROOT = Path(__file__).parents[2]
_OURS = tuple(str(_ROOT / package) + os.sep for package in ("services", "streams"))
_LONGEST_CAUSE = 300


class WorkerFailure(NamedTuple):
    """A worker that has died several times in a row of one cause."""

    worker: str
    stage: str
    cause: str
    """The class of the error and the innermost place in our code, or the sentence of a foreseen end."""
    times: int
    since: float
    """Real seconds since 1970 UTC: when it first died of this cause."""
    last: float


class ForeseenEnd(Exception):
    """An end whose sentence says why and what to do, without any data: the sentence is the cause, and nobody needs a
    traceback."""


def cause_of(error: BaseException) -> tuple[str, str]:
    """A name by which two deaths are compared, and the cause for people.

    An error's own text may quote an event. So the cause holds only its class and the innermost place in our code. An
    end without a sentence has its class as the cause."""
    if isinstance(error, ForeseenEnd | SystemExit):
        # a path that is not UTF-8 has half characters, which no JSON holds
        readable = str(error).encode("utf-8", "replace").decode()
        sentence = " ".join(readable.split())[:_LONGEST_CAUSE] or type(error).__name__
        return (type(error).__name__ if isinstance(error, ForeseenEnd) else sentence), sentence
    place = _innermost(error.__traceback__)
    cause = type(error).__name__ + (f" at {place}" if place else "")
    return cause, cause


def _innermost(trace: TracebackType | None) -> str:
    place = ""
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if file.startswith(_OURS):
            place = f"{Path(file).relative_to(_ROOT)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place


class FailureFile:
    """What one worker keeps about its deaths. A worker works even where the file cannot be read or written."""

    def __init__(self, state: Path, worker: str, stage: str) -> None:
        self._state = state
        self._worker = worker
        self._stage = stage
        self._file = _file(state, worker)
        self._mark = state / f"{worker}.running"
        self._started = time.time()

    def begin(self) -> WorkerFailure | None:
        """The worker starts. Returns how it died before, if it did."""
        if self._mark.exists():
            started = _number_in(self._mark)
            self._note("without a word", WITHOUT_A_WORD, max(0.0, self._last_sign() - started))
        _write(self._mark, str(self._started))
        return read(self._state, self._worker)

    def died(self, error: BaseException) -> None:
        """The worker dies of an error."""
        self._note(*cause_of(error), time.time() - self._started)
        self.ended()

    def ended(self) -> None:
        """The worker ends as it should: it got a signal, or the broker does not answer."""
        with contextlib.suppress(OSError):
            self._mark.unlink(missing_ok=True)

    @property
    def works(self) -> bool:
        """Whether the worker has lived for clearly longer than when it died last."""
        before = _noted(self._file)
        longest = 0.0 if before is None else 2 * before.lived
        patience = min(max(PATIENCE_SECONDS, longest), LONGEST_PATIENCE_SECONDS)
        return time.time() - self._started > patience

    def forget(self) -> None:
        """It works: how it died before is over."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)

    def _last_sign(self) -> float:
        """When the process before this one last said that it is ready, which it does each second."""
        try:
            return (self._state / f"{self._worker}.ready").stat().st_mtime
        except OSError:
            return 0.0

    def _note(self, name: str, cause: str, lived: float) -> None:
        now, before = time.time(), _noted(self._file)
        times, since = 1, now
        if before is not None and before.name == name:
            times, since, lived = before.times + 1, before.since, max(lived, before.lived)
        noted = _Noted(
            worker=self._worker, stage=self._stage, cause=cause, times=times, since=since, last=now, name=name,
            lived=lived,
        )  # fmt: skip
        _write(self._file, noted.model_dump_json())


def read(state: Path, worker: str) -> WorkerFailure | None:
    """How a worker died last and how often in a row; None if it did not, or works again."""
    noted = _noted(_file(state, worker))
    return None if noted is None else noted.failure


def repeated(state: Path, worker: str) -> str:
    """That a worker dies again and again of one cause, in a sentence; empty if it does not."""
    failure = read(state, worker)
    if failure is None or failure.times < REPEATED:
        return ""
    return f"it has died {failure.times} times in a row: {failure.cause}"


def _file(state: Path, worker: str) -> Path:
    return state / f"{worker}.failures"


_Seconds = Annotated[float, Field(ge=0, lt=2**33)]
_Text = Annotated[str, Field(min_length=1)]


class _Noted(BaseModel):
    """The content of the file: the failure, and what the next death is compared with."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore", allow_inf_nan=False)

    worker: _Text
    stage: _Text
    cause: _Text
    times: Annotated[int, Field(ge=0)]
    since: _Seconds
    last: _Seconds
    name: _Text
    lived: float = 0.0
    """The longest life that ended of this cause, in seconds."""

    @property
    def failure(self) -> WorkerFailure:
        """What is published of it."""
        return WorkerFailure(*(getattr(self, field) for field in WorkerFailure._fields))


def _noted(file: Path) -> _Noted | None:
    """The content of the file; None if there is none, or if it cannot be read: then it is begun anew."""
    try:
        return _Noted.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def _number_in(file: Path) -> float:
    try:
        number = float(file.read_text())
    except (OSError, ValueError):
        return time.time()
    return number if 0 <= number <= time.time() else time.time()


def _write(file: Path, content: str) -> None:
    try:
        replace_file(file, content)
    except OSError as error:
        complain(f"{file}: {error.strerror}: nobody will know how this worker ended")
