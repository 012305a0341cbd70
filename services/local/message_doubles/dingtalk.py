"""A double of DingTalk: 群机器人 with a signature, and 工作通知, as its public documents describe them."""

import base64
import hashlib
import hmac
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Request, Response

from services.local.message_doubles.desk import MANY, SECRET, Desk, Json, Manners, answered, group_of

ROBOT, WORK = "dingtalk_robot", "dingtalk_work"
UNKNOWN_USER = "nobody"
UNREACHABLE_USER = "unreachable"
"""To whom delivery fails after the message was accepted."""
FULL_USER = "full"
"""Who has had as many messages today as DingTalk allows."""
_LARGEST_BODY = 20_000
_MOST_BYTES = 2048
_BLOCKED_SECONDS = 600.0
_SKEW_MS = 3_600_000
_DAY_SECONDS = 86_400.0


def _error(code: int, said: str) -> Response:
    return Json({"errcode": code, "errmsg": f"refused, more: [{said}]"})


def _work_error(code: int, said: str) -> Response:
    """As DingTalk's gateway answers."""
    return Json({"errcode": 88, "errmsg": "ding talk error", "sub_code": str(code), "sub_msg": said})


def dingtalk(desk: Desk) -> APIRouter:
    """Its interfaces."""
    router = APIRouter()
    tasks: dict[int, dict[str, Any]] = {}

    @router.post("/robot/send")
    async def robot(request: Request, access_token: str = "", timestamp: str = "", sign: str = "") -> Response:
        content = await request.body()

        def take() -> Response:
            if not _is_signed(timestamp, sign, desk.arrivals.now()):
                return _error(310000, "sign not match")
            if desk.is_too_fast(f"{ROBOT} {access_token}", MANY, _BLOCKED_SECONDS):
                return _error(130101, "send too fast, exceed 20 times per minute")
            if len(content) > _LARGEST_BODY:
                return _error(40035, "body is too large")
            desk.arrivals.add(ROBOT, group_of(access_token), str(orjson.loads(content)["text"]["content"]))
            return Json({"errcode": 0, "errmsg": "ok"})

        return await answered(desk, ROBOT, request, Manners(_error, limited=130101, expired=310000), take)

    @router.get("/gettoken")
    async def token(appkey: str = "", appsecret: str = "") -> Response:
        if appsecret != SECRET:
            return _error(40089, f"invalid appkey or appsecret {appkey} {appsecret}")
        return Json({"errcode": 0, "errmsg": "ok", "access_token": desk.new_token(WORK), "expires_in": 7200})

    @router.post("/topapi/message/corpconversation/asyncsend_v2")
    async def send(request: Request, access_token: str = "") -> Response:
        content = await request.body()

        def take() -> Response:
            if access_token not in desk.tokens.get(WORK, ()):
                return _work_error(40014, f"invalid access_token {access_token}")
            body = orjson.loads(content)
            user, text = body["userid_list"], str(body["msg"]["text"]["content"])
            if len(orjson.dumps(body["msg"])) > _MOST_BYTES:
                return _work_error(40035, "msg is too long")
            task = len(tasks) + 1
            tasks[task] = _result(desk, user, text)
            return Json({"errcode": 0, "errmsg": "ok", "task_id": task})

        return await answered(desk, WORK, request, Manners(_work_error, limited=143103, expired=42001), take)

    @router.post("/topapi/message/corpconversation/getsendresult")
    async def result(request: Request, access_token: str = "") -> Response:
        body = orjson.loads(await request.body())
        if access_token not in desk.tokens.get(WORK, ()):
            return _work_error(40014, "invalid access_token")
        return Json({"errcode": 0, "errmsg": "ok", "send_result": tasks.get(body["task_id"], {})})

    return router


def _result(desk: Desk, user: str, text: str) -> dict[str, Any]:
    """What becomes of a work notice to a user; the same content reaches them once a day."""
    if user == UNKNOWN_USER:
        return {"invalid_user_id_list": [user]}
    if user == UNREACHABLE_USER:
        return {"failed_user_id_list": [user]}
    if user == FULL_USER:
        return {"forbidden_list": [{"code": "143105", "count": 500, "userid": user}]}
    day = datetime.fromtimestamp(desk.arrivals.now(), ZoneInfo("Asia/Shanghai")).date().isoformat()
    key = hashlib.sha256(f"{day} {user} {text}".encode()).hexdigest()
    repeated = desk.arrivals.has(WORK, key, _DAY_SECONDS)
    desk.arrivals.add(WORK, user, text, key, _DAY_SECONDS)
    if repeated:
        return {"forbidden_list": [{"code": "143106", "count": 1, "userid": user}]}
    return {"unread_user_id_list": [user]}


def _is_signed(timestamp: str, sign: str, now: float) -> bool:
    if not timestamp.isdecimal() or abs(int(timestamp) - now * 1000) > _SKEW_MS:
        return False
    right = hmac.new(SECRET.encode(), f"{timestamp}\n{SECRET}".encode(), hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(right).decode(), sign)
