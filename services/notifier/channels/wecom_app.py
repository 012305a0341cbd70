"""WeCom 应用消息: an application writes to one person. WeCom drops the same message to the same person for some hours
(`enable_duplicate_check`): what was lost is sent again."""

from typing import Annotated, ClassVar, Literal

import orjson
from pydantic import Field

from services.messaging.codec import canonical
from services.notifier.channels.access_token import AccessTokens, TokenFields
from services.notifier.channels.account import AccountEntry, Api, OneWay, Opened, SecretName, Tools
from services.notifier.channels.calls import Answer
from services.notifier.channels.codes import Codes
from services.notifier.channels.message import Accepted, Message, Outcome, Refused
from services.notifier.channels.rate_limit import Limit
from services.notifier.channels.short_text import fitted, without_markup

KIND = "wecom_app"
MOST_BYTES = 2048
LIMITS = (Limit(200, 60.0),)
"""Well below what WeCom lets an application send, which depends on how many people may see it."""
LIMITS_OF_MEMBER = (Limit(30, 60.0), Limit(1_000, 3_600.0))
"""Above these WeCom answers 0, and drops the message."""
CHECK_SECONDS = 14_400
"""For so long WeCom drops what is the same: four hours, the longest that it offers."""
_MARGIN_SECONDS = 600.0
CODES = Codes(
    "errcode",
    busy=frozenset((-1,)),
    waits={45009: 60.0, 45033: 10.0, 45047: 60.0},
    refused={
        60111: "成员不存在 no such member: correct `to` in contacts.toml",
        81013: "成员不在应用可见范围 the member is not among those who see the application: add them, or correct `to`",
    },
    blocked={
        40001: "应用密钥错误 wrong secret of the application",
        40013: "企业ID错误 wrong corp_id",
        40056: "应用ID错误 wrong agent_id",
        60011: "应用无权限 the application may not do this: give it the rights in the administration",
        60020: "本机IP不在可信名单 this machine's address is not trusted: enter it in the application",
        301002: "无权限操作指定的应用 the secret is not of this application",
    },
    expired=frozenset((40014, 41001, 42001)),
)


class Account(AccountEntry):
    """An application of an organisation."""

    TO: ClassVar[str] = "the member's userid"
    TO_PATTERN: ClassVar[str] = r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}"

    kind: Literal["wecom_app"]
    corp_id: Annotated[str, Field(min_length=1, max_length=100)]
    agent_id: Annotated[int, Field(ge=1)]
    secret: SecretName
    api: Api = "https://qyapi.weixin.qq.com"


class _Application:
    """What the channels to all its members share."""

    def __init__(self, account: Account, tools: Tools) -> None:
        self.account = account
        self.calls = tools.calls
        secret = tools.secret(account.secret)
        self.tokens = AccessTokens(
            lambda: tools.calls.get(
                f"{account.api}/cgi-bin/gettoken", {"corpid": account.corp_id, "corpsecret": secret}
            ),
            CODES,
            TokenFields("access_token", "expires_in"),
            tools.seconds,
        )


class WecomApp(OneWay):
    """To one member."""

    window_seconds = CHECK_SECONDS - _MARGIN_SECONDS
    limits = LIMITS
    limits_of_recipient = LIMITS_OF_MEMBER

    def __init__(self, application: _Application, to: str) -> None:
        self._application = application
        self._to = to

    def render(self, message: Message) -> bytes:
        content = fitted(message, MOST_BYTES, lambda text: len(without_markup(text).encode()))
        return canonical({"msgtype": "text", "text": {"content": without_markup(content)}})

    def send(self, rendered: bytes, key: str) -> Outcome:
        application = self._application
        content = canonical(
            {
                **orjson.loads(rendered),
                "touser": self._to,
                "agentid": application.account.agent_id,
                "enable_duplicate_check": 1,
                "duplicate_check_interval": CHECK_SECONDS,
            }
        )
        url = f"{application.account.api}/cgi-bin/message/send?access_token="
        answer = application.tokens.use(lambda token: application.calls.post(f"{url}{token}", content))
        return self._outcome(answer) if isinstance(answer, Answer) else answer

    def _outcome(self, answer: Answer) -> Outcome:
        """WeCom answers 0 also where the member gets nothing."""
        outcome = CODES.outcome(answer, _text(answer, "msgid"))
        if isinstance(outcome, Accepted):
            left_out = f"{_text(answer, 'invaliduser')}|{_text(answer, 'unlicenseduser')}".lower().split("|")
            if self._to.lower() in left_out:
                return Refused(f"{CODES.refused[81013]} (errcode 0, invaliduser)")
        return outcome


def _text(answer: Answer, name: str) -> str:
    found = answer.body.get(name, "")
    return found if isinstance(found, str) and len(found) <= 2_000 else ""


def opened(account: Account, tools: Tools) -> Opened:
    """The application. Raises MissingSecret."""
    application = _Application(account, tools)
    return lambda to: WecomApp(application, to)
