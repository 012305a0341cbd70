"""`kpiwatch contacts`: who gets notices, and whether they can be reached."""

import secrets
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from services.catalog.load.plan_folder import load_plan
from services.catalog.words.unit_names import unit_title
from services.cli.arguments import PlanFolder, chosen_plan
from services.cli.failure import INPUT_HAS_ERRORS, NO_ANSWER, Failure
from services.cli.terminal import safe_console, say
from services.domain.plan.plan import Plan
from services.ledger.reader import LedgerReader
from services.messaging.reader import BrokerUnavailable
from services.notifier.channels.account import AccountEntry, Tools
from services.notifier.channels.calls import Calls
from services.notifier.channels.message import Accepted, Message, Outcome, Refused, Retry, Uncertain
from services.notifier.contacts import (
    FILE,
    OPERATIONS,
    ContactFile,
    Contacts,
    InvalidContacts,
    Recipient,
    contacts_path,
    open_contacts,
    read_contacts,
)
from services.notifier.figures import works
from services.notifier.notice_state import NoticeState
from services.notifier.notice_state import Use as ChannelUse
from services.notifier.recipients import Role
from services.notifier.secrets import Secrets
from services.runtime.settings import Settings

app = typer.Typer(help="Check the contacts, and send test messages to them.", no_args_is_help=True)


@app.command()
def check(plan: PlanFolder = None) -> None:
    """List the contacts with their channels, and say what is wrong with the file or missing of its secrets.

    Nothing is sent. Exit code 1 if something is wrong."""
    folder, settings = chosen_plan(plan), Settings.from_environment()
    loaded = load_plan(folder)
    file = _file(settings, folder, loaded)
    contacts = _opened(file, settings)
    _print(file, loaded)
    without = [unit for unit in loaded.units if not any(one.is_reached for one in contacts.recipients(unit))]
    say(f"{len(file.contacts)} contacts, {len(file.accounts)} accounts")
    if without:
        say(f"{len(without)} of {len(loaded.units)} units have their notices in {settings.outbox} only")
    for sentence in contacts.unusable:
        say(sentence, err=True)
    if contacts.unusable:
        raise typer.Exit(INPUT_HAS_ERRORS)


@app.command()
def used(plan: PlanFolder = None) -> None:
    """Show of each contact when each of its channels last took a notice, and what it says if it does not.

    It reads the ledger. Exit code 1 if no channel of a contact works, 3 if Kafka does not answer."""
    folder, settings = chosen_plan(plan), Settings.from_environment()
    loaded = load_plan(folder)
    file = _file(settings, folder, loaded)
    try:
        state = _state(settings.bootstrap)
    except BrokerUnavailable as away:
        raise Failure(str(away), NO_ANSWER) from None
    now, working = time.time(), True
    table = Table("单位 unit", "角色 role", "渠道 channel", "最近送达 last taken", "目前 now", box=None)
    for contact in file.contacts:
        ways = [step.account for step in contact.channels if not file.accounts[step.account].placeholder]
        uses = [state.used.get((contact.key, way)) for way in ways]
        working &= not ways or works(uses, now)
        for way, use in zip(ways, uses, strict=True):
            table.add_row(_unit(contact.unit, loaded), _ROLES[Role(contact.role)], way, *_shown(use))
    safe_console(width=None if sys.stdout.isatty() else 240).print(table)
    if not working:
        raise typer.Exit(INPUT_HAS_ERRORS)


def _state(bootstrap: str) -> NoticeState:
    """What the ledger says of notices. Raises BrokerUnavailable."""
    state, until = NoticeState(), time.monotonic() + _MOST_SECONDS
    with LedgerReader(bootstrap) as ledger:
        while not ledger.caught_up:
            for record in ledger.poll(0.2):
                state.note(record)
            if time.monotonic() > until:
                raise BrokerUnavailable(f"Kafka at {bootstrap} does not send its records: is it busy, or away?")
    return state


def _shown(use: ChannelUse | None) -> tuple[str, str]:
    """When a channel last took a notice, and how it does now."""
    if use is None:
        return "–", "尚未使用 not used yet"
    taken = _local(use.accepted_at) if use.accepted_at else "–"
    if not use.failing_since:
        return taken, "正常 works"
    return taken, f"自{_local(use.failing_since)}起未送达 fails since then: {use.failure}"


def _local(seconds: float) -> str:
    """A real time as people here read it."""
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M}"


