"""`POST /what-if`: verdicts and cards before and after, by the facts of the casebook; nothing is stored."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from services.casebook.casebook import Casebook
from services.gateway import case_questions
from services.gateway.case_routes import CaseAsking
from services.gateway.what_if_routes import MOST_EVENTS, OnePerSource, add_what_if
from services.gateway.wire import BATCH
from services.runtime.settings import Settings
from tests.asgi import request
from tests.unit.casebook_records import content
from tests.unit.gateway import BAD, GOOD, WATER, Gateway
from tests.unit.gateway_cases import (
    ACCEPTED,
    ATTRIBUTES,
    COMPLETED,
    CONNECTED,
    GAS,
    MARKET,
    SEALED,
    SEALS,
    STORED,
    CaseWorld,
    book_of,
    event,
)

ELSEWHERE = event(
    "w-7", "case.accepted", "2021-09-30T09:00:00+08:00", {**ACCEPTED["data"], "attributes": ATTRIBUTES}, subject="W-7"
)


@pytest.fixture(autouse=True)
def plan_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    books: dict[Settings, Casebook] = {}
    monkeypatch.setattr(case_questions, "book_of", lambda settings: books.setdefault(settings, book_of(settings)))


@pytest.fixture
def world(tmp_path: Path) -> CaseWorld:
    made = CaseWorld(tmp_path)
    made.store(*STORED)
    return made


def ask(world: CaseWorld, events: Sequence[object], source: str = WATER, **query: str) -> httpx.Response:
    return world.send(
        "POST", "/what-if", source, content=orjson.dumps(events), headers={"Content-Type": BATCH}, params=query
    )


def verdict(verdicts: Any, kpi: str = "K06-1") -> str:
    return str(next(each["verdict"] for each in verdicts["verdicts"] if each["kpi"] == kpi))


def test_the_touched_cases_are_judged_before_and_after(world: CaseWorld) -> None:
    answer = ask(world, [CONNECTED, COMPLETED, BAD, ELSEWHERE, CONNECTED]).json()
    assert (answer["accepted"], answer["refused"], answer["repeated"]) == (4, 1, [4])
    ((index, title),) = [(each["index"], each["title"]) for each in answer["problems"]]
    assert (index, title) == (2, "unknown_unit") and answer["refused_by_case"] == []
    first, second = answer["cases"]
    assert (first["owner"], first["subject"], first["events"]) == (WATER, "W-1", [0, 1, 4])
    assert (verdict(first["before"]), verdict(first["after"])) == ("overdue", "missed")
    assert [card["cleared_at"] for card in first["before"]["cards"] if card["level"] == "red"] == [None]
    assert all(card["cleared_at"] for card in first["after"]["cards"])
    assert (second["subject"], second["before"], verdict(second["after"])) == (
        "W-7", {"verdicts": [], "cards": [], "quarantined": None}, "open",
    )  # fmt: skip
    assert answer["promises"]["K06-1"]["title"]["zh"] and "accounts" not in answer


def test_nothing_is_stored(world: CaseWorld) -> None:
    before = content(world.settings.casebook)
    assert ask(world, [CONNECTED, COMPLETED]).status_code == 200
    assert content(world.settings.casebook) == before and world.gateway.log.records == []
    assert "kpi_gateway_events_total{" not in request(world.gateway.app, "GET", "/metrics").text


def test_what_is_then_sent_is_judged_just_so(world: CaseWorld, tmp_path: Path) -> None:
    """Sent through the gateway and stored by the casebook it gives the account that was shown."""
    sent = [{**CONNECTED, "recordedat": "2021-10-01T08:00:00+08:00"}, COMPLETED, ELSEWHERE]
    asked = ask(world, sent, accounts="true").json()
    other = CaseWorld(tmp_path / "other")
    arrived = [{**each, "receivedat": "2021-10-01T08:00:00+08:00"} for each in sent]
    other.store(*STORED, *arrived)
    for account in asked["accounts"]:
        (stored,) = other.ask("/cases", subject=account["case"], as_of="2021-10-01T08:00:00.000001+08:00").json()[
            "cases"
        ]
        assert account == stored and stored["cycles"]
    assert len(asked["accounts"]) == 2


def test_of_the_cases_of_others_no_more_is_shown_than_may_be_seen(world: CaseWorld) -> None:
    again = {**SEALED, "id": "s-2", "time": "2021-09-23T11:00:00+08:00", "recordedat": "2021-09-23T11:00:00+08:00"}
    answer = ask(world, [again], SEALS, accounts="true").json()
    (case,) = answer["cases"]
    assert case["owner"] == MARKET and case["before"]["cards"] == case["after"]["cards"] == []
    assert {each["kpi"] for each in case["after"]["verdicts"]} == {"K03-1"} and answer["accounts"] == []
    assert not {"unit", "item"} & case["after"]["verdicts"][0].keys(), "they are read from the owner's events"
    assert "district-market-regulation" not in orjson.dumps(case["after"]).decode()
    foreign = ask(world, [COMPLETED], GAS).json()
    assert foreign["problems"][0]["title"] == "source_mismatch" and foreign["cases"] == []


def test_a_conflict_is_found_by_the_case(world: CaseWorld) -> None:
    answer = ask(world, [{**ACCEPTED, "time": "2021-09-17T09:12:00+08:00"}]).json()
    (refused,) = answer["refused_by_case"]
    assert (refused["title"], refused["index"], answer["refused"]) == ("id_conflict", 0, 0) and refused["remedy"]


def test_so_many_events_may_be_asked_about(world: CaseWorld) -> None:
    events = [
        event(f"x-{number}", "source.heartbeat", "2021-09-30T09:00:00+08:00", {}) for number in range(MOST_EVENTS)
    ]
    answer = ask(world, events)
    assert answer.json()["accepted"] == MOST_EVENTS and answer.json()["cases"] == []
    beyond = ask(world, [*events, GOOD])
    assert beyond.status_code == 413 and str(MOST_EVENTS) in beyond.json()["detail"]


def test_without_a_casebook_there_is_no_answer(tmp_path: Path) -> None:
    answer = ask(CaseWorld(tmp_path), [GOOD])
    assert answer.status_code == 503 and answer.json()["type"].endswith("no_casebook")
    assert answer.headers["retry-after"]


class Waiting:
    """Work that goes on until it is ended."""

    def __init__(self) -> None:
        self.asked = 0
        self.end = asyncio.Event()

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        self.asked += 1
        await self.end.wait()
        return b"{}"


def test_two_sources_may_ask_at_once_and_each_once() -> None:
    async def story() -> None:
        gateway, work = Gateway(), Waiting()
        add_what_if(gateway.app, gateway.handling, CaseAsking(work, Settings()))
        keys = [gateway.key, *(gateway.keys.add(source).whole for source in (GAS, MARKET))]
        transport = httpx.ASGITransport(gateway.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:

            def asked(key: str) -> asyncio.Task[httpx.Response]:
                headers = {"Authorization": f"Bearer {key}", "Content-Type": BATCH}
                return asyncio.create_task(client.post("/what-if", content=b"[]", headers=headers))

            first, second = asked(keys[0]), asked(keys[1])
            while work.asked < 2:
                await asyncio.sleep(0.01)
            third, again = await asked(keys[2]), await asked(keys[0])
            assert (third.status_code, again.status_code) == (503, 429)
            assert third.headers["retry-after"] and again.headers["retry-after"]
            assert again.json()["type"].endswith("one_at_a_time") and third.json()["type"].endswith("busy")
            assert (await client.post("/events", content=b"[]", headers={
                "Authorization": f"Bearer {keys[0]}", "Content-Type": BATCH})).status_code == 202  # fmt: skip
            work.end.set()
            assert [(await each).status_code for each in (first, second)] == [200, 200]
            assert (await asked(keys[2])).status_code == 200

    asyncio.run(story())


def test_who_sends_slowly_holds_no_seat() -> None:
    """Nor has a source more slow uploads than its share of the places for bodies."""

    async def story() -> None:
        gateway, work = Gateway(queue=8), Waiting()
        work.end.set()
        add_what_if(gateway.app, gateway.handling, CaseAsking(work, Settings()))
        slow, other = [gateway.keys.add(source).whole for source in (GAS, MARKET)], gateway.key
        go_on = asyncio.Event()

        async def trickle() -> AsyncIterator[bytes]:
            yield b"["
            await go_on.wait()
            yield b"]"

        async with httpx.AsyncClient(transport=httpx.ASGITransport(gateway.app), base_url="http://app") as client:

            async def asked(key: str, body: Any) -> int:
                headers = {"Authorization": f"Bearer {key}", "Content-Type": BATCH}
                return (await client.post("/what-if", content=body, headers=headers)).status_code

            begun = [asyncio.create_task(asked(key, trickle())) for key in slow * 8]
            await asyncio.sleep(0.1)
            assert await asyncio.wait_for(asked(other, b"[]"), 10) == 200
            assert Counter([one.result() for one in begun if one.done()]) == {503: 16 - 2 * 3}
            go_on.set()
            assert {await one for one in begun} <= {200, 429, 503}

    asyncio.run(story())


def test_a_place_is_free_again_whatever_happened() -> None:
    seats = OnePerSource(1)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), seats.taken(WATER):
            raise ZeroDivisionError
