"""The client for programs with an event loop (asyncio, Trio). It decides by `delivery`, as the other one does."""

import ssl
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2
from anyio.to_thread import run_sync

from services.client.client import (
    TIMEOUT,
    Event,
    attempts,
    events_url,
    keys_of,
    no_reply,
    opened,
    reply_of,
    resend,
)
from services.client.delivery import Delivered, Delivery, NoAnswer, NoReply, Reply, Request, event_bytes
from services.client.spool import Entry, Parked, Spool


class AsyncClient:
    """As `Client`, with the same arguments; nothing in it blocks the loop."""

    def __init__(
        self,
        url: str,
        keys: str | Sequence[str],
        spool: Spool | Path | str | None = None,
        *,
        patience: float | None = 60.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """As of `Client`."""
        self._url = events_url(url)
        self._patience = patience
        self.spool = opened(spool)
        self._delivery = Delivery(self.spool, keys_of(keys))
        self._http = httpx2.AsyncClient(timeout=TIMEOUT, verify=True if tls is None else tls)

    async def put(self, event: Event) -> None:
        """Keep an event for the gateway. It is on the disk when this returns. NotAnEvent, SpoolUnusable."""
        await run_sync(self.spool.add, [Entry(event_bytes(event))])

    async def send(self, events: Iterable[Event]) -> Delivered:
        """Put all events, or none, and `flush`."""
        await run_sync(self.spool.add, [Entry(event_bytes(event)) for event in events])
        return await self.flush()

    async def flush(self) -> Delivered:
        """Send all that waits, in its order. Raises NoAnswer, Paused, BeingSent; the events stay in the spool."""
        total = Delivered()
        while (delivered := await self._deliver()) is not None:
            total = total.plus(delivered)
        return total

    async def _deliver(self) -> Delivered | None:
        async for attempt in attempts(self._patience):
            with attempt, self.spool.sending():
                request = await run_sync(self._delivery.request)
                return None if request is None else await run_sync(self._delivery.take, await self._ask(request))
        raise NoAnswer("the gateway does not answer")

    async def _ask(self, request: Request) -> Reply | NoReply:
        try:
            return reply_of(await self._http.post(self._url, content=request.body, headers=request.headers))
        except httpx2.TransportError as error:
            return no_reply(error)

    async def waiting(self) -> int:
        """How many events wait."""
        return await run_sync(lambda: self.spool.waiting)

    async def parked(self) -> list[Parked]:
        """The events that were refused, each with its reason; the oldest first."""
        return await run_sync(self.spool.parked)

    async def resend(self, number: int, event: Event | None = None) -> None:
        """As of `Client`."""
        await run_sync(resend, self.spool, number, event)

    async def forget(self, number: int) -> None:
        """Give up a parked event. KeyError."""
        await run_sync(self.spool.forget, number)

    async def close(self) -> None:
        """End the connections. What waits stays in the file of the spool."""
        await self._http.aclose()
        self.spool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
