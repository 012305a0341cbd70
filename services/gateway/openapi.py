"""The description of the gateway (OpenAPI 3.1), with examples of every promise's samples."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from services.catalog.samples.promise_samples import samples_of
from services.domain.plan.statutory_time import Law
from services.gateway.problems import PROBLEM
from services.gateway.wire import BATCH, STRUCTURED

_EVENT: Final = {"type": "object", "description": "A CloudEvent 1.0 as docs/contract.md says."}
_CONTENT: Final[dict[str, dict[str, Any]]] = {
    STRUCTURED: {"schema": {"$ref": "#/components/schemas/Event"}},
    BATCH: {"schema": {"type": "array", "items": {"$ref": "#/components/schemas/Event"}}},
    "application/json": {"schema": {"description": "Binary mode: the data; the attributes are headers ce-…"}},
}
_REFUSALS: Final = {
    "400": "The request cannot be read as a whole, or a part of it is refused.",
    "401": "No API key, or one that is unknown, void, expired or revoked.",
    "403": "It belongs to another source.",
    "404": "There is none, or none that the source may see.",
    "408": "The body took too long.",
    "409": "The event is not kept any more: send it anew.",
    "413": "The body or the batch is too large.",
    "415": "The content type or the content encoding is not known.",
    "422": "Some events are refused, with a problem for each; the others are taken.",
    "429": "The source asks or sends too much; Retry-After says when to send the same again.",
    "503": "It cannot be answered now; any event may be in, or none: send the same again after Retry-After.",
}
"""Every status that is no success: each of them is a problem document."""
_ALWAYS: Final = ("400", "401", "503")
_OF_EVENTS: Final = ("400", "401", "408", "413", "415", "422", "429", "503")
_OF_ROUTE: Final = {
    "/events": _OF_EVENTS,
    "/validate": _OF_EVENTS,
    "/what-if": tuple(status for status in _OF_EVENTS if status != "422"),
    "/cases": (*_ALWAYS, "404"),
    "/dead-letters/{number}": (*_ALWAYS, "403", "404"),
    "/dead-letters/{number}/resend": (*_OF_EVENTS, "403", "404", "409"),
}
_SENDING: Final = ("/events", "/dead-letters/{number}/resend")
"""Routes that store events: they answer 202."""
_WITH_EXAMPLES: Final = ("/events", "/validate", "/what-if")
_PROBLEM: Final = {
    "type": "object",
    "description": "RFC 9457. `problems` is there where single events are refused.",
    "required": ["type", "title", "status", "detail", "remedy"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "remedy": {"type": "string"},
        "accepted": {"type": "integer"},
        "refused": {"type": "integer"},
        "problems": {"type": "array", "items": {"$ref": "#/components/schemas/EventProblem"}},
    },
}
_EVENT_PROBLEM: Final = {
    "type": "object",
    "required": ["type", "title", "index", "path", "detail", "remedy"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "The reason code."},
        "index": {"type": "integer", "description": "Which event of the request, from 0."},
        "path": {"type": "string", "description": "Where in the event; empty: the event as a whole."},
        "detail": {"type": "string"},
        "remedy": {"type": "string"},
    },
}


def _operation(success: str, said: str) -> dict[str, Any]:
    taken = {"type": "object", "properties": {"accepted": {"type": "integer"}}, "required": ["accepted"]}
    answer = {"description": said, "content": {"application/json": {"schema": taken}}}
    return {"requestBody": {"required": True, "content": _CONTENT}, "responses": {success: answer}}


EVENTS: Final = _operation("202", "All events are stored for good.")
VALIDATE: Final = _operation("200", "All events would be accepted.")
WHAT_IF: Final = _operation("200", "What the events would change.")


def document(app: FastAPI, examples: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The description of the app; made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version="1", description="Events in: docs/contract.md.", routes=app.routes)
        shown = examples()
        for path, operations in made["paths"].items():
            for operation in operations.values():
                _describe(path, operation, shown)
        schemas = made.get("components", {}).get("schemas", {})
        ours = {"Event": _EVENT, "Problem": _PROBLEM, "EventProblem": _EVENT_PROBLEM}
        made["components"] = {
            "schemas": {name: one for name, one in schemas.items() if "ValidationError" not in name} | ours,
            "examples": shown,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "kw_<id>_<secret>"}},
        }
        app.openapi_schema = made
    return app.openapi_schema


def _describe(path: str, operation: dict[str, Any], examples: Iterable[str]) -> None:
    """Say of a route what it answers, that it needs a key, and which events may be sent."""
    success = "202" if path in _SENDING else "200"
    given = operation["responses"].get(success) or operation["responses"]["200"]
    refused = {
        status: {
            "description": _REFUSALS[status],
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted(_OF_ROUTE.get(path, _ALWAYS))
    }
    operation["responses"] = {success: given, **refused}
    operation["security"] = [{"key": []}]
    if path in _WITH_EXAMPLES:
        shown = {name: {"$ref": f"#/components/examples/{name}"} for name in examples}
        content = {**_CONTENT, BATCH: {**_CONTENT[BATCH], "examples": shown}}
        operation["requestBody"] = {"required": True, "content": content}


def examples_of(law: Law) -> dict[str, Any]:
    """Batches that may be sent, one for each sample of each promise and source: what is reported is read off them."""
    return dict(_examples(law))


def _examples(law: Law) -> Iterator[tuple[str, Any]]:
    for promise in law.plan.promises:
        for sample in samples_of(promise, law):
            sources = dict.fromkeys(event["source"] for event in sample.events)
            for number, source in enumerate(sources, 1):
                events = [event for event in sample.events if event["source"] == source]
                key = promise.key.replace("/", ".")  # a name in OpenAPI has no slash
                name = f"{key}-{sample.name}" + (f"-{number}" if len(sources) > 1 else "")
                yield name, {"summary": f"{promise.title.zh} ({sample.name}), {source}", "value": events}
