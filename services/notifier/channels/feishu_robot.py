"""Feishu 群机器人 with a signature (签名校验). It has no keys: a message whose answer is lost stays uncertain."""

from typing import Literal

import orjson

from services.messaging.codec import canonical
from services.notifier.channels.account import AccountEntry, OneWay, Opened, SecretName, Tools
from services.notifier.channels.calls import Answer
from services.notifier.channels.codes import Codes
from services.notifier.channels.dingtalk_robot import signed
from services.notifier.channels.message import Message, Outcome
from services.notifier.channels.rate_limit import Limit
from services.notifier.channels.short_text import fitted, without_markup

KIND = "feishu_robot"
MOST_BYTES = 18_000
"""Of the whole body, of which Feishu takes 20 KB."""
LIMITS = (Limit(5, 1.0), Limit(100, 60.0))
CODES = Codes(
    "code",
    waits={11232: 60.0, 11233: 60.0, 99991400: 60.0},
    refused={
        9499: "请求格式错误 bad request",
        19024: "未包含关键词 the text has none of the robot's keywords: use the signature instead",
    },
    blocked={
        19001: "机器人地址无效 no such robot: enter its address again",
        19002: "机器人已停用 the robot is switched off",
        19021: "签名校验失败 the signature does not fit: check the secret and this machine's clock",
        19022: "本机IP不在白名单 this machine's address is not among those of the robot",
    },
)


class Account(AccountEntry):
    """A robot."""

    kind: Literal["feishu_robot"]
    address: SecretName
    """Of its whole address: https://open.feishu.cn/open-apis/bot/v2/hook/…"""
    secret: SecretName
    """For its signature."""


class FeishuRobot(OneWay):
    """A robot of one group."""

    limits = LIMITS

    def __init__(self, address: str, secret: str, tools: Tools) -> None:
        self._address = address
        self._secret = secret
        self._tools = tools

    def render(self, message: Message) -> bytes:
        return _rendered(fitted(message, MOST_BYTES, lambda text: len(_rendered(text))))

    def send(self, rendered: bytes, key: str) -> Outcome:
        time = str(int(self._tools.now()))
        # time and secret are the key of the signature, and nothing is signed
        content = {"timestamp": time, "sign": signed("", f"{time}\n{self._secret}"), **orjson.loads(rendered)}
        answer = self._tools.calls.post(self._address, canonical(content))
        return CODES.outcome(answer) if isinstance(answer, Answer) else answer


def _rendered(text: str) -> bytes:
    return canonical({"msg_type": "text", "content": {"text": without_markup(text)}})


def opened(account: Account, tools: Tools) -> Opened:
    """One robot, whoever gets its messages. Raises MissingSecret."""
    robot = FeishuRobot(tools.address(account.address), tools.secret(account.secret), tools)
    return lambda to: robot
