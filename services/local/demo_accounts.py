"""The accounts of the demo: some units, the operations centre, an auditor, an administrator. Their passwords are made
anew for each demo and stand in one file, which only its owner reads."""

import secrets
from pathlib import Path
from typing import Final

from services.desk.__main__ import is_demo, open_accounts
from services.desk.access import Role
from services.desk.accounts.accounts import Accounts, Attempt, SignedIn
from services.desk.accounts.logbook import Deed, Entry
from services.desk.words import ROLES
from services.domain.plan.plan import Plan
from services.runtime.atomic_file import atomic_file
from services.runtime.settings import Settings

_UNITS: Final = ("district-market-regulation", "district-government-services", "district-procuring-units")
"""Of the shipped plan: the last one has soft promises, and gives reasons. Of another plan its first three."""


def write_demo_accounts(plan: Plan, settings: Settings, file: Path) -> None:
    """Make the accounts that are not there yet, and write them down. Nothing, where other machines are served.

    Raises AccountsUnavailable, OSError."""
    if not is_demo(settings):
        return
    accounts, wanted = open_accounts(settings), _wanted(plan)
    try:
        if file.exists() and {name for name, _, _ in wanted} <= {each.name for each in accounts.listed()}:
            return
        lines = [_line(accounts, name, role, unit, plan) for name, role, unit in wanted]
    finally:
        accounts.database.close()
    with atomic_file(file, durable=True, private=True) as sink:
        heading = "账号 account\t密码 password\t角色 role\t单位 unit"
        sink.write("".join(f"{line}\n" for line in (heading, *lines)).encode())


def _wanted(plan: Plan) -> list[tuple[str, Role, str]]:
    units = [id for id in _UNITS if id in plan.units] or list(plan.units)[:3]
    return [
        ("operations", Role.OPERATIONS, ""),
        *((id.removeprefix("district-")[:40], Role.UNIT, id) for id in units),
        ("auditor", Role.AUDITOR, ""),
        ("admin", Role.ADMIN, ""),
    ]


def _line(accounts: Accounts, name: str, role: Role, unit: str, plan: Plan) -> str:
    """Make an account, or make it anew where its password was lost with the file; its line."""
    by, password = Deed(Entry.ACCOUNT, "", f"{name}: of the demo"), "-".join(secrets.token_hex(3) for _ in range(3))
    code = accounts.add(name, role, unit, by) if accounts.account(name) is None else accounts.reset(name, by)
    signed_in = accounts.sign_in(Attempt(name, code, "", ""))
    assert isinstance(signed_in, SignedIn), "the code was made just now"
    session = accounts.session_of(signed_in.token)
    assert session is not None
    accounts.change_password(session, password, "")
    accounts.end_sessions(name, by)
    title = plan.units[unit].title.zh if unit else ""
    return f"{name}\t{password}\t{ROLES[role].zh} {ROLES[role].en}\t{title}".rstrip()
