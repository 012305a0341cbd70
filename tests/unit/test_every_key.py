"""Every key × every source × every route: what is not a source's own is denied, whichever way it is asked for.

Keys and sources come from the register, routes from the application. A route that `ROUTES` does not know fails here.
"""

import ast
import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson
import pytest
from fastapi.routing import APIRoute

import services.gateway
from services.catalog.samples.events import Event
from services.catalog.samples.promise_samples import samples_of
from services.catalog.working_time import WorkingTime
from services.domain.intake.refusal import Reason, Refused
from services.domain.plan.statutory_time import Law
from services.gateway import case_questions
from services.gateway.case_routes import CaseAsking, add_cases
from services.gateway.feedback import Feedback
from services.gateway.feedback_routes import Asking, LetterStore, add_feedback
from services.gateway.key_ring import MOST_ACTIVE
from services.gateway.resending import Resending
from services.gateway.try_page.routes import add_try_page
from services.gateway.what_if_routes import add_what_if
from services.messaging import topics
from services.messaging.reader import Record
from services.messaging.records.dead_letters import Arrived, DeadLetter
from services.messaging.records.gateway_keys import NewKey, StoredKey, hash_of
from services.messaging.records.inbox_states import InboxState
from services.messaging.records.tallies import Progress
from services.runtime.settings import Settings
from tests.asgi import Answer, call
from tests.mutations import shipped_plan
from tests.unit.gateway import AS_BATCH, AS_STRUCTURED, BAD, GOOD, NOW, WATER, Gateway
from tests.unit.gateway_cases import AtOnce, CaseWorld, book_of
from tests.verdicts import shipped

PLAN: Final = shipped_plan()
SOURCES: Final = tuple(PLAN.sources.values())
IDS: Final = tuple(source.id for source in SOURCES)
WORKING_TIME: Final = WorkingTime.of(PLAN)
LAW: Final = Law(PLAN, shipped().law.calendar)
CASEBOOK: Final[list[Settings]] = []
"""Where the casebook of this module is."""
PAGE: Final = ("/try", "/try/page.css", "/try/page.js", "/try/content", "/try/samples")
OPEN: Final = {("GET", path) for path in ("/livez", "/readyz", "/metrics", "/openapi.json", *PAGE)}
"""They answer anybody, and say nothing of a case."""
REFUSED: Final = Refused(Reason.UNKNOWN_UNIT, "data.unit", "the plan has no such unit", "write a unit's id")


