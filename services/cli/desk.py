"""`kpiwatch desk`: the pages of units and of the operations centre, and the accounts for them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from services.catalog.load.plan_folder import load_plan
from services.cli.failure import INPUT_HAS_ERRORS, Failure
from services.cli.terminal import say
from services.desk.__main__ import open_accounts
from services.desk.access import Role
from services.desk.accounts.accounts import CODE_US, Account, Accounts, NotPossible
from services.desk.accounts.logbook import Deed, Entry
from services.runtime.settings import Settings

app = typer.Typer(no_args_is_help=True)
account = typer.Typer(no_args_is_help=True, help="Accounts of the desk: add, reset, list, disable, end sessions.")
app.add_typer(account, name="account")

Done = TypeVar("Done")
Name = Annotated[str, typer.Argument(metavar="NAME", help="2 to 40 of a-z, 0-9, dot, dash and underscore.")]
UnitOption = Annotated[str, typer.Option("--unit", metavar="UNIT", help="As in units.toml; needed for the role unit.")]


@app.command()
def serve() -> None:
    """Serve the desk's pages until Ctrl-C.

    KPIWATCH_DESK_URL is its address, KPIWATCH_DESK_PORT where it listens, KPIWATCH_ACCOUNTS its own database. Exit
    code 3 if a database does not answer at the start."""
    from services.desk.__main__ import main

    raise typer.Exit(main())


@account.command()
def add(
    name: Name,
    role: Annotated[Role, typer.Option("--role", help="What the account is for.")],
    unit: UnitOption = "",
) -> None:
    """Make an account. Its one-time code is printed once and kept nowhere: at the first sign-in its owner chooses a
    password."""
    settings = Settings.from_environment()
    if unit and unit not in load_plan(settings.plan).units:
        raise Failure(f"{unit}: units.toml has no such unit: `kpiwatch plan show` lists them", INPUT_HAS_ERRORS)
    what = f"{name}: added as {role.value} {unit}".rstrip()
    _say_code(_done(lambda: open_accounts(settings).add(name, role, unit, _by(what))))


@account.command()
def reset(name: Name) -> None:
    """Take password and second factor away, end all sessions, and print a new one-time code."""
    _say_code(_done(lambda: _accounts().reset(name, _by(f"{name}: reset"))))


@account.command("list")
def list_accounts() -> None:
    """List accounts: name, role, unit, state. No secret is shown."""
    for each in _accounts().listed():
        say(f"{each.name}  {each.role.value}  {each.unit or '-'}  {_state(each)}")


@account.command()
def disable(
    name: Name,
    undo: Annotated[bool, typer.Option("--undo", help="Enable it again; then `reset` gives its owner a code.")] = False,
) -> None:
    """Let nobody sign in to an account any more, and end its sessions."""
    done = "enabled" if undo else "disabled"
    _done(lambda: _accounts().set_disabled(name, not undo, _by(f"{name}: {done}")))
    say(f"{done} {name}")


@account.command()
def sessions(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="Only of this account.")] = None,
    end: Annotated[bool, typer.Option("--end", help="End all sessions of the account.")] = False,
) -> None:
    """List open sessions: account, since when, last used, from where."""
    accounts = _accounts()
    if (end or name is not None) and accounts.account(name or "") is None:
        raise Failure("name an account that is there: `kpiwatch desk account list`", INPUT_HAS_ERRORS)
    if end and name is not None:
        accounts.end_sessions(name, _by(f"{name}: sessions ended"))
        say(f"ended the sessions of {name}")
        return
    for each in accounts.sessions(name):
        say(
            f"{each.account}  since {_time(each.begun_at)}  last used {_time(each.seen_at)}  from {each.address or '-'}"
        )


def _accounts() -> Accounts:
    return open_accounts(Settings.from_environment())


def _by(what: str) -> Deed:
    return Deed(Entry.ACCOUNT, "", what)


def _done(do: Callable[[], Done]) -> Done:
    try:
        return do()
    except NotPossible as refusal:
        raise Failure(f"{refusal.why.zh} {refusal.why.en}", INPUT_HAS_ERRORS) from None


def _say_code(code: str) -> None:
    say(code)
    say(f"一次性口令，{CODE_US // 3_600_000_000}小时内有效 one-time code, shown only now", err=True)


def _state(account: Account) -> str:
    if account.disabled:
        return "disabled"
    factor = "with authenticator" if account.has_factor else "without authenticator"
    return f"active, {factor}" if account.has_password else "has not signed in yet"


def _time(at: int) -> str:
    zone = ZoneInfo(load_plan(Settings.from_environment().plan).head.timezone)
    return f"{datetime.fromtimestamp(at / 1_000_000, zone):%Y-%m-%d %H:%M}"
