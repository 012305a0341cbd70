"""The routes by which a source asks about itself: its status, its dead letters, and one of them sent again."""

import base64
from collections.abc import Callable
from typing import Annotated, Any, Final, NamedTuple

import orjson
from fastapi import FastAPI, Query, Request, Response

from services.catalog.working_time import WorkingTime
from services.domain.intake.events import text_of
from services.domain.time.zone import Instant
from services.gateway.feedback import Feedback, ListedLetter
from services.gateway.handling import Asked, Handling
from services.gateway.identity import Caller
from services.gateway.problems import Problem
from services.gateway.resending import Incoming, Resending
from services.messaging.dead_letter_reader import OriginalGone
from services.messaging.records.dead_letters import DeadLetter, Headers

MOST_LISTED: Final = 200


class LetterStore(NamedTuple):
    """Where letters and their originals are read. Each function may take as long as the broker takes."""

    letter: Callable[[int], DeadLetter | None]
    original: Callable[[DeadLetter], tuple[bytes, Headers]]
    """Raises OriginalGone."""


class Asking(NamedTuple):
    """What the routes answer from."""

    feedback: Feedback
    store: LetterStore
    resending: Resending
    working_time: WorkingTime
    now: Callable[[], Instant]
    """Of the plan's clock."""


def add_feedback(app: FastAPI, handling: Handling, asking: Asking) -> None:
    """Add the routes to the app of a gateway."""
    handling.figures.show_feedback(lambda: asking.feedback.is_current)

    @app.get("/status", response_class=Response)
    async def status(request: Request) -> Response:
        """The last event of the source, how far it is judged, whether it is silent, what was refused."""
        return await handling.report(request, "/status", lambda caller: orjson.dumps(status_of(caller.source, asking)))

    @app.get("/dead-letters", response_class=Response)
    async def letters(
        request: Request, before: int | None = None, limit: Annotated[int, Query(ge=1, le=MOST_LISTED)] = 50
    ) -> Response:
        """The latest dead letters of the source, the newest first; `before`: those with a smaller number."""

        def listed(caller: Caller) -> bytes:
            found = _known(asking).letters(caller.source, before, limit)
            return orjson.dumps({"dead_letters": [_listed(one) for one in found]})

        return await handling.report(request, "/dead-letters", listed)

    @app.get("/dead-letters/{number}", response_class=Response)
    async def letter(request: Request, number: int) -> Response:
        """One dead letter of the source, with the event as it came."""
        return await handling.report(
            request, "/dead-letters/{number}", lambda caller: orjson.dumps(_shown(number, own(number, caller, asking)))
        )

    @app.post("/dead-letters/{number}/resend", response_class=Response)
    async def resend(request: Request, number: int) -> Response:
        """Send the event of a dead letter again. Without a body as it came: it keeps its arrival. With a body, a mended
        event: it arrives now."""

        def incoming(caller: Caller, sent: Incoming | None) -> Incoming:
            found = own(number, caller, asking)
            if sent is not None:
                _refuse_several(sent)
                return asking.resending.mended(found, sent)
            try:
                value, headers = asking.store.original(found)
            except OriginalGone as gone:
                raise Problem(409, "original_gone", str(gone), "send the event anew, to /events") from None
            return asking.resending.unchanged(found, value, headers)

        return await handling.resend(request, Asked("/dead-letters/{number}/resend", atomic=True), incoming)


def _refuse_several(sent: Incoming) -> None:
    if len(sent.events) != 1:
        remedy = "send the one that replaces the letter's event"
        raise Problem(400, "unreadable_body", f"there are {len(sent.events)} events", remedy)


def own(number: int, caller: Caller, asking: Asking) -> DeadLetter:
    """A letter of the caller's source. Problem: 404 where there is none, 403 where it is another's."""
    found = asking.store.letter(number) if number >= 0 else None
    if found is None:
        raise Problem(404, "no_letter", f"there is no dead letter {number}", "/dead-letters lists those that are kept")
    if asking.feedback.owner_of(found) != caller.source:
        raise Problem(
            403, "not_yours", f"the dead letter {number} is not of {caller.source}", "ask for one of your own"
        )
    return found


def status_of(source: str, asking: Asking) -> dict[str, Any]:
    """The status of the source, as `/status` gives it."""
    now = asking.now()
    found = _known(asking).status(source, now)
    last, state = found["last_event_at"], found.pop("inbox")
    silent = source in asking.working_time.silent(asking.feedback.last_events(), now)
    inbox = None if state is None else {**state._asdict(), "at": text_of(state.at), "paused_until": _text(state[-1])}
    return {
        "source": source,
        "as_of": text_of(now),
        **found,
        "last_event_at": _text(last),
        "judged_to": _text(found["judged_to"]),
        "silent_since": _text(last) if silent else None,
        "silent": silent,
        "inbox": inbox,
    }


def _known(asking: Asking) -> Feedback:
    if not asking.feedback.is_current:
        detail = "the topics are still being read" if not asking.feedback.caught_up else "the topics cannot be read now"
        raise Problem(503, "unavailable", detail, "ask again later", retry_after=2)
    return asking.feedback


def _text(at: Instant | None) -> str | None:
    return None if at is None else text_of(at)


def _listed(one: ListedLetter) -> dict[str, Any]:
    return {**one._asdict(), "received": text_of(one.received)}


def _shown(number: int, letter: DeadLetter) -> dict[str, Any]:
    """The letter; the event as text, or, where it is no UTF-8, in base64."""
    shown: dict[str, Any] = {
        "number": number,
        "reason": letter.reason,
        "path": letter.path,
        "sentence": letter.sentence,
        "remedy": letter.remedy,
        "place": letter.place,
        "received": letter.received_at,
        "headers": [[name, None if held is None else held.decode(errors="replace")] for name, held in letter.headers],
        "is_whole": letter.whole is None,
    }
    try:
        return {**shown, "original": letter.original.decode()}
    except UnicodeDecodeError:
        return {**shown, "original_base64": base64.b64encode(letter.original).decode()}
