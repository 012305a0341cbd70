"""DingTalk 群机器人 with a signature (加签). It has no keys: a message whose answer is lost stays uncertain."""

import base64
import hmac
from typing import Literal
from urllib.parse import quote

from services.messaging.codec import canonical
from services.notifier.channels.account import AccountEntry, OneWay, Opened, SecretName, Tools
from services.notifier.channels.calls import Answer
from services.notifier.channels.codes import Codes
from services.notifier.channels.message import Message, Outcome
from services.notifier.channels.rate_limit import Limit
from services.notifier.channels.short_text import fitted

KIND = "dingtalk_robot"
MOST_BYTES = 18_000
"""Of the whole body, of which DingTalk takes 20,000."""
LIMITS = (Limit(20, 60.0),)
_BLOCKED = 600.0
"""Seconds for which a robot is blocked that has sent too fast."""
CODES = Codes(
    "errcode",
    busy=frozenset((-1,)),
    waits={130101: _BLOCKED, 302033: _BLOCKED, 410100: _BLOCKED},
    refused={
        430101: "包含不安全的链接 the link is not allowed",
        430102: "包含不合适的文本 the text is not allowed",
    },
    blocked={
        310000: "签名、关键词或IP校验未通过 signature, keyword or address do not fit the robot's security settings",
        300001: "机器人地址无效 no such robot: enter its address again",
        400101: "机器人地址无效 no such robot: enter its address again",
        400102: "机器人已停用 the robot is switched off",
        400106: "机器人不存在 the robot was removed from the group",
    },
)


class Account(AccountEntry):
    """A robot."""

    kind: Literal["dingtalk_robot"]
    address: SecretName
    """Of its whole address: https://oapi.dingtalk.com/robot/send?access_token=…"""
    secret: SecretName
    """For its signature: what begins with SEC."""


class DingtalkRobot(OneWay):
    """A robot of one group."""

    limits = LIMITS

    def __init__(self, address: str, secret: str, tools: Tools) -> None:
        self._address = address
        self._secret = secret
        self._tools = tools

    def render(self, message: Message) -> bytes:
        return _rendered(fitted(message, MOST_BYTES, lambda text: len(_rendered(text))))

    def send(self, rendered: bytes, key: str) -> Outcome:
        answer = self._tools.calls.post(self._signed_address(), rendered)
        return CODES.outcome(answer) if isinstance(answer, Answer) else answer

    def _signed_address(self) -> str:
        """The address with the time in milliseconds and its signature."""
        time = str(round(self._tools.now() * 1000))
        signature = signed(f"{time}\n{self._secret}", self._secret)
        return f"{self._address}&timestamp={time}&sign={quote(signature, safe='')}"


def signed(text: str, secret: str) -> str:
    """Base64 of the HMAC-SHA256 of a text."""
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha256")).decode()


def _rendered(text: str) -> bytes:
    return canonical({"msgtype": "text", "text": {"content": text}})


def opened(account: Account, tools: Tools) -> Opened:
    """One robot, whoever gets its messages. Raises MissingSecret."""
    robot = DingtalkRobot(tools.address(account.address), tools.secret(account.secret), tools)
    return lambda to: robot
