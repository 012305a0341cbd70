"""Why a stream worker died, and how often in a row: `<state folder>/<worker>.failures`, beside its readiness.

A process that dies in its first seconds cannot be asked. So it writes down the cause as it dies, and its successor
reads it. While it runs there is a mark, `<worker>.running`; where a start finds one, a process ended without a word.
From the third death of one cause on the worker publishes it to `worker.failures` at its start, for `kpiwatch status`
and the alert `WorkerFailing`; `kpiwatch up` and the health check read the file. Once it has lived for clearly longer
than before, both are withdrawn. A cause names code, never data.
"""

import contextlib
import os
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import orjson
from kafka import KafkaProducer

from services.messaging.records.fields import Unreadable, fields_of, text
from services.messaging.records.worker_failures import WorkerFailure, decode, failure_record
from services.messaging.topics import ANSWER_MS, WORKER_FAILURES
from services.process.logs import complain

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


class ForeseenEnd(Exception):
    """An end whose sentence holds no data: it is its own cause."""


def cause_of(error: BaseException) -> tuple[str, str]:
    """What it died of: a name by which two deaths are compared, and the cause for people. An error's own text may quote
    an event, so that only its class and the innermost place in our code are said."""
    if isinstance(error, ForeseenEnd | SystemExit):
        sentence = " ".join(str(error).split())[:_LONGEST_CAUSE]
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
    """What one worker keeps about its deaths. A file that cannot be read or written is no reason not to work."""

    def __init__(self, state: Path, worker: str, stage: str) -> None:
        self._state = state
        self._worker = worker
        self._stage = stage
        self._file = _file(state, worker)
        self._mark = state / f"{worker}.running"
        self._started = time.time()

    def begin(self) -> WorkerFailure | None:
        """The worker starts; how it died before, if it did."""
        with contextlib.suppress(OSError):
            self._state.mkdir(parents=True, exist_ok=True)
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
        """The worker ends as it should: it was told to, or what it needs does not answer."""
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
        failure = WorkerFailure(self._worker, self._stage, cause, 1, now, now)
        if before is not None and before.name == name:
            failure = failure._replace(times=before.failure.times + 1, since=before.failure.since)
            lived = max(lived, before.lived)
        _write(self._file, orjson.dumps(failure._asdict() | {"name": name, "lived": lived}).decode())


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


def publish(bootstrap: str, worker: str, failure: WorkerFailure | None) -> None:
    """Publish how a worker dies; None: that it works. Raises KafkaError."""
    producer = KafkaProducer(bootstrap_servers=bootstrap.split(","), bootstrap_timeout_ms=ANSWER_MS, acks="all")
    try:
        key, value = failure_record(worker, failure)
        producer.send(WORKER_FAILURES, key=key, value=value).get(timeout=ANSWER_MS / 1000)
    finally:
        producer.close(timeout=1)


def _file(state: Path, worker: str) -> Path:
    return state / f"{worker}.failures"


class _Noted(NamedTuple):
    """What the file says."""

    failure: WorkerFailure
    name: str
    lived: float
    """The longest life that ended so, in seconds."""


def _noted(file: Path) -> _Noted | None:
    """None also where the file cannot be read: then it is begun anew."""
    try:
        content = file.read_bytes()
        fields = fields_of(content)
        lived = fields.get("lived")
        return _Noted(
            decode(content), text(fields, "name"), float(lived) if type(lived) in (int, float) and lived else 0.0
        )
    except (OSError, Unreadable):
        return None


def _number_in(file: Path) -> float:
    try:
        number = float(file.read_text())
    except (OSError, ValueError):
        return time.time()
    return number if 0 <= number <= time.time() else time.time()


def _write(file: Path, content: str) -> None:
    """At once, so that no reader sees half of it."""
    try:
        draft = file.with_name(f"{file.name}.{os.getpid()}")
        draft.write_text(content)
        draft.replace(file)
    except OSError as error:
        complain(f"{file}: {error.strerror}: nobody will know how this worker ended")
