"""The doubles as one web server: the interfaces of the messengers, a page of what would have been sent, switches."""

from collections.abc import Callable
from html import escape
from typing import Annotated

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from services.local.message_doubles.arrivals import Arrival
from services.local.message_doubles.desk import Desk, Json
from services.local.message_doubles.dingtalk import dingtalk
from services.local.message_doubles.faults import Fault, Mode
from services.local.message_doubles.feishu import feishu
from services.local.message_doubles.webhooks import webhooks
from services.local.message_doubles.wecom import wecom
from services.runtime.http_server import add_health

DOUBLES = {
    "wecom_robot": "企业微信群机器人 WeCom robot",
    "wecom_app": "企业微信应用消息 WeCom application",
    "dingtalk_robot": "钉钉群机器人 DingTalk robot",
    "dingtalk_work": "钉钉工作通知 DingTalk work notice",
    "feishu_robot": "飞书群机器人 Feishu robot",
    "feishu_app": "飞书应用消息 Feishu application",
    "webhook": "短信网关等 signed webhook",
    "email": "电子邮件 e-mail",
}
"""The doubles, and what they are called on the page."""


class Switch(BaseModel):
    """A fault to be switched on: POST /_faults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    double: Annotated[str, Field(pattern=f"^({'|'.join(DOUBLES)})$")]
    mode: Mode | None
    """None: switched off."""
    code: int = 0
    share: Annotated[float, Field(ge=0, le=1)] = 1.0
    times: Annotated[int | None, Field(ge=0)] = None
    seconds: Annotated[float, Field(ge=0, le=600)] = 30.0


def doubles_app(desk: Desk, alive: Callable[[], bool] = lambda: True) -> FastAPI:
    """The server."""
    app = FastAPI(title="kpiwatch message doubles", openapi_url=None)
    for router in (wecom(desk), dingtalk(desk), feishu(desk), webhooks(desk)):
        app.include_router(router)

    @app.get("/")
    def page(double: str = "") -> HTMLResponse:
        return HTMLResponse(_page(desk.arrivals.all(double)))

    @app.get("/_messages")
    def messages(double: str = "") -> Response:
        return Json(desk.arrivals.as_json(double))

    @app.delete("/_messages")
    def forget() -> Response:
        desk.arrivals.clear()
        return Response(status_code=204)

    @app.post("/_faults")
    async def switch(request: Request) -> Response:
        try:
            given = Switch.model_validate_json(await request.body())
        except ValueError as error:
            return Response(f"{error}\n", 422, media_type="text/plain")
        fault = None if given.mode is None else Fault(given.mode, given.code, given.share, given.times, given.seconds)
        desk.faults.switch(given.double, fault)
        return Response(status_code=204)

    @app.delete("/_faults")
    def all_well() -> Response:
        desk.faults.clear()
        return Response(status_code=204)

    add_health(app, "messages", alive, alive)
    return app


_HEAD = """<!doctype html><html lang="zh-CN"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<title>演示：本应发出的通知</title><style>body{font:15px sans-serif;margin:1.5rem;max-width:70rem}
article{border:1px solid #bbb;border-radius:6px;padding:.6rem 1rem;margin:.6rem 0}
pre{white-space:pre-wrap;margin:.4rem 0}header{color:#555}</style><h1>演示：本应发出的通知</h1><p>以下内容未真正发出。
Nothing of this was sent: it is what each messenger would have shown, the latest first.</p>"""
_MOST_ON_PAGE = 200


def _page(arrivals: list[Arrival]) -> str:
    shown = "".join(
        f"<article><header>{one.number} · {DOUBLES[one.double]} → {escape(one.to)}</header>"
        f"<pre>{escape(one.text)}</pre></article>"
        for one in reversed(arrivals[-_MOST_ON_PAGE:])
    )
    return f"{_HEAD}<p>共 {len(arrivals)} 条</p>{shown or '<p>暂无 nothing yet</p>'}"
