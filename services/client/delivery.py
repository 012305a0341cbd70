"""What is sent next, and what an answer means for the spool. No input or output but the spool's: the clients ask.

202: removed. 422: the refused ones are parked, the others removed. No answer in time, 503 and their like: uncertain, so
the same is sent again; where the batch itself may be the reason, fewer events at once. 413 and a defect of the gateway
for one event alone: parked. 401: the other key. Anything else, once there is nothing left to try: a pause; nothing is
removed.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson

from services.client.doubts import Doubts
from services.client.spool import ClientError, Entry, Refusal, Spool, Waiting

_MOST_BYTES: Final = 4 * 1024 * 1024
LARGEST_EVENT: Final = 64 * 1024
"""Bytes of one event, by the contract."""
_LONGEST_WAIT: Final = 300.0
_JITTER: Final = 0.5
_PROBLEM: Final = "urn:kpiwatch:problem:"
_AGAIN: Final = frozenset((408, 425, 429))
"""Beside those from 500 on: the same is sent again."""
_IN_A_ROW: Final = 3
"""So often the same happens until the batch is suspected."""


class NoAnswer(ClientError):
    """The gateway did not accept the events in time. They wait in the spool; any of them may be stored already."""


class Paused(ClientError):
    """The gateway refuses whoever sends, or is no gateway. The events wait in the spool until that is mended."""


class Uncertain(NoAnswer):
    """No answer, or one that leaves open what is stored: the same is sent again."""

    def __init__(self, sentence: str, after: float | None = None) -> None:
        """`after`: so many seconds are to pass before, if the gateway has said so."""
        super().__init__(sentence)
        self.after = after


class Request(NamedTuple):
    """What is to be posted."""

    headers: Mapping[str, str]
    body: bytes


class Reply(NamedTuple):
    """An answer."""

    status: int
    body: bytes
    retry_after: str | None = None
    """The header."""


class NoReply(NamedTuple):
    """There was no answer."""

    sentence: str
    """What happened."""
    under_way: bool
    """There was a connection: the request may be too large for it."""


class _Suspect(StrEnum):
    """Why the batch itself may be the reason of an uncertain answer."""

    NONE = ""
    """It is not."""
    SLOW = "slow"
    """It took the gateway too long to receive it."""
    BROKEN = "broken"
    """The connection ended, or was silent, while it was sent or answered."""
    DEFECT = "defect"
    """The gateway failed, perhaps because of one of the events."""


class Delivered(NamedTuple):
    """How many events were answered."""

    accepted: int = 0
    """The gateway has stored them."""
    parked: int = 0
    """The gateway has refused them: see `parked()`."""

    def plus(self, other: "Delivered") -> "Delivered":
        """Both together."""
        return Delivered(self.accepted + other.accepted, self.parked + other.parked)


class NotAnEvent(ValueError):
    """What was given cannot be sent as an event."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.detail}: {refusal.remedy}")
        self.refusal = refusal


def event_bytes(event: Mapping[str, Any] | bytes | str) -> bytes:
    """An event as it is sent. What was given as text or bytes stays as it is. NotAnEvent."""
    try:
        written = orjson.dumps(event) if isinstance(event, Mapping) else _bytes(event)
        if len(written) > LARGEST_EVENT:
            raise NotAnEvent(_TOO_LARGE)
        is_object = isinstance(event, Mapping) or isinstance(orjson.loads(written), dict)
    except (orjson.JSONEncodeError, orjson.JSONDecodeError, UnicodeError) as error:
        remedy = "write an event as one object of JSON in UTF-8"
        raise NotAnEvent(Refusal("malformed", "", f"it is no JSON ({error})", remedy)) from None
    if not is_object:
        raise NotAnEvent(Refusal("malformed", "", "it is JSON, but no object", "write an event as one object"))
    return written


