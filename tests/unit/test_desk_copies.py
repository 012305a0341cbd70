"""The desk's accounts in a copy (`kpiwatch backup`, `restore`): people sign in again, and what was ended stays so."""

import json
import stat
from pathlib import Path
from typing import Any

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select

from services.desk.access import Role
from services.desk.accounts import credentials, schema
from services.desk.accounts.accounts import Accounts, Attempt, SignedIn
from services.desk.accounts.copies import NoAccounts, copied, put_back, read_copy
from services.desk.accounts.database import AccountsDatabase
from services.desk.accounts.logbook import Deed, Entry, Logbook
from services.domain.time.zone import DAY_US, Zone
from services.ledger.backup import read_backup
from services.runtime.clock import Clock
from tests.unit.commands import run
from tests.unit.ledger_world import LedgerWorld

PASSWORD = "five white horses"
BY = Deed(Entry.ACCOUNT, "", "by a test")


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(credentials, "_hasher", lambda: quick)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where everything is that a setting names; the ledger is empty."""
    folder = tmp_path / "here"
    for name, file in {
        "ACCOUNTS": "accounts.sqlite", "TEXTS": "texts.sqlite", "LEDGER_KEY": "ledger.key",
        "CHECKPOINTS": "checkpoints.jsonl", "OUTBOX": "outbox.jsonl",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"KPIWATCH_{name}", str(folder / file))
    monkeypatch.setattr("services.ledger.topic.ledger_records", lambda bootstrap: iter(LedgerWorld().records()))
    return folder


def accounts_of(place: Path) -> Accounts:
    return Accounts(AccountsDatabase.at(str(place / "accounts.sqlite")), Clock.real().now)


def signed_in(accounts: Accounts, name: str, secret: str, factor: str = "", browser: str = "") -> SignedIn:
    answer = accounts.sign_in(Attempt(name, secret, factor, "10.0.0.1", browser))
    assert isinstance(answer, SignedIn), answer
    return answer


def with_password(accounts: Accounts, name: str, role: Role, unit: str = "") -> SignedIn:
    """An account with its password, and an open session."""
    session = accounts.session_of(signed_in(accounts, name, accounts.add(name, role, unit, BY)).token)
    assert session is not None
    accounts.change_password(session, PASSWORD, "10.0.0.1")
    return signed_in(accounts, name, PASSWORD)


def rows_of(accounts: Accounts) -> dict[str, list[Any]]:
    with accounts.database.asking() as connection:
        return {name: list(connection.execute(select(table))) for name, table in schema.metadata.tables.items()}


def test_after_a_restore_people_sign_in_and_no_session_or_code_lives_again(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = accounts_of(place)
    ended = with_password(before, "wang", Role.UNIT, "liangjiang-water")
    secret = credentials.new_factor()
    totp = pyotp.TOTP(secret)
    with_password(before, "li", Role.OPERATIONS)
    assert before.enrol("li", secret, totp.at(before.now() // 1_000_000 - 30), "10.0.0.1")
    unused = before.add("zhao", Role.AUDITOR, "", BY)
    with_password(before, "gone", Role.UNIT, "liangjiang-water")
    before.set_disabled("gone", True, BY)
    before.note(Deed(Entry.VIEWED, "wang", "/cases/x/1"))
    logbook = Logbook(before.database, Zone("Asia/Shanghai"))
    digest = next(logbook.due(before.now() + DAY_US))
    logbook.note_sent(digest)
    known = rows_of(before)
    copy = tmp_path / "copy.tar"
    assert run("backup", copy) == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    for hidden in (PASSWORD, ended.token, unused, credentials.hashed(ended.token), credentials.hashed(ended.browser)):
        assert hidden.encode() not in read_backup(copy)["accounts.jsonl"]

    place.rename(tmp_path / "lost")
    assert run("restore", copy) == 0
    assert "reset NAME`): zhao" in capsys.readouterr().out
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in place.glob("accounts.sqlite*"))
    after = accounts_of(place)
    assert after.session_of(ended.token) is None and after.count_sessions() == 0
    wrong = (("zhao", unused, ""), ("gone", PASSWORD, ""), ("li", PASSWORD, ""))
    assert [after.sign_in(Attempt(name, code, factor, "10.0.0.1")) for name, code, factor in wrong] == [None] * 3
    found = rows_of(after)
    assert found["desk_log"][: len(known["desk_log"])] == known["desk_log"]
    assert found["desk_digests"] == known["desk_digests"]
    assert Logbook(after.database, Zone("Asia/Shanghai")).digest(digest.day) == digest
    signed_in(after, "wang", PASSWORD)
    signed_in(after, "li", PASSWORD, totp.at(after.now() // 1_000_000))
    signed_in(after, "zhao", after.reset("zhao", BY))


def test_what_is_there_stays_and_its_sessions_end(place: Path, tmp_path: Path) -> None:
    accounts = accounts_of(place)
    with_password(accounts, "wang", Role.UNIT, "liangjiang-water")
    assert run("backup", tmp_path / "copy.tar") == 0
    accounts.set_disabled("wang", True, BY)
    later = with_password(accounts, "sun", Role.UNIT, "liangjiang-water")
    log = rows_of(accounts)["desk_log"]
    assert run("restore", tmp_path / "copy.tar") == 0
    assert accounts.sign_in(Attempt("wang", PASSWORD, "", "10.0.0.1")) is None, "it was disabled since"
    assert accounts.session_of(later.token) is None
    assert rows_of(accounts)["desk_log"][: len(log)] == log
    signed_in(accounts, "sun", PASSWORD)


def test_another_log_is_not_mixed_with_that_of_the_copy(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_password(accounts_of(place), "wang", Role.UNIT, "liangjiang-water")
    assert run("backup", tmp_path / "copy.tar") == 0
    place.rename(tmp_path / "lost")
    other = accounts_of(place)
    other.add("first.admin", Role.ADMIN, "", BY)
    before = rows_of(other)
    assert run("restore", tmp_path / "copy.tar") == 1
    assert "KPIWATCH_ACCOUNTS: the database of accounts has a log of its own" in capsys.readouterr().err
    assert rows_of(other) == before and not (place / "texts.sqlite").exists()


def test_where_there_is_no_desk_none_is_made(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("backup", tmp_path / "copy.tar") == 0
    assert "no accounts of the desk" in capsys.readouterr().err
    assert run("restore", tmp_path / "copy.tar") == 0
    assert "the copy has no accounts" in capsys.readouterr().err
    assert not (place / "accounts.sqlite").exists()


def test_accounts_of_another_form_are_refused(place: Path) -> None:
    accounts = accounts_of(place)
    with_password(accounts, "wang", Role.UNIT, "liangjiang-water")
    lines = copied(accounts.database).decode().splitlines()
    name, row = json.loads(lines[0])
    changes = ({"role": "king"}, {"disabled": 0}, {"password": None}, {"made_at": "1"}, {"more": 1})
    wrong: list[Any] = [[name, {**row, **change}] for change in changes]
    wrong += [[name, {"name": "wang"}], ["desk_sessions", {}], [name], {}, 1, None, [name, 1]]
    for one in wrong:
        with pytest.raises(NoAccounts, match="version"):
            read_copy(json.dumps(one).encode())
    with pytest.raises(NoAccounts):
        read_copy(b"\xff\n")
    before = rows_of(accounts)["desk_accounts"]
    put_back(accounts.database, read_copy("\n".join(lines).encode()), accounts.now())
    assert rows_of(accounts)["desk_accounts"] == before
