"""Requests to an ASGI application without a socket."""

import asyncio
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import orjson
from fastapi import FastAPI


def request(app: FastAPI, method: str, path: str, **what: Any) -> httpx.Response:
    """`what`: as httpx takes it (json, content, headers)."""

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
            return await client.request(method, path, **what)

    return asyncio.run(asked())


def get(app: FastAPI, path: str) -> httpx.Response:
    return request(app, "GET", path)


class Answer(NamedTuple):
    """What `call` returns, with the names that httpx uses."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return orjson.loads(self.content)


async def call(
    app: FastAPI, method: str, target: str, content: bytes = b"", headers: Mapping[str, str] | None = None
) -> Answer:
    """As `request`, for tests with thousands of requests: the application alone, without a client, which costs more
    than what is tested."""
    path, _, query = target.partition("?")
    sent = {"host": "app", "content-length": str(len(content)), **(headers or {})}
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path, "raw_path": quote(path).encode(), "query_string": quote(query, safe="=&").encode(),
        "root_path": "", "server": ("app", 80), "client": ("127.0.0.1", 1),
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
    }  # fmt: skip
    bodies = [{"type": "http.request", "body": content, "more_body": False}]
    got: list[MutableMapping[str, Any]] = []

    async def receive() -> MutableMapping[str, Any]:
        return bodies.pop() if bodies else await asyncio.Event().wait() and {}

    async def send(message: MutableMapping[str, Any]) -> None:
        got.append(message)

    await app(scope, receive, send)
    begin = got[0]
    named = {name.decode(): value.decode() for name, value in begin["headers"]}
    return Answer(begin["status"], named, b"".join(each.get("body", b"") for each in got[1:]))
