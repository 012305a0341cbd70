"""`kpiwatch contacts`: who gets notices, and whether they can be reached."""

import secrets
import sys
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
    Role,
    contacts_path,
    open_contacts,
    read_contacts,
)
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
        unit = "营商办 operations centre" if contact.unit == OPERATIONS else unit_title(contact.unit, plan).zh
        ways = [_way(file.accounts[step.account], step.to) for step in contact.channels]
        table.add_row(unit, _ROLES[Role(contact.role)], contact.name, " ".join(contact.quiet), " → ".join(ways))
    safe_console(width=None if sys.stdout.isatty() else 240).print(table)


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
    title = "营商办" if unit == OPERATIONS else unit_title(unit, plan).zh
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