@pytest.fixture(scope="module", autouse=True)
def casebook(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A casebook with cases of every source that owns some, all of one number, and what others report on them."""
    world = CaseWorld(tmp_path_factory.mktemp("keys"))
    of_owners: dict[str, Sequence[Event]] = {}
    for promise in PLAN.promises:
        for sample in samples_of(promise, LAW)[:1]:
            of_owners.setdefault(sample.events[0]["source"], sample.events)
    events = (event for events in of_owners.values() for event in events)
    world.store(*({**event, "subject": SUBJECT, "id": f"e-{number}"} for number, event in enumerate(events)))
    CASEBOOK[:] = [world.settings]
    book = book_of(world.settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(case_questions, "book_of", lambda settings: book)  # the plan is read once
        yield


SUBJECT: Final = "of-many-owners"


def marked(source: str) -> dict[str, Any]:
    """A refused event of a source, with a case number that is found wherever it is shown."""
    return {**BAD, "source": source, "subject": f"case-of-{source}-only"}


class World:
    """A gateway with two keys of each source and something of each: letters, an inbox, the last event."""

    def __init__(self) -> None:
        self.gateway = Gateway()
        self.keys = {WATER: self.gateway.key}
        self.keys |= {each: self.gateway.keys.add(each).whole for each in IDS if each != WATER}
        self.feedback = Feedback(PLAN)
        self.feedback.caught_up = True
        self.letters: list[DeadLetter] = []
        self.owners: list[str] = []
        store = LetterStore(self.letter, lambda letter: (letter.original, letter.headers))
        asking = Asking(self.feedback, store, Resending.of(PLAN), WORKING_TIME, lambda: NOW)
        add_feedback(self.gateway.app, self.gateway.handling, asking)
        about_cases = CaseAsking(AtOnce(), CASEBOOK[0])
        add_cases(self.gateway.app, self.gateway.handling, about_cases)
        add_what_if(self.gateway.app, self.gateway.handling, about_cases)
        add_try_page(self.gateway.app, LAW)
        for number, source in enumerate(SOURCES):
            self._refuse(source.id, topics.CASE_EVENTS, marked(source.id))
            self._refuse(source.id, source.inbox, marked(IDS[number - 1]))  # what comes by an inbox is its source's
            key, value = InboxState(1_000 + number, 0, 0, NOW).record(source.id)
            self.feedback.take(Record(topics.INBOX_STATES, 0, number, key, value))
        key, value = Progress(0, 1, NOW, {each: NOW - 1 - number for number, each in enumerate(IDS)}, 0).record()
        self.feedback.take(Record(topics.KPI_TALLIES, 0, 0, key, value))

    def _refuse(self, owner: str, topic: str, event: dict[str, Any]) -> None:
        number = len(self.letters)
        letter = DeadLetter.of(REFUSED, Arrived(topic, 0, number, NOW - 1, orjson.dumps(event)))
        self.feedback.take(Record(topics.DEAD_LETTER, 0, number, letter.key, letter.encode()))
        self.letters.append(letter)
        self.owners.append(owner)

    def letter(self, number: int) -> DeadLetter | None:
        return self.letters[number] if number < len(self.letters) else None

    @property
    def routes(self) -> set[tuple[str, str]]:
        """Method and path of everything that the application answers."""
        mounted = self.gateway.app.routes
        found = {(way, each.path) for each in mounted if isinstance(each, APIRoute) for way in each.methods or ()}
        rest = {getattr(each, "path", "") for each in mounted if not isinstance(each, APIRoute)}
        return found | {("GET", path) for path in rest}


class Asker(NamedTuple):
    """A source that asks by its key."""

    world: World
    source: str

    async def ask(self, method: str, path: str, body: bytes = b"", kind: dict[str, str] = AS_STRUCTURED) -> Answer:
        bearer = {"Authorization": f"Bearer {self.world.keys[self.source]}"}
        return await call(self.world.gateway.app, method, path, body, {**bearer, **kind})


# ---- one check for each route: what is another source's is denied ------------------------------------------------
async def events_of_others(asker: Asker, path: str) -> None:
    """An event that another source signs is refused, and nothing is written under its name."""
    log = asker.world.gateway.log.records
    log.clear()
    events = [{**GOOD, "id": f"of-{number}", "source": source} for number, source in enumerate(IDS)]
    answer = await asker.ask("POST", path, orjson.dumps(events), AS_BATCH)
    refused = {one["index"]: one["title"] for one in answer.json()["problems"]}
    others = {number for number, source in enumerate(IDS) if source != asker.source}
    assert others <= refused.keys()
    assert {refused[number] for number in others} <= {Reason.SOURCE_MISMATCH, Reason.NOT_ENTITLED}
    assert all(orjson.loads(record.value)["source"] == asker.source for record in log)

    cases = [
        {**GOOD, "id": f"for-{number}", "source": asker.source, "caseowner": one} for number, one in enumerate(IDS)
    ]
    answer = await asker.ask("POST", path, orjson.dumps(cases), AS_BATCH)
    problems = answer.json().get("problems", ())
    denied = {one["index"] for one in problems if (one["title"], one["path"]) == (Reason.NOT_ENTITLED, "caseowner")}
    rights = PLAN.sources[asker.source]
    may = {number for number, owner in enumerate(IDS) if owner == rights.id or {owner, "*"} & set(rights.owners)}
    assert denied == set(range(len(IDS))) - may, "only the cases that the register allows it"


async def status_of_itself(asker: Asker, path: str) -> None:
    answer = await asker.ask("GET", path)
    said = answer.json()
    number = IDS.index(asker.source)
    assert (said["source"], said["inbox"]["accepted"]) == (asker.source, 1_000 + number)
    assert said["dead_letters_of_24_hours"] == {REFUSED.code: 2}
    assert not any(f'"{other}"' in answer.text for other in IDS if other != asker.source)


async def letters_of_itself(asker: Asker, path: str) -> None:
    mine = {number for number, owner in enumerate(asker.world.owners) if owner == asker.source}
    for query in ("", "?before=1000000", "?limit=200"):
        listed = (await asker.ask("GET", path + query)).json()["dead_letters"]
        assert {one["number"] for one in listed} == mine


async def each_letter(asker: Asker, path: str) -> None:
    for turn, owner in enumerate(IDS):
        number = _letter_of(asker, owner, turn)
        answer = await asker.ask("GET", path.format(number=number))
        assert answer.status_code == (200 if owner == asker.source else 403)
        assert ("-only" in answer.text) == (owner == asker.source), "a refusal shows nothing of the letter"


async def each_letter_again(asker: Asker, path: str) -> None:
    """Neither as it came nor with an event of the asker's own."""
    log = asker.world.gateway.log.records
    log.clear()
    own = orjson.dumps({**GOOD, "source": asker.source})
    for turn, owner in enumerate(IDS):
        body = own if turn % 4 < 2 and owner != asker.source else b""
        answer = await asker.ask("POST", path.format(number=_letter_of(asker, owner, turn)), body)
        assert answer.status_code == (422 if owner == asker.source else 403), "its own is admitted as anything else"
        assert owner == asker.source or "-only" not in answer.text
    assert log == []


async def cases_of_itself(asker: Asker, path: str) -> None:
    """Its own cases are listed, whoever reports on them. Of a case of another it sees at most what it reports."""
    listed = (await asker.ask("GET", path)).json()["cases"]
    assert {one["owner"] for one in listed} <= {asker.source}
    for query in (f"?owner={WATER}", f"?seen_by={WATER}", f"?source={WATER}"):
        assert (await asker.ask("GET", path + query)).status_code == 400, (
            "whose cases they are is said by the key alone"
        )
    number = IDS.index(asker.source)
    for owner in (asker.source, *(IDS[number - step] for step in (1, 2, 3))):
        answer = await asker.ask("GET", f"{path}?subject={owner} {SUBJECT}")
        for account in answer.json().get("cases", ()) if owner != asker.source else ():
            assert {fact["source"] for fact in account["history"]} <= {asker.source}
            assert account["cards"] == account["others"] == account["uncounted"] == []
            assert all(each["account"] is None for cycle in account["cycles"] for each in cycle["promises"])


def _letter_of(asker: Asker, owner: str, turn: int) -> int:
    """One of the two letters of a source: half of the others ask for the one, half for the other."""
    return asker.world.owners.index(owner) + (turn + IDS.index(asker.source)) % 2


ROUTES: Final[dict[tuple[str, str], Callable[[Asker, str], Awaitable[None]]]] = {
    ("POST", "/events"): events_of_others,
    ("POST", "/validate"): events_of_others,
    ("POST", "/what-if"): events_of_others,
    ("GET", "/status"): status_of_itself,
    ("GET", "/cases"): cases_of_itself,
    ("GET", "/dead-letters"): letters_of_itself,
    ("GET", "/dead-letters/{number}"): each_letter,
    ("POST", "/dead-letters/{number}/resend"): each_letter_again,
}
"""Every route that needs a key. A new one has its check here, or is in `OPEN`."""


def run(asked: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asked)


def test_each_route_is_known_here() -> None:
    world = World()
    assert world.routes == ROUTES.keys() | OPEN
    folder = Path(services.gateway.__file__).parent
    written = {route for file in folder.rglob("*.py") for route in _routes_in(ast.parse(file.read_text("utf-8")))}
    assert written == world.routes - {("GET", "/openapi.json")}, (
        "the application here is built as the process builds it"
    )


def _routes_in(module: ast.Module) -> set[tuple[str, str]]:
    """Those that decorators declare: `@app.get("/status")`."""
    found = set()
    for node in ast.walk(module):
        for each in getattr(node, "decorator_list", ()):
            match each:
                case ast.Call(
                    ast.Attribute(attr="get" | "post" | "put" | "delete" as way), [ast.Constant(str() as path), *_]
                ):
                    found.add((way.upper(), path))
    return found


@pytest.mark.slow
def test_every_key_speaks_for_its_source_alone_on_every_route() -> None:
    world = World()

    async def asked() -> None:
        for source, ((_, path), check) in product(IDS, ROUTES.items()):
            await check(Asker(world, source), path)

    run(asked())


@pytest.mark.slow
def test_no_key_that_is_not_good_opens_any_route_for_any_source() -> None:
    world = World()
    bad = {source: _bad_keys(world, source) for source in IDS}

    async def asked() -> None:
        for (source, keys), (method, path) in product(bad.items(), ROUTES):
            target = path.format(number=world.owners.index(source))
            for kind, header in keys.items():
                body = orjson.dumps(marked(source))
                answer = await call(world.gateway.app, method, target, body, {**AS_STRUCTURED, **header})
                assert answer.status_code == 401 and answer.headers["www-authenticate"] == "Bearer", (kind, path)
                assert "-only" not in answer.text

    run(asked())
    assert world.gateway.log.records == []


def _bad_keys(world: World, source: str) -> dict[str, dict[str, str]]:
    """Of a source: no key, and keys that are revoked, expired, third, replaced by a record that nobody can read, of
    another secret, of nobody, or sent in another form."""
    keys = world.gateway.keys
    good = world.keys[source]
    revoked, expired = keys.add(source, revoked_at=NOW - 1), keys.add(source, expires_at=NOW)
    unreadable = NewKey.made()
    keys.put(unreadable.id, StoredKey(source, hash_of(unreadable.whole), NOW))
    keys.ring.forget(unreadable.id)
    for _ in range(MOST_ACTIVE - 1):
        keys.add(source)
    third = keys.add(source)
    other_secret = good[:-3] + ("aaa" if good[-3:] != "aaa" else "bbb")
    stolen_id = f"kw_{good.split('_')[1]}_{third.whole.split('_', 2)[2]}"
    wholes = {
        "revoked": revoked.whole, "expired": expired.whole, "third": third.whole, "unreadable": unreadable.whole,
        "of another secret": other_secret, "of a secret of another key": stolen_id, "of nobody": NewKey.made().whole,
        "its id alone": good.rpartition("_")[0], "empty": "",
    }  # fmt: skip
    bearers = {kind: {"Authorization": f"Bearer {whole}"} for kind, whole in wholes.items()}
    return {"none": {}, "as a password": {"Authorization": f"Basic {good}"}, "bare": {"Authorization": good}, **bearers}


def test_what_needs_no_key_says_nothing_of_a_case() -> None:
    world = World()

    async def asked() -> None:
        await Asker(world, WATER).ask("POST", "/events", orjson.dumps(GOOD))
        for _, path in OPEN:
            answer = await call(world.gateway.app, "GET", path)
            assert answer.status_code == 200
            assert "-only" not in answer.text and world.gateway.key not in answer.text
            assert path == "/openapi.json" or GOOD["subject"] not in answer.text

    run(asked())
