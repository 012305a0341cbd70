"""One HTTP call to a provider: an answer, or what has become of the message without one.

Requests go through the transport of httpx2 itself: its client would log addresses, which hold the keys of robots, and
follow redirects and cookies. Each call has its own connection: a kept one may be closed by the other side just when it
is used again, and nobody could say whether that message was taken.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx2
import orjson

from services.notifier.channels.deadline import Deadline
from services.notifier.channels.message import Outcome, Retry, Uncertain

LARGEST_ANSWER = 256 * 1024
"""Bytes. Answers of providers have some hundred."""

_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
)
"""Errors before anything of the message has left."""
_WHOLE = re.compile(r"-?[0-9]{1,15}")
_PLAIN = {"Accept-Encoding": "identity"}
_NO_ADDRESS = Retry("地址无效 the address is none that can be called: enter it again", 600.0, of_account=True)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call may take, in seconds."""

    connect: float = 5.0
    answer: float = 10.0
    """For each wait for the network."""
    whole: float = 30.0
    """For everything, however often the other side sends a little."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] = field(default_factory=dict)
    """Empty where it is no JSON object."""

    def whole(self, name: str) -> int | None:
        """An integer of the body, such as its error code; None if there is none of that name. One that is written as a
        text or with a fraction of nothing is one: gateways in between write them so."""
        found = self.body.get(name)
        if isinstance(found, str) and _WHOLE.fullmatch(found):
            return int(found)
        if isinstance(found, float) and found.is_integer():
            return int(found)
        return found if type(found) is int else None


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that are trusted. Read once a process: it takes some 30 ms of CPU."""
    return httpx2.create_ssl_context(trust_env=False)


class Calls:
    """Makes calls; shared by all channels of a process."""

    def __init__(self, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        limits = httpx2.Limits(max_keepalive_connections=0, max_connections=64)
        self._transport = httpx2.HTTPTransport(verify=_trusted(), trust_env=False, limits=limits)

    def post(self, url: str, content: bytes, headers: Mapping[str, str] | None = None) -> Answer | Outcome:
        """A POST of JSON."""
        given = {"Content-Type": "application/json; charset=utf-8", **_PLAIN, **(headers or {})}
        return self._call("POST", url, content, given)

    def get(self, url: str, parameters: Mapping[str, str]) -> Answer | Outcome:
        """A GET."""
        try:
            whole = str(httpx2.URL(url, params=dict(parameters)))
        except (httpx2.InvalidURL, ValueError):
            return _NO_ADDRESS
        return self._call("GET", whole, b"", _PLAIN)

    def close(self) -> None:
        self._transport.close()

    def _call(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Answer | Outcome:
        patience = self._patience
        timeout = httpx2.Timeout(patience.answer, connect=patience.connect).as_dict()
        with Deadline(patience.whole) as deadline:
            extensions = {"timeout": timeout, "trace": _watching(deadline)}
            try:
                request = httpx2.Request(method, url, content=content, headers=dict(headers), extensions=extensions)
            except (httpx2.InvalidURL, ValueError):
                return _NO_ADDRESS
            return self._answer(request)

    def _answer(self, request: httpx2.Request) -> Answer | Outcome:
        try:
            response = self._transport.handle_request(request)
            try:
                body = _read(response)
            finally:
                response.close()
        except _NOT_SENT as error:
            return Retry(_why_not_sent(error), of_account=True)
        except (httpx2.UnsupportedProtocol, httpx2.LocalProtocolError, httpx2.InvalidURL, UnicodeError, OverflowError):
            return _NO_ADDRESS
        except httpx2.TimeoutException:
            return Uncertain("超时无应答 no answer in time")
        except (httpx2.RequestError, OSError, ValueError):
            return Uncertain("连接中断，未收到应答 the connection broke before the answer")
        if body is None:
            return Uncertain("应答未能读完 the answer could not be read to its end")
        return Answer(response.status_code, response.headers, _object(body))


def _watching(deadline: Deadline) -> Callable[[str, Mapping[str, Any]], None]:
    """Hands each connection of a call to its deadline."""

    def trace(event: str, facts: Mapping[str, Any]) -> None:
        if event == "connection.connect_tcp.complete":
            deadline.watch(facts["return_value"].get_extra_info("socket"))

    return trace


def _read(response: httpx2.Response) -> bytes | None:
    """The body; None if it is too large, or packed, which was not asked for and may unpack to anything."""
    if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
        return None
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            return None
    return bytes(body)


def _why_not_sent(error: Exception) -> str:
    """Without the text of the error, which may name the address."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "对方证书不受信任 its TLS certificate is not trusted"
        cause = cause.__cause__ or cause.__context__
    return "无法连接 it cannot be reached"


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}
