"""The port for notices: what a channel is, and which unit's notices go through which one.

A unit's `contact` in the plan (units.toml) chooses its channel by its scheme: `file:///srv/notices/water.jsonl` chooses
the channel `file`. Each other module of this folder is one channel: its constant `SCHEME` and its function
`open_channel`. It may have a function `place_of(contact)`, which returns the same text for every spelling of one place:
no two units then write it through two channels. A unit without a contact, or with one of another scheme, has its
notices in the outbox only.
"""

import logging
import os
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from services.domain.plan.plan import Unit
from services.notifier.journal import JournalInUse

log = logging.getLogger(__name__)

Notice = Mapping[str, Any]
"""One notice, as the outbox holds it (`services/notifier/ledger.py`)."""


class Channel(Protocol):
    """A way to a unit."""

    def deliver(self, notices: Sequence[Notice]) -> None:
        """Deliver notices of one unit; returns once they are safe. Raises OSError if they are not: then all of them are
        delivered again later. So is what was delivered just before a crash: a receiver may get a notice twice."""
        ...


OpenChannel = Callable[[str], Channel]
"""Opens the channel of a contact. Raises ValueError, with the remedy, if the contact is not of the form it needs, and
OSError if it cannot be opened."""


def channel_types() -> dict[str, OpenChannel]:
    """Scheme → how to open such a channel: of every module of this folder that is a channel."""
    return {scheme: module.open_channel for scheme, module in _channel_modules().items()}


def _channel_modules() -> dict[str, Any]:
    folder = import_module(__package__)
    modules = [import_module(f"{__package__}.{found.name}") for found in pkgutil.iter_modules(folder.__path__)]
    return {module.SCHEME: module for module in modules if hasattr(module, "SCHEME")}


def channels_of(units: Iterable[Unit], own_files: Iterable[Path] = ()) -> dict[str, Channel]:
    """Unit → its channel, for each unit whose contact has a scheme that a channel knows. Units with the same contact
    share one channel. A unit whose channel cannot be opened has its notices in the outbox only, which is logged: the
    other units do not wait for it.

    Args:
        own_files: the files that the notifier itself writes: none of them can be a channel.

    Raises:
        ValueError: a contact has the wrong form, or its file is in use here. The text names the unit and the remedy.
        JournalInUse: another process writes the file of a contact.
    """
    modules = _channel_modules()
    chosen = [unit for unit in units if _scheme(unit.contact) in modules]
    _check_places(chosen, modules, own_files)
    opened: dict[str, Channel] = {}
    found: dict[str, Channel] = {}
    for unit in chosen:
        try:
            with _naming(unit):
                if unit.contact not in opened:
                    opened[unit.contact] = modules[_scheme(unit.contact)].open_channel(unit.contact)
        except OSError as error:
            place = error.filename or "its channel"
            log.error(
                "contact of unit %s: %s: %s; its notices are in the outbox only. Make it writable and start the "
                "notifier again",
                *(unit.id, place, error.strerror),
            )
        else:
            found[unit.id] = opened[unit.contact]
    return found


def _scheme(contact: str) -> str:
    """The scheme of a contact; empty where it has none."""
    scheme, colon, _ = contact.partition(":")
    return scheme if colon else ""


def _check_places(units: Iterable[Unit], modules: Mapping[str, Any], own_files: Iterable[Path]) -> None:
    """Raises ValueError where two contacts write one place in two ways, or where one is a file of the notifier."""
    own = {os.path.realpath(path) for path in own_files}
    first: dict[str, Unit] = {}
    for unit in units:
        with _naming(unit):
            place_of = getattr(modules[_scheme(unit.contact)], "place_of", str)
            place = place_of(unit.contact)
            if place in own:
                raise ValueError(f"the notifier itself writes {place}: name another file")
            other = first.setdefault(place, unit)
            if other.contact != unit.contact:
                raise ValueError(
                    f"{place} is the contact of unit {other.id}, too: write it as there: {other.contact!r}"
                )


@contextmanager
def _naming(unit: Unit) -> Iterator[None]:
    """Errors about a contact name its unit."""
    try:
        yield
    except ValueError as wrong:
        raise ValueError(f"contact of unit {unit.id}: {wrong}") from None
    except JournalInUse as used:
        raise JournalInUse(f"contact of unit {unit.id}: {used}") from None
