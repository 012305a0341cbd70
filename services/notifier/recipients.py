"""Who gets notices, as far as the delivery has to know it."""

from collections.abc import Container, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from services.notifier.channels.message import Channel

OPERATIONS: Final = "operations"
"""In the place of a unit: the operations centre."""
FILE: Final = "file"
"""The name of the channel of whoever has no other."""


class Recipient(Protocol):
    """One who gets notices."""

    @property
    def id(self) -> str:
        """It names no person, and begins with the unit and a slash."""

    @property
    def channels(self) -> Sequence[tuple[str, Channel]]:
        """Name and channel, the first one first."""

    @property
    def quiet(self) -> Container[datetime]:
        """The local times at which only what is urgent may disturb."""


class Contacts(Protocol):
    """The recipients of all units."""

    def recipients(self, unit: str) -> Sequence[Recipient]:
        """Who gets the notices of a unit, or of `OPERATIONS`. Never empty."""

    def recipient(self, id: str) -> Recipient | None:
        """The recipient of that id, as it is now; None if there is none any more."""


@dataclass(frozen=True, slots=True)
class FileRecipient:
    """A unit without contact."""

    id: str
    channels: tuple[tuple[str, Channel], ...]
    quiet: Container[datetime] = ()


class FilesOnly:
    """Every unit has its notices in one file."""

    def __init__(self, file: Channel) -> None:
        self._file = file

    def recipients(self, unit: str) -> Sequence[Recipient]:
        """As in `Contacts`."""
        return (FileRecipient(f"{unit}/duty", ((FILE, self._file),)),)

    def recipient(self, id: str) -> Recipient | None:
        """As in `Contacts`."""
        return FileRecipient(id, ((FILE, self._file),))
