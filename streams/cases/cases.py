"""The cases stage: events of a partition → its rows, tallies, cards and verdicts.

Each owned partition is a `CasePartition` over its rows. What it brings forth is sent before the chunk's offset is
committed; tallies and progress go out with the tick. Every output is absolute: sending it twice changes nothing.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import orjson
from faust.types import TP

from services.domain.history.capacity import FULL_CASE
from services.domain.intake.admission import Admission, Admitted
from services.domain.intake.refusal import Reason, Refused
from services.domain.intake.serialize import serialize
from services.domain.judging.judge import Judge
from services.domain.results.cards import RETRACTED
from services.domain.results.case_partition import CasePartition, Effects, TurnedAway
from services.domain.results.verdicts import written_verdict
from services.domain.sums.tally import Tally
from services.domain.time.zone import Instant
from services.messaging.records import tallies as tally_records
from services.messaging.records.cards import card_record
from services.messaging.records.dead_letters import Arrived, DeadLetter
from services.messaging.records.fields import KeyValue
from services.messaging.records.quarantine import quarantine_record
from services.messaging.records.rows import dump_row, load_row
from services.messaging.records.verdicts import verdict_record
from services.messaging.topics import (
    ALERT_CARDS,
    CASE_EVENTS,
    CASE_QUARANTINE,
    CASE_VERDICTS,
    DEAD_LETTER,
    KPI_TALLIES,
)
from services.process.clock import Clock
from streams.cases.dead_letter_limit import DeadLetterLimit, SentLetters, TooManyDeadLetters
from streams.cases.partition_check import Placement
from streams.delivery.bulk import BulkDelivery
from streams.delivery.bulk import Record as Event

CATCHING_UP = 5_000
"""With more events than this unread, a partition catches up: its cards and sweeps wait."""
SWEEP_AT_ONCE = 500
"""How many due cases are judged, silent ones too, before the time is looked at, so that events do not wait long."""
RETRIED_AT_ONCE = 50
"""How many quarantined cases of a partition are judged again with each tick, at most and as long as there is time:
each soon, and never all at once."""
SWEEP_SECONDS = 0.8
"""How long a tick may sweep and judge quarantined cases again, all partitions together; the next tick goes on. Tallies
are published in between."""

_EMPTY = Tally()
_log = logging.getLogger(__name__)


class CaseTopics(NamedTuple):
    """Where the stage reads and writes."""

    events: str = CASE_EVENTS
    dead_letters: str = DEAD_LETTER
    tallies: str = KPI_TALLIES
    cards: str = ALERT_CARDS
    verdicts: str = CASE_VERDICTS
    quarantine: str = CASE_QUARANTINE
    partitions: int | None = None
    """Over how many partitions cases are spread by their keys; None: not as Kafka's partitioner does."""


