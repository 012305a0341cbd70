"""The gateway: what it answers, and what it writes before it answers so."""

import asyncio
import gzip
import logging
import re
import threading
import tracemalloc
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, cast

import httpx
import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.responses import Response

from services.catalog.load.calendars import load_calendar
from services.domain.intake.events import text_of
from services.domain.intake.refusal import Reason, Refused
from services.domain.plan.statutory_time import Law
from services.domain.time.rfc3339 import instant_from
from services.gateway.case_routes import CaseAsking, add_cases
from services.gateway.feedback_routes import Asking, add_feedback
from services.gateway.handling import QUESTIONS_A_SECOND, Asked
from services.gateway.identity import Caller
from services.gateway.openapi import examples_of
from services.gateway.problems import PROBLEM, Problem
from services.gateway.rate import AHEAD_SECONDS
from services.gateway.resending import Incoming
from services.gateway.try_page.routes import add_try_page
from services.gateway.web import gateway_app
from services.gateway.what_if_routes import add_what_if
from services.gateway.wire import BATCH, LARGEST_BODY, MOST_EVENTS, events_of
from services.messaging.arrival_header import ARRIVAL, written
from services.messaging.codec import admission
from services.messaging.records.gateway_keys import StoredKey, hash_of
from services.runtime.clock import Clock
from tests.asgi import get, request
from tests.mutations import mutated, shipped_plan
from tests.unit.gateway import AS_BATCH, AS_STRUCTURED, BAD, GOOD, NOW, WATER, Gateway, edge

ONE = orjson.dumps(GOOD)
BATCH_HEADERS = [(b"content-type", BATCH.encode())]


def problems(answer: httpx.Response) -> list[tuple[int, str, str]]:
    assert answer.headers["content-type"] == PROBLEM
    return [(one["index"], one["title"], one["path"]) for one in answer.json()["problems"]]


def kind(answer: httpx.Response) -> tuple[int, str]:
    """Status and kind of a refusal of the whole request."""
    document = answer.json()
    assert answer.headers["content-type"] == PROBLEM
    assert document["status"] == answer.status_code and document["detail"] and document["remedy"] and document["title"]
    return answer.status_code, document["type"].rpartition(":")[2]


# ---- what is taken ---------------------------------------------------------------------------------------------
def test_an_event_keeps_its_bytes_and_gets_its_arrival_as_a_header() -> None:
    gateway = Gateway()
    spaced = orjson.dumps(GOOD, option=orjson.OPT_INDENT_2)
    assert gateway.post(spaced).status_code == 202
    (record,) = gateway.log.records
    assert record.value == spaced
    assert record.key == f"{WATER}\x1fW-1".encode()
    assert record.headers == [("receivedat", text_of(NOW).encode())]
    worker = admission(shipped_plan(), trust_receivedat=True)
    assert worker.admit(record.value, key=record.key, headers=record.headers).fact.received == NOW


def test_a_batch_is_cut_into_the_bytes_of_its_events() -> None:
    gateway = Gateway()
    events = [orjson.dumps({**GOOD, "id": f"a-{n}"}, option=orjson.OPT_INDENT_2 * (n % 2)) for n in range(5)]
    answer = gateway.post(b" [ " + b" ,\n".join(events) + b" ] ", AS_BATCH)
    assert (answer.status_code, answer.json()) == (202, {"accepted": 5})
    assert [record.value for record in gateway.log.records] == events


def test_binary_mode_has_its_attributes_as_headers() -> None:
    gateway = Gateway()
    headers = {f"ce-{name}": value for name, value in GOOD.items() if name != "data"}
    headers |= {"ce-subject": "W%E5%8F%B7-1", "Content-Type": "application/json"}
    assert gateway.post(orjson.dumps(GOOD["data"]), headers).status_code == 202
    (record,) = gateway.log.records
    found = admission(shipped_plan(), trust_receivedat=True).admit(record.value, headers=record.headers, key=record.key)
    assert found.subject == "W号-1" and found.fact.received == NOW
    bad = gateway.post(orjson.dumps(BAD["data"]), headers)
    assert problems(bad) == [(0, "unknown_unit", "data.unit")]


