"""A double of WeCom: 群机器人 and 应用消息, as its public documents describe them."""

import hashlib
from collections.abc import Mapping
from typing import Any

import orjson
from fastapi import APIRouter, Request, Response

from services.local.message_doubles.desk import MANY, SECRET, Desk, Json, Manners, answered, group_of

ROBOT, APP = "wecom_robot", "wecom_app"
UNKNOWN_MEMBER = "nobody"
"""A userid that the application cannot see."""
UNLICENSED_MEMBER = "unlicensed"
"""A userid whose messages WeCom accepts and does not deliver."""
_MOST_BYTES = 2048


def _error(code: int, said: str) -> Response:
    return Json({"errcode": code, "errmsg": f"refused, hint: [{said}]"})


MANNERS = Manners(_error, limited=45009, expired=42001)


def wecom(desk: Desk) -> APIRouter:
    """Its interfaces."""
    router = APIRouter()

    @router.post("/cgi-bin/webhook/send")
    async def robot(request: Request, key: str = "") -> Response:
        body = await _json(request)

        def take() -> Response:
            if not key:
                return _error(93000, "invalid webhook url")
            if desk.is_too_fast(f"{ROBOT} {key}", MANY):
                return _error(45009, "api freq out of limit")
            text = _text(body)
            if len(text.encode()) > _MOST_BYTES:
                return _error(40058, "content exceeds")
            desk.arrivals.add(ROBOT, group_of(key), text)
            return Json({"errcode": 0, "errmsg": "ok"})

        return await answered(desk, ROBOT, request, MANNERS, take)

    @router.get("/cgi-bin/gettoken")
    async def token(corpid: str = "", corpsecret: str = "") -> Response:
        if corpsecret != SECRET:
            return _error(40001, f"invalid credential {corpid} {corpsecret}")
        return Json({"errcode": 0, "errmsg": "ok", "access_token": desk.new_token(APP), "expires_in": 7200})

    @router.post("/cgi-bin/message/send")
    async def send(request: Request, access_token: str = "") -> Response:
        content = await request.body()

        def take() -> Response:
            if access_token not in desk.tokens.get(APP, ()):
                return _error(40014, f"invalid access_token {access_token}")
            body = _object(content)
            to, text = str(body.get("touser", "")), _text(body)
            if to == UNKNOWN_MEMBER:
                return _error(81013, "user & party & tag all invalid")
            if len(text.encode()) > _MOST_BYTES:
                return _error(45002, "content size out of limit")
            if to == UNLICENSED_MEMBER:
                return Json({"errcode": 0, "errmsg": "ok", "unlicenseduser": f"somebody|{to}", "msgid": "msg-0"})
            window = float(body.get("duplicate_check_interval", 1800)) if body.get("enable_duplicate_check") else 0.0
            number = desk.arrivals.add(APP, to, text, hashlib.sha256(content).hexdigest(), window)
            return Json({"errcode": 0, "errmsg": "ok", "msgid": f"msg-{number}"})

        return await answered(desk, APP, request, MANNERS, take)

    return router


async def _json(request: Request) -> Mapping[str, Any]:
    return _object(await request.body())


def _object(content: bytes) -> Mapping[str, Any]:
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _text(body: Mapping[str, Any]) -> str:
    found = body.get("text", {})
    return str(found.get("content", "")) if isinstance(found, dict) else ""
