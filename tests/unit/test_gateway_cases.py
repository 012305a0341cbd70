"""What a source sees of its cases over HTTP, and of the cases of others."""

import asyncio
import logging
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from anyio import CapacityLimiter, to_process

from services.casebook import casebook
from services.casebook.document import account_documents
from services.gateway import case_questions
from services.gateway.case_routes import CaseAsking, CaseQuery, add_cases
from services.gateway.handling import LOOKUPS
from services.gateway.side_work import Preparation, Processes
from services.runtime.settings import Settings
from tests.asgi import request
from tests.unit.gateway import WATER, Gateway
from tests.unit.gateway_cases import GAS, MARKET, SEALS, STORED, CaseWorld, book_of
from tests.verdicts import shipped

OCTOBER = "2021-10-01T00:00:00+08:00"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> CaseWorld:
    made = CaseWorld(tmp_path_factory.mktemp("cases"))
    made.store(*STORED)
    return made


@pytest.fixture(autouse=True)
def plan_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(case_questions, "book_of", book_of)


def subjects(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [each["subject"] for each in answer.json()["cases"]]


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json" and answer.json()["remedy"]
    return answer.status_code, answer.json()["type"].rpartition(":")[2]


# ---- one case --------------------------------------------------------------------------------------------
def test_the_owner_gets_the_account_that_explain_gives(world: CaseWorld) -> None:
    answer = world.ask("/cases", subject="W-1").json()
    book = book_of(world.settings)
    assert answer["cases"] == orjson.loads(orjson.dumps(account_documents(book.case("W-1"), shipped())))
    (case,) = answer["cases"]
    (verdict,) = [each for each in case["cycles"][0]["promises"] if each["kpi"] == "K06-1"]
    assert verdict["verdict"] == "overdue" and verdict["account"]["days"], "due on 23 September, and still open"
    assert [card["level"] for card in case["cards"] if card["kpi"] == "K06-1"] == ["red", "yellow"]
    assert answer["read_until"] is not None


def test_another_source_sees_its_own_facts_and_the_verdicts_of_its_milestones(world: CaseWorld) -> None:
    (whole,) = world.ask("/cases", MARKET, subject="E-1").json()["cases"]
    (part,) = world.ask("/cases", SEALS, subject="E-1").json()["cases"]
    assert [each["id"] for each in whole["history"]] == ["m-1", "m-2", "s-1"]
    assert [each["id"] for each in part["history"]] == ["s-1"]
    assert part["cards"] == [] and part["cycles"][0]["attributes"] == {}
    seen = {each["kpi"] for each in part["cycles"][0]["promises"]}
    assert seen and seen < {each["kpi"] for each in whole["cycles"][0]["promises"]}
    assert all(each["account"] is None for each in part["cycles"][0]["promises"])


def test_of_a_case_of_others_there_is_no_sign(world: CaseWorld) -> None:
    foreign = world.ask("/cases", GAS, subject="W-1")
    assert problem(foreign) == (404, "no_case")
    missing = world.ask("/cases", GAS, subject="W-0")
    assert foreign.json() == missing.json(), "whether there is such a case is not said"
    named = world.ask("/cases", GAS, subject=f"{WATER} W-1")
    assert problem(named) == (404, "no_case")


def test_a_case_is_judged_as_of_a_time(world: CaseWorld) -> None:
    (early,) = world.ask("/cases", subject="W-1", as_of="2021-09-17T00:00:00+08:00").json()["cases"]
    (verdict,) = [each for each in early["cycles"][0]["promises"] if each["kpi"] == "K06-1"]
    assert verdict["verdict"] == "open" and early["cards"] == []


# ---- lists -----------------------------------------------------------------------------------------------
def test_the_list_has_ones_own_cases_only_page_by_page(world: CaseWorld) -> None:
    assert subjects(world.ask("/cases")) == ["W-1", "W-2", "W-3"]
    assert subjects(world.ask("/cases", SEALS)) == [], "it reports on one, and owns none"
    assert subjects(world.ask("/cases", GAS)) == []
    first = world.ask("/cases", limit=2)
    assert subjects(first) == ["W-1", "W-2"]
    assert subjects(world.ask("/cases", limit=2, after=first.json()["next"])) == ["W-3"]


def test_a_cursor_leads_to_no_case_of_others(world: CaseWorld) -> None:
    theirs = world.ask("/cases", MARKET, limit=1)
    assert subjects(theirs) == ["E-1"]
    before = "L3VuaXRzL2EfVw"  # of a source that comes before all of them
    assert subjects(world.ask("/cases", after=before)) == ["W-1", "W-2", "W-3"]
    assert subjects(world.ask("/cases", SEALS, after=before)) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"state": "open"}, ["W-1", "W-2", "W-3"]),
        ({"state": "closed"}, []),
        ({"item": "gas.connection"}, []),
        ({"unit": "liangjiang-water"}, ["W-1", "W-2", "W-3"]),
        ({"since": "2021-09-21T16:00:00Z"}, ["W-2", "W-3"]),
        ({"level": "red"}, []),
        ({"promise": "K06-1"}, []),
    ],
)
def test_a_list_is_filtered(world: CaseWorld, query: dict[str, str], found: list[str]) -> None:
    """No worker runs here: there are no records of cards."""
    assert subjects(world.ask("/cases", **query)) == found


