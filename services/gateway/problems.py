"""Refusals over HTTP: problem documents (RFC 9457). Every answer that is no success is one."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

import orjson

from services.domain.intake.refusal import Refused

PROBLEM: Final = "application/problem+json"
_TYPE: Final = "urn:kpiwatch:problem:"

TITLES: Final = {
    "unreadable_body": "the body cannot be read",
    "arrival_refused": "the arrival is stamped by the service",
    "no_key": "no API key",
    "bad_key": "the API key is not good",
    "not_yours": "the key does not speak for that",
    "too_slow": "the body took too long",
    "too_large": "the body is too large",
    "unsupported_type": "no form of events that is known",
    "events_refused": "events are refused",
    "too_many": "too many events in a short time",
    "no_route": "there is nothing here",
    "bad_query": "the query cannot be read",
    "no_letter": "there is no such dead letter",
    "no_case": "there is no such case",
    "no_promise": "there is no such promise",
    "original_gone": "the event is not kept any more",
    "one_at_a_time": "one such question at a time",
    "busy": "the gateway is busy",
    "unavailable": "the gateway cannot serve now",
    "defect": "the gateway has a defect",
    "no_casebook": "cases cannot be looked up now",
    "too_long": "the answer takes too long",
    "not_acknowledged": "the events were not acknowledged",
}
"""Every kind of problem that is about a whole request, and its title. A problem of one event has the reason code."""


class Problem(Exception):
    """Ends a request: status, kind, what happened, what would be right."""

    def __init__(self, status: int, kind: str, detail: str, remedy: str, retry_after: float | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.remedy = remedy
        self.retry_after = retry_after

    def body(self) -> bytes:
        """As it is sent."""
        return orjson.dumps(_document(self.kind, TITLES[self.kind], self.status, self.detail, self.remedy))


class RefusedEvent(NamedTuple):
    """A refused event and its place in the request, from 0."""

    place: int
    refused: Refused


def refused_body(refusals: Sequence[RefusedEvent], accepted: int, sent: int) -> bytes:
    """The answer where events were refused: one problem for each, in their order."""
    detail = f"{len(refusals)} of {sent} events are refused"
    again = "only those" if accepted == sent - len(refusals) else "all events"
    remedy = f"correct those below and send {again} again"
    document = _document("events_refused", TITLES["events_refused"], 422, detail, remedy)
    problems = event_problems(refusals)
    return orjson.dumps({**document, "accepted": accepted, "refused": len(refusals), "problems": problems})


def event_problems(refusals: Iterable[RefusedEvent]) -> list[dict[str, Any]]:
    """A problem for each refused event."""
    return [_of_event(place, refused) for place, refused in refusals]


def _of_event(place: int, refused: Refused) -> dict[str, Any]:
    return {
        "type": f"{_TYPE}{refused.code}",
        "title": str(refused.code),
        "index": place,
        "path": refused.path,
        "detail": refused.sentence,
        "remedy": refused.remedy,
    }


def _document(kind: str, title: str, status: int, detail: str, remedy: str) -> dict[str, Any]:
    return {"type": f"{_TYPE}{kind}", "title": title, "status": status, "detail": detail, "remedy": remedy}
