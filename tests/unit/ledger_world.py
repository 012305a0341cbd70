"""A ledger in memory, for unit tests: the keeper's own decision and chain, without broker and index.

    world = LedgerWorld()
    ledger = world.client()             # as many as there are processes; each is a `services.ledger.writer.Ledger`
    ledger.request(request)
    answer = ledger.until_recorded(request)

The keeper records when somebody waits or polls, unless `world.keeper_works` is False: then requests wait in
`world.requests`, and `until_recorded` raises LedgerAway. `world.kafka_works = False`: `request` raises LedgerAway, and
with `world.takes_all_the_same = True` the request is in the topic nevertheless, which is what a lost answer looks like.
"""

from collections.abc import Callable
from typing import Final

from services.domain.time.zone import Instant
from services.ledger.reader import Read, ValidRecords
from services.ledger.recording import Known, Times, of_others, record_requests
from services.ledger.writer import ANSWER_SECONDS, Answer, Answers, LedgerAway
from services.messaging.reader import Record
from services.messaging.records.ledger import LedgerRecord, Request
from services.messaging.topics import LEDGER

KEEPER: Final = "keeper-1"


class LedgerWorld:
    """The topics `ledger.requests` and `ledger`, and a keeper."""

    def __init__(self, now: Callable[[], Instant] = lambda: 1_634_900_000_000_000) -> None:
        """`now`: the plan's time, and the real one."""
        self.now = now
        self.requests: list[bytes] = []
        """Values of the requests that no keeper has read."""
        self.log: list[bytes] = []
        """Values of the records, in the order of the topic."""
        self.known = Known()
        self.keeper_works = True
        self.kafka_works = True
        self.takes_all_the_same = False

    def client(self) -> "MemoryLedger":
        """The ledger as one more process sees it, from its beginning."""
        return MemoryLedger(self)

    def keep(self, at_most: int | None = None) -> list[LedgerRecord]:
        """Record what was asked for, or the first so many requests of it; the new records."""
        count = len(self.requests) if at_most is None else at_most
        asked, self.requests = self.requests[:count], self.requests[count:]
        return self.record(*(of_others(Request.decode(value), KEEPER) for value in asked))

    def record(self, *requests: Request) -> list[LedgerRecord]:
        """Record at once, also what only the keeper may record: a miss, for instance."""
        times = Times.of(self.now(), self.now())
        made = list(record_requests(self.known, requests, times, KEEPER, lambda: f"{self.known.number + 1:032x}"))
        self.log += [one.value() for one in made]
        return made

    def records(self) -> list[LedgerRecord]:
        """The whole ledger."""
        return [LedgerRecord.decode(value) for value in self.log]


class MemoryLedger:
    """One process's view."""

    def __init__(self, world: LedgerWorld) -> None:
        self.world = world
        self._valid = ValidRecords()
        self._answers = Answers()
        self._unpolled: list[LedgerRecord] = []

    @property
    def caught_up(self) -> bool:
        return True

    def poll(self, timeout_seconds: float = 0.5) -> list[LedgerRecord]:
        self._read()
        records, self._unpolled = self._unpolled, []
        return records

    def request(self, *requests: Request) -> None:
        records = [one.checked_record() for one in requests]
        for one in requests:
            self._answers.expect(one)
        if self.world.kafka_works or self.world.takes_all_the_same:
            self.world.requests += [value or b"" for _, value in records]
        if not self.world.kafka_works:
            raise LedgerAway("Kafka did not take a request for the ledger")

    def until_recorded(self, request: Request, timeout_seconds: float = ANSWER_SECONDS) -> Answer:
        self._read()
        answer = self._answers.of(request)
        if answer is None:
            raise LedgerAway("the keeper of the ledger did not answer")
        return answer

    def _read(self) -> None:
        if self.world.keeper_works:
            self.world.keep()
        for offset, value in enumerate(self.world.log[self._valid.place.offset :], self._valid.place.offset):
            read: Read | None = self._valid.take(Record(LEDGER, 0, offset, None, value))
            if read is not None:
                self._answers.take(read.record)
                self._unpolled.append(read.record)
