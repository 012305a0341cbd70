"""The clients, blocking and not, against a gateway behind a real socket: nothing is lost, nothing is kept for ever."""

import threading
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from anyio.from_thread import start_blocking_portal

from kpiwatch.client import (
    AsyncClient,
    BeingSent,
    Client,
    Delivered,
    Event,
    NoAnswer,
    NotAnEvent,
    Parked,
    Paused,
    Uncertain,
)
from services.client.client import _wait_after
from services.client.delivery import LARGEST_EVENT, Delivery, NoReply, Reply
from services.client.doubts import MOST_EVENTS
from services.client.spool import Entry, Refusal, Spool
from services.domain.intake import admission
from services.gateway.wire import LARGEST_BODY
from services.gateway.wire import MOST_EVENTS as GATEWAYS_MOST
from services.local.ports import free_ports
from tests.served import served
from tests.unit.gateway import BAD, GOOD, NOW, Gateway
from tests.unit.served_gateway import gateway, url

__all__ = ["gateway", "url"]


class Awaited:
    """The client of an event loop, called as the other one is."""

    def __init__(self, url: str, keys: str | Sequence[str], spool: Path | None = None, **options: Any) -> None:
        self._context = start_blocking_portal()
        self._portal = self._context.__enter__()
        self._client = self._portal.call(lambda: AsyncClient(url, keys, spool, **options))

    def put(self, event: Event) -> None:
        self._portal.call(self._client.put, event)

    def send(self, events: Sequence[Event]) -> Delivered:
        return self._portal.call(self._client.send, events)

    def flush(self) -> Delivered:
        return self._portal.call(self._client.flush)

    def resend(self, number: int, event: Event | None = None) -> None:
        self._portal.call(self._client.resend, number, event)

    def forget(self, number: int) -> None:
        self._portal.call(self._client.forget, number)

    def parked(self) -> list[Parked]:
        return self._portal.call(self._client.parked)

    @property
    def waiting(self) -> int:
        return self._portal.call(self._client.waiting)

    def close(self) -> None:
        self._portal.call(self._client.close)
        self._context.__exit__(None, None, None)


AnyClient = Client | Awaited
Made = Callable[..., AnyClient]


@pytest.fixture(params=[Client, Awaited], ids=["sync", "async"])
def made(request: pytest.FixtureRequest, url: str, gateway: Gateway, tmp_path: Path) -> Iterator[Made]:
    """Makes clients with a spool; they are closed after the test."""
    clients: list[AnyClient] = []
    gateway.log.records.clear()
    gateway.log.acknowledges = True

    def make(keys: str | Sequence[str] = gateway.key, to: str = url, **options: Any) -> AnyClient:
        clients.append(request.param(to, keys, tmp_path / "spool.sqlite", **{"patience": 0, **options}))
        return clients[-1]

    yield make
    for each in clients:
        each.close()


def event(number: int) -> dict[str, Any]:
    return {**GOOD, "id": f"e-{number}", "subject": f"W-{number % 3}"}


# ---- what is sent ----------------------------------------------------------------------------------------------
def test_events_arrive_in_their_order_as_they_were_written(made: Made, gateway: Gateway) -> None:
    spaced = orjson.dumps(event(0), option=orjson.OPT_INDENT_2)
    client = made()
    client.put(spaced)
    client.put(orjson.dumps(event(1)).decode())
    assert client.send([event(n) for n in range(2, MOST_EVENTS + 5)]) == Delivered(MOST_EVENTS + 5, 0)
    assert gateway.log.ids == [f"e-{n}" for n in range(MOST_EVENTS + 5)]
    assert gateway.log.records[0].value == spaced
    assert client.waiting == 0 and client.flush() == Delivered()


def test_what_was_put_is_sent_by_the_next_process(made: Made, gateway: Gateway) -> None:
    made().put(event(1))
    assert gateway.log.records == []
    assert made().flush() == Delivered(1, 0)


