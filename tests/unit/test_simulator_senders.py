"""What the demo's feed sends to the gateway, and what it does with the answers."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import orjson
import pytest

from services.domain.time.rfc3339 import instant_from
from services.messaging.arrival_header import ARRIVAL, read
from services.simulator.feed import FeedFailed
from services.simulator.gateway_sender import GatewaySender
from services.simulator.simulation import Event

WATER, TAX = "/units/water", "/units/tax"
NOON = instant_from("2021-10-08T12:00:00+08:00")
SECOND = 1_000_000


def event(number: int, source: str = WATER, line: bytes | None = None) -> Event:
    made = f'{{"id":"{number}","receivedat":"2021-10-08T12:00:00+08:00","data":{{}}}}'.encode()
    return Event(NOON + number * SECOND, f"{source}\x1fW-1", made if line is None else line, source)


class Gateway:
    """Answers as it is made to, and keeps what it got."""

    def __init__(self, answer: Callable[[int], httpx.Response]) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(len(self.requests))


def sender(folder: Path, gateway: Gateway) -> GatewaySender:
    keys = folder / "keys.json"
    keys.write_text(json.dumps({WATER: "kw_water", TAX: "kw_tax"}))
    return GatewaySender("http://gateway", keys, httpx.Client(transport=httpx.MockTransport(gateway)))


def taken(_: int) -> httpx.Response:
    return httpx.Response(202)


def test_each_source_sends_with_its_key_in_order_and_gives_every_arrival(tmp_path: Path) -> None:
    gateway = Gateway(taken)
    sending = sender(tmp_path, gateway)
    sent = [event(number, (WATER, TAX)[number % 3 == 0]) for number in range(700)]
    for one in sent:
        sending.send(one)
    sending.flush()
    for source, key in ((WATER, "kw_water"), (TAX, "kw_tax")):
        mine = [each for each in gateway.requests if each.headers["Authorization"] == f"Bearer {key}"]
        events = [(one, at) for each in mine for one, at in zip(*_read(each), strict=True)]
        assert [one["id"] for one, _ in events] == [
            orjson.loads(one.line)["id"] for one in sent if one.source == source
        ]
        assert [at for _, at in events] == [one.received for one in sent if one.source == source]
        assert not any("receivedat" in one for one, _ in events)


def _read(request: httpx.Request) -> tuple[list[dict[str, str]], list[int]]:
    events = orjson.loads(request.content)
    return events, read(request.headers[ARRIVAL], len(events))


def test_what_is_no_json_goes_alone_and_spoils_no_batch(tmp_path: Path) -> None:
    gateway = Gateway(taken)
    sending = sender(tmp_path, gateway)
    for one in (event(1), event(2), event(3, line=b'{"id":'), event(4)):
        sending.send(one)
    sending.flush()
    assert [each.content for each in gateway.requests][1] == b'{"id":'
    assert [len(orjson.loads(gateway.requests[place].content)) for place in (0, 2)] == [2, 1]


def test_what_is_uncertain_is_sent_again_unchanged_and_what_is_refused_is_counted(tmp_path: Path) -> None:
    answers = [
        httpx.Response(503, headers={"Retry-After": "0"}),
        httpx.Response(429, headers={"Retry-After": "0"}),
        httpx.Response(422, json={"problems": [{}, {}]}),
        httpx.Response(400, json={"title": "unreadable_body"}),
    ]
    gateway = Gateway(lambda number: answers[number - 1])
    sending = sender(tmp_path, gateway)
    for one in (event(1), event(2), event(3, line=b"{")):
        sending.send(one)
    sending.flush()
    assert [each.content for each in gateway.requests[:3]] == [gateway.requests[0].content] * 3
    assert sending.refused == 3


@pytest.mark.parametrize("answer", [httpx.Response(503, headers={"Retry-After": "0"}), None])
def test_a_gateway_that_stays_away_ends_the_feed_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: httpx.Response | None
) -> None:
    def answered(number: int) -> httpx.Response:
        if answer is None:
            raise httpx.ReadTimeout("late")
        return answer

    monkeypatch.setattr("services.simulator.gateway_sender._PATIENCE_SECONDS", 0.2)
    gateway = Gateway(answered)
    sending = sender(tmp_path, gateway)
    sending.send(event(1))
    with pytest.raises(
        FeedFailed, match=r"http://gateway/events: it (answers 503|does not answer)\. Start the feed again"
    ):
        sending.flush()
    assert len(gateway.requests) > 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_an_answer_that_no_repetition_mends_ends_the_feed_with_its_reason(tmp_path: Path, status: int) -> None:
    sending = sender(tmp_path, Gateway(lambda number: httpx.Response(status)))
    sending.send(event(1))
    with pytest.raises(FeedFailed, match=f"http://gateway/events: it answers {status}"):
        sending.flush()


def test_without_the_key_of_a_source_it_says_how_to_make_one(tmp_path: Path) -> None:
    sending = sender(tmp_path, Gateway(taken))
    sending.send(event(1, "/units/gas"))
    with pytest.raises(FeedFailed, match="/units/gas: there is no key of it. Make one: kpiwatch sources add-keys"):
        sending.flush()
    with pytest.raises(FeedFailed, match="no keys can be read"):
        GatewaySender("http://gateway", tmp_path / "none.json")
