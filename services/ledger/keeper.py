"""The keeper: makes records of requests and of verdicts, and appends them to the ledger.

Each round: what others have appended is read, what was asked for is decided by `recording.py`, the records are
appended, and they are read back. Only records that came back as the next ones of the chain count. If another keeper was
quicker, the own records are void: they are dropped, and the requests are decided again. So two keepers, or one that was
frozen, make one history. What a crash interrupts is done again; each request has one answer all the same.
"""

import logging
import random
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Final, Protocol

from kafka.errors import KafkaError

from services.domain.time.zone import Instant
from services.ledger.checkpoints import EVERY, Checkpoint, CheckpointFile, Signer
from services.ledger.database import LedgerUnavailable
from services.ledger.index import REMEDY, IndexLost, LedgerIndex
from services.ledger.reader import LedgerCut, Read
from services.ledger.recording import (
    Known,
    Times,
    answered_by,
    of_others,
    record_requests,
    refusal_of_key,
    utc_text,
)
from services.ledger.texts import ERASING, Texts, erased_by
from services.ledger.verdict_requests import Published, missing_requests, verdict_requests
from services.messaging.reader import Record
from services.messaging.records.decisions import sent_again_by
from services.messaging.records.fields import KeyValue, Unreadable, log_unreadable
from services.messaging.records.ledger import KEEPERS_ID, Kind, LedgerRecord, Request, hash_of
from services.messaging.topics import CASE_VERDICTS, LEDGER, LEDGER_REQUESTS

log = logging.getLogger(__name__)

_POLL_SECONDS: Final = 0.2
_READ_BACK_SECONDS: Final = 20.0
"""How long the own records are waited for: longer than the broker may take to acknowledge them."""
_AGAIN_SECONDS: Final = 1.0
"""Between two attempts while Kafka or a database is away; at most, while another keeper is quicker."""
_COMPLAIN_SECONDS: Final = 30.0
_AT_ONCE: Final = 2_000
"""Requests that are decided together."""
_MOST_ROUNDS: Final = 5
"""How often records are appended that Kafka acknowledges and nobody can read back."""
_OF_DECISIONS: Final = (Kind.DECIDED, Kind.IN_FORCE, Kind.NOT_IN_FORCE)
DAILY: Final = timedelta(days=1)


class RecordsLost(Exception):
    """Kafka acknowledges records, and they do not come back: a keeper that goes on only fills the topic."""


class LedgerLog(Protocol):
    """The topic `ledger`: see `LedgerReader`."""

    @property
    def caught_up(self) -> bool: ...

    @property
    def cut(self) -> bool: ...

    def poll_read(self, timeout_seconds: float = 0.5) -> list[Read]: ...


class Inputs(Protocol):
    """The topics of requests and verdicts: see `TopicReader`."""

    @property
    def caught_up(self) -> bool: ...

    def poll(self, timeout_seconds: float = 0.5) -> list[Record]: ...


@dataclass(frozen=True)
class Clocks:
    """The plan's time, and the real one."""

    plan: Callable[[], Instant]
    real: Callable[[], Instant]

    def times(self) -> Times:
        """As records say them."""
        return Times.of(self.plan(), self.real())


@dataclass(frozen=True)
class Stores:
    """What the keeper writes beside the ledger."""

    index: LedgerIndex
    texts: Texts
    checkpoints: CheckpointFile
    held: Sequence[Checkpoint] = ()
    """What the file of checkpoints had before anything was read of the ledger, which must have all of that."""


@dataclass(frozen=True)
class Topics:
    """What the keeper reads and writes on Kafka."""

    ledger: LedgerLog
    inputs: Inputs
    append: Callable[[Sequence[KeyValue]], None]
    """Appends to the ledger; returns once all are acknowledged. Raises KafkaError."""
    ids: Mapping[str, str]
    """Topic → its id."""


