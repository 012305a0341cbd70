"""Who gets notices, as far as the delivery has to know it."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from services.notifier.channels.message import Channel

LAST_WAY = "file"
"""The name of the channel that every recipient has: for what no other channel takes any more."""


class Role(StrEnum):
    """For what a contact is there."""

    DUTY = "duty"
    """值班: notices of cards, 提醒 and 催办."""
    LEADER = "leader"
    """分管负责人: 督办单 and 通报."""


class Quiet(Protocol):
    """Times of a day."""

    def __contains__(self, local: datetime, /) -> bool:
        """Whether a local time is one of them."""


class Recipient(Protocol):
    """One who gets notices."""

    @property
    def id(self) -> str:
        """It names no person, and begins with the unit and a slash."""

    @property
    def channels(self) -> Sequence[tuple[str, Channel]]:
        """Name and channel, the first one first."""

    @property
    def quiet(self) -> Quiet:
        """The local times at which only what is urgent may disturb."""


class Contacts(Protocol):
    """The recipients of all units."""

    def recipients(self, unit: str, role: Role = Role.DUTY) -> Sequence[Recipient]:
        """Who gets the notices of a unit, or of the operations centre, that are for that role. Never empty."""

    def recipient(self, id: str) -> Recipient:
        """The recipient of that id, as it is now; if there is none any more, another one of the unit."""