def test_refused_events_are_parked_with_their_reason_and_the_others_go_on(made: Made, gateway: Gateway) -> None:
    client = made()
    assert client.send([event(1), BAD, event(2)]) == Delivered(2, 1)
    assert gateway.log.ids == ["e-1", "e-2"]
    (parked,) = client.parked()
    assert orjson.loads(parked.event) == BAD
    assert (parked.refusal.reason, parked.refusal.path) == ("unknown_unit", "data.unit")
    assert parked.refusal.detail and parked.refusal.remedy
    client.resend(parked.number)
    assert client.flush() == Delivered(0, 1), "unchanged it is refused again"
    (parked,) = client.parked()
    client.resend(parked.number, {**BAD, "data": GOOD["data"]})
    assert client.flush() == Delivered(1, 0)
    client.send([BAD])
    client.forget(client.parked()[0].number)
    assert client.parked() == []


@pytest.mark.parametrize("given", [b'{"id": "1"},{"id": "2"}', b"{", b'{"a": "%s"}' % (b"x" * LARGEST_EVENT)])
def test_what_is_parked_and_no_event_is_not_sent_again_unchanged(made: Made, tmp_path: Path, given: bytes) -> None:
    client, other = made(), Spool(tmp_path / "spool.sqlite")
    with other.writing() as store:
        other.park_in(store, [(Entry(given), Refusal("malformed", "", "d", "r"))])
    other.close()
    (parked,) = client.parked()
    with pytest.raises(NotAnEvent):
        client.resend(parked.number)
    assert client.parked() == [parked] and client.waiting == 0
    client.resend(parked.number, event(1))
    assert client.flush() == Delivered(1, 0)


def test_without_an_answer_the_events_wait_and_are_sent_again(made: Made, gateway: Gateway) -> None:
    client = made(to=f"http://127.0.0.1:{free_ports(1)[0]}")
    client.put(event(1))
    with pytest.raises(NoAnswer, match="the gateway does not answer"):
        client.flush()
    assert client.waiting == 1
    assert made().flush() == Delivered(1, 0)


def test_503_is_uncertain_the_same_bytes_are_sent_until_they_are_acknowledged(made: Made, gateway: Gateway) -> None:
    client = made()
    gateway.log.acknowledges = False
    with pytest.raises(NoAnswer, match="the gateway answered 503: the broker did not acknowledge"):
        client.send([event(1), BAD])
    assert client.waiting == 2 and client.parked() == [], "503 says nothing about single events"
    gateway.log.acknowledges = True
    assert client.flush() == Delivered(1, 1)
    assert gateway.log.records[0].value == gateway.log.records[1].value


def test_a_revoked_key_pauses_and_a_second_one_goes_on(made: Made, gateway: Gateway) -> None:
    first, second = (gateway.keys.add("/units/district-taxation") for _ in range(2))
    mine = {**GOOD, "source": "/units/district-taxation", "type": "source.heartbeat", "data": {}}
    alone, both = made(first.whole), made((first.whole, second.whole))
    assert both.send([mine]) == Delivered(1, 0)
    line = gateway.keys.ring.found(first.whole, NOW)
    assert line is not None
    gateway.keys.put(first.id, replace_key(line.key))
    alone.put({**mine, "id": "later"})
    with pytest.raises(Paused, match="refuses the API key.*the events wait"):
        alone.flush()
    assert alone.waiting == 1
    assert both.flush() == Delivered(1, 0), "they share a spool"
    line = gateway.keys.ring.found(second.whole, NOW)
    assert line is not None
    gateway.keys.put(second.id, replace_key(line.key))
    with pytest.raises(Paused, match="refuses all API keys"):
        both.send([{**mine, "id": "last"}])
    assert both.waiting == 1


def replace_key(key: Any) -> Any:
    """The key, revoked."""
    return key._replace(revoked_at=NOW)


def test_an_address_that_is_no_gateway_pauses(made: Made) -> None:
    client = made(to=made_elsewhere(made))
    client.put(event(1))
    with pytest.raises(Paused, match="404.*is it the address of a gateway"):
        client.flush()
    assert client.waiting == 1


@pytest.mark.parametrize(
    ("error", "wait"),
    [(Uncertain("no answer"), True), (Uncertain("busy", 3.0), 3.0), (Paused("no key"), False), (KeyError(1), False)],
)
def test_only_what_is_uncertain_is_sent_again(error: Exception, wait: bool | float) -> None:
    assert _wait_after(error) == wait


