"""A double of Feishu: 群机器人 with a signature, and 应用消息, as its public documents describe them."""

import base64
import hashlib
import hmac

import orjson
from fastapi import APIRouter, Request, Response

from services.local.message_doubles.desk import SECRET, Desk, Json, Manners, answered, group_of

ROBOT, APP = "feishu_robot", "feishu_app"
UNKNOWN_USER = "ou_nobody"
_MANY = 100
_LARGEST_BODY = 20 * 1024
_LONGEST_UUID = 50
_HOUR = 3_600.0


def _error(code: int, said: str) -> Response:
    return Json({"code": code, "msg": said, "data": {}})


def _app_error(code: int, said: str) -> Response:
    """Feishu answers applications with an HTTP status, too."""
    limited = code == 99991400
    headers = {"x-ogw-ratelimit-limit": "100", "x-ogw-ratelimit-reset": "52"} if limited else None
    return Json({"code": code, "msg": said, "error": {"log_id": said}}, 429 if limited else 400, headers)


def feishu(desk: Desk) -> APIRouter:
    """Its interfaces."""
    router = APIRouter()

    @router.post("/open-apis/bot/v2/hook/{token}")
    async def robot(request: Request, token: str) -> Response:
        content = await request.body()

        def take() -> Response:
            body = orjson.loads(content)
            if not _is_signed(str(body.get("timestamp", "")), str(body.get("sign", "")), desk.arrivals.now()):
                return _error(19021, "sign match fail or timestamp is not within one hour from current time")
            if desk.is_too_fast(f"{ROBOT} {token}", _MANY):
                return _error(11232, "frequency limited psm[lark.oapi.app_platform_runtime]appID[1500]")
            if len(content) > _LARGEST_BODY:
                return _error(9499, "Bad Request")
            desk.arrivals.add(ROBOT, group_of(token), str(body["content"]["text"]))
            return Json({"code": 0, "msg": "success", "data": {}})

        return await answered(desk, ROBOT, request, Manners(_error, 11232, 19021, busy=11232), take)

    @router.post("/open-apis/auth/v3/tenant_access_token/internal")
    async def token(request: Request) -> Response:
        body = orjson.loads(await request.body())
        if body.get("app_secret") != SECRET:
            return _error(10014, f"app secret invalid {body}")
        return Json({"code": 0, "msg": "ok", "tenant_access_token": desk.new_token(APP), "expire": 7200})

    @router.post("/open-apis/im/v1/messages")
    async def send(request: Request, receive_id_type: str = "") -> Response:
        content = await request.body()

        def take() -> Response:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if token not in desk.tokens.get(APP, ()):
                return _app_error(99991663, f"Invalid access token for authorization {token}")
            body = orjson.loads(content)
            to, key = str(body["receive_id"]), str(body.get("uuid", ""))
            if to == UNKNOWN_USER:
                return _app_error(230013, "Bot has NO availability to this user")
            if len(key) > _LONGEST_UUID or receive_id_type not in ("open_id", "union_id", "chat_id"):
                return _app_error(230001, "Your request contains an invalid request parameter")
            number = desk.arrivals.add(APP, to, str(orjson.loads(body["content"])["text"]), key, _HOUR)
            return Json({"code": 0, "msg": "success", "data": {"message_id": f"om_{number}"}})

        return await answered(desk, APP, request, Manners(_app_error, 99991400, 99991663, busy=230020), take)

    return router


def _is_signed(timestamp: str, sign: str, now: float) -> bool:
    if not timestamp.isdecimal() or abs(int(timestamp) - now) > _HOUR:
        return False
    right = hmac.new(f"{timestamp}\n{SECRET}".encode(), b"", hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(right).decode(), sign)
