"""What a gateway answers a source about itself: its dead letters, and how far it is judged. Read from the topics.

Of a letter only the refusal is kept here, of each source the latest ones; its original stays in the topic.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from services.domain.plan.plan import Plan
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import DAY_US, Instant
from services.messaging import topics
from services.messaging.reader import Record, TopicReader
from services.messaging.records import tallies
from services.messaging.records.dead_letters import DeadLetter
from services.messaging.records.fields import Unreadable, log_unreadable
from services.messaging.records.inbox_states import InboxState
from services.messaging.records.tallies import Progress

log: Final = logging.getLogger(__name__)

TOPICS: Final = (topics.KPI_TALLIES, topics.DEAD_LETTER, topics.INBOX_STATES)
MOST_LETTERS: Final = 1_000
"""Of one source, the latest ones."""


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

    def __init__(self, plan: Plan) -> None:
        self._inboxes = {source.inbox: source.id for source in plan.sources.values()}
        self._lock = threading.Lock()
        self._letters: dict[str, dict[bytes, ListedLetter]] = {}
        """Source → key of the record → letter: one that was written twice has one key."""
        self._progress: dict[int, Progress] = {}
        self._states: dict[str, InboxState] = {}
        self.caught_up = False
        """Whether all that was there at the start is read."""

    def follow(self, reader: TopicReader, ending: threading.Event) -> None:
        """Take in what the reader reads until `ending` is set."""
        while not ending.is_set():
            for record in reader.poll(0.5):
                self.take(record)
            self.caught_up = reader.caught_up

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
