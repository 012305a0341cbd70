"""Requests to an ASGI application without a socket."""

import asyncio
from typing import Any

import httpx
from fastapi import FastAPI


def request(app: FastAPI, method: str, path: str, **what: Any) -> httpx.Response:
    """`what`: as httpx takes it (json, content, headers)."""

    async def asked() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
            return await client.request(method, path, **what)

    return asyncio.run(asked())


def get(app: FastAPI, path: str) -> httpx.Response:
    return request(app, "GET", path)
