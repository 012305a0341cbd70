"""The notifier's HTTP side: the Alertmanager's webhook, health and readiness."""

from collections.abc import Callable, Sequence

from fastapi import FastAPI, Response
from pydantic import BaseModel, ConfigDict

from services.notifier.subjects import Alert
from services.serving import add_health


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

    add_health(app, "cards", alive, ready)
    return app