@pytest.mark.slow
def test_it_is_sent_again_until_the_gateway_is_there(made: Made, gateway: Gateway) -> None:
    (port,) = free_ports(1)
    client = made(to=f"http://127.0.0.1:{port}", patience=60)
    starting = threading.Timer(0.3, lambda: served_then(gateway, port, done))
    done = threading.Event()
    starting.start()
    assert client.send([event(1)]) == Delivered(1, 0)
    done.set()
    starting.join()


def served_then(gateway: Gateway, port: int, done: threading.Event) -> None:
    with served(gateway.app, port):
        done.wait(60)


def made_elsewhere(made: Made) -> str:
    client = made()
    inner = client._client if isinstance(client, Awaited) else client
    return inner._url.replace("/events", "/elsewhere")


def test_while_another_process_sends_the_events_wait(made: Made, tmp_path: Path) -> None:
    client = made()
    client.put(event(1))
    other = Spool(tmp_path / "spool.sqlite")
    with other.sending(), pytest.raises(BeingSent):
        client.flush()
    other.close()
    assert client.flush() == Delivered(1, 0)


@pytest.mark.slow
def test_while_the_gateway_is_away_for_one_sender_another_takes_its_turn(made: Made) -> None:
    away = made(to=f"http://127.0.0.1:{free_ports(1)[0]}", patience=60)
    other = made(patience=10)
    away.put(event(1))
    found: list[Delivered] = []
    waiting = threading.Thread(target=lambda: found.append(away.flush()))
    waiting.start()
    time.sleep(0.2)
    assert other.flush() == Delivered(1, 0)
    waiting.join(10)
    assert found == [Delivered()]


@pytest.mark.parametrize("given", [b"[1]", b"{", "no", b'"text"', b"\xff{}", {"a": {1, 2}}, {"a": "x" * LARGEST_EVENT}])
def test_what_is_no_event_is_refused_at_once_and_nothing_of_it_is_kept(made: Made, given: Event) -> None:
    client = made()
    with pytest.raises(NotAnEvent):
        client.send([event(1), given])
    assert client.waiting == 0


@pytest.mark.parametrize("url", ["", "gateway:19102", "ftp://gateway", "https://", "http://[::1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        Client(url, "kw_1_2")


@pytest.mark.parametrize("keys", ["", (), ("kw_1", ""), "kw 1", "kw_1\n", "kw_é"])
def test_what_is_no_key_is_refused_and_not_shown(keys: str | tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="no API key, or one with blanks") as refused:
        Client("http://127.0.0.1:1", keys)
    assert "kw" not in str(refused.value).replace("kpiwatch", "")


def test_without_a_file_the_spool_is_in_memory(url: str, gateway: Gateway) -> None:
    with Client(url, gateway.key) as client:
        assert client.send([event(1), BAD]) == Delivered(1, 1)
        assert len(client.parked()) == 1


# ---- what an answer means --------------------------------------------------------------------------------------
@contextmanager
def delivery(count: int, keys: Sequence[str] = ("kw_1",)) -> Iterator[Delivery]:
    spool = Spool(None)
    spool.add([Entry(b"%d" % n) for n in range(count)])
    yield Delivery(spool, keys)
    spool.close()


def numbers(sender: Delivery) -> list[int]:
    request = sender.request()
    return [] if request is None else orjson.loads(request.body)


def problem(index: int, **others: object) -> Mapping[str, object]:
    return {"index": index, "title": "malformed", "path": "", "detail": "d", "remedy": "r", **others}


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html>Please sign in</html>"),
        Reply(200, b'{"accepted": 3}'),
        Reply(202, b""),
        Reply(202, b'{"accepted": 2}'),
        Reply(202, b"[3]"),
        Reply(301, b""),
        Reply(400, b"<html>The plain HTTP request was sent to HTTPS port</html>"),
        Reply(400, b'{"type": "urn:kpiwatch:problem:arrival_refused"}'),
        Reply(403, b'{"detail": "not yours"}'),
        Reply(404, b""),
        Reply(415, b"{}"),
        Reply(422, b"{}"),
        Reply(422, orjson.dumps({"accepted": 2, "problems": [{"index": 0}]})),
        Reply(422, orjson.dumps({"accepted": 2, "problems": [problem(3)]})),
        Reply(422, orjson.dumps({"accepted": 2, "problems": [problem(-1)]})),
        Reply(422, orjson.dumps({"accepted": 1, "problems": [problem(0)]})),
        Reply(422, orjson.dumps({"accepted": 1, "problems": [problem(0), problem(0)]})),
        Reply(422, orjson.dumps({"accepted": 2, "problems": [17]})),
    ],
)
def test_an_answer_that_does_not_say_what_became_of_each_event_pauses_and_removes_nothing(reply: Reply) -> None:
    with delivery(3) as sender:
        assert numbers(sender) == [0, 1, 2]
        with pytest.raises(Paused, match="wait"):
            sender.take(reply)
        assert numbers(sender) == [0, 1, 2]


