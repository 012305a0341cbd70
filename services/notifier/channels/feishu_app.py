"""Feishu 应用消息: an application writes to one person or group. Feishu sends once an hour under one `uuid`: what was
lost is sent again."""

import hashlib
from typing import Annotated, ClassVar, Literal

import orjson
from pydantic import Field

from services.messaging.codec import canonical
from services.notifier.channels.access_token import AccessTokens, TokenFields
from services.notifier.channels.account import AccountEntry, Api, OneWay, Opened, SecretName, Tools
from services.notifier.channels.calls import Answer
from services.notifier.channels.codes import Codes
from services.notifier.channels.message import Message, Outcome
from services.notifier.channels.rate_limit import Limit
from services.notifier.channels.short_text import fitted, without_markup

KIND = "feishu_app"
MOST_BYTES = 30_000
"""Of the body; Feishu takes 150 KB, which nobody reads."""
LIMITS = (Limit(5, 1.0), Limit(100, 60.0))
_LONGEST_UUID = 50
_WINDOW_SECONDS = 3_600.0
_MARGIN_SECONDS = 600.0
CODES = Codes(
    "code",
    waits={230020: 5.0, 11232: 60.0, 11233: 60.0, 99991400: 60.0, 230049: 5.0, 1000004: 5.0, 1000005: 5.0},
    refused={
        230001: "参数错误 bad request: correct `to` in contacts.toml",
        230002: "机器人不在群内 the application is not in this group: add it",
        230013: "用户不在应用可用范围 the user is not among those who may use the application",
    },
    blocked={
        10003: "应用ID或密钥错误 wrong app_id or secret of the application",
        10014: "应用密钥错误 wrong secret of the application",
        230006: "应用未启用机器人能力 the application has no bot: switch it on",
        99991672: "应用无权限 the application may not send messages: give it the right",
    },
    expired=frozenset((99991661, 99991663, 99991664, 99991671)),
)
_KINDS_OF_ID = {"ou_": "open_id", "oc_": "chat_id", "on_": "union_id"}


class Account(AccountEntry):
    """An application of an organisation."""

    TO: ClassVar[str] = "an open_id (ou_…), a union_id (on_…) or the chat_id of a group (oc_…)"
    TO_PATTERN: ClassVar[str] = r"(ou|on|oc)_[A-Za-z0-9]{1,100}"

    kind: Literal["feishu_app"]
    app_id: Annotated[str, Field(min_length=1, max_length=100)]
    secret: SecretName
    api: Api = "https://open.feishu.cn"


class _Application:
    """What the channels to all its users share."""

    def __init__(self, account: Account, tools: Tools) -> None:
        self.api = account.api
        self.calls = tools.calls
        asked = canonical({"app_id": account.app_id, "app_secret": tools.secret(account.secret)})
        self.tokens = AccessTokens(
            lambda: tools.calls.post(f"{account.api}/open-apis/auth/v3/tenant_access_token/internal", asked),
            CODES,
            TokenFields("tenant_access_token", "expire"),
            tools.seconds,
        )


class FeishuApp(OneWay):
    """To one user or group."""

    window_seconds = _WINDOW_SECONDS - _MARGIN_SECONDS
    limits = LIMITS

    def __init__(self, application: _Application, to: str) -> None:
        self._application = application
        self._to = to

    def render(self, message: Message) -> bytes:
        return _rendered(fitted(message, MOST_BYTES, lambda text: len(_rendered(text))))

    def send(self, rendered: bytes, key: str) -> Outcome:
        application = self._application
        content = canonical({**orjson.loads(rendered), "receive_id": self._to, "uuid": _uuid(key)})
        url = f"{application.api}/open-apis/im/v1/messages?receive_id_type={_KINDS_OF_ID[self._to[:3]]}"
        answer = application.tokens.use(
            lambda token: application.calls.post(url, content, {"Authorization": f"Bearer {token}"})
        )
        if not isinstance(answer, Answer):
            return answer
        data = answer.body.get("data")
        number = data.get("message_id") if isinstance(data, dict) else None
        found = number if isinstance(number, str) and len(number) <= 100 else ""
        return CODES.outcome(answer, found)


def _rendered(text: str) -> bytes:
    """Feishu takes the content as a text that is JSON."""
    return canonical({"msg_type": "text", "content": canonical({"text": without_markup(text)}).decode()})


def _uuid(key: str) -> str:
    """The key, or the beginning of its hash where it is too long."""
    return key if len(key) <= _LONGEST_UUID else hashlib.sha256(key.encode()).hexdigest()[:_LONGEST_UUID]


def opened(account: Account, tools: Tools) -> Opened:
    """The application. Raises MissingSecret."""
    application = _Application(account, tools)
    return lambda to: FeishuApp(application, to)
