"""What every process with an HTTP port needs: health paths, work beside the server, and an orderly end."""

import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI, Response


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
