"""The desk's own database in SQLite and in a real PostgreSQL: the migrations make its tables, and both answer alike."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from argon2 import PasswordHasher
from sqlalchemy import text

from services.desk.access import Role
from services.desk.accounts import credentials, schema
from services.desk.accounts.accounts import Accounts, Attempt, SignedIn, Wait
from services.desk.accounts.copies import copied, put_back, read_copy
from services.desk.accounts.database import AccountsDatabase
from services.desk.accounts.logbook import Deed, Entry, Logbook
from services.domain.time.zone import DAY_US, Zone
from services.runtime.clock import Clock

QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
BY = Deed(Entry.ACCOUNT, "", "by a test")


@pytest.fixture(params=["sqlite", "postgresql"])
def accounts(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Accounts]:
    monkeypatch.setattr(credentials, "_hasher", lambda: QUICK)
    place = str(tmp_path / "accounts.sqlite")
    if request.param == "postgresql":
        address = request.getfixturevalue("database")
        with psycopg.connect(address) as connection:
            connection.execute("DROP SCHEMA IF EXISTS desk_test CASCADE")
            connection.execute("CREATE SCHEMA desk_test")
        place = f"{address}?options=-csearch_path%3Ddesk_test"
    AccountsDatabase.at(place).close()
    database = AccountsDatabase.at(place)  # a second start changes nothing
    yield Accounts(database, Clock.real().now)
    database.close()


def test_the_migrations_make_the_tables(accounts: Accounts) -> None:
    with accounts.database.changing() as connection:
        names = {*schema.metadata.tables}
        options = {"include_name": lambda name, kind, _: kind != "table" or name in names}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), schema.metadata) == []


def test_an_account_lives_its_life(accounts: Accounts) -> None:
    code = accounts.add("wang", Role.UNIT, "liangjiang-water", BY)
    wrong = Attempt("wang", "wrong", "", "10.0.0.1")
    assert [accounts.sign_in(wrong) for _ in range(3)] == [None] * 3
    signed_in = accounts.sign_in(wrong._replace(secret=code))
    assert isinstance(signed_in, SignedIn)
    session = accounts.session_of(signed_in.token)
    assert session is not None
    token = accounts.change_password(session, "five white horses", "10.0.0.1")
    assert accounts.session_of(signed_in.token) is None and accounts.session_of(token) is not None
    assert accounts.count_sessions() == 1
    accounts.set_disabled("wang", True, BY)
    assert accounts.session_of(token) is None
    answers = [accounts.sign_in(wrong) for _ in range(8)]
    assert answers[:5] == [None] * 5 and isinstance(answers[-1], Wait)
    accounts.note(Deed(Entry.VIEWED, "wang", "/cases/x/1"))
    logbook = Logbook(accounts.database, Zone("Asia/Shanghai"))
    assert logbook.lines()[0].kind == Entry.VIEWED
    (due,) = logbook.due(accounts.now() + DAY_US)
    logbook.note_sent(due)
    assert list(logbook.due(accounts.now() + DAY_US)) == []


def test_a_copy_is_put_back_into_either_database_and_the_log_goes_on_behind_it(
    accounts: Accounts, tmp_path: Path
) -> None:
    """The copy is of SQLite, and of PostgreSQL; it is put back into both, one after the other."""
    code = accounts.add("wang", Role.UNIT, "liangjiang-water", BY)
    signed_in = accounts.sign_in(Attempt("wang", code, "", "10.0.0.1"))
    assert isinstance(signed_in, SignedIn)
    session = accounts.session_of(signed_in.token)
    assert session is not None
    token = accounts.change_password(session, "five white horses", "10.0.0.1")
    rows = read_copy(copied(accounts.database))
    with accounts.database.changing() as connection:
        for table in schema.metadata.sorted_tables:
            connection.execute(table.delete())
        if connection.dialect.name == "postgresql":
            connection.execute(text("TRUNCATE desk_log RESTART IDENTITY"))  # as in a new database
    other = AccountsDatabase.at(str(tmp_path / "other.sqlite"))
    for database in (accounts.database, other):
        restored = Accounts(database, Clock.real().now)
        done = put_back(database, rows, restored.now())
        assert (done.accounts, done.kept, done.lines) == (1, 0, len(rows["desk_log"]))
        assert restored.session_of(token) is None
        assert isinstance(restored.sign_in(Attempt("wang", "five white horses", "", "10.0.0.1")), SignedIn)
        numbers = [line.number for line in Logbook(database, Zone("Asia/Shanghai")).lines()]
        assert len(numbers) == len(rows["desk_log"]) + 2 == len(set(numbers))
    other.close()