def test_standard_extensions_are_ignored() -> None:
    gateway = Gateway()
    assert gateway.post(orjson.dumps({**GOOD, "traceparent": "00-ab-cd-01"})).status_code == 202
    assert problems(gateway.post(orjson.dumps({**GOOD, "colour": "red"}))) == [(0, "unknown_field", "colour")]


def test_gzip_is_unpacked_and_may_be_several_files() -> None:
    gateway = Gateway()
    events = orjson.dumps([GOOD])
    packed = {**AS_BATCH, "Content-Encoding": "gzip"}
    assert gateway.post(gzip.compress(events), packed).status_code == 202
    assert gateway.post(gzip.compress(events[:20]) + gzip.compress(events[20:]), packed).status_code == 202
    assert {record.value for record in gateway.log.records} == {ONE}


# ---- single events are refused -------------------------------------------------------------------------------
def test_of_a_batch_the_good_ones_are_taken_and_each_bad_one_has_its_problem() -> None:
    gateway = Gateway()
    answer = gateway.batch([GOOD, BAD, 17, {**GOOD, "id": "a-3"}, {**GOOD, "time": "2021-09-16T09:12:00"}])
    assert answer.status_code == 422
    assert problems(answer) == [(1, "unknown_unit", "data.unit"), (2, "malformed", ""), (4, "naive_time", "time")]
    assert (answer.json()["accepted"], answer.json()["refused"]) == (2, 3)
    assert "send only those again" in answer.json()["remedy"]
    assert gateway.log.ids == ["a-1", "a-3"]


def test_atomic_takes_all_or_none() -> None:
    gateway = Gateway()
    answer = gateway.batch([GOOD, BAD], to="/events?atomic=true")
    assert (answer.status_code, answer.json()["accepted"], gateway.log.records) == (422, 0, [])
    assert "send all events again" in answer.json()["remedy"]
    assert gateway.batch([GOOD, GOOD], to="/events?atomic=true").json() == {"accepted": 2}
    assert kind(gateway.batch([GOOD], to="/events?atomic=perhaps")) == (400, "bad_query")


def test_a_key_speaks_for_its_source_only() -> None:
    gateway = Gateway()
    other = {**GOOD, "source": "/units/district-taxation"}
    other["data"] = {**GOOD["data"], "unit": "district-taxation"}
    assert problems(gateway.batch([GOOD, other])) == [(1, "source_mismatch", "source")]
    foreign = gateway.batch([{**GOOD, "caseowner": "/units/district-taxation"}])
    assert problems(foreign) == [(0, "not_entitled", "caseowner")]


def test_nobody_stamps_the_arrival_from_outside() -> None:
    gateway = Gateway()
    said = {"receivedat": "2021-09-16T09:12:00Z"}
    assert problems(gateway.post(orjson.dumps({**GOOD, **said}))) == [(0, "unknown_field", "receivedat")]
    headers = {f"ce-{name}": value for name, value in GOOD.items() if name != "data"} | {
        "ce-receivedat": said["receivedat"]
    }
    answer = gateway.post(orjson.dumps(GOOD["data"]), {**headers, "Content-Type": "application/json"})
    assert problems(answer) == [(0, "unknown_field", "receivedat")]


def test_the_arrival_header_is_refused_under_the_real_clock_and_believed_under_a_simulated_one(tmp_path: Path) -> None:
    said = {**AS_STRUCTURED, ARRIVAL: "2021-09-20T00:00:00+08:00"}
    real = Gateway()
    assert kind(real.post(ONE, said)) == (400, "arrival_refused")
    assert real.log.records == []
    clock = Clock.simulated(tmp_path / "clock.json")
    clock.set(NOW, 0)
    demo = Gateway(clock=clock)
    assert demo.post(ONE, said).status_code == 202
    assert demo.log.records[0].headers == [("receivedat", b"2021-09-19T16:00:00Z")]
    assert kind(demo.post(ONE, {**said, ARRIVAL: "yesterday"})) == (400, "arrival_refused")


