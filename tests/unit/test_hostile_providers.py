"""What answers in the place of a provider may be anything: every channel makes an outcome of it, in time, and takes
nothing for a success that is none."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import orjson
import pytest

from services.local.message_doubles.desk import Desk
from services.notifier.channels.calls import LARGEST_ANSWER, Answer, Calls, Patience
from services.notifier.channels.codes import Codes, by_status, wait_of
from services.notifier.channels.message import Accepted, Message, Outcome, Refused, Retry, Uncertain
from tests.unit.message_doubles import CANARY, KINDS, Clock, Doubles

MESSAGE = Message(12, "标题", "正文", "text", "https://desk.example/notices/12", "liangjiang-water")
HTTP = [kind for kind in KINDS if kind != "email"]
WITHOUT_TOKEN = ("wecom_robot", "dingtalk_robot", "feishu_robot")
PATIENCE = Patience(connect=2.0, answer=1.0, whole=1.5)

Script = Callable[[socket.socket], None]


def http(status: str, body: bytes, *headers: str) -> Script:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return lambda connection: connection.sendall("\r\n".join(lines).encode() + body)


def drip(first: bytes) -> Script:
    """A byte now and then, for ever: no wait for the network is long."""

    def script(connection: socket.socket) -> None:
        connection.sendall(first)
        while True:
            time.sleep(0.1)
            connection.sendall(b"x")

    return script


class Anything:
    """Listens on a port of its own, and does to each connection what its script says."""

    def __init__(self, script: Script, greets: bool) -> None:
        self._script = script
        self._greets = greets
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if not self._greets:
                connection.recv(65_536)
            self._script(connection)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def answered() -> Iterator[Callable[[str, Script], Outcome]]:
    """The outcome of a message by a channel of a kind whose provider follows a script."""
    running: list[Anything] = []

    def send(kind: str, script: Script) -> Outcome:
        server = Anything(script, greets=kind == "email")
        running.append(server)
        doubles = Doubles(f"http://127.0.0.1:{server.port}", server.port, Desk(), Clock(), Calls(PATIENCE))
        channel = doubles.channel(kind)
        outcome = channel.send(channel.render(MESSAGE), "kw-12-a")
        assert CANARY not in str(outcome)
        return outcome

    yield send
    for one in running:
        one.close()


NO_SUCCESS = {
    "no JSON": http("200 OK", b"<html>welcome</html>"),
    "a list": http("200 OK", b"[0]"),
    "nothing": http("200 OK", b""),
    "deep": http("200 OK", b"[" * 100_000),
    "huge": http("200 OK", b" " * (LARGEST_ANSWER + 1) + b'{"errcode":0,"code":0}'),
    "packed": http("200 OK", b'{"errcode":0,"code":0}', "Content-Encoding: gzip"),
    "true": http("200 OK", b'{"errcode":true,"code":false}'),
    "null": http("200 OK", b'{"errcode":null,"code":null}'),
    "cut": lambda connection: connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"errcode":0'),
    "two lengths": http("200 OK", b'{"errcode":0,"code":0}', "Content-Length: 3"),
    "no HTTP": lambda connection: connection.sendall(b"220 mail.example ESMTP\r\n"),
    "at once gone": lambda connection: None,
}


@pytest.mark.parametrize("kind", WITHOUT_TOKEN)
@pytest.mark.parametrize("what", NO_SUCCESS)
def test_what_does_not_say_that_it_was_taken_is_uncertain(
    answered: Callable[[str, Script], Outcome], kind: str, what: str
) -> None:
    assert isinstance(answered(kind, NO_SUCCESS[what]), Uncertain)


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize("what", ["no JSON", "deep", "huge", "packed", "cut", "no HTTP"])
def test_no_application_takes_it_for_a_success(
    answered: Callable[[str, Script], Outcome], kind: str, what: str
) -> None:
    outcome = answered(kind, NO_SUCCESS[what])
    assert isinstance(outcome, Retry | Uncertain) or (kind == "webhook" and what in ("no JSON", "deep"))


@pytest.mark.parametrize("kind", HTTP)
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
def test_a_redirect_is_followed_nowhere_and_is_a_fault_of_the_address(
    answered: Callable[[str, Script], Outcome], kind: str, status: str
) -> None:
    outcome = answered(kind, http(status, b"", f"Location: http://127.0.0.1:1/{CANARY}"))
    assert isinstance(outcome, Retry) and outcome.of_account


@pytest.mark.parametrize("kind", WITHOUT_TOKEN)
@pytest.mark.parametrize(("code", "outcome"), [("0", Accepted), (0.0, Accepted), ("424242", Retry), (4.5, Uncertain),
                                               ("zero", Uncertain), ("9" * 400, Uncertain)])  # fmt: skip
def test_a_code_counts_however_it_is_written(
    answered: Callable[[str, Script], Outcome], kind: str, code: object, outcome: type[Outcome]
) -> None:
    assert isinstance(answered(kind, http("200 OK", orjson.dumps({"errcode": code, "code": code}))), outcome)


@pytest.mark.slow
@pytest.mark.parametrize("first", [b"", b"HTTP/1.1 200 OK\r\nX-", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"])
def test_what_answers_a_byte_now_and_then_ends_in_time(
    answered: Callable[[str, Script], Outcome], first: bytes
) -> None:
    began = time.monotonic()
    assert isinstance(answered("wecom_robot", drip(first)), Uncertain)
    assert time.monotonic() - began < 20


@pytest.mark.slow
def test_a_mail_server_that_greets_a_byte_now_and_then_ends_in_time(
    answered: Callable[[str, Script], Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.notifier.channels.email._WHOLE_SECONDS", 1.0)
    began = time.monotonic()
    outcome = answered("email", drip(b"220 "))
    assert isinstance(outcome, Retry) and outcome.of_account
    assert time.monotonic() - began < 20


def mail(*replies: bytes) -> Script:
    """A mail server that greets, and gives these replies, the last one of them for ever."""

    def script(connection: socket.socket) -> None:
        connection.sendall(b"220 mail.example\r\n")
        for number in range(30):
            heard = connection.recv(65_536)
            connection.sendall(replies[min(number, len(replies) - 1)] if heard else b"")

    return script


OK = b"250 fine\r\n"
GO = b"354 go on\r\n"


@pytest.mark.parametrize(("replies", "outcome"), [
    ((OK, OK, OK, GO, OK), Accepted),
    ((OK, OK, OK, GO, b"banana\r\n"), Uncertain),
    ((OK, OK, OK, GO, b"354 go on\r\n"), Uncertain),
    ((OK, OK, OK, GO, b"999 what\r\n"), Uncertain),
    ((OK, OK, OK, b"250 fine\r\n"), Retry),
    ((OK, OK, b"banana\r\n"), Retry),
    ((OK, b"199 wait\r\n"), Retry),
    ((b"banana\r\n",), Retry),
    ((OK, OK, b"550 nobody\r\n"), Refused),
    ((OK, OK, OK, GO, b"250 " + b"x" * 20_000 + b"\r\n"), Uncertain),
])  # fmt: skip
def test_a_mail_is_taken_by_a_250_at_its_end_and_by_nothing_else(
    answered: Callable[[str, Script], Outcome], replies: tuple[bytes, ...], outcome: type[Outcome]
) -> None:
    assert isinstance(answered("email", mail(*replies)), outcome)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "120"}, 120),
        ({"retry-after": "999999999"}, 3_600),
        ({"retry-after": "Tue, 12 Oct 2021 09:02:00 GMT", "date": "Tue, 12 Oct 2021 09:00:00 GMT"}, 120),
        ({"retry-after": "Tue, 12 Oct 2021 08:00:00 GMT", "date": "Tue, 12 Oct 2021 09:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, 0),
        ({"retry-after": "-5"}, 0),
        ({}, 0),
    ],
)
def test_how_long_an_answer_asks_to_wait(headers: dict[str, str], seconds: float) -> None:
    assert wait_of(Answer(503, headers)) == seconds
    outcome = by_status(Answer(503, headers))
    assert isinstance(outcome, Retry) and (outcome.after_seconds, outcome.closes) == (seconds, seconds > 0)


def test_an_unknown_code_never_finishes_a_notice() -> None:
    assert isinstance(Codes("errcode").outcome(Answer(200, {}, {"errcode": 12345})), Retry)
