"""The notifier's HTTP side: the Alertmanager's webhook, health and readiness."""

from collections.abc import Callable, Sequence

from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict

from services.notifier.subjects import Alert


class _Told(BaseModel):
    """An alert in a webhook; what is not needed here may be there."""

    model_config = ConfigDict(frozen=True)

    fingerprint: str
    status: str
    labels: dict[str, str]
    annotations: dict[str, str] = {}


class _Webhook(BaseModel):
    """Version 4 of the Alertmanager's webhook."""

    model_config = ConfigDict(frozen=True)

    alerts: tuple[_Told, ...]


def notifier_app(
    accept: Callable[[Sequence[Alert]], None], alive: Callable[[], bool], ready: Callable[[], bool]
) -> FastAPI:
    """`accept` returns once the alerts are safe: the Alertmanager sends again what was not answered with success."""
    app = FastAPI(title="kpiwatch notifier", openapi_url=None)

    @app.post("/alerts")
    def alerts(webhook: _Webhook) -> Response:
        accept([Alert.read(told.model_dump()) for told in webhook.alerts])
        return Response(status_code=200)

    @app.get("/-/healthy")
    def healthy() -> Response:
        return _answer(alive(), "healthy", "the reader of the cards has stopped")

    @app.get("/-/ready")
    def is_ready() -> Response:
        return _answer(alive() and ready(), "ready", "still reading the cards from their beginning")

    return app


def _answer(yes: bool, good: str, bad: str) -> Response:
    return Response(f"{good if yes else bad}\n", status_code=200 if yes else 503, media_type="text/plain")
