"""WeCom 群机器人: a robot of a group. It has no keys: a message whose answer is lost stays uncertain."""

from typing import Literal

from services.messaging.codec import canonical
from services.notifier.channels.account import AccountEntry, OneWay, Opened, SecretName, Tools
from services.notifier.channels.calls import Answer
from services.notifier.channels.codes import Codes
from services.notifier.channels.message import Message, Outcome
from services.notifier.channels.rate_limit import Limit
from services.notifier.channels.short_text import fitted

KIND = "wecom_robot"
MOST_BYTES = 2048
"""Of the content of a text."""
LIMITS = (Limit(20, 60.0),)
CODES = Codes(
    "errcode",
    busy=frozenset((-1,)),
    waits={45009: 60.0, 45033: 10.0},
    blocked={93000: "机器人地址无效 no such robot: enter its address again"},
    refused={
        40058: "消息内容不合规 the content is refused",
        45002: "消息过长 the message is too long",
    },
)


class Account(AccountEntry):
    """A robot."""

    kind: Literal["wecom_robot"]
    address: SecretName
    """Of its whole address: https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…"""


class WecomRobot(OneWay):
    """A robot of one group."""

    limits = LIMITS

    def __init__(self, address: str, tools: Tools) -> None:
        self._address = address
        self._calls = tools.calls

    def render(self, message: Message) -> bytes:
        return canonical({"msgtype": "text", "text": {"content": fitted(message, MOST_BYTES)}})

    def send(self, rendered: bytes, key: str) -> Outcome:
        answer = self._calls.post(self._address, rendered)
        return CODES.outcome(answer) if isinstance(answer, Answer) else answer


def opened(account: Account, tools: Tools) -> Opened:
    """One robot, whoever gets its messages. Raises MissingSecret."""
    robot = WecomRobot(tools.address(account.address), tools)
    return lambda to: robot