@pytest.mark.parametrize("status", [425, 429, 500, 502, 503, 504, 599])
def test_an_uncertain_answer_is_followed_by_the_same_bytes(status: int) -> None:
    with delivery(3) as sender:
        before = sender.request()
        with pytest.raises(Uncertain):
            sender.take(Reply(status, b"<html>"))
        assert sender.request() == before


@pytest.mark.parametrize(
    ("said", "least", "most"),
    [
        ("7", 7.0, 7.5),
        ("0", 0.0, 0.5),
        ("-5", 0.0, 0.5),
        ("nan", 0.0, 0.5),
        ("inf", 300.0, 300.5),
        ("86400", 300.0, 300.5),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0, 0.5),
        ("Fri, 31 Dec 2199 23:59:59 GMT", 300.0, 300.5),
    ],
)
def test_it_waits_as_long_as_the_gateway_says_within_reason(said: str, least: float, most: float) -> None:
    with delivery(1) as sender:
        sender.request()
        with pytest.raises(Uncertain) as uncertain:
            sender.take(Reply(503, b"", said))
        assert uncertain.value.after is not None and least <= uncertain.value.after <= most


@pytest.mark.parametrize("said", [None, "soon", ""])
def test_without_a_time_it_waits_by_its_own_rule(said: str | None) -> None:
    with delivery(1) as sender:
        sender.request()
        with pytest.raises(Uncertain) as uncertain:
            sender.take(Reply(503, b"", said))
        assert uncertain.value.after is None


def test_a_batch_that_cannot_be_read_is_halved_until_the_event_is_found() -> None:
    unreadable = Reply(
        400, orjson.dumps({"type": "urn:kpiwatch:problem:unreadable_body", "detail": "d", "remedy": "r"})
    )
    total = Delivered()
    with delivery(40) as sender:
        for _ in range(40):
            sent = numbers(sender)
            if not sent:
                break
            answer = unreadable if 13 in sent else Reply(202, orjson.dumps({"accepted": len(sent)}))
            total = total.plus(sender.take(answer))
    assert total == Delivered(39, 1)


def test_a_batch_that_is_too_large_for_a_proxy_is_sent_in_smaller_ones() -> None:
    sizes = []
    with delivery(40) as sender:
        while sent := numbers(sender):
            sizes.append(len(sent))
            sender.take(Reply(413, b"<html>") if len(sent) > 12 else Reply(202, b'{"accepted": %d}' % len(sent)))
    assert sizes == [40, 20, 10, 10, 10, 10], "once it knows the size it keeps to it"


DEFECT = Reply(503, b'{"type": "urn:kpiwatch:problem:defect", "detail": "the gateway failed"}', "0")
SILENT = NoReply("the gateway did not answer in time", under_way=True)


def deliver(
    sender: Delivery,
    answer: Callable[[Sequence[int]], Reply | NoReply],
    most: int,
    after_doubt: Callable[[Delivery], Delivery] = lambda sender: sender,
) -> tuple[Delivered, int]:
    """All that waits, in at most so many requests; what became of it, and in how many requests. `after_doubt`: who goes
    on after an uncertain answer."""
    total, requests = Delivered(), 0
    while sent := numbers(sender):
        requests += 1
        assert requests <= most, "it would go on for ever"
        try:
            total = total.plus(sender.take(answer(sent)))
        except Uncertain:
            sender = after_doubt(sender)
    return total, requests


def another_process(sender: Delivery) -> Delivery:
    """As cron starts it, with the same spool."""
    return Delivery(sender._spool, ["kw_1"])


PROCESSES = pytest.mark.parametrize("after_doubt", [lambda sender: sender, another_process], ids=["one", "cron"])


def accepted(sent: Sequence[int]) -> Reply:
    return Reply(202, b'{"accepted": %d}' % len(sent))


