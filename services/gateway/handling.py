"""What happens to a request with events: who sends it, its body, admission, the answer.

The order of refusals: 401 and 503 before the body is read; then the body as a whole (400, 408, 413, 415, 429); then
the broker (503); last the single events (422). A 503 says nothing about single events: any of them may be in, so all
of them are sent again, unchanged.
"""

import asyncio
import logging
import time
import traceback
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Final, NamedTuple, Protocol, TypeVar

import orjson
from anyio import CapacityLimiter, to_thread
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from services.domain.intake.admission import Admission
from services.domain.time.zone import Instant
from services.gateway.admit import Admitted, admit_each
from services.gateway.event_log import EventRecord, NotAcknowledged
from services.gateway.figures import ACCEPTED, UNCERTAIN, Figures
from services.gateway.identity import Caller, Keys, caller
from services.gateway.places import Places
from services.gateway.problems import PROBLEM, Problem, refused_body
from services.gateway.rate import RateLimit
from services.gateway.resending import Incoming
from services.gateway.wire import LARGEST_BODY, MOST_EVENTS, HttpHeaders, Sent, events_of, header, too_large, unpacked
from services.messaging.arrival_header import ARRIVAL, read
from services.runtime.clock import Clock

log: Final = logging.getLogger("services.gateway")
audit: Final = logging.getLogger("services.gateway.audit")

QUESTIONS_A_SECOND: Final = 20.0
"""Of one source about itself, to one gateway on average; ten seconds' worth may come at once."""
_READ_AT_ONCE: Final = 16
"""Questions of all sources that threads answer. A question in hand has a thread, so that none waits for another's."""
LOOKUPS: Final = 34
"""Questions of all sources that are answered elsewhere, with those that wait."""
_BODY_SECONDS: Final = 30.0
_RETRY_SECONDS: Final = 2.0

T = TypeVar("T")


class Log(Protocol):
    """Where admitted events are written."""

    def write(self, records: list[EventRecord]) -> None:
        """Returns once all are acknowledged. Raises NotAcknowledged."""


class Parts(NamedTuple):
    """What a gateway works with."""

    keys: Keys
    admission: Admission
    log: Log
    clock: Clock
    note_use: Callable[[str], None]
    """Called with the id of each key that was used."""
    rate: RateLimit
    queue: int
    """How many requests are in hand at most."""


class Asked(NamedTuple):
    """What is asked of the events of a request."""

    route: str
    atomic: bool = False
    """All of them, or none: if one is refused, none is written."""
    dry: bool = False
    """Nothing is written; the answer is the same."""


class Seats(Protocol):
    """How many questions are in hand at once."""

    def taken(self, source: str) -> AbstractContextManager[None]:
        """A place for a question of a source. Raises Problem where there is none."""


class Question(NamedTuple):
    """A question about events that are sent with it."""

    most: int
    """Events of one question."""
    seats: Seats
    answer: Callable[[Caller, list[Sent], Instant], Awaitable[bytes]]
    """As JSON; the instant is the arrival. May raise Problem."""


class _Answer(NamedTuple):
    status: int
    body: bytes
    accepted: int = 0
    refused: int = 0
    retry_after: float | None = None


