"""The port for notices: what a channel is, and which unit's notices go through which one.

A unit's `contact` in the plan (units.toml) chooses its channel by its scheme: `file:///srv/notices/water.jsonl` chooses
the channel `file`. Each other module of this folder is one channel: its constant `SCHEME` and its function
`open_channel`. A unit without a contact, or with one of another scheme, has its notices in the outbox only.
"""

import pkgutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol

from services.domain.plan.plan import Unit

Notice = Mapping[str, Any]
"""One notice, as the outbox holds it (`services/notifier/ledger.py`)."""


class Channel(Protocol):
    """A way to a unit."""

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Deliver notices of one unit; returns once they are safe. Raises OSError if they are not: then all of them are
        delivered again later. So is what was delivered just before a crash: a receiver may get a notice twice."""
        ...


OpenChannel = Callable[[str], Channel]
"""Opens the channel of a contact. Raises ValueError, with the remedy, if the contact is not of the form it needs."""


def channel_types() -> dict[str, OpenChannel]:
    """Scheme → how to open such a channel: of every module of this folder that is a channel."""
    folder = import_module(__package__)
    modules = [import_module(f"{__package__}.{found.name}") for found in pkgutil.iter_modules(folder.__path__)]
    return {module.SCHEME: module.open_channel for module in modules if hasattr(module, "SCHEME")}


def channels_of(units: Iterable[Unit]) -> dict[str, Channel]:
    """Unit → its channel, for each unit whose contact has a scheme that a channel knows. Units with the same contact
    share one channel. Raises ValueError naming the unit whose contact has the wrong form."""
    types = channel_types()
    opened: dict[str, Channel] = {}
    found: dict[str, Channel] = {}
    for unit in units:
        scheme, colon, _ = unit.contact.partition(":")
        if not colon or scheme not in types:
            continue
        if unit.contact not in opened:
            try:
                opened[unit.contact] = types[scheme](unit.contact)
            except ValueError as wrong:
                raise ValueError(f"contact of unit {unit.id}: {wrong}") from None
        found[unit.id] = opened[unit.contact]
    return found