def test_a_simulation_gives_each_event_of_a_batch_its_own_arrival(tmp_path: Path) -> None:
    clock = Clock.simulated(tmp_path / "clock.json")
    clock.set(NOW, 0)
    demo, times = Gateway(clock=clock), [NOW - 2_000_000, NOW - 1_000_000]
    batch = [{**GOOD, "id": "1"}, {**GOOD, "id": "2"}]
    assert demo.post(orjson.dumps(batch), {**AS_BATCH, ARRIVAL: written(times)}).status_code == 202
    assert [dict(each.headers)["receivedat"].decode() for each in demo.log.records] == [text_of(at) for at in times]
    assert kind(demo.post(orjson.dumps(batch), {**AS_BATCH, ARRIVAL: written([*times, NOW])})) == (
        400,
        "arrival_refused",
    )


def test_a_personal_number_is_refused_and_neither_answered_logged_nor_written(caplog: pytest.LogCaptureFixture) -> None:
    gateway = Gateway()
    number = "11010519491231002X"
    with caplog.at_level(logging.INFO):
        answer = gateway.post(orjson.dumps({**GOOD, "id": number}))
    assert problems(answer) == [(0, "personal_data", "id")]
    assert number not in answer.text + caplog.text
    assert gateway.log.records == []


@pytest.mark.slow
def test_the_corpus_of_mutated_events_gets_by_http_what_admission_says() -> None:
    """In structured mode and, where the event is JSON, in a batch with others: one reason each, no good one lost."""
    gateway = Gateway()
    keys = {WATER: gateway.key}
    corpus: dict[str, list[bytes]] = {}
    for event in mutated(11, 1_000):
        corpus.setdefault(_source(event.line), []).append(event.line)
    for source, lines in corpus.items():
        key = keys.get(source) or gateway.keys.add(source).whole
        for line in lines[:5]:
            answer = gateway.post(line, key=key)
            assert (None if answer.status_code == 202 else problems(answer)[0][1:]) == _said(line)
        whole = [line.strip() for line in lines if _is_json(line)]
        answer = gateway.post(b"[" + b",".join(whole) + b"]", AS_BATCH, key=key)
        named = {one["index"]: (one["title"], one["path"]) for one in answer.json().get("problems", ())}
        assert [named.get(place) for place in range(len(whole))] == [_said(line) for line in whole]


def _said(line: bytes) -> tuple[str, str] | None:
    """Code and path with which admission refuses it."""
    try:
        edge().admit(line, received=NOW)
    except Refused as refused:
        return str(refused.code), refused.path
    return None


def _source(line: bytes) -> str:
    try:
        event = orjson.loads(line)
    except ValueError:
        return WATER
    return event["source"] if type(event) is dict and type(event.get("source")) is str else WATER


def _is_json(line: bytes) -> bool:
    """Whether a batch may hold it, by the reader that cuts batches."""
    try:
        msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


# ---- the whole request is refused -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("body", "headers", "expected"),
    [
        (ONE, {"Content-Type": "application/json"}, (415, "unsupported_type")),
        (ONE, {"Content-Type": "application/cloudevents+json; charset=gbk"}, (415, "unsupported_type")),
        (ONE, {**AS_STRUCTURED, "Content-Encoding": "br"}, (415, "unsupported_type")),
        (ONE, {**AS_STRUCTURED, "Content-Encoding": "gzip"}, (400, "unreadable_body")),
        (gzip.compress(ONE)[:-9], {**AS_STRUCTURED, "Content-Encoding": "gzip"}, (400, "unreadable_body")),
        (gzip.compress(ONE) + b"rest", {**AS_STRUCTURED, "Content-Encoding": "gzip"}, (400, "unreadable_body")),
        (gzip.compress(b"") * 101, {**AS_STRUCTURED, "Content-Encoding": "gzip"}, (400, "unreadable_body")),
        (gzip.compress(b" " * (LARGEST_BODY + 1)), {**AS_BATCH, "Content-Encoding": "gzip"}, (413, "too_large")),
        (b" " * (LARGEST_BODY + 1), AS_BATCH, (413, "too_large")),
        (b"[" + b",".join([b"1"] * (MOST_EVENTS + 1)) + b"]", AS_BATCH, (413, "too_large")),
        (b"[1,", AS_BATCH, (400, "unreadable_body")),
        (ONE, AS_BATCH, (400, "unreadable_body")),
        (b"[" * 5_000, AS_BATCH, (400, "unreadable_body")),
        (b"", AS_BATCH, (400, "unreadable_body")),
    ],
)
def test_a_body_that_cannot_be_read_is_refused_as_a_whole(
    body: bytes, headers: dict[str, str], expected: tuple[int, str]
) -> None:
    gateway = Gateway()
    assert kind(gateway.post(body, headers)) == expected
    assert gateway.log.records == []