@dataclass
class _Batch:
    """What is to be decided together."""

    checkpoint: list[Request] = field(default_factory=list)
    """Comes first, right behind the record that it covers."""
    requests: list[Request] = field(default_factory=list)
    verdicts: list[Published] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Subjects of recorded misses that the topic of verdicts does not have any more."""
    next_request: int | None = None
    """Offset behind the requests in it."""

    def __bool__(self) -> bool:
        return bool(self.checkpoint or self.requests or self.verdicts or self.missing or self.next_request is not None)


class Keeper:
    """One keeper. One thread runs it; any thread may call `ask` and read its figures."""

    def __init__(self, stores: Stores, topics: Topics, signer: Signer, clocks: Clocks, name: str) -> None:
        """`name`: of this start of the process, which its own records name as their writer."""
        self._stores = stores
        self._topics = topics
        self._signer = signer
        self._clocks = clocks
        self.name = name
        """Which its own records name as their writer."""
        self._own: deque[Request] = deque()
        self._unindexed: list[Read] = []
        self._batch = _Batch()
        self._verdicts: dict[str, Published] | None = {}
        """The latest verdict of each subject, until the topic is read to its end."""
        self._last_checkpoint: LedgerRecord | None = None
        self._is_compared = False
        """Whether the ledger was found to have what the file of checkpoints says."""
        self.cut = False
        """Whether it has stopped since the ledger does not have what was recorded."""
        self._complained = float("-inf")
        self.ready = False
        self.number = 0
        """Of the last record that is in the index."""
        self._waiting: dict[int, float] = {}
        """Number of a decision → since when it waits to be in force, in seconds since 1970."""
        self._refused: set[int] = set()
        """Numbers of decisions that were refused: what may be sent again."""
        self.decisions_refused = 0
        """Decisions whose event the gateway refused."""
        self.unreadable = {LEDGER_REQUESTS: 0, CASE_VERDICTS: 0}

    @property
    def uncovered(self) -> int:
        """Records that no checkpoint covers, without the one of the latest checkpoint itself."""
        return _uncovered(self.number, self._last_checkpoint)

    @property
    def checkpoint_at(self) -> float:
        """The plan's time of the latest checkpoint, in seconds since 1970; 0 before the first."""
        return 0.0 if self._last_checkpoint is None else _moment(self._last_checkpoint.time).timestamp()

    @property
    def waiting_since(self) -> float | None:
        """Real time since when the oldest decision waits to be in force, in seconds since 1970; None: none waits."""
        return min((*self._waiting.values(),), default=None)

    def ask(self, request: Request) -> None:
        """Record what only the keeper knows. After a crash it has to be asked for again."""
        self._own.append(request)

    def open(self) -> None:
        """Continue where the index is. Raises LedgerUnavailable."""
        self.number = self._stores.index.place().number
        for record in self._stores.index.of_kinds([Kind.CHECKPOINT]):
            self._note_checkpoint(record)
        erasing = self._stores.index.of_kinds(ERASING)
        self._stores.texts.erase([hash for record in erasing for hash in erased_by(record)])
        for record in self._stores.index.of_kinds(_OF_DECISIONS):
            self._follow(record)

    def run(self, ending: threading.Event) -> None:
        """Until `ending` is set. An unexpected error ends the process, so that it is started again."""
        while not ending.is_set():
            try:
                self.step(ending)
            except LedgerUnavailable as error:
                self._complain(str(error))
                ending.wait(_AGAIN_SECONDS)
            except LedgerCut as error:  # it stays, so that an alert can say so; started again, it would find the same
                log.critical("ledger: %s", error)
                self.cut, self.ready = True, False
                ending.wait()
            except (IndexLost, RecordsLost) as error:
                log.critical("ledger: %s; ending", error)
                signal.raise_signal(signal.SIGTERM)
                return
            except Exception as error:  # its text may name a case
                where = traceback.extract_tb(error.__traceback__)[-1]
                log.critical("%s at %s:%d; ending", type(error).__name__, where.filename, where.lineno)
                signal.raise_signal(signal.SIGTERM)
                return

    def step(self, ending: threading.Event) -> None:
        """One round. Raises LedgerUnavailable: it is done again with the next one. Raises LedgerCut, RecordsLost or
        IndexLost: it is not."""
        if not self._topics.ledger.caught_up:
            self._read(_POLL_SECONDS)
            return
        self._read(0)
        if not self._is_compared:
            self._compare_checkpoints()
        if not self._batch:
            self._collect(self._batch)
        if self._batch and self._record(ending):
            if self._batch.next_request is not None:
                self._stores.index.note_requests(self._batch.next_request)
            self._batch = _Batch()
        if not self._batch and self._verdicts is None:
            self.ready = True

    def _compare_checkpoints(self) -> None:
        """The own file of checkpoints is a witness, also where the index was lost together with the end of the ledger.
        Raises LedgerCut, LedgerUnavailable."""
        held = {one.number: one.hash for one in self._stores.held}
        there = self._stores.index.hashes_of(held)
        wrong = next((number for number, hash in sorted(held.items()) if there.get(number) != hash), None)
        if wrong is not None:
            what = "has another hash there" if wrong in there else f"is not there: it ends with record {self.number}"
            raise LedgerCut(
                f"the file of checkpoints names record {wrong} of the topic {LEDGER}, which {what}. {REMEDY}; move the "
                "file away before that, and keep it"
            )
        self._is_compared = True
        try:
            for record in self._stores.index.of_kinds([Kind.CHECKPOINT]):
                self._note_checkpoint(record)
        except OSError as error:
            self._is_compared = False
            raise LedgerUnavailable(f"{error.filename}: {error.strerror}: checkpoints cannot be kept") from error

    # ---- what is asked for ---------------------------------------------------------------------------
    def _collect(self, batch: _Batch) -> None:
        """Fill a batch. Raises LedgerUnavailable: what is in it by then stays in it."""
        while self._own and len(batch.requests) < _AT_ONCE:
            batch.requests.append(self._own.popleft())
        for record in self._topics.inputs.poll(0 if batch.requests else _POLL_SECONDS):
            self._sort(record, batch)
        self._release_verdicts(batch)
        batch.checkpoint = self._checkpoint_due()

    def _sort(self, record: Record, batch: _Batch) -> None:
        """Put a record of an input where it belongs."""
        if record.topic == LEDGER_REQUESTS:
            batch.next_request = record.offset + 1
        try:
            if record.topic == LEDGER_REQUESTS:
                batch.requests.append(of_others(Request.decode(record.value), self.name))
                return
            published = Published.of(record, self._topics.ids.get(CASE_VERDICTS, ""))
        except Unreadable as error:
            self.unreadable[record.topic] += 1
            log_unreadable(log, record.topic, record.partition, record.offset, error)
            if record.topic == LEDGER_REQUESTS:
                batch.requests += refusal_of_key(record.key, self.name)
            return
        if self._verdicts is None:
            batch.verdicts.append(published)
        else:
            self._verdicts[published.subject] = published

    def _release_verdicts(self, batch: _Batch) -> None:
        """Once the topic of verdicts is read to its end: the latest of each, and what is not in it any more."""
        if self._verdicts is None or not self._topics.inputs.caught_up:
            return
        topic = self._topics.ids.get(CASE_VERDICTS, "")
        batch.verdicts = [*self._verdicts.values()]
        batch.missing = [one for one in self._stores.index.misses(topic) if one not in self._verdicts] if topic else []
        if batch.missing and not self._verdicts:  # it was emptied: that takes back no miss
            log.error("%s is empty, and %d misses are recorded: none is reversed", CASE_VERDICTS, len(batch.missing))
            batch.missing = []
        self._verdicts = None

    def _checkpoint_due(self) -> list[Request]:
        """A checkpoint, if there are enough records for one, or any record and a day has passed."""
        place, last = self._stores.index.place(), self._last_checkpoint
        new = _uncovered(place.number, last)
        if new < 1 or (new < EVERY and last is not None and not self._is_a_day_old(last)):
            return []
        time = utc_text(self._clocks.plan())
        made = self._signer.sign(place.number, place.hash, time)
        id = f"{KEEPERS_ID}checkpoint/{place.number}"
        return [Request(id=id, kind=Kind.CHECKPOINT, writer=self.name, body=made.fields)]

    def _is_a_day_old(self, checkpoint: LedgerRecord) -> bool:
        """By the plan's time or by the real one; a clock that was ahead delays no checkpoint for longer."""
        now = self._clocks.times()
        real = abs(_moment(now.written_at) - _moment(checkpoint.written_at))
        return real >= DAILY or _moment(now.time) - _moment(checkpoint.time) >= DAILY

    # ---- recording -----------------------------------------------------------------------------------
    def _record(self, ending: threading.Event) -> bool:
        """Append the records of the batch, and read them back. False: the process is to end before that. Raises
        RecordsLost."""
        in_vain = 0
        while not ending.is_set():
            known = self._known()
            made = list(record_requests(known, self._asked(known), self._clocks.times(), self.name))
            if not made:
                return True
            before, in_vain = self.number, in_vain + 1
            try:
                self._topics.append([one.record() for one in made])
            except (KafkaError, AssertionError) as error:
                in_vain = 0
                self._complain(f"Kafka did not acknowledge records: {type(error).__name__}")
            if self._read_back(made, ending):
                return True
            in_vain = in_vain if self.number == before else 0
            if in_vain >= _MOST_ROUNDS:
                raise RecordsLost(f"records behind {before} were appended {in_vain} times, and none came back")
            ending.wait(random.uniform(0, _AGAIN_SECONDS))
        return False

    def _known(self) -> Known:
        batch = self._batch
        verdicts = [one.subject for one in batch.verdicts] + batch.missing
        found = self._stores.index.known(
            (answered_by(one) for one in (*batch.checkpoint, *batch.requests)),
            (claim for one in batch.requests for claim in one.claims),
            (one.subject for one in batch.requests if one.seen is not None),
            verdicts,
        )
        if found.number < self.number:
            raise IndexLost(f"the index ends with record {found.number}, and record {self.number} was in it")
        return found

    def _asked(self, known: Known) -> Iterator[Request]:
        batch = self._batch
        return chain(
            batch.checkpoint,
            verdict_requests(known, batch.verdicts, self.name),
            missing_requests(known, batch.missing, self.name),
            batch.requests,
        )

    def _read_back(self, made: Sequence[LedgerRecord], ending: threading.Event) -> bool:
        """Whether all these records came back as records of the ledger."""
        own = {one.number: hash_of(one.previous, one.value()) for one in made}
        until, last = time.monotonic() + _READ_BACK_SECONDS, made[-1].number
        while time.monotonic() < until and not ending.is_set():
            for read in self._read(_POLL_SECONDS):
                if own.get(read.record.number, read.hash) != read.hash:
                    log.warning(
                        "record %d of the ledger is another keeper's: is a second one running?", read.record.number
                    )
                    return False
                if read.record.number >= last:
                    return True
        return False

    def _read(self, timeout_seconds: float) -> list[Read]:
        """What has come into the ledger, once it is in the index. Raises LedgerCut."""
        reads = self._topics.ledger.poll_read(timeout_seconds)
        if self._topics.ledger.cut:
            raise LedgerCut(f"the topic {LEDGER} does not have record {self.number} any more as it was. {REMEDY}")
        self._unindexed += reads
        if self._unindexed:
            self._stores.index.take(self._unindexed)
            for read in self._unindexed:
                self._apply(read.record)
            self.number = self._unindexed[-1].record.number
            self._unindexed = []
        return reads

    def _apply(self, record: LedgerRecord) -> None:
        """What follows from a record of the ledger."""
        if record.request.kind in ERASING:
            if hashes := erased_by(record):
                self._stores.texts.erase(hashes)
        elif record.request.kind is Kind.CHECKPOINT:
            try:
                self._note_checkpoint(record)
            except OSError as error:  # `open` adds what is missing
                self._complain(f"{error.filename}: {error.strerror}: a checkpoint is not in its file")
        else:
            self._follow(record)

    def _note_checkpoint(self, record: LedgerRecord) -> None:
        """The next checkpoint of the ledger. Raises OSError."""
        try:
            checkpoint = Checkpoint.of_record(record)
        except Unreadable as reason:  # of another version, or of somebody else who may write the topic
            self._complain(f"record {record.number} holds no checkpoint: {reason}")
            return
        self._last_checkpoint = record
        if self._is_compared:
            self._stores.checkpoints.add([checkpoint])

    def _follow(self, record: LedgerRecord) -> None:
        """Which decisions are in force."""
        request = record.request
        again, since = sent_again_by(record), _moment(record.written_at).timestamp()
        if request.kind is Kind.DECIDED:
            if request.body.get("type"):  # else no event follows from it
                self._waiting[record.number] = since
            elif again is not None and again in self._refused:
                self._waiting[again] = since
        elif request.kind in _OF_DECISIONS:
            decision = request.body.get("decision")
            if type(decision) is not int:
                return
            known = self._waiting.pop(decision, None)
            if known is not None and request.kind is Kind.NOT_IN_FORCE:
                self.decisions_refused += 1
                self._refused.add(decision)

    def _complain(self, what: str) -> None:
        if time.monotonic() - self._complained > _COMPLAIN_SECONDS:
            self._complained = time.monotonic()
            log.warning("ledger: %s; trying again", what)


def _uncovered(number: int, checkpoint: LedgerRecord | None) -> int:
    """How many of so many records the latest checkpoint does not cover, without its own."""
    if checkpoint is None:
        return number
    return number - Checkpoint.of_record(checkpoint).number - 1


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