def checked(entries: Iterable[Entry]) -> tuple[list[Entry], list[tuple[Entry, Refusal]]]:
    """The entries that can be sent, as they are sent; and those that cannot, each with its reason."""
    good: list[Entry] = []
    refused: list[tuple[Entry, Refusal]] = []
    for entry in entries:
        try:
            good.append(entry._replace(event=event_bytes(entry.event)))
        except NotAnEvent as error:
            refused.append((entry, error.refusal))
    return good, refused


_TOO_LARGE: Final = Refusal(
    "too_large", "", f"it has more than {LARGEST_EVENT:,} bytes", "send fewer attributes, or shorter texts"
)


def _bytes(event: bytes | str) -> bytes:
    return event.encode() if isinstance(event, str) else bytes(event)


class Delivery:
    """Sends what is in a spool, one request after the other, in the order in which it came."""

    def __init__(self, spool: Spool, keys: Sequence[str]) -> None:
        """`keys`: API keys of one source; the next one is used where one is refused. ValueError for none."""
        if not keys or not all(_is_key(key) for key in keys):
            raise ValueError("no API key, or one with blanks in it: `kpiwatch sources add-key SOURCE` makes one")
        self._spool = spool
        self._keys = tuple(keys)
        self._key = 0
        self._refused_keys = 0
        self._doubts = Doubts()
        self._sent: Sequence[Waiting] = ()

    def request(self) -> Request | None:
        """The next request; None where nothing waits. Until `take` has settled it, it is the same again."""
        self._doubts = self._spool.doubts()
        self._sent = self._spool.first(self._doubts.most, _MOST_BYTES)
        if not self._sent:
            return None
        headers = {
            "Authorization": f"Bearer {self._keys[self._key]}",
            "Content-Type": "application/cloudevents-batch+json",
        }
        return Request(headers, b"[" + b",".join(each.event for each in self._sent) + b"]")

    def take(self, reply: Reply | NoReply) -> Delivered:
        """What the answer to the last request means. Raises Uncertain: send the same again; Paused: nothing helps."""
        if isinstance(reply, NoReply):
            suspect = _Suspect.BROKEN if reply.under_way else _Suspect.NONE
            return self._doubt(suspect, Uncertain(reply.sentence))
        status = reply.status
        if status in _AGAIN or status >= 500:
            said = f"the gateway answered {status}{_detail(reply)}"
            return self._doubt(_suspect(reply), Uncertain(said, _seconds(reply.retry_after)))
        if status == 401:
            self._take_other_key(reply)
            return Delivered()
        if len(self._sent) > 1 and _is_about_the_batch(reply):
            self._spool.set_doubts(self._doubts.narrowed(len(self._sent), for_size=status == 413))
            return Delivered()
        refused = self._refused_in(reply)
        if refused is None:
            raise Paused(_unexpected(reply))
        self._spool.settle(self._sent, refused, self._doubts.settled())
        self._refused_keys = 0
        return Delivered(len(self._sent) - len(refused), len(refused))

    def _take_other_key(self, reply: Reply) -> None:
        self._refused_keys += 1
        if self._refused_keys >= len(self._keys):
            self._refused_keys = 0
            raise Paused(
                f"the gateway refuses {'the API key' if len(self._keys) == 1 else 'all API keys'}{_detail(reply)}. "
                "Ask for a new one (`kpiwatch sources add-key`); the events wait"
            )
        self._key = (self._key + 1) % len(self._keys)

    def _doubt(self, suspect: _Suspect, error: Uncertain) -> Delivered:
        """After an uncertain answer: fewer events at once, where that may help. Otherwise raises `error`."""
        doubts = self._doubts.repeated(suspect)
        if suspect is _Suspect.NONE or (suspect is not _Suspect.SLOW and doubts.in_a_row < _IN_A_ROW):
            self._spool.set_doubts(doubts)
            raise error
        if len(self._sent) > 1:
            narrowed = doubts.narrowed(len(self._sent), for_size=suspect is not _Suspect.DEFECT)
            self._spool.set_doubts(narrowed._replace(in_a_row=0) if narrowed.most == 1 else narrowed)
            return Delivered()
        (event,) = self._sent
        if suspect is _Suspect.DEFECT and doubts.in_a_row >= doubts.lone_in_a_row:
            self._spool.settle(self._sent, {0: _defect(error)}, doubts.parked())
            return Delivered(0, 1)
        self._spool.set_doubts(doubts)
        raise Uncertain(f"{error}; it was one event alone, {event.name}", error.after)

    def _refused_in(self, reply: Reply) -> Mapping[int, Refusal] | None:
        """The refused events of the last request by their place; None where the answer does not say it."""
        document = _document(reply)
        match reply.status:
            case 202:
                return {} if document.get("accepted") == len(self._sent) else None
            case 422:
                return _refusals(document, len(self._sent))
            case 400 if _is_about_the_batch(reply):
                return {0: Refusal("malformed", "", *_words(document))}
            case 413:
                return {0: _too_large_alone(document)}
        return None


