"""The exporter's HTTP side: /metrics, /-/healthy, /-/ready."""

from collections.abc import Callable

from fastapi import FastAPI, Response
from fastapi.middleware.gzip import GZipMiddleware
from prometheus_client import CollectorRegistry

from services.exporter.exposition import CONTENT_TYPE, exposition
from services.runtime.http_server import add_health


def exporter_app(registry: CollectorRegistry, alive: Callable[[], bool], ready: Callable[[], bool]) -> FastAPI:
    """`alive`: records are being read; `ready`: everything that was in the topics at the start has been."""
    app = FastAPI(title="kpiwatch exporter", openapi_url=None)
    app.add_middleware(GZipMiddleware, compresslevel=1)  # 5 MB of text become 0.3; a higher level gains little

    @app.get("/metrics")
    def scrape() -> Response:
        return Response(exposition(registry.collect()), media_type=CONTENT_TYPE)

    add_health(app, "topics", alive, ready)
    return app