class Cases:
    """The owned partitions of this worker."""

    def __init__(
        self,
        delivery: BulkDelivery,
        judge: Judge,
        admission: Admission,
        clock: Clock,
        limit: DeadLetterLimit,
        topics: CaseTopics,
    ) -> None:
        self._delivery = delivery
        self._judge = judge
        self._admission = admission
        self._clock = clock
        self._limit = limit
        self._topics = topics
        self._placement = Placement(topics.partitions)
        self._sent_letters = SentLetters(delivery, topics.events, topics.dead_letters)
        self._partitions: dict[int, CasePartition] = {}
        self._swept_to: dict[int, Instant] = {}

    # ---- ownership -----------------------------------------------------------------------------------
    async def on_assigned(self, owned: frozenset[int], fresh: frozenset[int]) -> None:
        """Take over: claim, then all rows, then complete; every card that stands is published again."""
        self._sent_letters.forget()
        for gone in set(self._partitions) - owned | fresh:
            self._partitions.pop(gone, None)
            self._swept_to.pop(gone, None)
        for number in sorted(owned):
            partition = self._partitions.get(number)
            if partition is None:
                started = time.monotonic()
                rows = self._delivery.rows(number)
                partition = CasePartition(self._judge, rows, loads=load_row, dumps=dump_row)
                partition.rebuild(self._now())
                self._partitions[number] = partition
                _log.info(
                    "partition %s: %d tallies in %.1f s", number, len(partition.tallies), time.monotonic() - started
                )
            await self._publish_all(number, partition)

    async def _publish_all(self, number: int, partition: CasePartition) -> None:
        epoch = self._delivery.epoch(number)
        await self._delivery.send_many(self._topics.tallies, 0, [tally_records.claim(number, epoch)])
        partition.changed.clear()
        rows = [tally_records.row(number, epoch, key, tally) for key, tally in partition.tallies.items()]
        await self._delivery.send_many(self._topics.tallies, 0, [*rows, tally_records.complete(number, epoch)])
        await self._tell(number, partition.standing(), self._now())

    # ---- events --------------------------------------------------------------------------------------
    async def on_events(self, tp: TP, records: Sequence[Event]) -> None:
        """One chunk of a partition. Returns when all that it brings forth is queued."""
        partition, now = self._partitions[tp.partition], self._now()
        partition.catching_up = self._is_catching_up(tp.partition)
        self._sent_letters.begin(tp.partition, records[0].offset, records[0].timestamp)
        effects: list[Effects] = []
        letters: list[KeyValue] = []
        try:
            self._take(tp, records, partition, now, effects, letters)
        except TooManyDeadLetters:
            # what the sentence tells to look at must be there
            await self._send_letters(tp.partition, letters)
            raise
        effects += partition.judge_added(now)
        if letters:
            # before the rows: delivered again, a fact that they hold is a duplicate and brings no letter any more
            await self._send_letters(tp.partition, letters)
        if effects:
            # behind the rows: what was told and forgotten in a crash would never be taken back
            await self._delivery.publish(tp.partition)
            await self._tell(tp.partition, effects, now)

    async def _send_letters(self, number: int, letters: list[KeyValue]) -> None:
        """All of them are in their topic; those that an earlier owner has sent are not sent again."""
        unsent = await self._sent_letters.without_sent(number, letters)
        await self._delivery.send_many(self._topics.dead_letters, 0, unsent)
        await self._delivery.flush()

    def _take(
        self,
        tp: TP,
        records: Sequence[Event],
        partition: CasePartition,
        now: Instant,
        effects: list[Effects],
        letters: list[KeyValue],
    ) -> None:
        """Add each record's fact to its case, or its letter to the letters. Raises TooManyDeadLetters."""
        admit, check_placed, good = self._admission.admit, self._placement.check, 0
        # Of a backlog, cards wait, and a case is judged once per chunk. Else each event is judged at once, so that
        # one delivered again tells what it told before, whatever comes with it.
        add = partition.add if partition.catching_up else partition.take
        for record in records:
            received = record.timestamp * 1000
            try:
                admitted = admit(record.value, received=received, key=record.key or b"", headers=record.headers)
                check_placed(record.key, tp.partition)
            except Refused as refused:
                self._limit.taken(good)
                good = 0
                self._refuse(refused, record, tp, letters)
                continue
            told = add(record.key, admitted.fact, now)
            if told is None:
                good += 1
                continue
            effects.append(told)
            good += all(away.fact is not admitted.fact for away in told.turned_away)
            for away in told.turned_away:
                self._turn_away(away, admitted, record, tp, letters)
        self._limit.taken(good)

    def _turn_away(self, away: TurnedAway, admitted: Admitted, record: Event, tp: TP, letters: list[KeyValue]) -> None:
        """A letter of the fact that does not count: the one in hand, or one that the case had kept until now."""
        if away.fact is admitted.fact:
            self._refuse(_of_the_case(away.reason, kept=False), record, tp, letters, digest=away.fact.digest)
            return
        original = orjson.dumps(serialize(admitted.key, away.fact))
        event = Arrived(self._topics.events, tp.partition, None, away.fact.received, original)
        letter = DeadLetter.of(_of_the_case(away.reason, kept=True), event, away.fact.digest)
        letters.append(letter.record())  # the limit is on events that come in

    def _refuse(
        self, refused: Refused, record: Event, tp: TP, letters: list[KeyValue], digest: str | None = None
    ) -> None:
        received = record.timestamp * 1000
        event = Arrived(self._topics.events, tp.partition, record.offset, received, record.value, record.headers)
        letter = DeadLetter.of(refused, event, digest)
        letters.append(letter.record())
        self._limit.refused(letter.reason)

    # ---- time ----------------------------------------------------------------------------------------
    async def on_tick(self) -> None:
        """About once a second: sweep what is due, then changed tallies, then progress. In that order in the log, so
        that whoever reads a progress has read all that it covers."""
        for number in sorted(self._partitions):
            async with self._delivery.turn(number) as rows:
                if rows is not None and number in self._partitions:
                    await self._look_at(number, self._partitions[number])

    async def _look_at(self, number: int, partition: CasePartition) -> None:
        now = self._now()
        partition.catching_up = self._is_catching_up(number)
        if not partition.catching_up and await self._sweep(number, partition, now):
            self._swept_to[number] = now
        elif partition.next_at is not None and partition.next_at <= now:
            # work is left: nobody may believe that the partition is judged as of a time when it is not
            self._swept_to[number] = min(self._swept_to.get(number, 0), max(partition.next_at - 1, 0))
        epoch = self._delivery.epoch(number)
        changed = partition.changed
        if changed:
            tallies = partition.tallies
            rows = [tally_records.row(number, epoch, key, tallies.get(key, _EMPTY)) for key in changed]
            partition.forget_empty()
            changed.clear()
            await self._delivery.send_many(self._topics.tallies, 0, rows)
        progress = tally_records.Progress(
            partition=number,
            epoch=epoch,
            swept_to=self._swept_to.get(number, 0),
            sources=partition.last_events,
            lag=self._delivery.lag(number) or 0,
            position=self._delivery.next_offset(TP(self._topics.events, number)) or 0,
            judged_to=partition.judged_to,
            lost=self._delivery.lost(number),
        )
        await self._delivery.send_many(self._topics.tallies, 0, [progress.record()])

    async def _sweep(self, number: int, partition: CasePartition, now: Instant) -> bool:
        """Judge what has fallen due; whether nothing is left. The rows go first, as those of a chunk do, and are marked
        until what they tell is acknowledged: a successor finds the mark and tells it again, or takes it back."""
        until = time.monotonic() + SWEEP_SECONDS / len(self._partitions)
        while partition.next_at is not None and partition.next_at <= now:
            effects = list(partition.sweep(now, at_most=SWEEP_AT_ONCE))
            if effects:
                await self._delivery.publish(number)
                await self._tell(number, effects, now)
                await self._delivery.flush()
                partition.told(effects)
            if time.monotonic() > until:
                return partition.next_at is None or partition.next_at > now
        await self._retry(number, partition, now, until)
        return True

    async def _retry(self, number: int, partition: CasePartition, now: Instant, until: float) -> None:
        """Judge quarantined cases again, one after the other until the time is over: one full case takes 0.3 s. What
        comes out is published in the order of a sweep."""
        effects: list[Effects] = []
        for _ in range(min(partition.quarantined, RETRIED_AT_ONCE)):
            effects += partition.retry(now, 1)
            if time.monotonic() > until:
                break
        if effects:
            await self._delivery.publish(number)
            await self._tell(number, effects, now)
            await self._delivery.flush()
            partition.told(effects)

    def _is_catching_up(self, number: int) -> bool:
        lag = self._delivery.lag(number)
        return lag is None or lag > CATCHING_UP

    def _now(self) -> Instant:
        """The judging instant: the last one before the present (docs/decisions/0002)."""
        return self._clock.now() - 1

    # ---- telling -------------------------------------------------------------------------------------
    async def _tell(self, number: int, effects: Iterable[Effects], now: Instant) -> None:
        """Publish cards, rulings and quarantines, in the partition of their case."""
        cards: list[KeyValue] = []
        verdicts: list[KeyValue] = []
        quarantines: list[KeyValue] = []
        causes: Counter[str] = Counter()
        zone = self._judge.law.zone
        for effect in effects:
            key = effect.key.decode()
            if effect.quarantine is not None:
                causes[effect.quarantine.cause] += 1
                quarantines.append(quarantine_record(effect.key, effect.quarantine, zone))
            for state in effect.cards:
                cards.append(card_record(state, key, zone))
            for ruling in effect.rulings:
                gone = ruling.verdict == RETRACTED
                verdict = None if gone else written_verdict(ruling, key, self._judge, now)
                verdicts.append(verdict_record(ruling.kpi, key, ruling.cycle, verdict))
        if cards:
            await self._delivery.send_many(self._topics.cards, number, cards)
        if verdicts:
            await self._delivery.send_many(self._topics.verdicts, number, verdicts)
        if quarantines:
            for cause, count in causes.items():
                _log.error("partition %s: %s %s", number, count, f"quarantined: {cause}" if cause else "released")
            await self._delivery.send_many(self._topics.quarantine, number, quarantines)


def _of_the_case(reason: str, *, kept: bool) -> Refused:
    """What only the case could know. `kept`: of an event that it had kept, until another came that showed it."""
    came_before = "; it came before, its record is not known any more, and this is what was kept of it" if kept else ""
    if reason == Reason.ID_CONFLICT:
        return Refused(
            Reason.ID_CONFLICT,
            "id",
            "another event of this case has the same source and id, and the smaller payload hash, so that one stands"
            + came_before,
            "give every event an id of its own; send the same event again unchanged",
        )
    if reason == Reason.TOO_LARGE:
        return Refused(Reason.TOO_LARGE, "", FULL_CASE[0] + came_before, FULL_CASE[1])
    return Refused(
        Reason.BAD_CORRECTION,
        "data.of",
        "it corrects a correction" + came_before,
        "correct the event itself: the later correction of the same event wins",
    )