def _is_about_the_batch(reply: Reply) -> bool:
    """Whether the whole batch was refused for what is in it. Any server may say that a body is too large."""
    unreadable = reply.status == 400 and _document(reply).get("type") == f"{_PROBLEM}unreadable_body"
    return reply.status == 413 or unreadable


def _suspect(reply: Reply) -> _Suspect:
    if reply.status == 408:
        return _Suspect.SLOW
    return _Suspect.DEFECT if _document(reply).get("type") == f"{_PROBLEM}defect" else _Suspect.NONE


def _defect(error: Uncertain) -> Refusal:
    remedy = "report it to whoever runs the gateway, and send the event again once that is mended"
    return Refusal("defect", "", f"{error}, each time this event was sent alone", remedy)


def _too_large_alone(document: Mapping[str, Any]) -> Refusal:
    detail, remedy = _words(document)
    return Refusal(
        "too_large",
        "",
        detail or "the gateway, or a proxy before it, takes no body of this size",
        remedy or "send fewer attributes, or shorter texts, or let the proxy take larger bodies",
    )


def _is_key(key: str) -> bool:
    return bool(key) and key.isascii() and key.isprintable() and " " not in key


def _refusals(document: Mapping[str, Any], sent: int) -> Mapping[int, Refusal] | None:
    """None where the answer is not one of a gateway to so many events."""
    problems = document.get("problems")
    if not isinstance(problems, list) or document.get("accepted") != sent - len(problems):
        return None
    try:
        found = {int(one["index"]): Refusal(str(one["title"]), str(one["path"]), *_words(one)) for one in problems}
    except (KeyError, TypeError, ValueError):
        return None
    return found if len(found) == len(problems) and all(0 <= place < sent for place in found) else None


def _words(problem: Mapping[str, Any]) -> tuple[str, str]:
    return str(problem.get("detail", "")), str(problem.get("remedy", ""))


def _document(reply: Reply) -> Mapping[str, Any]:
    try:
        found = orjson.loads(reply.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _detail(reply: Reply) -> str:
    """What the gateway says, behind a colon."""
    detail = _document(reply).get("detail")
    return f": {detail[:200]}" if isinstance(detail, str) and detail else ""


def _unexpected(reply: Reply) -> str:
    if reply.status == 403:
        return f"the gateway refuses the source{_detail(reply)}. Ask whoever keeps sources.toml; the events wait"
    return (
        f"the address answered {reply.status}{_detail(reply)}, as no gateway does: is it the address of a gateway, "
        "without a path? The events wait"
    )


def _seconds(retry_after: str | None) -> float | None:
    """What a Retry-After says: seconds, or a date of HTTP. A little more, so that clients do not come all at once."""
    if retry_after is None:
        return None
    try:
        wait = float(retry_after)
    except ValueError:
        try:
            wait = (parsedate_to_datetime(retry_after) - datetime.now(UTC)).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(wait if wait > 0 else 0.0, _LONGEST_WAIT) + random.uniform(0, _JITTER)
