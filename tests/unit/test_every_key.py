"""Every key × every source × every route: what is not a source's own is denied, whichever way it is asked for.

Keys and sources come from the register, routes from the application. A route that `ROUTES` does not know fails here.
"""

import ast
import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

import httpx
import orjson
import pytest
from fastapi.routing import APIRoute

import services.gateway
from services.catalog.working_time import WorkingTime
from services.domain.intake.refusal import Reason, Refused
from services.gateway import case_questions
from services.gateway.case_routes import CaseAsking, add_cases
from services.gateway.feedback import Feedback
from services.gateway.feedback_routes import Asking, LetterStore, add_feedback
from services.gateway.key_ring import MOST_ACTIVE
from services.gateway.resending import Resending
from services.gateway.what_if_routes import add_what_if
from services.messaging import topics
from services.messaging.reader import Record
from services.messaging.records.dead_letters import Arrived, DeadLetter
from services.messaging.records.gateway_keys import NewKey, StoredKey, hash_of
from services.messaging.records.inbox_states import InboxState
from services.messaging.records.tallies import Progress
from services.runtime.settings import Settings
from tests.mutations import shipped_plan
from tests.unit.casebook_records import PARTITIONS, Log, filled, open_index
from tests.unit.gateway import AS_BATCH, AS_STRUCTURED, BAD, GOOD, NOW, WATER, Gateway
from tests.unit.gateway_cases import AtOnce, book_of

