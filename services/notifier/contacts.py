"""Who gets notices, by which channels and in which order: contacts.toml.

The file has accounts (`[[account]]`: a robot, an application, a mail server, something by which we send) and contacts
(`[[contact]]`: a unit, a role, and the accounts by which it is reached, the first one first). It holds no secret: it
names them (`services/notifier/secrets.py`). A unit without contact has its notices in a file.
"""

import logging
import pkgutil
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from services.catalog.load.plan_folder import Place, Problem
from services.catalog.load.toml_lines import line_of, lines_of
from services.notifier.channels.account import ID, AccountEntry, MissingSecret, Opened, Tools
from services.notifier.channels.file import NoticeFile
from services.notifier.channels.message import Channel
from services.notifier.recipients import LAST_WAY, Role
from services.runtime.text_file import Unreadable, parsed_toml, read_text

log = logging.getLogger(__name__)

OPERATIONS = "operations"
"""In the place of a unit: the operations centre (运行中心), to which proposals go."""
FILE = LAST_WAY
"""The name of the channel that every recipient has, and a unit without contact has no other."""
CONTACTS = "contacts.toml"
E = TypeVar("E", bound=BaseModel)


class InvalidContacts(ValueError):
    """A file of contacts that cannot be used; `problems` has everything that is wrong."""

    def __init__(self, path: Path, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(f"{path} cannot be used (`kpiwatch contacts check` says the same):\n{lines}")


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


class Step(_Strict):
    """One of the ways to a contact."""

    account: str
    to: str = ""


class ContactEntry(_Strict):
    """`[[contact]]`."""

    unit: str
    role: Annotated[str, Field(pattern="^(duty|leader)$")] = Role.DUTY.value
    id: Annotated[str, Field(pattern=ID)] | None = None
    """Needed where a unit has several contacts of one role."""
    name: str = ""
    """Who it is, for the people who keep the file; it is shown by `kpiwatch contacts check` only."""
    quiet: tuple[Annotated[str, Field(pattern=r"^\d\d:\d\d-\d\d:\d\d$")], ...] = Field((), strict=False)
    """When notices wait that are not urgent: "21:00-07:30", by the plan's clock."""
    briefings: tuple[Literal["day", "week", "month"], ...] = Field((), strict=False)
    """Which briefings it gets (日报, 周报, 月报), by the first of its channels that takes them."""
    channels: tuple[Step, ...] = Field(min_length=1, strict=False)

    @property
    def key(self) -> str:
        """Its id among all contacts."""
        return f"{self.unit}/{self.role}" + (f"/{self.id}" if self.id else "")


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Spans of a day in minutes after midnight; one that ends before it begins goes on after midnight."""

    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, texts: Iterable[str]) -> "QuietHours":
        """Of texts such as `21:00-07:30`. ValueError if one is no span."""
        return cls(tuple(_span(text) for text in texts))

    def __contains__(self, local: datetime) -> bool:
        """Whether a local time is quiet."""
        minute = local.hour * 60 + local.minute
        return any(
            begin <= minute < end if begin < end else minute >= begin or minute < end for begin, end in self.spans
        )


@dataclass(frozen=True, slots=True)
class Recipient:
    """One who gets notices."""

    id: str
    """`unit/role`, or `unit/role/id`; it names no person."""
    unit: str
    role: Role
    channels: tuple[tuple[str, Channel], ...]
    """Name and channel, the first one first; the last one is the file."""
    quiet: QuietHours = QuietHours()
    briefings: tuple[str, ...] = ()

    def channel(self, name: str) -> Channel | None:
        """The channel of that name."""
        return next((channel for own, channel in self.channels if own == name), None)

    @property
    def outside(self) -> tuple[tuple[str, Channel], ...]:
        """Those that lead to people: all but the file."""
        return tuple(one for one in self.channels if one[0] != FILE)

    @property
    def is_reached(self) -> bool:
        """Whether there is more than the file."""
        return bool(self.outside)


@dataclass(frozen=True, slots=True)
class ContactFile:
    """A file of contacts that was read."""

    accounts: Mapping[str, AccountEntry]
    contacts: tuple[ContactEntry, ...]


@dataclass(frozen=True, slots=True)
class Contacts:
    """The recipients, with their channels."""

    of_role: Mapping[tuple[str, Role], tuple[Recipient, ...]]
    """(unit, role) → recipients, in the order of the file."""
    file: Channel
    """What a unit without contact has."""
    unusable: tuple[str, ...] = ()
    """Sentences: accounts that cannot be used, and the remedy."""

    def all(self) -> tuple[Recipient, ...]:
        """The contacts of the file, in its order."""
        return tuple(one for several in self.of_role.values() for one in several)

    def recipients(self, unit: str, role: Role = Role.DUTY) -> tuple[Recipient, ...]:
        """Who gets the notices of a unit (or of `OPERATIONS`): those of the role; else those on duty; else the file. A
        role of which nobody can be reached now is none."""
        found = [self.of_role.get((unit, wanted), ()) for wanted in (role, Role.DUTY)]
        alone = (Recipient(f"{unit}/{Role.DUTY}", unit, Role.DUTY, ((FILE, self.file),)),)
        reached = (several for several in found if any(one.is_reached for one in several))
        return next(reached, found[0] or found[1] or alone)

    def briefed(self, period: str) -> list[Recipient]:
        """Who gets the briefings of a period (`day`, `week`, `month`), in the order of the file."""
        return [one for several in self.of_role.values() for one in several if period in one.briefings]

    def recipient(self, id: str) -> Recipient:
        """The recipient of that id, as it is now. If the file has it no more, the first one of its unit and role:
        what was on its way to the old one is not lost."""
        known = (one for several in self.of_role.values() for one in several if one.id == id)
        if (found := next(known, None)) is not None:
            return found
        parts = _RECIPIENT.fullmatch(id)
        unit, role = (parts["unit"], Role(parts["role"])) if parts else (id.partition("/")[0], Role.DUTY)
        return self.recipients(unit, role)[0]


_RECIPIENT = re.compile(r"(?P<unit>.*)/(?P<role>duty|leader)(/[a-z0-9-]+)?", re.DOTALL)
"""An id. Units of alerts are free text, and may hold a slash."""


def channel_kinds() -> dict[str, ModuleType]:
    """Kind → module, of every module of the channels' folder that has a `KIND`."""
    folder = import_module("services.notifier.channels")
    modules = [import_module(f"{folder.__name__}.{found.name}") for found in pkgutil.iter_modules(folder.__path__)]
    return {module.KIND: module for module in modules if hasattr(module, "KIND")}


def contacts_path(chosen: Path | None, plan: Path) -> Path:
    """The file: the one that was chosen, or that of the plan's folder."""
    return chosen or plan / CONTACTS


def read_contacts(path: Path, units: Collection[str], *, needed: bool = False) -> ContactFile:
    """Read and check a file. Raises InvalidContacts. A file that is not there has no contacts, unless it is `needed`.

    Args:
        units: the ids that a contact may name.
    """
    if not needed and not path.exists():
        return ContactFile({}, ())
    reading = _Reading(path)
    tables = reading.tables()
    accounts = {one.id: one for one in reading.accounts(tables)}
    contacts = tuple(reading.contacts(tables, accounts, units))
    if reading.problems:
        raise InvalidContacts(path, reading.problems)
    return ContactFile(accounts, contacts)


def open_contacts(file: ContactFile, tools: Tools, notices: Path) -> Contacts:
    """The recipients with their channels, of which the last one is the file. An account that cannot be used (a secret
    is missing) is passed over, which is said: nobody else's notices wait for it. A contact that is left without
    an account keeps its id and has the file. A placeholder is passed over, and a contact that has nothing else.

    Args:
        notices: the file for what has no other channel.
    """
    opened, unusable = _opened_accounts(file, tools)
    notice_file = NoticeFile(notices)
    found: dict[tuple[str, Role], tuple[Recipient, ...]] = {}
    for contact in file.contacts:
        channels = tuple(
            (step.account, opened[step.account](step.to)) for step in contact.channels if step.account in opened
        )
        if not all(file.accounts[step.account].placeholder for step in contact.channels):
            place, quiet = (contact.unit, Role(contact.role)), QuietHours.of(contact.quiet)
            ways = (*channels, (FILE, notice_file))
            found[place] = (
                *found.get(place, ()),
                Recipient(contact.key, contact.unit, place[1], ways, quiet, contact.briefings),
            )
    return Contacts(found, notice_file, tuple(unusable))


def _opened_accounts(file: ContactFile, tools: Tools) -> tuple[dict[str, Opened], list[str]]:
    """The accounts that contacts use, and a sentence for each that cannot be used."""
    kinds = channel_kinds()
    used = {step.account for contact in file.contacts for step in contact.channels}
    opened: dict[str, Opened] = {}
    unusable: list[str] = []
    for id, account in file.accounts.items():
        if account.placeholder or id not in used:
            continue
        try:
            opened[id] = kinds[account.kind].opened(account, tools)
        except MissingSecret as missing:
            unusable.append(f"account {id}: {missing}")
    return opened, unusable


class _Reading:
    """What could be read of a file, and every problem on the way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: Mapping[Place, int] = {}
        self.problems: list[Problem] = []

    def tables(self) -> dict[str, Any]:
        try:
            text = read_text(self._path)
            self._lines = lines_of(text)
            tables = parsed_toml(text)
        except OSError as error:
            self._add((), f"cannot be read: {error.strerror}")
            return {}
        except Unreadable as error:
            self._add((), str(error))
            return {}
        except ValueError as error:
            self._add((), f"is not TOML: {error}")
            return {}
        for name in tables:
            if name not in ("account", "contact"):
                self._add((name,), "only [[account]] and [[contact]] belong into this file")
        return tables

    def accounts(self, tables: Mapping[str, Any]) -> Iterator[AccountEntry]:
        kinds = channel_kinds()
        ids: set[str] = set()
        for place, raw in self._entries(tables, "account"):
            kind = raw.get("kind")
            if not isinstance(kind, str) or kind not in kinds:
                self._add((*place, "kind"), f"is none of the kinds: write one of {', '.join(sorted(kinds))}")
                continue
            account = self._validated(kinds[kind].Account.model_validate, raw, place)
            if account is None:
                continue
            if account.id == FILE:
                self._add((*place, "id"), f"{FILE} is the last way of every contact: choose another id")
            if account.id in ids:
                self._add((*place, "id"), f"{account.id} is the id of another account, too: choose another one")
            ids.add(account.id)
            yield account

    def contacts(
        self, tables: Mapping[str, Any], accounts: Mapping[str, AccountEntry], units: Collection[str]
    ) -> Iterator[ContactEntry]:
        keys: set[str] = set()
        for place, raw in self._entries(tables, "contact"):
            contact = self._validated(ContactEntry.model_validate, raw, place)
            if contact is None:
                continue
            for keys_of, sentence in _faults_of(contact, accounts, units):
                self._add((*place, *keys_of), sentence)
            if contact.key in keys:
                self._add(place, f"{contact.key} is there twice: give each an id of its own")
            keys.add(contact.key)
            yield contact

    def _entries(self, tables: Mapping[str, Any], name: str) -> Iterator[tuple[Place, dict[str, Any]]]:
        entries = tables.get(name, [])
        if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
            self._add((name,), f"write [[{name}]] with two brackets: there may be several")
            return
        for index, raw in enumerate(entries):
            yield (name, index), raw

    def _validated(self, read: Callable[[Any], E], raw: Mapping[str, Any], place: Place) -> E | None:
        try:
            return read(raw)
        except ValidationError as error:
            for fault in error.errors(include_url=False, include_input=False, include_context=False):
                self._add((*place, *fault["loc"]), _sentence(fault))
            return None

    def _add(self, place: Place, sentence: str) -> None:
        self.problems.append(Problem(self._path, place, sentence, line_of(place, self._lines)))


def _faults_of(
    contact: ContactEntry, accounts: Mapping[str, AccountEntry], units: Collection[str]
) -> Iterator[tuple[Place, str]]:
    """What is wrong with a contact that has the right form."""
    if contact.unit not in units and contact.unit != OPERATIONS:
        yield ("unit",), f"{contact.unit} is no unit of the plan: write an id of units.toml, or {OPERATIONS}"
    for index, text in enumerate(contact.quiet):
        try:
            _span(text)
        except ValueError as error:
            yield ("quiet", index), str(error)
    seen: set[str] = set()
    for index, step in enumerate(contact.channels):
        account = accounts.get(step.account)
        if account is None:
            yield ("channels", index, "account"), f"{step.account} is no account of this file: add it as [[account]]"
        elif wrong := account.fault_of(step.to):
            yield ("channels", index, "to"), wrong
        if step.account in seen:
            yield ("channels", index), f"account {step.account} is there twice: write a second [[contact]]"
        seen.add(step.account)


def _span(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d\d):(\d\d)-(\d\d):(\d\d)", text)
    hours = [int(one) for one in found.groups()] if found else []
    if not hours or not all(0 <= minute < 60 for minute in hours[1::2]) or max(hours[::2]) > 23:
        raise ValueError('is no span of a day: write it as "21:00-07:30"')
    begin, end = hours[0] * 60 + hours[1], hours[2] * 60 + hours[3]
    if begin == end:
        raise ValueError("begins and ends at the same minute: leave it out, or write when it ends")
    return begin, end


def _sentence(fault: ErrorDetails) -> str:
    """A fault in words, without what was written there: it may be a secret that does not belong into the file."""
    name = fault["loc"][-1] if fault["loc"] else ""
    match fault["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return "is not a key of this table: look for a slip of the keyboard"
        case "string_pattern_mismatch" if name in ("address", "secret", "password"):
            return "is no name of a secret (a-z, 0-9, -): write the secret itself to the environment or to a file"
        case "value_error":
            return fault["msg"].removeprefix("Value error, ")
    return f"{fault['msg'][:1].lower()}{fault['msg'][1:]}"