@pytest.mark.parametrize(
    "query",
    [
        {"after": "no cursor"}, {"limit": 0}, {"limit": 1001}, {"level": "green"}, {"state": "OPEN"},
        {"since": "2021-10-01"}, {"as_of": OCTOBER}, {"subject": "W-1", "state": "open"}, {"subject": ""},
        {"subject": "W-1", "as_of": "2021-10-01T00:00:00"}, {"subject": "W-1", "as_of": "9999-10-01T00:00:00Z"},
        {"owner": MARKET}, {"seen_by": MARKET}, {"subject": "W" * 301},
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_read_is_refused(world: CaseWorld, query: dict[str, Any]) -> None:
    assert problem(world.ask("/cases", **query)) == (400, "bad_query")


def test_no_text_breaks_a_question(world: CaseWorld) -> None:
    for text in ("\0", " ", "%", "'; --", f"{WATER}\x1fW-1", "\ud7ff", "𝄞" * 300):
        assert problem(world.ask("/cases", subject=text))[0] == 404
        assert subjects(world.ask("/cases", promise=text, item=text, unit=text)) == []


# ---- before it has caught up -----------------------------------------------------------------------------
def test_without_a_casebook_the_answer_is_503_and_events_are_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    world = CaseWorld(tmp_path)
    for query in ({}, {"subject": "W-1"}):
        answer = world.ask("/cases", **query)
        assert problem(answer) == (503, "no_casebook") and answer.headers["retry-after"]
        assert str(tmp_path) not in answer.text, "where it is, is not for a source"
    assert str(tmp_path) in caplog.text and "W-1" not in caplog.text
    assert request(world.gateway.app, "GET", "/readyz").status_code == 200
    assert world.gateway.batch([STORED[0]]).status_code == 202


def test_until_it_has_caught_up_the_answer_is_503(tmp_path: Path) -> None:
    world = CaseWorld(tmp_path)
    index = world.index()
    assert problem(world.ask("/cases", subject="W-1")) == (503, "no_casebook")
    world.store(*STORED, into=index)
    assert world.ask("/cases", subject="W-1").status_code == 200
    index.note(ready=False, complete_at=1)
    assert problem(world.ask("/cases")) == (503, "no_casebook")


def test_what_another_plan_has_built_is_not_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = CaseWorld(tmp_path)
    world.store(*STORED)
    monkeypatch.setattr(casebook, "version_of", lambda judge, partitions: "another")
    assert problem(world.ask("/cases")) == (503, "no_casebook")


def test_without_a_key_nothing_is_answered(world: CaseWorld) -> None:
    assert request(world.gateway.app, "GET", "/cases").status_code == 401


def test_neither_log_nor_metric_names_a_case(world: CaseWorld, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        world.ask("/cases", subject="W-1")
        world.ask("/cases", subject="W-77")
    figures = request(world.gateway.app, "GET", "/metrics").text
    assert 'route="/cases",status="200"' in figures
    ours = "".join(record.getMessage() for record in caplog.records if record.name.startswith("services"))
    assert "status=404" in ours and "W-" not in ours + figures


# ---- many questions --------------------------------------------------------------------------------------
def test_the_questions_of_a_source_wait_for_one_another_and_those_of_others_do_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It asks more than all places hold; two processes work."""
    gateway, at_work, go_on = Gateway(), list[str](), asyncio.Event()

    async def run_sync(work: object, *args: Any, cancellable: bool, limiter: CapacityLimiter) -> bytes:
        async with limiter:
            at_work.append(args[2][1])
            await go_on.wait()
            return b"{}"

    monkeypatch.setattr(to_process, "run_sync", run_sync)
    processes = Processes(Preparation(dict, ()), 2)
    add_cases(gateway.app, gateway.handling, CaseAsking(processes, Settings()))
    other = gateway.keys.add(GAS).whole

    async def story() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gateway.app), base_url="http://app") as client:

            def asked(key: str) -> asyncio.Task[httpx.Response]:
                headers = {"Authorization": f"Bearer {key}"}
                return asyncio.create_task(client.get("/cases", params={"subject": "W-1"}, headers=headers))

            many = [asked(gateway.key) for _ in range(40)]
            await asyncio.sleep(0.1)
            one = asked(other)
            await asyncio.sleep(0.1)
            assert at_work == [WATER, GAS]
            assert Counter([problem(each.result()) for each in many if each.done()]) == {
                (503, "busy"): 40 - LOOKUPS // 2
            }
            go_on.set()
            assert (await one).status_code == 200
            assert Counter([(await each).status_code for each in many])[200] == LOOKUPS // 2

    asyncio.run(story())


@pytest.mark.parametrize("text", ["", " ", "0", "null", "2021-10-01", "é", "a" * 65])
@pytest.mark.parametrize("name", CaseQuery.model_fields)
def test_no_value_of_a_query_is_a_defect(world: CaseWorld, name: str, text: str) -> None:
    """An empty time passed the check of its form, and was read afterwards."""
    assert world.ask("/cases", **{name: text}).status_code < 500
