"""The cases stage: events of a partition → its rows, tallies, cards and verdicts.

Each owned partition is a `CasePartition` over its rows. Its outputs are sent before the chunk's offset is committed.
Tallies and progress are sent with the tick. Every output is absolute: sending it twice changes nothing.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import NamedTuple

from faust.types import TP

from services.domain.intake.admission import Admission
from services.domain.intake.refusal import Refused
from services.domain.judging.judge import Judge
from services.domain.results.cards import RETRACTED
from services.domain.results.case_partition import CasePartition, Effects
from services.domain.results.verdicts import written_verdict
from services.domain.sums.tally import Tally
from services.domain.time.zone import Instant
from services.messaging.letter_budget import Letter
from services.messaging.partition_check import PartitionCheck
from services.messaging.records import tallies as tally_records
from services.messaging.records.cards import card_record
from services.messaging.records.fields import KeyValue
from services.messaging.records.quarantine import quarantine_record
from services.messaging.records.rows import dump_row, load_row
from services.messaging.records.verdicts import verdict_record
from services.runtime.clock import Clock
from streams.cases.answer_times import AnswerTimes
from streams.cases.dead_letter_limit import MostSourcesRefused
from streams.cases.dead_letters import DeadLetters
from streams.cases.stage_settings import StageSettings
from streams.delivery.bulk import BulkDelivery
from streams.delivery.faust_driver import Record as Event

CATCHING_UP = 5_000
"""With more events than this unread, a partition catches up: its cards and sweeps wait."""
AT_ONCE = 200
"""How many events of a chunk are admitted, or cases judged, before other tasks of the event loop may work: some 20 ms.
A chunk of a backlog takes more than a second. Commits, timers and the ticks of other partitions do not wait for it; the
tick of its own partition does (`BulkDelivery.turn`)."""
SWEEP_AT_ONCE = 500
"""How many due cases are judged, silent ones too, before the time is looked at, so that events do not wait long."""
RETRIED_AT_ONCE = 25
"""How many quarantined cases of a partition are judged again with each tick, at most and as long as there is time:
each soon, and never all at once."""
SWEEP_SECONDS = 0.4
"""How long a tick may sweep and judge quarantined cases again, all partitions together; the next tick goes on. Tallies
are published in between."""
REPORT_SECONDS = 2.0
"""How often a partition that catches up publishes its tallies and its progress. Otherwise each tick does, so that no
value waits for them."""

_EMPTY = Tally()
_log = logging.getLogger(__name__)


class _Chunk(NamedTuple):
    """A chunk in hand, and what comes of it."""

    tp: TP
    partition: CasePartition
    now: Instant
    effects: list[Effects]
    dead_letters: list[Letter]


class _Outputs(NamedTuple):
    """The records that effects give, by topic."""

    cards: list[KeyValue]
    verdicts: list[KeyValue]
    quarantines: list[KeyValue]
    causes: Counter[str]
    """Cause → how many cases are quarantined for it now; an empty cause: released."""


class Cases:
    """The owned partitions of this worker."""

    def __init__(
        self,
        delivery: BulkDelivery,
        judge: Judge,
        admission: Admission,
        clock: Clock,
        settings: StageSettings,
    ) -> None:
        self._delivery = delivery
        self._judge = judge
        self._admission = admission
        self._clock = clock
        self._topics = settings
        self._partition_check = PartitionCheck(settings.partitions)
        self._dead_letters = DeadLetters(delivery, settings, judge.plan)
        self._partitions: dict[int, CasePartition] = {}
        self._swept_to: dict[int, Instant] = {}
        self._answer_times: dict[int, AnswerTimes] = {}
        self._reported: dict[int, float] = {}

    # ---- ownership -----------------------------------------------------------------------------------
    async def on_assigned(self, owned: frozenset[int], fresh: frozenset[int]) -> None:
        """Take over: claim, then all rows, then complete. Every valid card is published again."""
        self._dead_letters.on_assigned()
        for gone in set(self._partitions) - owned | fresh:
            self._partitions.pop(gone, None)
            self._swept_to.pop(gone, None)
            self._answer_times.pop(gone, None)
        for number in sorted(owned):
            partition = self._partitions.get(number)
            if partition is None:
                started = time.monotonic()
                rows = self._delivery.rows(number)
                partition = CasePartition(self._judge, rows, loads=load_row, dumps=dump_row)
                partition.rebuild(self._now())
                self._partitions[number] = partition
                self._answer_times[number] = AnswerTimes()
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
        await self._publish_effects(number, partition.active(), self._now())

    # ---- events --------------------------------------------------------------------------------------
    async def on_events(self, tp: TP, records: Sequence[Event]) -> None:
        """Handle one chunk of a partition. Returns when all its outputs are queued."""
        partition, now = self._partitions[tp.partition], self._now()
        partition.catching_up = self._is_catching_up(tp.partition)
        self._dead_letters.begin(tp.partition, records)
        chunk = _Chunk(tp, partition, now, [], [])
        try:
            for begin in range(0, len(records), AT_ONCE):
                self._take(chunk, records[begin : begin + AT_ONCE])
                await asyncio.sleep(0)
        except MostSourcesRefused:
            # the dead letters that its sentence names must be in their topic
            await self._dead_letters.send(tp.partition, chunk.dead_letters)
            raise
        effects = [*chunk.effects, *await self._judge_added(partition, now)]
        if chunk.dead_letters:
            # before the rows: delivered again, a fact that they hold is a duplicate and gives no dead letter any more
            await self._dead_letters.send(tp.partition, chunk.dead_letters)
        if effects:
            # after the rows: what was published and forgotten in a crash would never be retracted
            await self._delivery.publish(tp.partition)
            await self._publish_effects(tp.partition, effects, now)
        self._answer_times[tp.partition].answered(record.timestamp for record in records)

    @staticmethod
    async def _judge_added(partition: CasePartition, now: Instant) -> list[Effects]:
        """Judge what a chunk has added to, and let others work in between."""
        effects: list[Effects] = []
        judging = partition.judging_added(now)
        while judged := list(islice(judging, AT_ONCE)):
            effects += (each for each in judged if each is not None)
            await asyncio.sleep(0)
        return effects

    def _take(self, chunk: _Chunk, records: Iterable[Event]) -> None:
        """Add each record's fact to its case, or its dead letter to the chunk. Raises MostSourcesRefused."""
        tp, partition, now, effects, dead_letters = chunk
        admit, check_partition, refusals = self._admission.admit, self._partition_check.check, self._dead_letters
        good: Counter[str] = Counter()
        # In a backlog cards wait, and a case is judged once per chunk. Otherwise each event is judged at once, so that
        # an event delivered again publishes what it published before, whatever comes with it.
        add = partition.add if partition.catching_up else partition.take
        for record in records:
            received = record.timestamp * 1000
            try:
                admitted = admit(record.value, received=received, key=record.key or b"", headers=record.headers)
                check_partition(record.key, tp.partition)
            except Refused as refused:
                refusals.note_good(good)
                good.clear()
                refusals.refuse(refused, tp, record, dead_letters)
                continue
            good[admitted.fact.source] += 1
            effect = add(record.key, admitted.fact, now)
            if effect is None:
                continue
            effects.append(effect)
            for away in effect.rejected:
                refusals.reject(away, admitted, tp, record, dead_letters)
        refusals.note_good(good)

    # ---- time ----------------------------------------------------------------------------------------
    async def on_tick(self) -> None:
        """About twice a second: sweep what is due, then changed tallies, then progress. In that order in the log, so
        that whoever reads a progress has read all that it covers. A batch of the log waits for the answer to the one
        before it: hence one of all partitions. The partition with a chunk in hand comes last, and holds up no other."""
        records: list[KeyValue] = []
        for number in sorted(self._partitions, key=self._delivery.in_hand):
            if self._delivery.in_hand(number):
                await self._delivery.send_many(self._topics.tallies, 0, records)
                records = []
            async with self._delivery.turn(number) as rows:
                if rows is not None and number in self._partitions:
                    records += await self._look_at(number, self._partitions[number])
        await self._delivery.send_many(self._topics.tallies, 0, records)

    async def _look_at(self, number: int, partition: CasePartition) -> list[KeyValue]:
        """Sweep a partition; what is to be said of it in the log of tallies."""
        now = self._now()
        partition.catching_up = self._is_catching_up(number)
        if partition.catching_up and time.monotonic() - self._reported.get(number, -REPORT_SECONDS) < REPORT_SECONDS:
            return []
        self._reported[number] = time.monotonic()
        if not partition.catching_up and await self._sweep(number, partition, now):
            self._swept_to[number] = now
        elif partition.next_at is not None and partition.next_at <= now:
            # work is left: nobody may believe that the partition is judged as of a time when it is not
            self._swept_to[number] = min(self._swept_to.get(number, 0), max(partition.next_at - 1, 0))
        return [*self._changed_tallies(number, partition), self._progress(number, partition).record()]

    def _changed_tallies(self, number: int, partition: CasePartition) -> list[KeyValue]:
        """The tallies that have changed since the last call."""
        epoch, tallies, changed = self._delivery.epoch(number), partition.tallies, partition.changed
        rows = [tally_records.row(number, epoch, key, tallies.get(key, _EMPTY)) for key in changed]
        partition.forget_empty()
        changed.clear()
        return rows

    def _progress(self, number: int, partition: CasePartition) -> tally_records.Progress:
        return tally_records.Progress(
            partition=number,
            epoch=self._delivery.epoch(number),
            swept_to=self._swept_to.get(number, 0),
            sources=partition.last_events,
            lag=self._delivery.lag(number) or 0,
            position=self._delivery.next_offset(TP(self._topics.events, number)) or 0,
            judged_to=partition.judged_to,
            lost=self._delivery.lost(number),
            quarantined=partition.quarantined,
            retried=partition.retried,
            refused=self._dead_letters.refused_of(number),
            left_out=self._dead_letters.left_out_of(number),
            answered=self._answer_times[number].packed(),
            arrivals=self._answer_times[number].take_arrivals(),
        )

    async def _sweep(self, number: int, partition: CasePartition, now: Instant) -> bool:
        """Judge the cases that are due; returns whether none is left. Their rows go first, as those of a chunk do. They
        are marked until their outputs are acknowledged: a successor finds the mark and publishes or retracts them."""
        until = time.monotonic() + SWEEP_SECONDS / len(self._partitions)
        while partition.next_at is not None and partition.next_at <= now:
            effects = list(partition.sweep(now, at_most=SWEEP_AT_ONCE))
            if effects:
                await self._delivery.publish(number)
                await self._publish_effects(number, effects, now)
                await self._delivery.flush()
                partition.mark_published(effects)
            if time.monotonic() > until:
                return partition.next_at is None or partition.next_at > now
        await self._retry(number, partition, now, until)
        return True

    async def _retry(self, number: int, partition: CasePartition, now: Instant, until: float) -> None:
        """Judge quarantined cases again, one after the other until the time is over: one full case takes 0.3 s. Their
        outputs are published in the order of a sweep."""
        effects: list[Effects] = []
        for _ in range(min(partition.quarantined, RETRIED_AT_ONCE)):
            effects += partition.retry(now, 1)
            if time.monotonic() > until:
                break
        if effects:
            await self._delivery.publish(number)
            await self._publish_effects(number, effects, now)
            await self._delivery.flush()
            partition.mark_published(effects)

    def _is_catching_up(self, number: int) -> bool:
        lag = self._delivery.lag(number)
        return lag is None or lag > CATCHING_UP

    def _now(self) -> Instant:
        """The judging instant: the last one before the present (docs/decisions/0002)."""
        return self._clock.now() - 1

    # ---- outputs -------------------------------------------------------------------------------------
    async def _publish_effects(self, number: int, effects: Iterable[Effects], now: Instant) -> None:
        """Publish cards, verdicts and quarantines, in the partition of their case."""
        outputs = self._outputs(effects, now)
        if outputs.cards:
            await self._delivery.send_many(self._topics.cards, number, outputs.cards)
        if outputs.verdicts:
            await self._delivery.send_many(self._topics.verdicts, number, outputs.verdicts)
        if outputs.quarantines:
            for cause, count in outputs.causes.items():
                _log.error("partition %s: %s %s", number, count, f"quarantined: {cause}" if cause else "released")
            await self._delivery.send_many(self._topics.quarantine, number, outputs.quarantines)

    def _outputs(self, effects: Iterable[Effects], now: Instant) -> _Outputs:
        zone, outputs = self._judge.law.zone, _Outputs([], [], [], Counter())
        for effect in effects:
            key = effect.key.decode()
            if effect.quarantine is not None:
                outputs.causes[effect.quarantine.cause] += 1
                outputs.quarantines.append(quarantine_record(effect.key, effect.quarantine, zone))
            outputs.cards.extend(card_record(state, key, zone) for state in effect.cards)
            for ruling in effect.verdicts:
                gone = ruling.verdict == RETRACTED
                verdict = None if gone else written_verdict(ruling, key, self._judge, now)
                outputs.verdicts.append(verdict_record(ruling.kpi, key, ruling.cycle, verdict))
        return outputs
