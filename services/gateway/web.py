"""The routes of a gateway. What happens behind them is in `services/gateway/handling.py`."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from services.gateway.handling import Asked, Handling, problem_response
from services.gateway.openapi import EVENTS, VALIDATE, document
from services.gateway.problems import Problem


def gateway_app(handling: Handling, alive: Callable[[], bool], examples: Callable[[], dict[str, Any]]) -> FastAPI:
    """`alive`: whether its topics are still followed. `examples`: sample batches of events by name, for the
    description, which is kept once it is made."""
    app = FastAPI(title="kpiwatch gateway", openapi_url=None, docs_url=None, redoc_url=None)

    @app.post("/events", openapi_extra=EVENTS, response_class=Response)
    async def events(request: Request, atomic: bool = False) -> Response:
        """Send events. 202: all of them are stored for good. 422: those that are named are refused, the others are
        stored. 503: any may be stored; send the same again."""
        return await handling.answer(request, Asked("/events", atomic))

    @app.post("/validate", openapi_extra=VALIDATE, response_class=Response)
    async def validate(request: Request) -> Response:
        """Ask what would be refused, and why. Nothing is stored."""
        return await handling.answer(request, Asked("/validate", dry=True))

    # in the loop itself: whatever holds the threads, a probe is answered
    @app.get("/livez", include_in_schema=False)
    async def livez() -> Response:
        return _probe(alive(), "alive", "a topic is not followed any more: start it again, its log says why")

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        return _probe(handling.is_ready and alive(), "ready", "the API keys are not known as of now")

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(handling.figures.exposition(), media_type=CONTENT_TYPE_LATEST)

    def description(request: Request) -> Response:
        return JSONResponse(app.openapi())

    _answer_with_problems(app)
    app.add_route("/openapi.json", description, include_in_schema=False)  # in a thread: it takes a while to make
    app.openapi = lambda: document(app, examples)  # type: ignore[method-assign]  # as FastAPI says it is extended
    return app


def _probe(yes: bool, good: str, bad: str) -> Response:
    return Response(f"{good if yes else bad}\n", status_code=200 if yes else 503, media_type="text/plain")


def _answer_with_problems(app: FastAPI) -> None:
    """What the framework refuses is a problem document, too."""

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        remedy = "/openapi.json lists the routes and methods"
        answer = problem_response(Problem(error.status_code, "no_route", str(error.detail), remedy))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def bad_query(request: Request, error: RequestValidationError) -> Response:
        places = ", ".join(str(one["loc"][-1]) for one in error.errors())
        remedy = "/openapi.json says what it may be"
        return problem_response(Problem(400, "bad_query", f"the value of {places} is none", remedy))
