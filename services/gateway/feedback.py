"""What a gateway answers a source about itself: its dead letters, and how far it is judged. Read from the topics.

Of a letter only the refusal is kept here, of each source the latest ones; its original stays in the topic.
"""

import logging
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, Protocol

from services.domain.plan.plan import Plan
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import DAY_US, Instant
from services.messaging import topics
from services.messaging.reader import Record
from services.messaging.records import tallies
from services.messaging.records.dead_letters import DeadLetter
from services.messaging.records.fields import Unreadable, log_unreadable
from services.messaging.records.inbox_states import InboxState
from services.messaging.records.tallies import Progress

log: Final = logging.getLogger(__name__)

TOPICS: Final = (topics.KPI_TALLIES, topics.DEAD_LETTER, topics.INBOX_STATES)
MOST_LETTERS: Final = 1_000
"""Of one source, the latest ones."""


TRUSTED_SECONDS: Final = 60.0
"""What was read counts for so long after the broker last said that there is no more."""


class Reader(Protocol):
    """Reads the topics."""

    def poll(self, timeout_seconds: float) -> list[Record]:
        """What has arrived."""

    @property
    def caught_up(self) -> bool:
        """Whether all that was there at the start is read."""

    @property
    def ends_at(self) -> float:
        """When the broker last said how much there is: seconds since 1970."""


class ListedLetter(NamedTuple):
    """A dead letter without its original."""

    number: int
    """Its offset in the topic of dead letters."""
    reason: str
    path: str
    sentence: str
    remedy: str
    place: str
    received: Instant


class Feedback:
    """What the topics say about each source. Any thread may ask; one takes records in."""

    def __init__(self, plan: Plan, seconds: Callable[[], float] = time.time) -> None:
        self._inboxes = {source.inbox: source.id for source in plan.sources.values()}
        self._lock = threading.Lock()
        self._letters: dict[str, dict[bytes, ListedLetter]] = {}
        """Source → key of the record → letter: one that was written twice has one key."""
        self._progress: dict[int, Progress] = {}
        self._states: dict[str, InboxState] = {}
        self.caught_up = False
        """Whether all that was there at the start is read."""
        self._seconds = seconds
        self._read_at: float | None = None
        """When the broker last said how much there is to read; None before a thread follows the topics."""

    @property
    def is_current(self) -> bool:
        """Whether what was there at the start is read, and the topics are still read now."""
        is_stale = self._read_at is not None and self._seconds() - self._read_at > TRUSTED_SECONDS
        return self.caught_up and not is_stale

    def follow(self, reader: Reader, ending: threading.Event) -> None:
        """Take in what the reader reads until `ending` is set. No record and no failure of the reader ends it."""
        while not ending.is_set():
            try:
                records = reader.poll(0.5)
            except Exception as error:
                _log_defect(error)
                ending.wait(1)
                continue
            for record in records:
                try:
                    self.take(record)
                except Exception as error:
                    _log_defect(error)
            self.caught_up, self._read_at = reader.caught_up, reader.ends_at

    def take(self, record: Record) -> None:
        """A record of one of the topics. One that cannot be read is passed over."""
        take: Callable[[Record], None] = {
            topics.KPI_TALLIES: self._take_progress,
            topics.DEAD_LETTER: self._take_letter,
            topics.INBOX_STATES: self._take_state,
        }[record.topic]
        try:
            with self._lock:
                take(record)
        except ValueError as reason:  # Unreadable is one
            said = reason if isinstance(reason, Unreadable) else "it is no dead letter"
            log_unreadable(log, record.topic, record.partition, record.offset, said)

    def owner_of(self, letter: DeadLetter) -> str | None:
        """The source to which a letter belongs."""
        return letter.owner(self._inboxes)

    def letters(self, source: str, before: int | None, limit: int) -> list[ListedLetter]:
        """The latest letters of a source, the newest first."""
        with self._lock:
            mine = [one for one in self._letters.get(source, {}).values() if before is None or one.number < before]
        return mine[::-1][:limit]

    def status(self, source: str, now: Instant) -> dict[str, Any]:
        """The status of a source, as far as the topics say. Times are instants; letters of 24 hours, by reason."""
        with self._lock:
            letters = list(self._letters.get(source, {}).values())
            progress = list(self._progress.values())
            state = self._states.get(source)
        reasons = Counter(one.reason for one in letters if one.received > now - DAY_US)
        return {
            "last_event_at": max((each.sources[source] for each in progress if source in each.sources), default=None),
            "judged_to": min((each.swept_to for each in progress), default=None),
            "records_not_judged": sum(each.lag for each in progress),
            "dead_letters_of_24_hours": dict(sorted(reasons.items())),
            "inbox": state,
        }

    def last_events(self) -> Mapping[str, Instant]:
        """Source → arrival of its last event."""
        found: dict[str, Instant] = {}
        with self._lock:
            for progress in self._progress.values():
                for source, at in progress.sources.items():
                    found[source] = max(at, found.get(source, at))
        return found

    def _take_progress(self, record: Record) -> None:
        key = record.key or b""
        if record.value is None or not tallies.is_progress(key):
            return
        progress = tallies.decode_progress(key, record.value)
        known = self._progress.get(progress.partition)
        if known is None or progress.epoch >= known.epoch:
            self._progress[progress.partition] = progress

    def _take_letter(self, record: Record) -> None:
        if record.value is None:
            return
        letter = DeadLetter.decode(record.value)
        owner = self.owner_of(letter)
        if owner is not None:
            listed = ListedLetter(
                record.offset, str(letter.reason), letter.path, letter.sentence, letter.remedy, letter.place,
                instant_from(letter.received_at),
            )  # fmt: skip
            letters = self._letters.setdefault(owner, {})
            letters.pop(record.key or b"", None)
            letters[record.key or b""] = listed
            if len(letters) > MOST_LETTERS:
                del letters[next(iter(letters))]

    def _take_state(self, record: Record) -> None:
        if record.value is not None:
            self._states[(record.key or b"").decode(errors="replace")] = InboxState.decode(record.value)


def _log_defect(error: Exception) -> None:
    """Where it happened: its text may quote a record."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    log.critical("feedback: %s at %s:%d", type(error).__name__, where.filename, where.lineno)