PLAN: Final = shipped_plan()
SOURCES: Final = tuple(PLAN.sources.values())
IDS: Final = tuple(source.id for source in SOURCES)
RESENDING: Final = Resending.of(PLAN)
WORKING_TIME: Final = WorkingTime.of(PLAN)
OPEN: Final = {("GET", "/livez"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/openapi.json")}
"""They answer anybody, and say nothing of a case."""
REFUSED: Final = Refused(Reason.UNKNOWN_UNIT, "data.unit", "the plan has no such unit", "write a unit's id")


def marked(source: str) -> dict[str, Any]:
    """A refused event of a source, with a case number that is found wherever it is shown."""
    return {**BAD, "source": source, "subject": f"case-of-{source}-only"}


def case_of(source: str) -> dict[str, Any]:
    """All that is known of a case of a source."""
    return {**marked(source), "type": "case.withdrawn", "data": {"reason": "申请人撤回"}}


class World:
    """A gateway with a key of each source and something of each: letters, an inbox, the last event, a case."""

    def __init__(self, folder: Path) -> None:
        self.gateway = Gateway(rate=1e9)
        self.keys = {WATER: self.gateway.key}
        self.keys |= {each: self.gateway.keys.add(each).whole for each in IDS if each != WATER}
        self.feedback = Feedback(PLAN)
        self.feedback.caught_up = True
        self.letters: list[DeadLetter] = []
        self.owners: list[str] = []
        store = LetterStore(self.letter, lambda letter: (letter.original, letter.headers))
        add_feedback(
            self.gateway.app, self.gateway.handling, Asking(self.feedback, store, RESENDING, WORKING_TIME, lambda: NOW)
        )
        cases = CaseAsking(AtOnce(), Settings(casebook=str(folder / "casebook.sqlite"), partitions=PARTITIONS))
        add_cases(self.gateway.app, self.gateway.handling, cases)
        add_what_if(self.gateway.app, self.gateway.handling, cases)
        log = Log()
        for name in IDS:
            log.event(orjson.dumps(case_of(name)), NOW - 1)
        filled(open_index(cases.settings.casebook), log.records)
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
    client: httpx.AsyncClient
    source: str

    async def ask(
        self, method: str, path: str, body: bytes = b"", kind: dict[str, str] = AS_STRUCTURED
    ) -> httpx.Response:
        bearer = {"Authorization": f"Bearer {self.world.keys[self.source]}"}
        return await self.client.request(method, path, content=body, headers={**bearer, **kind})


@asynccontextmanager
async def client_of(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(world.gateway.app), base_url="http://app") as client:
        yield client


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
    may = {number for number, owner in enumerate(IDS) if _may(asker.source, owner)}
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


def _letter_of(asker: Asker, owner: str, turn: int) -> int:
    """One of the two letters of a source: half of the others ask for the one, half for the other."""
    return asker.world.owners.index(owner) + (turn + IDS.index(asker.source)) % 2


async def cases_of_itself(asker: Asker, path: str) -> None:
    listed = (await asker.ask("GET", path)).json()["cases"]
    assert [one["subject"] for one in listed] == [marked(asker.source)["subject"]]
    for turn, owner in enumerate(IDS):
        place = turn + IDS.index(asker.source)
        if place % 8 > 1 and not _may(asker.source, owner):
            continue  # each of these questions goes to the database: a fourth of them, and all whom the register names
        subject = marked(owner)["subject"]
        asked = subject if place % 2 else f"{owner} {subject}"
        answer = await asker.ask("GET", f"{path}?{urlencode({'subject': asked})}")
        assert answer.status_code == (200 if owner == asker.source else 404), (asker.source, owner)
        assert owner == asker.source or "-only" not in answer.text


async def what_if_of_others(asker: Asker, path: str) -> None:
    """Events that another source signs, and those about cases of others, touch no case."""
    others = [{**case_of(one), "source": asker.source, "caseowner": one} for one in IDS if one != asker.source]
    signed = [case_of(one) for one in IDS if one != asker.source]
    answer = await asker.ask("POST", path, orjson.dumps([*signed, *others]), AS_BATCH)
    said = answer.json()
    allowed = {one["caseowner"] for one in others if _may(asker.source, one["caseowner"])}
    assert (said["accepted"], said["refused"]) == (len(allowed), len(signed) + len(others) - len(allowed))
    assert {one["owner"] for one in said["cases"]} == allowed


def _may(source: str, owner: str) -> bool:
    """Whether the register lets the source report about the cases of the owner."""
    return source == owner or bool({owner, "*"} & set(PLAN.sources[source].owners))


ROUTES: Final[dict[tuple[str, str], Callable[[Asker, str], Awaitable[None]]]] = {
    ("POST", "/events"): events_of_others,
    ("POST", "/validate"): events_of_others,
    ("GET", "/status"): status_of_itself,
    ("GET", "/dead-letters"): letters_of_itself,
    ("GET", "/dead-letters/{number}"): each_letter,
    ("POST", "/dead-letters/{number}/resend"): each_letter_again,
    ("GET", "/cases"): cases_of_itself,
    ("POST", "/what-if"): what_if_of_others,
}
"""Every route that needs a key. A new one has its check here, or is in `OPEN`."""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(case_questions, "book_of", cache(book_of))
    return World(tmp_path)


def run(asked: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asked)


def test_each_route_is_known_here(world: World) -> None:
    assert world.routes == ROUTES.keys() | OPEN
    folder = Path(services.gateway.__file__).parent
    written = {route for file in folder.rglob("*.py") for route in _routes_in(ast.parse(file.read_text("utf-8")))}
    assert written == world.routes - {("GET", "/openapi.json")}, (
        "the application here is built as the process builds it"
    )


def test_the_description_refers_to_nothing_that_it_lacks_and_names_the_refusals_of_each_route(world: World) -> None:
    described = world.gateway.app.openapi()
    text = orjson.dumps(described).decode()
    named = {each.partition('"')[0] for each in text.split('"$ref":"#/components/schemas/')[1:]}
    assert named <= described["components"]["schemas"].keys()
    for path, ways in described["paths"].items():
        for operation in ways.values():
            answers = operation["responses"].keys()
            assert {"400", "401", "503"} < answers and len([one for one in answers if one < "300"]) == 1, path
            assert operation["security"] == [{"key": []}]
            assert "requestBody" not in operation or "415" in answers


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


def test_every_key_speaks_for_its_source_alone_on_every_route(world: World) -> None:

    async def asked() -> None:
        async with client_of(world) as client:
            for source, ((_, path), check) in product(IDS, ROUTES.items()):
                await check(Asker(world, client, source), path)

    run(asked())


def test_no_key_that_is_not_good_opens_any_route_for_any_source(world: World) -> None:
    bad = {source: _bad_keys(world, source) for source in IDS}

    async def asked() -> None:
        async with client_of(world) as client:
            for (source, keys), (method, path) in product(bad.items(), ROUTES):
                number = world.owners.index(source)
                for kind, header in keys.items():
                    headers = {**AS_STRUCTURED, **header}
                    answer = await client.request(
                        method, path.format(number=number), content=orjson.dumps(marked(source)), headers=headers
                    )
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


def test_what_needs_no_key_says_nothing_of_a_case(world: World) -> None:

    async def asked() -> None:
        async with client_of(world) as client:
            await Asker(world, client, WATER).ask("POST", "/events", orjson.dumps(GOOD))
            for _, path in OPEN:
                answer = await client.get(path)
                assert answer.status_code == 200
                assert "-only" not in answer.text and world.gateway.key not in answer.text
                assert path == "/openapi.json" or GOOD["subject"] not in answer.text

    run(asked())