@app.command("try")
def try_unit(
    unit: Annotated[str, typer.Argument(metavar="UNIT", help=f"A unit of units.toml, or {OPERATIONS}.")],
    role: Annotated[Role, typer.Option(help="Whom of the unit.")] = Role.DUTY,
    plan: PlanFolder = None,
) -> None:
    """Send a test message to each contact of a unit, by each of its channels, and say what became of it.

    Exit code 1 if one refuses the message, 3 if one does not take it now (as with a wrong secret) or is silent."""
    folder, settings = chosen_plan(plan), Settings.from_environment()
    loaded = load_plan(folder)
    if unit not in loaded.units and unit != OPERATIONS:
        raise Failure(f"{unit}: no unit of the plan: write an id of units.toml, or {OPERATIONS}", INPUT_HAS_ERRORS)
    contacts = opened_contacts(settings, folder, loaded)
    outcomes = [
        _tried(recipient, name, _test_message(unit, loaded))
        for recipient in contacts.recipients(unit, role)
        for name, _ in recipient.channels
        if name != FILE or not recipient.is_reached
    ]
    if any(isinstance(one, Refused) for one in outcomes):
        raise typer.Exit(INPUT_HAS_ERRORS)
    if not all(isinstance(one, Accepted) for one in outcomes):
        raise typer.Exit(NO_ANSWER)


def _file(settings: Settings, folder: Path, plan: Plan) -> ContactFile:
    """The file of the settings, or that of the plan's folder."""
    try:
        return read_contacts(contacts_path(settings.contacts, folder), plan.units, needed=settings.contacts is not None)
    except InvalidContacts as invalid:
        raise Failure(str(invalid), INPUT_HAS_ERRORS) from None


def opened_contacts(settings: Settings, folder: Path, plan: Plan) -> Contacts:
    """The contacts with their channels; accounts that cannot be used are said. Raises Failure."""
    contacts = _opened(_file(settings, folder, plan), settings)
    for sentence in contacts.unusable:
        say(sentence, err=True)
    return contacts


def _opened(file: ContactFile, settings: Settings) -> Contacts:
    return open_contacts(file, Tools(Secrets.of(settings), Calls()), settings.outbox)


def _print(file: ContactFile, plan: Plan) -> None:
    if not file.contacts:
        return
    table = Table("单位 unit", "角色 role", "姓名 name", "免打扰 quiet", "渠道 channels", box=None)
    for contact in file.contacts:
        unit = _unit(contact.unit, plan)
        ways = [_way(file.accounts[step.account], step.to) for step in contact.channels]
        table.add_row(unit, _ROLES[Role(contact.role)], contact.name, " ".join(contact.quiet), " → ".join(ways))
    safe_console(width=None if sys.stdout.isatty() else 240).print(table)


def _unit(id: str, plan: Plan) -> str:
    return "运行中心 operations centre" if id == OPERATIONS else unit_title(id, plan).zh


_MOST_SECONDS = 120.0
_ROLES = {Role.DUTY: "值班 duty", Role.LEADER: "分管负责人 leader"}


def _way(account: AccountEntry, to: str) -> str:
    """A way to a contact, in short."""
    made_up = "（占位 placeholder）" if account.placeholder else ""
    return f"{account.id}{f' {to}' if to else ''}{made_up}"


_SAID: dict[type[Outcome], str] = {
    Accepted: "已接收 accepted",
    Refused: "拒收 refused",
    Retry: "暂不接收 not now",
    Uncertain: "不确定 uncertain",
}


def _test_message(unit: str, plan: Plan) -> Message:
    title = "运行中心" if unit == OPERATIONS else unit_title(unit, plan).zh
    return Message(
        0,
        "通知渠道测试",
        f"{title}：这是一条测试消息，用于核对通知渠道是否畅通，无需办理，无需回复。",
        "A test of the way by which notices reach you. There is nothing to do.",
        unit="" if unit == OPERATIONS else unit,
    )


def _tried(recipient: Recipient, name: str, message: Message) -> Outcome:
    channel = recipient.channel(name)
    assert channel is not None  # the name is one of the recipient's
    outcome = channel.send(channel.render(message), f"kw-try-{secrets.token_hex(6)}")
    reason = "" if isinstance(outcome, Accepted) else f": {outcome.reason}"
    say(f"{recipient.id}  {name}  {_SAID[type(outcome)]}{reason}")
    return outcome
