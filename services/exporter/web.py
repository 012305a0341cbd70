"""The exporter's HTTP side: /metrics, /-/healthy, /-/ready."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final

from fastapi import FastAPI, Header, Query, Response

from services.exporter.exposition import CONTENT_TYPE
from services.exporter.page import Page
from services.runtime.http_server import add_health

_VARIES: Final = {"Vary": "Accept-Encoding"}


def exporter_app(page: Callable[[], Page], alive: Callable[[], bool], ready: Callable[[], bool]) -> FastAPI:
    """`page`: that of now. `alive`: records are being read; `ready`: everything that was in the topics at the start has
    been.

    `/metrics?name[]=…` gives the metrics of these names only, as other exporters do."""
    app = FastAPI(title="kpiwatch exporter", openapi_url=None)

    @app.get("/metrics")
    def scrape(
        names: Annotated[Sequence[str], Query(alias="name[]")] = (), accept_encoding: Annotated[str, Header()] = ""
    ) -> Response:
        if takes_gzip(accept_encoding):
            return Response(
                page().gzipped(names), media_type=CONTENT_TYPE, headers=_VARIES | {"Content-Encoding": "gzip"}
            )
        return Response(page().text(names), media_type=CONTENT_TYPE, headers=_VARIES)

    add_health(app, "topics", alive, ready)
    return app


def takes_gzip(accepted: str) -> bool:
    """Whether a header `Accept-Encoding` (RFC 9110, 12.5.3) names gzip, and not with the weight 0."""
    for one in accepted.lower().split(","):
        name, _, weight = one.replace(" ", "").partition(";q=")
        if name == "gzip":
            return weight.strip("0.") != "" or not weight
    return False