class Handling:
    """Answers requests with events."""

    def __init__(self, parts: Parts, questions: float = QUESTIONS_A_SECOND) -> None:
        """`questions`: of one source a second."""
        self._parts = parts
        self._queue = Places(parts.queue, "requests")
        """Of requests with a body."""
        self._read_here = Places(_READ_AT_ONCE, "questions")
        self._lookups = Places(LOOKUPS, "questions")
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        """Source → the lookup of it that is worked on. The others of it wait behind it, not before those of others."""
        self._threads: CapacityLimiter | None = None
        self._reading: CapacityLimiter | None = None
        """Of questions, which wait for the broker: they take no thread from events."""
        self._questions = RateLimit(questions, parts.rate.seconds)
        self.figures = Figures(lambda: self._queue.in_hand, lambda: parts.keys.is_current)

    @property
    def is_ready(self) -> bool:
        """Whether requests are served now."""
        return self._parts.keys.is_current

    async def answer(self, request: Request, asked: Asked) -> Response:
        """The answer to a request with events."""
        return await self._answered(request, asked.route, lambda who: self._with_events(request, who, asked))

    async def report(self, request: Request, route: str, content: Callable[[Caller], bytes]) -> Response:
        """The answer to a question of a source about itself. `content`: the answer as JSON; may raise Problem."""

        async def answer(who: Caller) -> _Answer:
            self._refuse_haste(self._questions, who, "questions")
            return _Answer(200, await self._in_thread(lambda: content(who), who))

        return await self._answered(request, route, answer)

    async def inform(self, request: Request, route: str, content: Callable[[Caller], Awaitable[bytes]]) -> Response:
        """The answer to such a question that is found elsewhere than in this process."""

        async def answer(who: Caller) -> _Answer:
            self._refuse_haste(self._questions, who, "questions")
            with self._lookups.taken(who.source):
                async with self._turns[who.source]:
                    return _Answer(200, await content(who))

        return await self._answered(request, route, answer)

    async def consider(self, request: Request, route: str, question: Question) -> Response:
        """The answer to a question about events, which are not written."""

        async def answer(who: Caller) -> _Answer:
            self._refuse_haste(self._questions, who, "questions")
            headers = request.headers.raw
            with self._queue.taken(who.source):
                body = await self._received(request)
            with question.seats.taken(who.source):  # once all of the body is there: who sends slowly holds no seat
                self._simulated(headers)  # under the real clock it is refused; here all is judged as of one moment
                arrival = self._parts.clock.now()
                events = await self._in_thread(lambda: self._events(body, headers, who, question.most), who)
                return _Answer(200, await question.answer(who, events, arrival))

        return await self._answered(request, route, answer)

    async def resend(
        self, request: Request, asked: Asked, incoming: Callable[[Caller, Incoming | None], Incoming]
    ) -> Response:
        """An event sent again. `incoming`: what is to be admitted, given the caller and what came in the body, None
        where there is no body; may raise Problem."""

        async def answer(who: Caller) -> _Answer:
            headers = request.headers.raw
            self._refuse_haste(self._questions, who, "questions")
            with self._queue.taken(who.source):
                body = await self._received(request)

                def send() -> _Answer:
                    sent = self._incoming(body, headers, who) if body else None
                    return self._take(incoming(who, sent), who, asked)

                return await self._in_thread(send, who)

        return await self._answered(request, asked.route, answer)

    async def _answered(
        self, request: Request, route: str, answered: Callable[[Caller], Awaitable[_Answer]]
    ) -> Response:
        """The answer to whoever sends a request, counted and noted in the audit log, which has no payload."""
        if self._threads is None:  # they belong to a running loop
            self._threads, self._reading = CapacityLimiter(self._parts.queue), CapacityLimiter(_READ_AT_ONCE)
        who: Caller | None = None
        try:
            who = caller(request.headers.raw, self._parts.keys)
            answer = await answered(who)
            self._parts.note_use(who.key_id)
        except Problem as problem:
            answer = _of(problem)
        except Exception as error:
            answer = _of(_defect(error))
        self.figures.request(route, answer.status)
        audit.info(
            "%s key=%s source=%s status=%d accepted=%d refused=%d from=%s",
            route, who.key_id if who else "-", who.source if who else "-", answer.status, answer.accepted,
            answer.refused, request.client.host if request.client else "-",
        )  # fmt: skip
        return _response(answer)

    async def _with_events(self, request: Request, who: Caller, asked: Asked) -> _Answer:
        headers = request.headers.raw
        with self._queue.taken(who.source):
            body = await self._received(request)
            began = time.monotonic()
            answer = await to_thread.run_sync(self._read, body, headers, who, asked, limiter=self._threads)
        if answer.status < 300:
            self.figures.add_seconds(time.monotonic() - began)
        return answer

    async def _in_thread(self, work: Callable[[], T], who: Caller) -> T:
        """What the work for a question returns. Problem where the source has its share of the threads."""
        with self._read_here.taken(who.source):
            return await to_thread.run_sync(work, limiter=self._reading)

    async def _received(self, request: Request) -> bytes:
        """The body. The key is good, or still good, once all of it is there: an upload may take a while."""
        body = await _body(request)
        caller(request.headers.raw, self._parts.keys)
        return body

    def _refuse_haste(self, limit: RateLimit, who: Caller, what: str, number: int = 1) -> None:
        wait = limit.wait_for(who.source, number)
        if wait:
            detail = f"{who.source} sends more {what} than one gateway takes of it"
            raise Problem(429, "too_many", detail, "send the same again later", retry_after=wait)

    def _read(self, body: bytes, headers: HttpHeaders, who: Caller, asked: Asked) -> _Answer:
        """The answer to the events of a body, which arrive now."""
        return self._take(self._incoming(body, headers, who), who, asked)

    def _incoming(self, body: bytes, headers: HttpHeaders, who: Caller) -> Incoming:
        read_at, given = self._parts.clock.now(), self._simulated(headers)
        events = self._events(body, headers, who)
        return Incoming(events, self._arrivals(given, read_at, len(events)), self._parts.admission)

    def _simulated(self, headers: HttpHeaders) -> str | None:
        """The header with the arrivals that a simulation gives. Problem under the real clock."""
        given = header(headers, ARRIVAL)
        if given is not None and not self._parts.clock.is_simulated:
            raise Problem(400, "arrival_refused", f"the header {ARRIVAL} is for simulations only", "leave it out")
        return given

    def _arrivals(self, given: str | None, read_at: Instant, events: int) -> list[Instant]:
        """The arrival of each event: when the request was read, or what a simulation gives."""
        if given is None:
            return [read_at] * events
        try:
            return read(given, events)
        except ValueError as error:
            remedy = "write one time (RFC 3339) for all events, or one for each, with commas between"
            raise Problem(400, "arrival_refused", str(error), remedy) from None

    def _events(self, body: bytes, headers: HttpHeaders, who: Caller, most: int = MOST_EVENTS) -> list[Sent]:
        events = events_of(unpacked(body, headers), headers, most)
        self._refuse_haste(self._parts.rate, who, "events", len(events))
        return events

    def _take(self, incoming: Incoming, who: Caller, asked: Asked) -> _Answer:
        found = admit_each(incoming.events, who.source, incoming.arrivals, incoming.admission)
        admitted = [] if asked.atomic and found.refused else found.records
        if not asked.dry:
            self._write(admitted, who)
            self.figures.refused(who.source, found.refused)
        return _outcome(found, len(admitted), 200 if asked.dry else 202)

    def _write(self, admitted: list[EventRecord], who: Caller) -> None:
        try:
            self._parts.log.write(admitted)
        except NotAcknowledged:
            self.figures.events(who.source, UNCERTAIN, len(admitted))
            raise Problem(
                503,
                "not_acknowledged",
                "the broker did not acknowledge the events: any of them may be in",
                "send the same again, unchanged: what is in is recognised",
                _RETRY_SECONDS,
            ) from None
        self.figures.events(who.source, ACCEPTED, len(admitted))


