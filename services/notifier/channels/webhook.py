"""A signed webhook (Standard Webhooks 1.0): for gateways of short messages (短信), and for everything else."""

import base64
import binascii
import hmac
from typing import Annotated, ClassVar, Literal

import orjson
from pydantic import Field

from services.domain.intake.visible_text import visible
from services.messaging.codec import canonical
from services.notifier.channels.account import AccountEntry, MissingSecret, OneWay, Opened, SecretName, Tools
from services.notifier.channels.calls import Answer
from services.notifier.channels.codes import by_status
from services.notifier.channels.message import Accepted, Message, Outcome
from services.notifier.channels.short_text import bytes_of, fitted, title

KIND = "webhook"
_MARGIN_SECONDS = 600.0
_PREFIX = "whsec_"


class Account(AccountEntry):
    """A receiver."""

    TO: ClassVar[str] = "whatever the receiver knows a person by, such as +8613800000000; or leave it out"
    TO_PATTERN: ClassVar[str] = r"[A-Za-z0-9+@._-]{0,100}"

    kind: Literal["webhook"]
    address: SecretName
    secret: SecretName
    """What messages are signed with: whsec_ and 24 to 64 bytes in base64."""
    remembers_hours: Annotated[int, Field(ge=0, le=720)] = 24
    """For how long the receiver knows a webhook-id again."""
    most_bytes: Annotated[int, Field(ge=200, le=20_000)] = 4_000
    """Length of the text, for gateways that take short ones only: number and link need some 150."""


class Webhook(OneWay):
    """To one receiver, for one recipient."""

    def __init__(self, account: Account, address: str, secret: bytes, tools: Tools, to: str) -> None:
        self._account = account
        self._address = address
        self._secret = secret
        self._tools = tools
        self._to = to

    @property
    def window_seconds(self) -> float:  # type: ignore[override]  # it is a setting
        """The receiver drops an id that it knows."""
        return max(0.0, self._account.remembers_hours * 3_600 - _MARGIN_SECONDS)

    def render(self, message: Message) -> bytes:
        data = {
            "number": message.number,
            "unit": message.unit,
            "urgent": message.urgent,
            "title": title(message),
            "link": visible(message.link),
            "text": fitted(message, self._account.most_bytes, bytes_of),
        }
        return canonical({"type": "kpiwatch.notice", "data": data})

    def send(self, rendered: bytes, key: str) -> Outcome:
        body = canonical({**orjson.loads(rendered), "to": self._to}) if self._to else rendered
        answer = self._tools.calls.post(self._address, body, self._headers(body, key))
        if not isinstance(answer, Answer):
            return answer
        return Accepted(key) if 200 <= answer.status < 300 else by_status(answer)

    def _headers(self, body: bytes, key: str) -> dict[str, str]:
        time = str(int(self._tools.now()))
        return {
            "webhook-id": key,
            "webhook-timestamp": time,
            "webhook-signature": signature(self._secret, key, time, body),
        }


def signature(secret: bytes, id: str, time: str, body: bytes) -> str:
    """Version 1 of Standard Webhooks."""
    found = hmac.digest(secret, b".".join((id.encode(), time.encode(), body)), "sha256")
    return f"v1,{base64.b64encode(found).decode()}"


def opened(account: Account, tools: Tools) -> Opened:
    """The receiver. Raises MissingSecret."""
    address, secret = tools.address(account.address), _bytes_of(tools, account.secret)
    return lambda to: Webhook(account, address, secret, tools, to)


def _bytes_of(tools: Tools, name: str) -> bytes:
    text = tools.secret(name)
    try:
        found = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        found = b""
    if not text.startswith(_PREFIX) or not 24 <= len(found) <= 64:
        raise MissingSecret(f"secret {name}: is no secret of a webhook; write whsec_ and 24 to 64 bytes in base64")
    return found
