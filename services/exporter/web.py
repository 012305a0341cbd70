"""The exporter's HTTP side: /metrics, /-/healthy, /-/ready."""

from collections.abc import Callable

from fastapi import FastAPI, Response
from prometheus_client import CollectorRegistry

from services.exporter.exposition import CONTENT_TYPE, exposition


def exporter_app(registry: CollectorRegistry, alive: Callable[[], bool], ready: Callable[[], bool]) -> FastAPI:
    """`alive`: records are being read; `ready`: everything that stood in the topics at the start has been."""
    app = FastAPI(title="kpiwatch exporter", openapi_url=None)

    @app.get("/metrics")
    def scrape() -> Response:
        return Response(exposition(registry.collect()), media_type=CONTENT_TYPE)

    @app.get("/-/healthy")
    def healthy() -> Response:
        return _answer(alive(), "healthy", "the reader of the topics has stopped")

    @app.get("/-/ready")
    def is_ready() -> Response:
        return _answer(alive() and ready(), "ready", "still reading the topics from their beginning")

    return app


def _answer(yes: bool, good: str, bad: str) -> Response:
    return Response(f"{good if yes else bad}\n", status_code=200 if yes else 503, media_type="text/plain")
