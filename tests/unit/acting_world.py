"""A desk with a casebook, and a real keeper on topics in memory: for tests of what people do.

    world = ActingWorld(folder, [accepted(...), ...])
    client = world.client(Viewer("a-1", Role.UNIT, "works"))
    page = client.get(world.act("reply"))
    answer = client.post(world.act("reply"), data={**hidden(page), "text": "…"})

The case is W-1 of the source /units/water: of the unit `works`, under the promises `P` (hard) and `S` (soft).
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import orjson
from httpx2 import Response
from starlette.testclient import TestClient

from services.casebook.casebook import Casebook
from services.casebook.database import open_engine
from services.casebook.index import Index
from services.desk.access import Viewer
from services.desk.acting.acting import Acting
from services.desk.acting.addresses import MatterAddress
from services.desk.acting.recording import Recording
from services.desk.acting.standing import Stands
from services.desk.reading.index import ReadingIndex
from services.desk.reading.kept import reading_engine
from services.domain.intake.events import text_of
from services.domain.intake.facts import Fact, FactType, case_key
from services.domain.judging.judge import Judge
from services.domain.plan.plan import Unit
from services.domain.time.zone import Instant
from services.ledger.records import LedgerRecords
from services.messaging.records.decisions import Matter
from services.messaging.records.ledger import Kind, LedgerRecord, Request
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from tests.unit.casebook_records import IDS, Log, filled
from tests.unit.cases import CN, TITLE, WATER, at, plan, promise
from tests.unit.desk import client_of, example_desk
from tests.unit.keeper_world import KeeperWorld

KEY = case_key(WATER, "W-1")
PARTITIONS = 3


@cache
def judge() -> Judge:
    """Of a plan with a hard and a soft promise on the same cases. `bureau` leads both."""
    made = plan(
        promise(lead=("bureau",)),
        promise(id="S", strength="soft", lead=("bureau",)),
        units=[Unit(id="bureau", title=TITLE), Unit(id="helpers", title=TITLE)],
    )
    return Judge(made.model_copy(update={"head": made.head.model_copy(update={"open": True})}), CN)


class ActingWorld:
    """The parts, and what they have."""

    def __init__(self, folder: Path, facts: Iterable[Fact], now: str = "2021-09-24T10:00", port: int = 19106) -> None:
        self.now: Instant = at(now)
        self.facts = list(facts)
        self.keeper_world = KeeperWorld(folder)
        self.keeper_world.now = self.now
        self.keeper = self.keeper_world.keeper()
        self.keeper_works = True
        self.requests: list[Request] = []
        self.settings = Settings(
            casebook=str(folder / "casebook.sqlite"), ledger=str(folder / "one.sqlite"),
            texts=str(folder / "texts.sqlite"), accounts=str(folder / "accounts.sqlite"),
            desk_index=folder / "desk.sqlite", partitions=PARTITIONS, desk_port=port,
        )  # fmt: skip
        self._log = Log()
        self._index = Index(open_engine(self.settings.casebook, writes=True), judge(), PARTITIONS, lambda: self.now)
        self._index.open(0, IDS)
        self.arrive(*self.facts)
        self.records = LedgerRecords.at(self.settings.ledger)
        self.texts = self.keeper_world.texts()
        self.pauses = 0
        self._clients: dict[Viewer | None, TestClient] = {}
        index = ReadingIndex(reading_engine(self.settings, writes=True), judge().plan, judge().fingerprint)
        index.open(0, {})
        index.note(ready=True, complete_at=0)
        acting = Acting(self.records, Recording(self.records, self.texts, self, self._pause), Stands(self.records))
        book = Casebook(open_engine(self.settings.casebook, writes=False), judge, PARTITIONS, lambda: self.now)
        self.desk = example_desk(
            folder, settings=self.settings, plan=judge().plan, clock=Clock(None, lambda: self.now),
            casebook=book, acting=acting,
        )  # fmt: skip

    def arrive(self, *facts: Fact) -> None:
        """Events reach the casebook."""
        before = len(self._log.records)
        for one in facts:
            self._log.event(_line(one), one.received)
        filled(self._index, self._log.records[before:])

    def send(self, request: Request, timeout_seconds: float) -> None:
        """Ask the keeper, who answers at once where it works."""
        self.requests.append(request)
        self.keeper_world.ask(Request.decode(request.checked_record()[1]))
        if self.keeper_works:
            self.keep()

    def keep(self) -> None:
        """Let the keeper record what waits."""
        self.keeper_world.now = self.now
        self.keeper_world.step(self.keeper)

    def record(self, request: Request) -> LedgerRecord:
        """Record something of another process."""
        self.send(request, 0)
        answer = self.records.answer_to(request.id)
        assert answer is not None and answer.request.kind is request.kind, answer
        return answer

    def _pause(self, seconds: float) -> None:
        self.pauses += 1

    def client(self, viewer: Viewer | None) -> TestClient:
        """The browser of somebody."""
        if viewer not in self._clients:
            self._clients[viewer] = client_of(self.desk, viewer)
        return self._clients[viewer]

    @contextmanager
    def nothing_recorded(self) -> Iterator[None]:
        """Nothing is asked of the keeper meanwhile, and no text is kept."""
        before = len(self.requests), self.stored_texts()
        yield
        assert (len(self.requests), self.stored_texts()) == before

    def act(self, name: str, kpi: str = "P", cycle: int = 1) -> str:
        """Where an act is."""
        return MatterAddress(Matter(kpi, KEY, cycle)).act(name)

    def of_kind(self, *kinds: Kind) -> list[LedgerRecord]:
        """The records of some kinds."""
        return self.records.after(0, kinds or (Kind.ACKNOWLEDGED, Kind.REPLIED, Kind.ASKED, Kind.DECIDED, Kind.ERASED))

    def stored_texts(self) -> list[str | None]:
        """What the store of texts has."""
        return [each.text for each in self.texts.all()]


def hidden(page: Response) -> dict[str, str]:
    """The hidden fields of the form on a page."""
    return dict(re.findall(r'<input type="hidden" name="(form|seen|through)" value="([^"]*)">', page.text))


def _line(one: Fact) -> bytes:
    data: Mapping[str, object] = {name: value for name, value in one.data.items() if name != "event"}
    return orjson.dumps({
        "specversion": "1.0", "id": one.id, "source": one.source, "type": FactType(one.type).event_type,
        "subject": "W-1", "time": text_of(one.time), "recordedat": text_of(one.recorded or one.time),
        "receivedat": text_of(one.received), "data": data,
        **({} if one.source == WATER else {"caseowner": WATER}),
    })  # fmt: skip
