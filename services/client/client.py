"""The client for programs that block."""

import random
import ssl
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx2
import stamina

from services.client.delivery import Delivered, Delivery, NoAnswer, NoReply, Reply, Request, Uncertain, event_bytes
from services.client.spool import BeingSent, Entry, Parked, Spool

Event = Mapping[str, Any] | bytes | str
"""One event: a mapping that can be written as JSON, or its JSON."""
TIMEOUT: Final = httpx2.Timeout(60.0, connect=10.0)
"""Seconds for one answer: the gateway waits for its broker, and answers before that."""
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 30.0


def attempts(patience: float | None) -> Any:
    """Attempts at one request: after an uncertain answer the same again, later and later, or when the gateway says;
    soon where somebody else sends from the spool."""
    once = patience is not None and patience <= 0
    return stamina.retry_context(
        on=_wait_after,
        attempts=1 if once else None,
        timeout=None if once else patience,
        wait_initial=_FIRST_WAIT,
        wait_max=_LONGEST_WAIT,
    )


def _wait_after(error: Exception) -> bool | float:
    if isinstance(error, BeingSent):
        return random.uniform(0.05, 0.5)
    if isinstance(error, Uncertain) and error.after is not None:
        return error.after
    return isinstance(error, Uncertain)


def events_url(url: str) -> str:
    """Where events are posted. ValueError for what is no address."""
    try:
        parts = httpx2.URL(url)
    except httpx2.InvalidURL as error:
        raise ValueError(f"{url!r} is no address: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.host:
        raise ValueError(f"{url!r} is no address of a gateway: write it as https://gateway.example:19102")
    return f"{str(parts).rstrip('/')}/events"


def opened(spool: Spool | Path | str | None) -> Spool:
    """The spool of a file, or one in memory."""
    return spool if isinstance(spool, Spool) else Spool(None if spool is None else Path(spool))


def reply_of(answer: httpx2.Response) -> Reply:
    """An answer, without the library."""
    return Reply(answer.status_code, answer.content, answer.headers.get("Retry-After"))


def resend(spool: Spool, number: int, event: Event | None) -> None:
    """Let a parked event wait again. What is no event, or larger than one may be, would block all behind it."""
    spool.resend(number, event_bytes(spool.parked_event(number) if event is None else event))


_WITHOUT_CONNECTION: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


def no_reply(error: httpx2.TransportError) -> NoReply:
    """What a failed exchange means: nobody knows whether the gateway has the events."""
    what = "did not answer in time" if isinstance(error, httpx2.TimeoutException) else "does not answer"
    sentence = f"the gateway {what} ({str(error) or type(error).__name__})"
    return NoReply(sentence, under_way=not isinstance(error, _WITHOUT_CONNECTION))


def keys_of(keys: str | Sequence[str]) -> Sequence[str]:
    """One key, or several."""
    return (keys,) if isinstance(keys, str) else tuple(keys)


class Client:
    """Sends events to a gateway.

    What `put` returned for is in the spool and survives the end of the process, whatever ends it. It leaves the spool
    once the gateway has accepted it (202), or refused it (422): then it is parked, with its reason. A client may be
    used by several threads.
    """

    def __init__(
        self,
        url: str,
        keys: str | Sequence[str],
        spool: Spool | Path | str | None = None,
        *,
        patience: float | None = 60.0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """
        Args:
            url: the gateway's address, without a path.
            keys: one API key of the source, or two: where one is refused, as after a rotation, the other is used.
            spool: a file, made where it is not there. None: memory only.
            patience: for so many seconds the same events are sent again where no answer comes; 0: once; None: for
                ever.
            tls: whom to trust; by default those whom the operating system trusts.

        Raises ValueError for an address or a key that is none, SpoolUnusable.
        """
        self._url = events_url(url)
        self._patience = patience
        self.spool = opened(spool)
        self._delivery = Delivery(self.spool, keys_of(keys))
        self._http = httpx2.Client(timeout=TIMEOUT, verify=True if tls is None else tls)

    def put(self, event: Event) -> None:
        """Keep an event for the gateway. It is on the disk when this returns. NotAnEvent, SpoolUnusable."""
        self.spool.add([Entry(event_bytes(event))])

    def send(self, events: Iterable[Event]) -> Delivered:
        """Put all events, or none, and `flush`."""
        self.spool.add([Entry(event_bytes(event)) for event in events])
        return self.flush()

    def flush(self, progress: Callable[[Delivered], None] = lambda delivered: None) -> Delivered:
        """Send all that waits, in its order. `progress` is called with what was delivered so far.

        Raises NoAnswer where the gateway accepts nothing for `patience` seconds, Paused where it refuses the sender,
        BeingSent where another process sends for as long. In each case the events stay in the spool.
        """
        total = Delivered()
        while (delivered := self._deliver()) is not None:
            total = total.plus(delivered)
            progress(total)
        return total

    def _deliver(self) -> Delivered | None:
        """What became of one request; None where nothing waits. Between two attempts somebody else may send."""
        for attempt in attempts(self._patience):
            with attempt, self.spool.sending():
                request = self._delivery.request()
                return None if request is None else self._delivery.take(self._ask(request))
        raise NoAnswer("the gateway does not answer")

    def _ask(self, request: Request) -> Reply | NoReply:
        try:
            return reply_of(self._http.post(self._url, content=request.body, headers=request.headers))
        except httpx2.TransportError as error:
            return no_reply(error)

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return self.spool.waiting

    def parked(self) -> list[Parked]:
        """The events that were refused, each with its reason; the oldest first."""
        return self.spool.parked()

    def resend(self, number: int, event: Event | None = None) -> None:
        """Let a parked event wait again, corrected where `event` is given. KeyError; NotAnEvent, also where what is
        parked is none: then it stays parked."""
        resend(self.spool, number, event)

    def forget(self, number: int) -> None:
        """Give up a parked event. KeyError."""
        self.spool.forget(number)

    def close(self) -> None:
        """End the connections. What waits stays in the file of the spool."""
        self._http.close()
        self.spool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
