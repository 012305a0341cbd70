"""What every process with an HTTP port needs: health paths, work beside the server, and an orderly end."""

import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


def add_health(app: FastAPI, reads: str, alive: Callable[[], bool], ready: Callable[[], bool]) -> None:
    """Add /-/healthy and /-/ready to an app.

    Args:
        reads: what the process follows, in words.
        alive: whether it still follows.
        ready: whether it has read everything that was there at the start.
    """

    @app.get("/-/healthy")
    def healthy() -> Response:
        return _answer(alive(), "healthy", f"the reader of the {reads} has stopped")

    @app.get("/-/ready")
    def is_ready() -> Response:
        return _answer(alive() and ready(), "ready", f"still reading the {reads} from their beginning")


def add_metrics(app: FastAPI, registry: CollectorRegistry) -> None:
    """Add /metrics to an app."""

    @app.get("/metrics")
    def scrape() -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def metrics_app(
    name: str, reads: str, registry: CollectorRegistry, alive: Callable[[], bool], ready: Callable[[], bool]
) -> FastAPI:
    """The HTTP side of a process that has nothing but metrics and health. `name`: of the process; the others are those
    of `add_health`."""
    app = FastAPI(title=f"kpiwatch {name}", openapi_url=None)
    add_metrics(app, registry)
    add_health(app, reads, alive, ready)
    return app


def _answer(yes: bool, good: str, bad: str) -> Response:
    return Response(f"{good if yes else bad}\n", status_code=200 if yes else 503, media_type="text/plain")


def run_with_http_server(work: threading.Thread, ending: threading.Event, app: FastAPI, host: str, port: int) -> None:
    """Start the work and answer requests until SIGTERM or Ctrl-C. Then set `ending`, which the work watches."""
    work.start()
    try:
        uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2)
    finally:
        ending.set()
        work.join(timeout=5)
