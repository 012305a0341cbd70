"""`kpiwatch desk`: accounts by command, the transport that is refused, the accounts of the demo, the digest."""

import stat
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher

from services.desk import __main__ as process
from services.desk.__main__ import check_transport, open_accounts, send_digests
from services.desk.access import Role
from services.desk.accounts import credentials
from services.desk.accounts.accounts import Attempt, SignedIn
from services.desk.accounts.logbook import Deed, Entry, Logbook
from services.desk.session import Owes
from services.domain.time.zone import DAY_US, Zone
from services.local.demo_accounts import write_demo_accounts
from services.messaging.records.ledger import Kind, Request
from services.runtime.settings import Settings, SettingsError, variable
from tests.unit.commands import run
from tests.unit.desk import example_settings, shipped_plan

UNIT = "liangjiang-water"


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(credentials, "_hasher", lambda: quick)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    found = example_settings(tmp_path)
    monkeypatch.setenv(variable("accounts"), found.accounts)
    return found


def test_accounts_by_command(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("desk", "account", "add", "first", "--role", "admin") == 0
    first = capsys.readouterr().out.strip()
    assert run("desk", "account", "add", "water", "--role", "unit", "--unit", UNIT) == 0
    assert run("desk", "account", "reset", "first") == 0
    code = capsys.readouterr().out.split()[-1]
    accounts = open_accounts(settings)
    assert accounts.sign_in(Attempt("first", first, "", "")) is None
    signed_in = accounts.sign_in(Attempt("first", code, "", "10.0.0.7"))
    assert isinstance(signed_in, SignedIn)
    assert run("desk", "account", "sessions") == 0
    assert "first  since" in capsys.readouterr().out
    assert run("desk", "account", "sessions", "first", "--end") == 0
    assert accounts.session_of(signed_in.token) is None
    assert run("desk", "account", "disable", "water") == 0
    capsys.readouterr()
    assert run("desk", "account", "list") == 0
    assert capsys.readouterr().out.splitlines() == [
        "first  admin  -  has not signed in yet",
        f"water  unit  {UNIT}  disabled",
    ]
    subjects = [line.subject for line in Logbook(accounts.database, Zone("Asia/Shanghai")).lines()]
    assert f"water: added as unit {UNIT}" in subjects and "first: reset" in subjects


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "First", "--role", "admin"),
        ("add", "water", "--role", "unit"),
        ("add", "water", "--role", "unit", "--unit", "nowhere"),
        ("reset", "nobody"),
        ("disable", "nobody"),
        ("sessions", "--end"),
    ],
)
def test_what_cannot_be_done_is_said(
    settings: Settings, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("desk", "account", *arguments) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err and "Traceback" not in said.err


def test_a_place_that_is_no_database_is_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable("accounts"), str(tmp_path))
    assert run("desk", "account", "list") == 3
    assert variable("accounts") in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "starts"),
    [
        ({}, True),
        ({"host": "0.0.0.0"}, False),
        ({"host": "0.0.0.0", "desk_url": "http://desk.example"}, False),
        ({"host": "0.0.0.0", "desk_url": "https://desk.example"}, False),
        ({"host": "0.0.0.0", "desk_url": "https://desk.example", "desk_proxies": "10.0.0.2"}, True),
        ({"host": "0.0.0.0", "clock": Path("clock.json")}, True),
        ({"desk_url": "https://district.example/desk"}, False),
    ],
)
def test_no_password_goes_over_a_network_unencrypted(changed: dict[str, Any], starts: bool) -> None:
    settings = Settings(**changed)
    if starts:
        check_transport(settings)
    else:
        with pytest.raises(SettingsError, match=variable("desk_url")):
            check_transport(settings)


def demo(settings: Settings, **changed: Any) -> Settings:
    return settings.model_copy(update={"clock": Path("clock.json"), **changed})


def test_the_demo_has_accounts_that_work_and_one_file_that_only_its_owner_reads(
    settings: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "desk-accounts.txt"
    write_demo_accounts(shipped_plan(), demo(settings), file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    written = file.read_text("utf-8")
    rows = [line.split("\t") for line in written.splitlines()[1:]]
    accounts = open_accounts(demo(settings))
    for name, password, *_ in rows:
        signed_in = accounts.sign_in(Attempt(name, password, "", ""))
        assert isinstance(signed_in, SignedIn)
        session = accounts.session_of(signed_in.token)
        assert session is not None and session.owes is Owes.NOTHING
    assert {each.role for each in accounts.listed()} == set(Role)
    write_demo_accounts(shipped_plan(), demo(settings), file)
    assert file.read_text("utf-8") == written, "a second start changes nothing"
    file.unlink()
    write_demo_accounts(shipped_plan(), demo(settings), file)
    assert file.read_text("utf-8") != written, "a password that is lost is made anew"


@pytest.mark.parametrize("changed", [{"clock": None}, {"host": "0.0.0.0"}])
def test_there_are_no_demo_accounts_with_a_real_clock_or_beyond_loopback(
    settings: Settings, tmp_path: Path, changed: dict[str, Any]
) -> None:
    file = tmp_path / "desk-accounts.txt"
    real = demo(settings, **changed)
    write_demo_accounts(shipped_plan(), real, file)
    assert not file.exists()
    accounts = open_accounts(real)
    code = accounts.add("li", Role.OPERATIONS, "", Deed(Entry.ACCOUNT, "", ""))
    signed_in = accounts.sign_in(Attempt("li", code, "", ""))
    assert isinstance(signed_in, SignedIn)
    session = accounts.session_of(signed_in.token)
    assert session is not None
    token = accounts.change_password(session, "five white horses", "")
    after = accounts.session_of(token)
    assert after is not None and after.owes is Owes.FACTOR


def test_a_digest_is_sent_once_and_again_after_a_failure(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Request] = []
    fails = [True]

    class Producer:
        def close(self, timeout: float) -> None:
            pass

    def send(producer: object, topic: str, records: list[tuple[bytes, bytes]]) -> None:
        sent.extend(Request.decode(value) for _, value in records)
        if fails.pop() if fails else False:
            raise ConnectionError("the broker is gone")

    monkeypatch.setattr(process, "producer_of", lambda bootstrap: Producer())
    monkeypatch.setattr(process, "send_all", send)
    accounts = open_accounts(settings)
    logbook = Logbook(accounts.database, Zone("Asia/Shanghai"))
    accounts.note(Deed(Entry.VIEWED, "wang", "/cases/x/1"))
    tomorrow = accounts.now() + DAY_US
    with pytest.raises(ConnectionError):
        send_digests(logbook, tomorrow, "", "desk-1")
    send_digests(logbook, tomorrow, "", "desk-2")
    send_digests(logbook, tomorrow, "", "desk-2")
    assert [each.kind for each in sent] == [Kind.VIEWED] * 2
    assert sent[0].id == sent[1].id, "the ledger records it once"