@PROCESSES
@pytest.mark.parametrize("slow", [Reply(408, b"{}"), SILENT, Reply(413, b"")])
def test_a_batch_that_is_too_large_for_the_line_is_sent_in_smaller_ones(
    slow: Reply | NoReply, after_doubt: Callable[[Delivery], Delivery]
) -> None:
    with delivery(1_000) as sender:
        total, requests = deliver(sender, lambda sent: slow if len(sent) > 20 else accepted(sent), 150, after_doubt)
    assert total == Delivered(1_000, 0)
    assert requests < 1_000 / 15 + 15 + 6, "a larger one is tried seldom"


def test_once_the_line_is_good_again_the_batches_are_large_again() -> None:
    with delivery(4_000) as sender:
        for _ in range(8):
            sender.request()
            sender.take(Reply(408, b""))
        assert len(numbers(sender)) == 1
        assert deliver(sender, accepted, 250)[0] == Delivered(4_000, 0)


def test_one_that_is_too_slow_alone_waits_and_is_named() -> None:
    spool = Spool(None)
    spool.add([Entry(b"{}", "a.jsonl", 7), Entry(b"{}")])
    sender = Delivery(spool, ["kw_1"])
    for answer in (Reply(408, b""), Reply(408, b"")):
        sender.request()
        with suppress(Uncertain):
            sender.take(answer)
    sender.request()
    with pytest.raises(Uncertain, match="408; it was one event alone, a.jsonl:7"):
        sender.take(Reply(408, b""))
    assert (spool.waiting, spool.parked_count) == (2, 0)
    spool.close()


def test_without_a_connection_the_batch_stays_as_it_is() -> None:
    with delivery(40) as sender:
        for _ in range(50):
            assert len(numbers(sender)) == 40
            with pytest.raises(Uncertain):
                sender.take(NoReply("the gateway does not answer", under_way=False))


@PROCESSES
@pytest.mark.parametrize("bad", [{13}, {0}, {39}, {13, 14, 15}, {0, 20, 39}])
def test_events_with_which_the_gateway_fails_are_parked_and_the_others_go_on(
    bad: set[int], after_doubt: Callable[[Delivery], Delivery]
) -> None:
    with delivery(40) as sender:
        total, _ = deliver(sender, lambda sent: DEFECT if bad & set(sent) else accepted(sent), 200, after_doubt)
        parked = sender._spool.parked()
    assert total == Delivered(40 - len(bad), len(bad))
    assert {int(each.event) for each in parked} == bad
    assert {each.refusal.reason for each in parked} == {"defect"}


@PROCESSES
def test_a_gateway_that_always_fails_parks_hardly_anything(after_doubt: Callable[[Delivery], Delivery]) -> None:
    with delivery(40) as sender:
        for _ in range(1_000):
            sender.request()
            try:
                sender.take(DEFECT)
            except Uncertain:
                sender = after_doubt(sender)
        assert 0 < sender._spool.parked_count < 9


def test_one_event_that_is_too_large_alone_is_parked() -> None:
    with delivery(3) as sender:
        total, _ = deliver(sender, lambda sent: Reply(413, b"<html>") if 1 in sent else accepted(sent), 20)
        (parked,) = sender._spool.parked()
    assert total == Delivered(2, 1)
    assert parked.refusal.reason == "too_large" and "proxy" in parked.refusal.remedy


def test_the_bounds_are_those_of_the_contract() -> None:
    assert LARGEST_EVENT == admission.LARGEST_EVENT
    assert MOST_EVENTS <= GATEWAYS_MOST
    assert 4 * 1024 * 1024 + LARGEST_EVENT + MOST_EVENTS < LARGEST_BODY


# ---- what an integrator installs --------------------------------------------------------------------------------
ROOT = Path(__file__).parents[2]


def test_the_package_is_typed_and_its_names_are_those_that_it_lists() -> None:
    import kpiwatch
    from kpiwatch import client

    for package in (kpiwatch, __import__("services")):
        assert (Path(str(package.__file__)).parent / "py.typed").exists()
    assert sorted(client.__all__) == client.__all__
    assert all(hasattr(client, name) for name in client.__all__)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "services/public" in project["tool"]["setuptools"]["packages"]["find"]["where"]
