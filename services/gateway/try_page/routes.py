"""The page `/try`: a sender tries its events in a browser. Three static files, and two answers about the plan; what is
asked with a key goes to the routes that any client uses.

The page needs no key and shows nothing of a source. Its scripts come from this address only, and nothing that it shows
is read as HTML.
"""

from functools import cache
from importlib.resources import files
from typing import Final

from fastapi import FastAPI, Response

from services.domain.plan.statutory_time import Law
from services.gateway.handling import problem_response
from services.gateway.problems import Problem
from services.gateway.try_page.content import content_of, samples_document

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def add_try_page(app: FastAPI, law: Law) -> None:
    """Add the page to the app of a gateway."""

    @app.get("/try", include_in_schema=False)
    def page() -> Response:
        return _file("page.html", "text/html; charset=utf-8")

    @app.get("/try/page.css", include_in_schema=False)
    def style() -> Response:
        return _file("page.css", "text/css; charset=utf-8")

    @app.get("/try/page.js", include_in_schema=False)
    def script() -> Response:
        return _file("page.js", "text/javascript; charset=utf-8")

    content = cache(lambda: content_of(law.plan))

    @app.get("/try/content", include_in_schema=False)
    def shown() -> Response:
        return Response(content(), headers=_HEADERS, media_type="application/json")

    @app.get("/try/samples", include_in_schema=False)
    def samples(promise: str = "") -> Response:
        found = samples_document(promise, law) if promise else b'{"samples":[]}'
        if found is None:
            return problem_response(Problem(404, "no_promise", "the plan has no such promise", "/try lists them"))
        return Response(found, headers=_HEADERS, media_type="application/json")


@cache
def _text(name: str) -> bytes:
    return (files(__package__) / name).read_bytes()


def _file(name: str, media_type: str) -> Response:
    return Response(_text(name), headers=_HEADERS, media_type=media_type)