def test_gzip_is_never_unpacked_beyond_the_limit() -> None:
    """A bomb costs no more memory than a body may have."""
    import tracemalloc

    gateway = Gateway()
    bomb = gzip.compress(bytes(10 * LARGEST_BODY), 1)
    tracemalloc.start()
    try:
        assert kind(gateway.post(bomb, {**AS_BATCH, "Content-Encoding": "gzip"})) == (413, "too_large")
        assert tracemalloc.get_traced_memory()[1] < 6 * LARGEST_BODY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("element", [b"0", b"{}", b'""', b"[]", ONE])
def test_a_batch_is_read_no_further_than_its_first_event_too_many(element: bytes) -> None:
    """8 MiB of elements cost neither memory nor time: nothing of what was there before the limit is kept."""
    most = b"[" + b",".join([element] * MOST_EVENTS) + b"]"
    if len(most) < LARGEST_BODY:
        assert len(events_of(most, BATCH_HEADERS)) == MOST_EVENTS
    body = b"[" + b",".join([element] * ((LARGEST_BODY - 2) // (len(element) + 1))) + b"]"
    tracemalloc.start()
    try:
        with pytest.raises(Problem) as refused:
            events_of(body, BATCH_HEADERS)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.value.status == 413 and peak < 1 << 20


@given(st.lists(st.sampled_from([b"0", b"null", b'"a"', b"[]", b" {} ", b"[1,[2]]", ONE]), max_size=12))
def test_a_batch_is_cut_where_its_elements_are(elements: list[bytes]) -> None:
    found = events_of(b" [" + b",".join(elements) + b"]\n", BATCH_HEADERS)
    assert [event.value for event in found] == [element.strip() for element in elements]


def test_503_outranks_422_since_any_event_may_be_in() -> None:
    gateway = Gateway()
    gateway.log.acknowledges = False
    answer = gateway.batch([GOOD, BAD])
    assert kind(answer) == (503, "not_acknowledged")
    assert int(answer.headers["retry-after"]) >= 1
    gateway.log.acknowledges = True
    assert gateway.batch([GOOD, BAD]).status_code == 422


def test_a_full_queue_is_503_with_retry_after() -> None:
    gateway = Gateway(queue=1)
    held = asyncio.Event()

    async def slow_body() -> Any:
        yield ONE[:10]
        await held.wait()
        yield ONE[10:]

    async def two() -> tuple[httpx.Response, httpx.Response]:
        headers = {"Authorization": f"Bearer {gateway.key}", **AS_STRUCTURED}
        async with httpx.AsyncClient(transport=httpx.ASGITransport(gateway.app), base_url="http://app") as client:
            first = asyncio.create_task(client.post("/events", content=slow_body(), headers=headers))
            await asyncio.sleep(0.05)
            second = await client.post("/events", content=ONE, headers=headers)
            held.set()
            return await first, second

    first, second = asyncio.run(two())
    assert first.status_code == 202
    assert kind(second) == (503, "busy") and second.headers["retry-after"]


TAX = "/units/district-taxation"


class Uploads:
    """Requests whose bodies do not end before they are let go on."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.go_on = asyncio.Event()
        transport = httpx.ASGITransport(gateway.app)
        self.client = httpx.AsyncClient(transport=transport, base_url="http://app")

    async def send(self, key: str, to: str = "/events", method: str = "POST") -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}", **AS_STRUCTURED}
        return await self.client.request(method, to, content=ONE, headers=headers, timeout=60)

    async def begin(self, *keys: str) -> list["asyncio.Task[httpx.Response]"]:
        async def body() -> Any:
            yield ONE[:10]
            await self.go_on.wait()
            yield ONE[10:]

        async def post(key: str) -> httpx.Response:
            headers = {"Authorization": f"Bearer {key}", **AS_STRUCTURED}
            return await self.client.post("/events", content=body(), headers=headers)

        begun = [asyncio.create_task(post(key)) for key in keys]
        await asyncio.sleep(0.1)
        return begun

    async def end(self, begun: list["asyncio.Task[httpx.Response]"]) -> list[int]:
        self.go_on.set()
        return sorted([(await one).status_code for one in begun])


@pytest.mark.parametrize(("queue", "sources", "each"), [(32, 1, 16), (32, 3, 8), (2, 1, 1), (9, 2, 3)])
def test_slow_uploads_of_some_sources_leave_a_place_for_another(queue: int, sources: int, each: int) -> None:
    """However many requests a source begins, it has no more places than are free."""
    gateway = Gateway(queue=queue)
    slow = [gateway.keys.add(WATER).whole if n == 0 else gateway.keys.add(f"/units/{n}").whole for n in range(sources)]

    async def story() -> tuple[int, int]:
        uploads = Uploads(gateway)
        begun = await uploads.begin(*slow * queue)
        other = await uploads.send(gateway.keys.add("/units/other").whole)
        taken = Counter(await uploads.end(begun))
        return taken[503], other.status_code

    busy, other = asyncio.run(story())
    assert busy == queue * sources - each * sources
    assert other == 422, "its place was there: the event is another source's"


def test_a_key_that_is_revoked_during_an_upload_sends_nothing() -> None:
    gateway = Gateway()
    key = gateway.keys.add(WATER)

    async def story(change: Callable[[], None]) -> list[int]:
        uploads = Uploads(gateway)
        begun = await uploads.begin(key.whole)
        change()
        return await uploads.end(begun)

    assert asyncio.run(story(lambda: None)) == [202]
    gateway.log.records.clear()
    stored = StoredKey(WATER, hash_of(key.whole), NOW)
    assert asyncio.run(story(lambda: gateway.keys.put(key.id, stored._replace(revoked_at=NOW)))) == [401]
    gateway.keys.put(key.id, stored)
    assert asyncio.run(story(lambda: setattr(gateway.keys, "is_current", False))) == [503]
    assert gateway.log.records == []


@pytest.mark.parametrize("resends", [False, True])
def test_questions_that_wait_for_the_broker_hold_neither_probes_nor_events_nor_the_questions_of_others(
    resends: bool,
) -> None:
    """However many a source asks, it holds half of the threads."""
    gateway, go_on = Gateway(queue=64), threading.Event()

    def waits(caller: Caller) -> bytes:
        if caller.source == WATER:
            go_on.wait(60)
        return b"{}"

    def incoming(caller: Caller, sent: Incoming | None) -> Incoming:
        waits(caller)
        return Incoming([], [], edge())

    @gateway.app.get("/asked")
    async def asked(request: Request) -> Response:
        return await gateway.handling.report(request, "/asked", waits)

    @gateway.app.put("/asked")
    async def resent(request: Request) -> Response:
        return await gateway.handling.resend(request, Asked("/asked"), incoming)

    async def story() -> None:
        uploads = Uploads(gateway)
        method = "PUT" if resends else "GET"
        waiting = [asyncio.create_task(uploads.send(gateway.key, "/asked", method)) for _ in range(60)]
        await asyncio.sleep(0.2)
        for probe in ("/livez", "/readyz", "/metrics"):
            assert (await asyncio.wait_for(uploads.send(gateway.key, probe, "GET"), 10)).status_code == 200
        assert (await asyncio.wait_for(uploads.send(gateway.key), 10)).status_code == 202
        other = gateway.keys.add(TAX).whole
        assert (await asyncio.wait_for(uploads.send(other, "/asked", "GET"), 10)).status_code == 200
        refused = [one.result() for one in waiting if one.done()]
        assert len(refused) == 60 - 8 and {kind(one) for one in refused} == {(503, "busy")}
        assert all(one.headers["retry-after"] for one in refused)
        go_on.set()
        assert Counter([(await one).status_code for one in waiting]) == {503: 52, 202 if resends else 200: 8}

    try:
        asyncio.run(story())
    finally:
        go_on.set()


def test_the_questions_of_a_source_are_limited_and_its_events_are_not_touched() -> None:
    gateway = Gateway(questions=QUESTIONS_A_SECOND)

    @gateway.app.get("/asked")
    async def asked(request: Request) -> Response:
        return await gateway.handling.report(request, "/asked", lambda caller: b"{}")

    async def ask(key: str) -> Counter[int]:
        uploads = Uploads(gateway)
        return Counter([(await uploads.send(key, "/asked", "GET")).status_code for _ in range(most + 20)])

    most = int(QUESTIONS_A_SECOND * AHEAD_SECONDS)
    for key in (gateway.key, gateway.keys.add(TAX).whole):
        answered = asyncio.run(ask(key))
        assert most - 1 <= answered[200] <= most and answered[429] == most + 20 - answered[200]
    assert gateway.post(ONE).status_code == 202
    gateway.seconds += 1
    assert abs(asyncio.run(ask(gateway.key))[200] - QUESTIONS_A_SECOND) <= 1


def test_the_rate_of_a_source_is_limited_and_another_source_is_not_touched() -> None:
    gateway = Gateway(rate=10)
    assert [gateway.batch([GOOD] * 50).status_code for _ in range(3)] == [202, 202, 429]
    late = gateway.batch([GOOD])
    assert kind(late) == (429, "too_many")
    other = gateway.keys.add("/units/district-taxation").whole
    assert gateway.post(b"[]", AS_BATCH, key=other).status_code == 202
    gateway.seconds += float(late.headers["retry-after"])
    assert gateway.batch([GOOD]).status_code == 202


@given(st.lists(st.tuples(st.floats(0, 5), st.integers(0, 400)), max_size=40))
def test_what_a_source_may_send_is_the_bucket_and_the_rate(asked: list[tuple[float, int]]) -> None:
    from services.gateway.rate import AHEAD_SECONDS, RateLimit

    now, taken = 0.0, 0
    limit = RateLimit(20, lambda: now)
    for pause, events in asked:
        now += pause
        wait = limit.wait_for("s", events)
        if not wait:
            taken += events
        else:
            assert wait > 0
        assert taken <= 20 * (now + AHEAD_SECONDS) + 400 + 1e-6


def test_a_defect_of_ours_is_503_without_a_payload(caplog: pytest.LogCaptureFixture) -> None:
    gateway = Gateway()
    gateway.log.write = partial(_fails, "W-1 in an error")  # type: ignore[method-assign]  # what must never happen
    answer = gateway.post(ONE)
    assert kind(answer) == (503, "defect") and answer.headers["retry-after"]
    assert "W-1" not in answer.text + caplog.text


def _fails(text: str, records: object) -> None:
    raise RuntimeError(text)


# ---- the rest ---------------------------------------------------------------------------------------------------
def test_validate_answers_the_same_and_writes_nothing() -> None:
    gateway = Gateway()
    assert gateway.batch([GOOD, GOOD], to="/validate").json() == {"accepted": 2}
    asked, sent = gateway.batch([GOOD, BAD], to="/validate"), gateway.batch([GOOD, BAD])
    assert (asked.status_code, asked.json()) == (sent.status_code, sent.json())
    assert len(gateway.log.records) == 1


def test_what_is_not_there_is_a_problem_too() -> None:
    app = Gateway().app
    assert kind(get(app, "/event")) == (404, "no_route")
    assert kind(get(app, "/events")) == (405, "no_route")
    assert get(app, "/events").headers["allow"] == "POST"


def test_it_is_ready_while_its_keys_are_known() -> None:
    gateway = Gateway()
    assert [get(gateway.app, path).status_code for path in ("/livez", "/readyz")] == [200, 200]
    gateway.keys.is_current = False
    assert [get(gateway.app, path).status_code for path in ("/livez", "/readyz")] == [200, 503]
    gateway.keys.is_current = True
    blind = gateway_app(gateway.handling, lambda: False, dict)
    assert [get(blind, path).status_code for path in ("/livez", "/readyz")] == [503, 503], "a thread has died"


def test_refusals_are_counted_and_the_audit_log_has_no_payload(caplog: pytest.LogCaptureFixture) -> None:
    gateway = Gateway()
    with caplog.at_level(logging.INFO, "services.gateway.audit"):
        gateway.batch([GOOD, BAD])
        request(gateway.app, "POST", "/events", content=ONE)
    first, second = (record.getMessage() for record in caplog.records if record.name == "services.gateway.audit")
    assert f"source={WATER} status=422 accepted=1 refused=1" in first
    assert "key=- source=- status=401" in second
    assert "W-1" not in caplog.text and "a-2" not in caplog.text and gateway.key not in caplog.text
    text = get(gateway.app, "/metrics").text
    assert f'kpi_gateway_events_total{{outcome="accepted",source="{WATER}"}} 1.0' in text
    assert f'kpi_gateway_events_total{{outcome="unknown_unit",source="{WATER}"}} 1.0' in text
    assert 'kpi_gateway_requests_total{route="/events",status="401"} 1.0' in text


@cache
def described() -> dict[str, Any]:
    """The description of a gateway with all of its routes."""
    law = Law(shipped_plan(), load_calendar(shipped_plan().head.calendar))
    gateway = Gateway()
    app = gateway_app(gateway.handling, lambda: True, partial(examples_of, law))
    add_feedback(app, gateway.handling, cast(Asking, None))  # nobody asks
    add_cases(app, gateway.handling, cast(CaseAsking, None))
    add_what_if(app, gateway.handling, cast(CaseAsking, None))
    add_try_page(app, law)
    document: dict[str, Any] = get(app, "/openapi.json").json()
    return document


@pytest.mark.slow
def test_the_description_has_examples_of_every_promise_and_each_is_valid() -> None:
    """`/validate` admits each of them, sent as it is written there with a key of its source."""
    examples = described()["components"]["examples"]
    for promise in shipped_plan().promises:
        key = promise.key.replace("/", ".")
        assert any(name.startswith(f"{key}-") for name in examples), promise.key
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in examples)
    clock = Clock(None, lambda: instant_from("2024-01-01T00:00:00Z"))
    gateway = Gateway(clock=clock)
    keys = {WATER: gateway.key}
    for name, example in examples.items():
        events = example["value"]
        source = events[0]["source"]
        if source not in keys:
            keys[source] = gateway.keys.add(source).whole
        answer = gateway.batch_as(events, keys[source], "/validate")
        assert (answer.status_code, answer.json()) == (200, {"accepted": len(events)}), name


def test_the_description_is_made_in_a_thread_so_that_events_are_taken_meanwhile() -> None:
    def examples() -> dict[str, Any]:
        with pytest.raises(RuntimeError, match="no running event loop"):
            asyncio.get_running_loop()
        return {}

    app = gateway_app(Gateway().handling, lambda: True, examples)
    assert get(app, "/openapi.json").json()["components"]["examples"] == {}


def test_the_description_says_of_every_route_what_it_answers() -> None:
    paths = described()["paths"]
    assert paths.keys() == {
        "/events", "/validate", "/what-if", "/status", "/cases", "/dead-letters", "/dead-letters/{number}",
        "/dead-letters/{number}/resend",
    }  # fmt: skip
    refs = set(re.findall(r'"#/components/([^"]+)"', orjson.dumps(described()).decode()))
    for ref in refs:
        group, _, name = ref.partition("/")
        assert name in described()["components"][group], ref
    for path, operations in paths.items():
        for operation in operations.values():
            answers = operation["responses"]
            assert operation["security"] == [{"key": []}] and operation["description"]
            assert {"400", "401", "503"} < answers.keys() and len([one for one in answers if one < "300"]) == 1, path
            assert "requestBody" not in operation or "415" in answers
            for status, one in answers.items():
                assert (status < "300") != ("application/problem+json" in one.get("content", {})), (path, status)
    assert set(paths["/events"]["post"]["responses"]) == {"202", "400", "401", "408", "413", "415", "422", "429", "503"}
    assert {each["name"] for each in paths["/cases"]["get"]["parameters"]} >= {"subject", "promise", "after"}
    for path in ("/events", "/validate", "/what-if"):
        batch = paths[path]["post"]["requestBody"]["content"][BATCH]
        assert batch["examples"].keys() == described()["components"]["examples"].keys()


def test_every_reason_of_a_single_event_is_one_of_the_contract() -> None:
    described = Gateway().batch([BAD]).json()["problems"][0]
    assert Reason(described["title"])
