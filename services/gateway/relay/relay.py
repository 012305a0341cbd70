"""From the inboxes of sources to `case.events`: each record through the same admission as a request over HTTP.

A chunk of an inbox is written, then its letters, then its offset is committed: at least once. A record that is relayed
twice is the same event with the same arrival, and its case takes it once. What happens to one inbox touches no other.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, Protocol

from kafka import TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from services.domain.intake.admission import Admission
from services.domain.intake.refusal import Refused
from services.domain.time.zone import Instant
from services.gateway.admit import admit
from services.gateway.event_log import EventRecord, NotAcknowledged
from services.gateway.relay.limits import PAUSE_SECONDS, Burst
from services.gateway.wire import Sent
from services.messaging.letter_budget import DAY_MS, Letter, LetterBudget, Written
from services.messaging.records.dead_letters import Arrived, DeadLetter
from services.messaging.records.fields import KeyValue
from services.messaging.records.inbox_states import InboxState

log: Final = logging.getLogger("services.gateway.relay")

_POLL_MS: Final = 500
_AGAIN_SECONDS: Final = 1.0
_PUBLISH_SECONDS: Final = 10.0


class Log(Protocol):
    """Where events, letters and states are written."""

    def write(self, records: Iterable[EventRecord]) -> None:
        """Returns once all are acknowledged. Raises NotAcknowledged."""

    def write_letters(self, letters: Iterable[KeyValue]) -> None:
        """Returns once all are acknowledged. Raises NotAcknowledged."""

    def letters_since(self, inbox: str, since_ms: int) -> list[Written]:
        """The letters of an inbox that were written since then. Raises KafkaError."""

    def note_state(self, state: KeyValue) -> None:
        """Queue the state of an inbox; nobody waits for it."""


class Times(NamedTuple):
    """The clocks of a relay. Neither is the plan's."""

    seconds: Callable[[], float] = time.monotonic
    now: Callable[[], Instant] = lambda: time.time_ns() // 1000
    sleep: Callable[[float], None] = time.sleep


class Rules(NamedTuple):
    """What a relay admits by."""

    admission: Admission
    sources: Mapping[str, str]
    """Inbox → the source that it belongs to."""
    ratio: float
    """The share of refused events above which an inbox is paused."""


class InboxFigures(NamedTuple):
    """What a relay has taken from one inbox since its start."""

    source: str
    accepted: int
    refused: int
    left_out: int
    """Of the refused ones, how many have no letter."""
    is_paused: bool


class _Inbox:
    """One source's inbox."""

    def __init__(self, source: str, ratio: float) -> None:
        self.source = source
        self.burst = Burst(ratio)
        self.budget: LetterBudget | None = None
        """None: the letters that are there have not been read since the inbox was assigned."""
        self.filed: frozenset[bytes] = frozenset()
        """Keys of those letters."""
        self.accepted = self.refused = self.left_out = 0
        self.paused_until: float | None = None
        """Monotonic."""
        self.published_at = float("-inf")
        self.changed = False


