"""The notifier's HTTP side: the Alertmanager's webhook, health and readiness.

The webhook needs a token, takes so much and no more, and keeps of what it was sent the fields that are named here:
others, as later versions of the Alertmanager may send, are neither stored nor passed on.
"""

import secrets
from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from services.notifier.notice_subject import Alert
from services.runtime.http_server import add_health

MOST_BYTES = 8 * 1024 * 1024
"""Of one webhook: several thousand alerts. The Alertmanager sends a group of alerts at once."""
_MOST_NAMED = 5
"""How many faults of one body are named."""


class _Posted(BaseModel):
    """An alert in a webhook; what is not needed here may be there."""

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    fingerprint: Annotated[str, Field(pattern=r"^[0-9A-Za-z]{1,64}$")]
    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = {}


class _Webhook(BaseModel):
    """Version 4 of the Alertmanager's webhook."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    alerts: tuple[_Posted, ...]


def notifier_app(
    accept: Callable[[Sequence[Alert]], None], alive: Callable[[], bool], ready: Callable[[], bool], *, token: str
) -> FastAPI:
    """`accept` returns once the alerts are safe: the Alertmanager sends again what was not answered with success.
    `token`: what whoever posts alerts must send as `Authorization: Bearer TOKEN`."""
    app = FastAPI(title="kpiwatch notifier", openapi_url=None)

    @app.post("/alerts")
    async def alerts(request: Request) -> Response:
        if not _may(request, token):
            return _said(401, "no token, or another one: send the content of KPIWATCH_WEBHOOK_TOKEN_FILE as a bearer")
        body = await _body(request)
        if body is None:
            return _said(413, f"more than {MOST_BYTES} bytes: send fewer alerts at once")
        try:
            webhook = _Webhook.model_validate_json(body)
        except ValidationError as error:
            return _said(422, f"no webhook of the Alertmanager, version 4: {_faults(error)}")
        found = [Alert(one.fingerprint, one.status, one.labels, one.annotations) for one in webhook.alerts]
        await run_in_threadpool(accept, found)
        return Response(status_code=200)

    add_health(app, "cards", alive, ready)
    return app


def _may(request: Request, token: str) -> bool:
    """Compared in a time that does not show how much of it is right."""
    given = request.headers.get("Authorization", "").encode()
    return secrets.compare_digest(given, f"Bearer {token}".encode())


async def _body(request: Request) -> bytes | None:
    """What was sent; None once it is more than a webhook may be, however long it says to be."""
    announced = request.headers.get("Content-Length", "0")
    if announced.isdecimal() and int(announced[:20]) > MOST_BYTES:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            return None
    return bytes(body)


def _faults(error: ValidationError) -> str:
    """Where the faults are and what they are, without what was sent."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    named = [f"{'.'.join(str(step) for step in one['loc'][:3]) or 'body'}: {one['msg']}" for one in found[:_MOST_NAMED]]
    return "; ".join(named) + (f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else "")


def _said(status: int, sentence: str) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return Response(f"{sentence}\n", status_code=status, media_type="text/plain", headers=headers)
