"""The port of the channels: what a notice is, and what may come of sending it.

A channel is one module of this folder. It renders a message into the bytes that its provider takes (`render`, a pure
function: the bytes are recorded in the ledger before they are sent). It sends such bytes once (`send`). It never sends
again by itself: the delivery does that, with the same bytes and the same key.

Rendered bytes, outcomes and exceptions of a channel hold no secret, no address of a robot and no address of a person.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.notifier.channels.rate_limit import Limit

FOR_EVER = math.inf
LONGEST_SEND_SECONDS = 720.0
"""No `send` takes longer. The longest one is a mail: some ten answers of a slow server, and three
long waits while it takes and checks the mail."""


@dataclass(frozen=True, slots=True)
class Message:
    """What a notice says. Every channel shows its number, title and link, and the checkpoint
    where the provider takes long texts; texts that are too long are cut there."""

    number: int
    """Of the notice: the number of its record in the ledger."""
    title: str
    """In Chinese, one line."""
    text_zh: str
    text_en: str = ""
    link: str = ""
    """Address of a page; whoever opens it changes nothing."""
    unit: str = ""
    """Id of the unit that it is for."""
    urgent: bool = False
    checkpoint: str = ""
    """The newest checkpoint of the ledger, which the unit is to keep; empty: it was told one today."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider has it."""

    provider_id: str = ""
    """The provider's own number of it, where it gives one."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The provider does not have it, and would refuse it again, whoever corrects the account: there is no such
    recipient, or the content is not taken. What an account is refused for is `Retry`: it passes when people mend it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Retry:
    """The provider does not have it, and may take it later."""

    reason: str
    after_seconds: float = 0.0
    """Not earlier than in so many seconds; 0: the delivery decides."""
    of_account: bool = False
    """Whether it concerns every message of the account, as far as one answer says: a limit, a disorder, a wrong
    secret, a right that is missing."""
    closes: bool = False
    """Whether the provider said that it takes nothing more by this account for `after_seconds`: a limit."""


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The provider may have it: it was sent, and no answer came that says so."""

    reason: str


Outcome = Accepted | Refused | Retry | Uncertain


class Channel(Protocol):
    """A way to one recipient. Its methods may be called from several threads."""

    @property
    def window_seconds(self) -> float:
        """How long after the first attempt the same bytes may be sent again under the same key without a second one.
        0: never. In real seconds, as of now: it may depend on the time of day."""
        ...

    @property
    def limits(self) -> Sequence[Limit]:
        """How many calls the provider takes by the account of the channel, whoever they are for. The delivery keeps
        them: a call is not begun before there is room."""
        ...

    @property
    def limits_of_recipient(self) -> Sequence[Limit]:
        """How many of them it takes for one recipient."""
        ...

    def render(self, message: Message) -> bytes:
        """What is sent: the same bytes for the same message."""
        ...

    def send(self, rendered: bytes, key: str) -> Outcome:
        """Send it once. Raises nothing: what goes wrong is an outcome. `key`: the same for every attempt to deliver one
        notice to one recipient; at most 100 characters of `a-z0-9-`."""
        ...

    def was_accepted(self, key: str) -> bool | None:
        """Whether the recipient has what was sent under this key; None: nobody can say."""
        ...
