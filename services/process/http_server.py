"""How a process of ours that answers over HTTP says how it is, works beside that, and ends."""

import threading
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI, Response


def add_health(app: FastAPI, reads: str, alive: Callable[[], bool], ready: Callable[[], bool]) -> None:
    """Gives an app /-/healthy and /-/ready. `reads`: what it follows; `alive`: it still does; `ready`: everything that
    stood there at the start has been read."""

    @app.get("/-/healthy")
    def healthy() -> Response:
        return _answer(alive(), "healthy", f"the reader of the {reads} has stopped")

    @app.get("/-/ready")
    def is_ready() -> Response:
        return _answer(alive() and ready(), "ready", f"still reading the {reads} from their beginning")


def _answer(yes: bool, good: str, bad: str) -> Response:
    return Response(f"{good if yes else bad}\n", status_code=200 if yes else 503, media_type="text/plain")


def serve_beside(work: threading.Thread, ending: threading.Event, app: FastAPI, host: str, port: int) -> None:
    """Starts the work and answers until SIGTERM or Ctrl-C; then sets `ending`, for which the work looks out."""
    work.start()
    try:
        uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=2)
    finally:
        ending.set()
        work.join(timeout=5)