class Relay:
    """Relays the inboxes that are assigned to it."""

    def __init__(self, consumer: Any, out: Log, rules: Rules, times: Times) -> None:
        """`consumer`: a KafkaConsumer of a group, without automatic commits."""
        self._consumer = consumer
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._log = out
        self._admission = rules.admission
        self._inboxes = {topic: _Inbox(source, rules.ratio) for topic, source in rules.sources.items()}
        self._times = times

    def figures(self) -> list[InboxFigures]:
        """For each inbox of the plan. Any thread may ask."""
        return [
            InboxFigures(inbox.source, inbox.accepted, inbox.refused, inbox.left_out, inbox.paused_until is not None)
            for inbox in self._inboxes.values()
        ]

    def step(self) -> None:
        """What has come in. Raises KafkaError."""
        self._forget_what_others_continue()
        self._pause_and_resume()
        for place, records in self._consumer.poll(timeout_ms=_POLL_MS).items():
            try:
                self._take(place, records)
            except (NotAcknowledged, KafkaError) as error:
                self._consumer.seek(place, records[0].offset)
                log.warning("%s: not acknowledged (%s); trying again", place.topic, type(error).__name__)
                self._times.sleep(_AGAIN_SECONDS)
                continue
            self._commit(place, records[-1].offset + 1)
        self._publish_states()

    def _take(self, place: TopicPartition, records: Sequence[Any]) -> None:
        inbox = self._inboxes[place.topic]
        admitted: list[EventRecord] = []
        refusals: list[tuple[Refused, Any]] = []
        for record in records:
            sent = Sent(record.value, record.headers)
            try:
                admitted.append(admit(sent, inbox.source, record.timestamp * 1000, self._admission))
            except Refused as refused:
                refusals.append((refused, record))
            inbox.burst.note(bool(refusals) and refusals[-1][1] is record)
        self._log.write(admitted)
        self._write_letters(inbox, refusals)
        inbox.accepted += len(admitted)
        inbox.refused += len(refusals)
        inbox.changed = True

    def _write_letters(self, inbox: _Inbox, refusals: Sequence[tuple[Refused, Any]]) -> None:
        """Write those that are not there yet, as far as the budget goes. Raises NotAcknowledged, KafkaError."""
        if not refusals:
            return
        now_ms = self._times.now() // 1000
        if inbox.budget is None:
            written = self._log.letters_since(refusals[0][1].topic, now_ms - DAY_MS)
            inbox.budget, inbox.filed = LetterBudget(written), frozenset(letter.key for letter in written)
        letters = (Letter(_letter(refused, record, inbox.source), inbox.source) for refused, record in refusals)
        chosen = inbox.budget.chosen(letters, inbox.filed, now_ms)
        try:
            self._log.write_letters(chosen.records)
        except NotAcknowledged:
            inbox.budget = None  # some may be there: what is there is read again
            raise
        inbox.left_out += chosen.left_out.total()

    def _forget_what_others_continue(self) -> None:
        """Another relay may write letters of an inbox that is not assigned to this one."""
        assigned = frozenset(self._consumer.assignment())
        for place in assigned - self._assigned:
            self._inboxes[place.topic].budget = None
        self._assigned = assigned

    def _commit(self, place: TopicPartition, offset: int) -> None:
        try:
            self._consumer.commit({place: OffsetAndMetadata(offset, "", -1)})
        except KafkaError as error:
            # it will be relayed once more, by whoever has the inbox by then
            log.warning("%s: the position was not saved (%s)", place.topic, type(error).__name__)

    def _pause_and_resume(self) -> None:
        """Keeps a paused inbox paused, whatever a rebalance of the group did."""
        now = self._times.seconds()
        for place in self._consumer.assignment():
            inbox = self._inboxes[place.topic]
            if inbox.paused_until is None and inbox.burst.is_on:
                inbox.paused_until = now + PAUSE_SECONDS
                inbox.burst.reset()
                inbox.changed, inbox.published_at = True, float("-inf")
                log.warning("%s: most of its recent events were refused; paused for %.0f s", place.topic, PAUSE_SECONDS)
            if inbox.paused_until is not None and now >= inbox.paused_until:
                inbox.paused_until = None
                inbox.changed, inbox.published_at = True, float("-inf")
                self._consumer.resume(place)
            if inbox.paused_until is not None:
                self._consumer.pause(place)

    def _publish_states(self) -> None:
        """Publish the states that have changed: a pause at once, numbers every ten seconds at most."""
        now = self._times.seconds()
        for inbox in self._inboxes.values():
            if not inbox.changed or now - inbox.published_at < _PUBLISH_SECONDS:
                continue
            at, until = self._times.now(), inbox.paused_until
            paused = None if until is None else at + int((until - now) * 1e6)
            state = InboxState(inbox.accepted, inbox.refused, inbox.left_out, at, paused)
            self._log.note_state(state.record(inbox.source))
            inbox.changed, inbox.published_at = False, now


def _letter(refused: Refused, record: Any, sender: str) -> KeyValue:
    arrived = Arrived(
        record.topic, record.partition, record.offset, record.timestamp * 1000, record.value, record.headers
    )
    return DeadLetter.of(refused, arrived, sender=sender).record()
