"""Keepers on topics in memory and indexes in SQLite: for tests of what crashes, freezes and second keepers do."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from kafka.errors import KafkaTimeoutError
from sqlalchemy import select

from services.domain.results.published import Verdict
from services.ledger import schema
from services.ledger.checkpoints import CheckpointFile, Signer
from services.ledger.database import INDEX, open_store
from services.ledger.index import LedgerIndex
from services.ledger.keeper import Clocks, Keeper, Stores, Topics
from services.ledger.reader import Place, Read, ValidRecords
from services.ledger.texts import Texts
from services.messaging.reader import Record
from services.messaging.records.fields import KeyValue
from services.messaging.records.ledger import Request
from services.messaging.records.verdicts import verdict_record
from services.messaging.topics import CASE_VERDICTS, LEDGER, LEDGER_REQUESTS

IDS = {LEDGER: "l1", LEDGER_REQUESTS: "r1", CASE_VERDICTS: "v1"}
START = 1_634_900_000_000_000


class MemoryLog:
    """The topic `ledger` as one keeper reads it."""

    def __init__(self, world: "KeeperWorld", after: Place) -> None:
        self._world = world
        self._valid = ValidRecords(after)
        self._next = max(0, after.offset - 1)
        self.caught_up = True

    @property
    def cut(self) -> bool:
        return self._valid.cut

    def poll_read(self, timeout_seconds: float = 0.5) -> list[Read]:
        # as Kafka does where the offset is not there any more
        start = self._next if self._next <= len(self._world.log) else 0
        self._next = len(self._world.log)
        taken = [
            self._valid.take(Record(LEDGER, 0, offset, None, value))
            for offset, value in enumerate(self._world.log[start:], start)
        ]
        return [each for each in taken if each is not None]


class MemoryInputs:
    """The topics of requests and verdicts as one keeper reads them."""

    def __init__(self, world: "KeeperWorld", next_request: int) -> None:
        self._world = world
        self._next = [next_request, 0]

    @property
    def caught_up(self) -> bool:
        return self._next >= [len(self._world.requests), len(self._world.verdicts)]

    def poll(self, timeout_seconds: float = 0.5) -> list[Record]:
        world, (first, second) = self._world, self._next
        found = [
            Record(LEDGER_REQUESTS, 0, at, world.keys.get(at), value)
            for at, value in enumerate(world.requests[first:], first)
        ] + [
            Record(CASE_VERDICTS, 0, at, key, value)
            for at, (key, value) in enumerate(world.verdicts[second:], second)
            if at not in world.compacted
        ]
        self._next = [len(world.requests), len(world.verdicts)]
        return found


class KeeperWorld:
    """Topics in memory. `append` may be replaced, to do what a broker or another keeper does meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now = START
        self.log: list[bytes] = []
        self.requests: list[bytes] = []
        self.keys: dict[int, bytes] = {}
        """Offset of a request → its key."""
        self.verdicts: list[KeyValue] = []
        self.compacted: set[int] = set()
        """Offsets of verdicts that are gone."""
        self.append: Callable[[Sequence[KeyValue]], None] = self.appended
        self.ids = dict(IDS)
        self._keepers = 0

    def appended(self, records: Sequence[KeyValue]) -> None:
        """What a healthy broker does."""
        self.log += [value or b"" for _, value in records]

    def lost(self, records: Sequence[KeyValue]) -> None:
        """The records do not arrive."""
        raise KafkaTimeoutError

    def unanswered(self, records: Sequence[KeyValue]) -> None:
        """The records arrive, and the answer is lost."""
        self.appended(records)
        raise KafkaTimeoutError

    def ask(self, *requests: Request) -> None:
        self.requests += [one.record()[1] or b"" for one in requests]

    def publish(self, verdict: str | None, case: str = "A-1", unit: str = "north", due: str = "") -> None:
        """A verdict on a case of the source `/hall`; None: it is retracted."""
        state = None
        if verdict is not None:
            state = Verdict("kpi-1", f"/hall {case}", 1, unit, "permit", verdict, "", due, "", "", "三")
        self.verdicts.append(verdict_record("kpi-1", f"/hall\x1f{case}", 1, state))

    def keeper(self, name: str = "one") -> Keeper:
        """A keeper that starts, with an index of this name."""
        self._keepers += 1
        index = LedgerIndex.at(str(self.folder / f"{name}.sqlite"))
        checkpoints = CheckpointFile(self.folder / f"{name}.jsonl")
        held = checkpoints.signed()
        index.open(self.ids)
        stores = Stores(index, self.texts(), checkpoints, held)
        topics = Topics(
            MemoryLog(self, index.place()),
            MemoryInputs(self, index.next_request()),
            lambda records: self.append(records),
            self.ids,
        )
        signer = Signer.of_file(self.folder / "ledger.key")
        clocks = Clocks(lambda: self.now, lambda: self.now)
        keeper = Keeper(stores, topics, signer, clocks, f"keeper-{self._keepers}")
        keeper.open()
        return keeper

    def texts(self) -> Texts:
        return Texts.at(str(self.folder / "texts.sqlite"))

    def step(self, keeper: Keeper, times: int = 3) -> None:
        """Let a keeper work."""
        ending = threading.Event()
        for _ in range(times):
            keeper.step(ending)

    def content(self, name: str = "one") -> dict[str, list[tuple[object, ...]]]:
        """All rows of an index that are made of the ledger."""
        with open_store(INDEX, str(self.folder / f"{name}.sqlite"), writes=False).connect() as connection:
            tables = (schema.records, schema.claims, schema.verdicts)
            return {table.name: sorted(map(tuple, connection.execute(select(table)))) for table in tables}
