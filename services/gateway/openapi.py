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
    "400": "The body cannot be read as a whole, or a header is refused.",
    "401": "No API key, or one that is unknown, void, expired or revoked.",
    "403": "It belongs to another source.",
    "404": "There is none, or none that the source may see.",
    "408": "The body took too long.",
    "409": "The event of the letter is not kept any more.",
    "413": "The body or the batch is too large.",
    "415": "The content type or the content encoding is not known.",
    "422": "Some events are refused, with a problem for each; the others are taken.",
    "429": "The source asks or sends too much; Retry-After says when to send the same again.",
    "503": "It cannot be answered now; any event may be in, or none: send the same again after Retry-After.",
}
_OF_ALL: Final = ("400", "401", "429", "503")
_OF_EVENTS: Final = (*_OF_ALL, "408", "413", "415", "422")
_OF_QUESTIONS: Final[dict[str, tuple[str, ...]]] = {
    "/dead-letters/{number}": ("403", "404"),
    "/dead-letters/{number}/resend": (*_OF_EVENTS, "403", "404", "409"),
    "/cases": ("404",),
}
"""What routes without a description of their own refuse, beside `_OF_ALL`."""
_SUCCESS: Final = {"/events": "202", "/dead-letters/{number}/resend": "202"}
"""Where it is not 200."""
_WITH_EXAMPLES: Final = ("/events", "/validate", "/what-if")
_ANSWER: Final = {"type": "object"}
_KEY: Final[list[dict[str, list[str]]]] = [{"key": []}]
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
    return {
        "requestBody": {"required": True, "content": _CONTENT},
        "responses": {
            success: {"description": said, "content": {"application/json": {"schema": taken}}},
            **_refusals(_OF_EVENTS),
        },
        "security": _KEY,
    }


def _refusals(statuses: Iterable[str]) -> dict[str, Any]:
    content = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _REFUSALS[status], "content": content} for status in sorted(set(statuses))}


EVENTS: Final = _operation("202", "All events are stored for good.")
VALIDATE: Final = _operation("200", "All events would be accepted.")
WHAT_IF: Final = _operation("200", "What the events would change.")


def document(app: FastAPI, examples: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The description of the app; made once."""
    if app.openapi_schema is None:
        made = get_openapi(title=app.title, version="1", description="Events in: docs/contract.md.", routes=app.routes)
        for path, ways in made["paths"].items():
            for operation in ways.values():
                _describe(path, operation)
        shown = examples()
        refs = {name: {"$ref": f"#/components/examples/{name}"} for name in shown}
        content = {**_CONTENT, BATCH: {**_CONTENT[BATCH], "examples": refs}}
        for path in made["paths"].keys() & _WITH_EXAMPLES:
            made["paths"][path]["post"]["requestBody"] = {"required": True, "content": content}
        schemas = made.get("components", {}).get("schemas", {})
        made["components"] = {
            "schemas": {
                **{name: schema for name, schema in schemas.items() if name not in _OF_THE_FRAMEWORK},
                "Event": _EVENT,
                "Problem": _PROBLEM,
                "EventProblem": _EVENT_PROBLEM,
            },
            "examples": shown,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "kw_<id>_<secret>"}},
        }
        app.openapi_schema = made
    return app.openapi_schema


_OF_THE_FRAMEWORK: Final = ("HTTPValidationError", "ValidationError")


def _describe(path: str, operation: dict[str, Any]) -> None:
    """The answers of an operation: those that its route describes, else those of a question. What the framework adds
    by itself is not answered."""
    success = _SUCCESS.get(path, "200")
    if operation.get("security") == _KEY:  # of events
        operation["responses"] = {success: operation["responses"][success], **_refusals(_OF_EVENTS)}
        return
    answered = {"description": "As docs/contract.md says.", "content": {"application/json": {"schema": _ANSWER}}}
    refusals = _refusals([*_OF_ALL, *_OF_QUESTIONS.get(path, ())])
    operation["responses"] = {success: answered, **refusals}
    operation["security"] = _KEY
    if path == "/dead-letters/{number}/resend":
        operation["requestBody"] = {"required": False, "content": _CONTENT}


def examples_of(law: Law) -> dict[str, Any]:
    """Batches that may be sent, one for each sample of each promise and source: what is reported is read off them."""
    return dict(_examples(law))


def _examples(law: Law) -> Iterator[tuple[str, Any]]:
    for promise in law.plan.promises:
        for sample in samples_of(promise, law):
            by_source = sample.by_source
            for number, (source, events) in enumerate(by_source.items(), 1):
                key = promise.key.replace("/", ".")  # a name in OpenAPI has no slash
                name = f"{key}-{sample.name}" + (f"-{number}" if len(by_source) > 1 else "")
                yield name, {"summary": f"{promise.title.zh} ({sample.name}), {source}", "value": events}
