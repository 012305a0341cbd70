"""What an account of contacts.toml is: something by which notices are sent, such as a robot or a mail server.

A channel's module has `KIND`, `Account` (its table in contacts.toml) and `opened(account, tools)`, which returns a
function from the address of a recipient to a channel. Nothing else has to know it.
"""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from services.notifier.channels.calls import Calls
from services.notifier.channels.message import Channel
from services.notifier.channels.rate_limit import NO_LIMITS, Limit

ID = r"^[a-z0-9]([a-z0-9-]{0,58}[a-z0-9])?$"
SecretName = Annotated[str, Field(pattern=ID)]
"""The name of a secret; the secret itself is in the environment or in a file."""


class AccountEntry(BaseModel):
    """What every account has."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    TO: ClassVar[str] = ""
    """What the `to` of a recipient is, in words; empty: there is none."""
    TO_PATTERN: ClassVar[str] = ""

    id: Annotated[str, Field(pattern=ID)]
    kind: str
    placeholder: bool = False
    """It is made up: nothing is sent by it."""

    def fault_of(self, to: str) -> str:
        """What is wrong with the address of a recipient, and what would be right; empty: nothing."""
        if re.fullmatch(self.TO_PATTERN, to):
            return ""
        if not self.TO:
            return f"has no recipient of its own in {self.kind}: leave it out"
        return f"is no recipient of {self.kind}: write {self.TO}"


class MissingSecret(ValueError):
    """A secret that is not there, or cannot be used. The text names it, and never shows it."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What channels need from outside."""

    secret: Callable[[str], str]
    """Name → secret. Raises MissingSecret."""
    calls: Calls
    now: Callable[[], float] = time.time
    """Real time: seconds since 1970."""
    seconds: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep

    def address(self, name: str) -> str:
        """The secret of that name, which is an address of the web: https, or http on this machine. MissingSecret."""
        text = self.secret(name)
        if not _ADDRESS.fullmatch(text):
            raise MissingSecret(f"secret {name}: is no address; write the whole https://… address that was given out")
        return text


ADDRESS = r"https://[!-~]{4,2000}|http://(127\.0\.0\.1|localhost|\[::1\])(:\d{1,5})?(/[!-~]*)?"
_ADDRESS = re.compile(ADDRESS)
Api = Annotated[str, Field(pattern=f"^({ADDRESS})$")]
"""The address of a provider's interface: its own servers or, of a private installation, others."""

Opened = Callable[[str], Channel]


class OneWay:
    """A channel that has no keys and answers no questions: what was lost stays uncertain."""

    window_seconds: float = 0.0
    limits: Sequence[Limit] = NO_LIMITS
    limits_of_recipient: Sequence[Limit] = NO_LIMITS

    def was_accepted(self, key: str) -> bool | None:
        """Nobody can say."""
        return None
