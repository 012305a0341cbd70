"""DingTalk 工作通知: an application writes to one person. The same content reaches a person once a day, so that what
was lost is sent again on the same day. DingTalk answers before it has delivered: the result is asked for."""

from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import ZoneInfo

import orjson
from pydantic import Field

from services.messaging.codec import canonical
from services.notifier.channels.access_token import AccessTokens, TokenFields
from services.notifier.channels.account import AccountEntry, Api, OneWay, Opened, SecretName, Tools
from services.notifier.channels.calls import Answer
from services.notifier.channels.codes import Codes
from services.notifier.channels.message import Accepted, Message, Outcome, Refused
from services.notifier.channels.rate_limit import Limit
from services.notifier.channels.short_text import fitted

KIND = "dingtalk_work"
MOST_BYTES = 2000
"""Of the message as it is sent, of which DingTalk takes 2,048."""
LIMITS = (Limit(20, 1.0), Limit(1_000, 60.0))
_QUESTIONS = 3
_PAUSE_SECONDS = 0.5
_MARGIN_SECONDS = 600.0
_DAY = ZoneInfo("Asia/Shanghai")
"""DingTalk's days."""
CODES = Codes(
    "errcode",
    busy=frozenset((-1,)),
    waits={143103: 60.0, 143104: 60.0, 90018: 60.0, 90002: 10.0, 1430003: 60.0},
    blocked={40089: "应用密钥错误 wrong app_key or secret of the application"},
    refused={
        40035: "消息过长或格式错误 the message is too long or malformed",
        33012: "用户不存在 no such user: correct `to` in contacts.toml",
        143105: "当日发送量已满 the user has had as many messages as DingTalk allows in a day",
        1430002: "包含违禁内容 the text is not allowed",
        1430004: "对方受高管保护 the user is protected from applications",
    },
    expired=frozenset((40001, 40014, 42001)),
)
_REPEATED = frozenset(("143106", "143206"))
"""The user has this very content already."""


class Account(AccountEntry):
    """An application of an organisation."""

    TO: ClassVar[str] = "the user's userid"
    TO_PATTERN: ClassVar[str] = r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}"

    kind: Literal["dingtalk_work"]
    app_key: Annotated[str, Field(min_length=1, max_length=100)]
    agent_id: Annotated[int, Field(ge=1)]
    secret: SecretName
    api: Api = "https://oapi.dingtalk.com"


class _Application:
    """What the channels to all its users share."""

    def __init__(self, account: Account, tools: Tools) -> None:
        self.account = account
        self.tools = tools
        secret = tools.secret(account.secret)
        self._tokens = AccessTokens(
            lambda: tools.calls.get(f"{account.api}/gettoken", {"appkey": account.app_key, "appsecret": secret}),
            CODES,
            TokenFields("access_token", "expires_in"),
            tools.seconds,
        )

    def call(self, name: str, content: dict[str, Any]) -> Answer | Outcome:
        """An interface of the work notices."""
        url = f"{self.account.api}/topapi/message/corpconversation/{name}?access_token="
        body = canonical({"agent_id": self.account.agent_id, **content})
        return self._tokens.use(lambda token: _plain(self.tools.calls.post(f"{url}{token}", body)))


class DingtalkWork(OneWay):
    """To one user."""

    limits = LIMITS

    def __init__(self, application: _Application, to: str) -> None:
        self._application = application
        self._to = to

    @property
    def window_seconds(self) -> float:  # type: ignore[override]  # it depends on the time of day
        """Since the last midnight: what was sent today is not passed on again today."""
        now = datetime.fromtimestamp(self._application.tools.now(), _DAY)
        today = now.hour * 3600 + now.minute * 60 + now.second
        return 0.0 if today > 86_400 - _MARGIN_SECONDS else max(0.0, today - _MARGIN_SECONDS)

    def render(self, message: Message) -> bytes:
        return _rendered(fitted(message, MOST_BYTES, lambda text: len(_rendered(text))))

    def send(self, rendered: bytes, key: str) -> Outcome:
        application = self._application
        content = {"userid_list": self._to, "msg": orjson.loads(rendered)}
        answer = application.call("asyncsend_v2", content)
        if not isinstance(answer, Answer):
            return answer
        outcome = CODES.outcome(answer)
        task = answer.whole("task_id")
        return self._delivered(task) if isinstance(outcome, Accepted) and task is not None else outcome

    def _delivered(self, task: int) -> Outcome:
        """What has become of a message that was accepted; without an answer to that it counts as accepted."""
        accepted = Accepted(str(task))
        for _ in range(_QUESTIONS):
            self._application.tools.pause(_PAUSE_SECONDS)
            answer = self._application.call("getsendresult", {"task_id": task})
            if not isinstance(answer, Answer) or not isinstance(CODES.outcome(answer), Accepted):
                return accepted
            found = self._result(answer.body.get("send_result"), accepted)
            if found is not None:
                return found
        return accepted

    def _result(self, result: object, accepted: Accepted) -> Outcome | None:
        """The outcome that a result gives for the user; None: it says nothing yet."""
        if not isinstance(result, dict):
            return None
        for one in _listed(result, "forbidden_list"):
            if isinstance(one, dict) and one.get("userid") == self._to:
                return _held_back(one.get("code"), accepted)
        if self._to in _listed(result, "invalid_user_id_list"):
            return Refused(CODES.refused[33012])
        if self._to in _listed(result, "failed_user_id_list"):
            # a repeat would be dropped as known, and look as if it had arrived
            return Refused("平台投递失败 DingTalk could not deliver it")
        reached = [*_listed(result, "read_user_id_list"), *_listed(result, "unread_user_id_list")]
        return accepted if self._to in reached else None


def _rendered(text: str) -> bytes:
    return canonical({"msgtype": "text", "text": {"content": text}})


def _held_back(code: object, accepted: Accepted) -> Outcome:
    """DingTalk has not passed it on: because the user has it, or because of a limit."""
    text = code if isinstance(code, str) and code.isascii() and code.isdecimal() else "0"
    return accepted if text in _REPEATED else CODES.outcome(Answer(200, {}, {"errcode": int(text[:9]) or 143105}))


def _listed(result: dict[str, Any], name: str) -> list[Any]:
    found = result.get(name)
    return found if isinstance(found, list) else []


def _plain(answer: Answer | Outcome) -> Answer | Outcome:
    """The answer with the code that counts: of a call that DingTalk's gateway refuses (errcode 88) it is `sub_code`."""
    if not isinstance(answer, Answer) or answer.whole("errcode") != 88:
        return answer
    code = answer.body.get("sub_code")
    if not isinstance(code, str) or not code.isascii() or not code.isdecimal():
        return answer
    return Answer(answer.status, answer.headers, {**answer.body, "errcode": int(code[:9])})


def opened(account: Account, tools: Tools) -> Opened:
    """The application. Raises MissingSecret."""
    application = _Application(account, tools)
    return lambda to: DingtalkWork(application, to)
