"""The description of the gateway (OpenAPI 3.1), with examples of every promise's samples."""

from collections.abc import Callable, Iterator
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
    "400": "The body cannot be read as a whole, or a header is refused.",
    "401": "No API key, or one that is unknown, void, expired or revoked.",
    "408": "The body took too long.",
    "413": "The body or the batch is too large.",
    "415": "The content type or the content encoding is not known.",
    "422": "Some events are refused, with a problem for each; the others are taken.",
    "429": "The source sends too many events; Retry-After says when to send the same again.",
    "503": "Any event may be in, or none: send the same again after Retry-After.",
}
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
    refusals = {
        status: {
            "description": text,
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, text in _REFUSALS.items()
    }
    taken = {"type": "object", "properties": {"accepted": {"type": "integer"}}, "required": ["accepted"]}
    return {
        "requestBody": {"required": True, "content": _CONTENT},
        "responses": {
            success: {"description": said, "content": {"application/json": {"schema": taken}}},
            **refusals,
        },
        "security": [{"key": []}],
    }


EVENTS: Final = _operation("202", "All events are stored for good.")
VALIDATE: Final = _operation("200", "All events would be accepted.")
WHAT_IF: Final = _operation("200", "What the events would change.")


def document(app: FastAPI, examples: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The description of the app; made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version="1", description="Events in: docs/contract.md.", routes=app.routes)
        for path, success in (("/events", "202"), ("/validate", "200")):
            operation = made["paths"][path]["post"]
            operation["responses"] = {
                status: answer
                for status, answer in operation["responses"].items()
                if status == success or status in _REFUSALS
            }
        content = {**_CONTENT, BATCH: {**_CONTENT[BATCH], "examples": examples()}}
        made["paths"]["/events"]["post"]["requestBody"] = {"required": True, "content": content}
        made["components"] = {
            "schemas": {"Event": _EVENT, "Problem": _PROBLEM, "EventProblem": _EVENT_PROBLEM},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "kw_<id>_<secret>"}},
        }
        app.openapi_schema = made
    return app.openapi_schema


def examples_of(law: Law) -> dict[str, Any]:
    """Batches that may be sent, one for each sample of each promise and source: what is reported is read off them."""
    return dict(_examples(law))


def _examples(law: Law) -> Iterator[tuple[str, Any]]:
    for promise in law.plan.promises:
        for sample in samples_of(promise, law):
            sources = dict.fromkeys(event["source"] for event in sample.events)
            for number, source in enumerate(sources, 1):
                events = [event for event in sample.events if event["source"] == source]
                name = f"{promise.id}-{sample.name}" + (f"-{number}" if len(sources) > 1 else "")
                yield name, {"summary": f"{promise.title.zh} ({sample.name}), {source}", "value": events}