def _outcome(found: Admitted, accepted: int, success: int) -> _Answer:
    refused = len(found.refused)
    if refused:
        sent = refused + len(found.records)
        return _Answer(422, refused_body(found.refused, accepted, sent), accepted, refused)
    return _Answer(success, orjson.dumps({"accepted": accepted}), accepted)


def _response(answer: _Answer) -> Response:
    headers = {}
    if answer.retry_after is not None:
        headers["Retry-After"] = str(max(1, round(answer.retry_after + 0.5)))
    if answer.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    media = "application/json" if answer.status < 300 else PROBLEM
    return Response(answer.body, answer.status, headers, media)


def problem_response(problem: Problem) -> Response:
    """The answer that a problem is."""
    return _response(_of(problem))


def _of(problem: Problem) -> _Answer:
    return _Answer(problem.status, problem.body(), retry_after=problem.retry_after)


def _defect(error: Exception) -> Problem:
    """What is not foreseen. Its text may hold a payload, so only its place goes to the log."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    log.critical("%s at %s:%d", type(error).__name__, where.filename, where.lineno)
    remedy = "send the same again; if that is answered in the same way, report it"
    return Problem(503, "defect", "the gateway failed", remedy, retry_after=5)


async def _body(request: Request) -> bytes:
    """What was sent. Problem once it is larger than allowed, or too slow."""
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:20]) > LARGEST_BODY:
        raise too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST_BODY:
                    raise too_large()
    except TimeoutError:
        raise Problem(
            408, "too_slow", f"the body took more than {_BODY_SECONDS:.0f} s", "send smaller batches"
        ) from None
    except ClientDisconnect:
        raise Problem(400, "unreadable_body", "the connection ended before the body", "send the same again") from None
    return bytes(body)
