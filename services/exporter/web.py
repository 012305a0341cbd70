"""The exporter's HTTP side: /metrics, /-/healthy, /-/ready."""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import FastAPI, Query, Response
from fastapi.middleware.gzip import GZipMiddleware
from prometheus_client import CollectorRegistry

from services.exporter.exposition import CONTENT_TYPE, exposition
from services.runtime.http_server import add_health


def exporter_app(registry: CollectorRegistry, alive: Callable[[], bool], ready: Callable[[], bool]) -> FastAPI:
    """`alive`: records are being read; `ready`: everything that was in the topics at the start has been.

    `/metrics?name[]=…` gives the metrics of these names only, as other exporters do."""
    app = FastAPI(title="kpiwatch exporter", openapi_url=None)
    app.add_middleware(GZipMiddleware, compresslevel=1)  # 5 MB of text become 0.3; a higher level gains little

    @app.get("/metrics")
    def scrape(names: Annotated[Sequence[str], Query(alias="name[]")] = ()) -> Response:
        families = registry.collect()
        if names:
            families = [one for one in families if one.name in names or f"{one.name}_total" in names]
        return Response(exposition(families), media_type=CONTENT_TYPE)

    add_health(app, "topics", alive, ready)
    return app
