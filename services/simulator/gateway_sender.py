"""Sends the events of a feed to the gateway, as sources do: each source with a key of its own.

Only the arrivals are given, which a gateway with a simulated clock allows (`services/messaging/arrival_header.py`).
"""

import logging
import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby, islice
from pathlib import Path
from typing import Final

import httpx
import orjson
import stamina

from services.messaging.arrival_header import ARRIVAL, written
from services.runtime.key_file import read_keys
from services.simulator.feed import FeedFailed
from services.simulator.simulation import Event

log: Final = logging.getLogger("services.simulator")

_MOST_QUEUED: Final = 2_000
_BATCH: Final = 200
"""Events of one request: their arrivals fit into a header."""
_AT_ONCE: Final = 8
_PATIENCE_SECONDS: Final = 60.0
_FIRST_WAIT: Final = 0.5
_LONGEST_WAIT: Final = 5.0
_PUSH_SECONDS: Final = 0.05
"""A fast clock brings an event every few milliseconds: those of so long go together."""
_AGAIN: Final = frozenset({408, 429, 503})
_RECEIVED: Final = re.compile(rb'"receivedat":"[^"]*",')


class _Uncertain(FeedFailed):
    """Nobody knows what is stored: the same is sent again."""

    def __init__(self, url: str, problem: str, after: float | None = None) -> None:
        """`after`: so many seconds are to pass before, if the gateway has said so."""
        super().__init__(_failed(url, problem))
        self.problem = problem
        self.after = after


class GatewaySender:
    """A `feed.Sender` that speaks HTTP. What the gateway refuses is counted; what is uncertain is sent again."""

    def __init__(self, url: str, keys: Path, http: httpx.Client | None = None) -> None:
        """`keys`: the file that `kpiwatch sources add-keys` writes. FeedFailed if it cannot be read."""
        self._url = url.rstrip("/") + "/events"
        self._keys = _read_keys(keys)
        self._queued: dict[str, list[Event]] = {}
        self._number = 0
        self._http = http or httpx.Client(timeout=30, trust_env=False)
        self._pushed_at = 0.0
        self._threads = ThreadPoolExecutor(_AT_ONCE)
        self._refused = 0

    def send(self, event: Event) -> None:
        self._queued.setdefault(event.source, []).append(event)
        self._number += 1
        if self._number >= _MOST_QUEUED:
            self.flush()

    def push(self) -> None:
        if time.monotonic() - self._pushed_at > _PUSH_SECONDS:
            self.flush()

    def flush(self) -> None:
        queued, self._queued, self._number = self._queued, {}, 0
        for refused in self._threads.map(self._send_all, queued, queued.values()):
            self._refused += refused
        self._pushed_at = time.monotonic()

    @property
    def refused(self) -> int:
        """By the gateway."""
        return self._refused

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        self._http.close()

    def _send_all(self, source: str, events: Sequence[Event]) -> int:
        """Send the events of a source in their order; how many were refused."""
        return sum(self._post(source, *request) for request in _requests(events))

    def _post(self, source: str, content: bytes, media: str, arrivals: str) -> int:
        """How many of the events were refused."""
        if source not in self._keys:
            raise FeedFailed(f"{source}: there is no key of it. Make one: kpiwatch sources add-keys")
        headers = {"Authorization": f"Bearer {self._keys[source]}", "Content-Type": media, ARRIVAL: arrivals}
        for attempt in stamina.retry_context(
            on=_wait_after,
            attempts=None,
            timeout=_PATIENCE_SECONDS,
            wait_initial=_FIRST_WAIT,
            wait_max=_LONGEST_WAIT,
        ):
            with attempt:
                return self._ask(content, headers)
        raise AssertionError("the last attempt returns or raises")

    def _ask(self, content: bytes, headers: dict[str, str]) -> int:
        """How many of the events were refused. FeedFailed; _Uncertain where the same helps."""
        try:
            answer = self._http.post(self._url, content=content, headers=headers)
        except httpx.TransportError:
            raise _Uncertain(self._url, "it does not answer") from None
        refused = _refused(answer, content)
        if refused is not None:
            return refused
        problem = f"it answers {answer.status_code}"
        if answer.status_code in _AGAIN:
            after = answer.headers.get("Retry-After")
            raise _Uncertain(self._url, problem, None if after is None else float(after))
        raise FeedFailed(_failed(self._url, problem))


def _wait_after(error: Exception) -> bool | float:
    """Whether the same is sent again, or after how many seconds."""
    if not isinstance(error, _Uncertain):
        return False
    log.warning("the gateway: %s; the same is sent again", error.problem)
    return True if error.after is None else error.after


def _refused(answer: httpx.Response, content: bytes) -> int | None:
    """How many events an answer refuses for what they are; None where it says nothing about single events. Only what
    is no JSON is refused as a whole."""
    match answer.status_code:
        case 202:
            return 0
        case 422:
            return len(orjson.loads(answer.content)["problems"])
        case 400 if not _is_json(content):
            return 1
    return None


def _failed(url: str, problem: str) -> str:
    return f"the gateway at {url}: {problem}. Start the feed again once it does: it continues from its last position"


def _read_keys(file: Path) -> dict[str, str]:
    try:
        return read_keys(file)
    except (OSError, ValueError) as error:
        raise FeedFailed(
            f"{file}: no keys can be read ({type(error).__name__}). Make them: kpiwatch sources add-keys {file}"
        ) from None


def _requests(events: Sequence[Event]) -> Iterator[tuple[bytes, str, str]]:
    """Body, media type and arrivals of each request. What is no JSON goes alone: it would spoil a batch."""
    for is_json, several in groupby(events, key=lambda event: _is_json(event.line)):
        waiting, size = iter(several), _BATCH if is_json else 1
        while batch := list(islice(waiting, size)):
            arrivals = written([each.received for each in batch])
            lines = b",".join(_RECEIVED.sub(b"", each.line, count=1) for each in batch)
            if is_json:
                yield b"[" + lines + b"]", "application/cloudevents-batch+json", arrivals
            else:
                yield lines, "application/cloudevents+json", arrivals


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except ValueError:
        return False
    return True
