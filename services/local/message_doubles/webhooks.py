"""A receiver of signed webhooks (Standard Webhooks 1.0), such as a gateway of short messages."""

import base64
import hashlib
import hmac

import orjson
from fastapi import APIRouter, Request, Response

from services.local.message_doubles.desk import WEBHOOK_SECRET, Desk, Json, Manners, answered

WEBHOOK = "webhook"
_REMEMBERS_SECONDS = 86_400.0
_SKEW_SECONDS = 300
_GATEWAY_TIMEOUT = 500


def _error(code: int, said: str) -> Response:
    return Json({"error": said}, code if 300 <= code < 600 else _GATEWAY_TIMEOUT)


def webhooks(desk: Desk) -> APIRouter:
    """Its one address."""
    router = APIRouter()

    @router.post("/webhook/{path}")
    async def receive(request: Request, path: str) -> Response:
        content = await request.body()

        def take() -> Response:
            if not _is_signed(request, content, desk.arrivals.now()):
                return _error(401, f"{path}: signature does not fit")
            body = orjson.loads(content)
            key, to = request.headers["webhook-id"], str(body.get("to", ""))
            desk.arrivals.add(WEBHOOK, to, str(body["data"]["text"]), key, _REMEMBERS_SECONDS)
            return Response(status_code=204)

        return await answered(desk, WEBHOOK, request, Manners(_error, limited=429, expired=401), take)

    return router


def _is_signed(request: Request, content: bytes, now: float) -> bool:
    id, time = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
    if not id or not time.isdecimal() or abs(int(time) - now) > _SKEW_SECONDS:
        return False
    secret = base64.b64decode(WEBHOOK_SECRET.removeprefix("whsec_"))
    right = hmac.new(secret, f"{id}.{time}.".encode() + content, hashlib.sha256).digest()
    given = request.headers.get("webhook-signature", "").split(" ")
    return any(hmac.compare_digest(f"v1,{base64.b64encode(right).decode()}", one) for one in given)
