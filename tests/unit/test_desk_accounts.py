"""Accounts of the desk: passwords, one-time codes, second factors, sessions, and how strangers are slowed down."""

import stat
from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import select
from starlette.testclient import TestClient

from services.desk.access import Role
from services.desk.accounts import credentials, schema
from services.desk.accounts.accounts import IDLE_US, LONGEST_US, Accounts, Attempt, NotPossible, SignedIn, Wait
from services.desk.accounts.database import AccountsDatabase, AccountsUnavailable
from services.desk.accounts.logbook import Deed, Entry, Logbook, request_of
from services.desk.asking import Desk
from services.desk.session import Owes
from services.domain.time.zone import DAY_US, Zone
from services.messaging.records.ledger import Kind
from services.runtime.settings import Settings
from tests.unit.desk import client_of, example_desk, example_settings

PASSWORD = "five white horses"
UNIT = "liangjiang-water"
BY = Deed(Entry.ACCOUNT, "", "by a test")
MINUTE_US = 60_000_000


class Now:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.at = 1_800_000_000_000_000

    def __call__(self) -> int:
        return self.at

    def pass_(self, us: int) -> None:
        self.at += us


@pytest.fixture(autouse=True)
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 as it is, with less memory: what is tested is not how long it takes."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(credentials, "_hasher", lambda: quick)


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
def accounts(tmp_path: Path, now: Now) -> Accounts:
    return Accounts(AccountsDatabase.at(str(tmp_path / "accounts.sqlite")), now)


def attempt(name: str, secret: str, factor: str = "", address: str = "10.0.0.1", browser: str = "") -> Attempt:
    return Attempt(name, secret, factor, address, browser)


def signed_in(accounts: Accounts, given: Attempt) -> SignedIn:
    answer = accounts.sign_in(given)
    assert isinstance(answer, SignedIn), answer
    return answer


def with_password(accounts: Accounts, name: str = "wang", role: Role = Role.UNIT) -> str:
    """An account with its password; the token of its session."""
    code = accounts.add(name, role, UNIT if role is Role.UNIT else "", BY)
    session = accounts.session_of(signed_in(accounts, attempt(name, code)).token)
    assert session is not None and session.owes is Owes.PASSWORD
    return accounts.change_password(session, PASSWORD, "10.0.0.1")


def test_a_one_time_code_is_good_once_and_for_three_days(accounts: Accounts, now: Now) -> None:
    code = accounts.add("wang", Role.UNIT, UNIT, BY)
    now.pass_(3 * DAY_US - 1)
    signed_in(accounts, attempt("wang", code.lower().replace("-", " ")))
    assert accounts.sign_in(attempt("wang", code)) is None
    late = accounts.reset("wang", BY)
    now.pass_(3 * DAY_US)
    assert accounts.sign_in(attempt("wang", late)) is None


def test_a_session_ends_without_requests_and_after_twelve_hours(accounts: Accounts, now: Now) -> None:
    token = with_password(accounts)
    begun = now.at
    while now.at - begun < LONGEST_US - IDLE_US // 2:
        now.pass_(IDLE_US // 2)
        if now.at - begun < LONGEST_US:
            assert accounts.session_of(token) is not None
    now.pass_(IDLE_US // 2)
    assert accounts.session_of(token) is None
    other = signed_in(accounts, attempt("wang", PASSWORD)).token
    now.pass_(IDLE_US)
    assert accounts.session_of(other) is None


@pytest.mark.parametrize(
    "end",
    [
        lambda accounts, session: accounts.change_password(session, "another white horse", ""),
        lambda accounts, session: accounts.reset("wang", BY),
        lambda accounts, session: accounts.set_disabled("wang", True, BY),
        lambda accounts, session: accounts.end_sessions("wang", BY),
        lambda accounts, session: accounts.end_session(session.id, "wang", BY),
    ],
    ids=["new password", "reset", "disabled", "all ended", "one ended"],
)
def test_a_session_is_ended_by(accounts: Accounts, end: Callable[..., object]) -> None:
    token = with_password(accounts)
    session = accounts.session_of(token)
    end(accounts, session)
    assert accounts.session_of(token) is None


@pytest.mark.parametrize("end", ["reset", "set_disabled", "end_sessions"])
def test_who_is_shut_out_meanwhile_sets_no_password_and_no_second_factor(
    accounts: Accounts, now: Now, end: str
) -> None:
    """The session was looked up a moment before it was ended: the check of a password takes long."""
    session = accounts.session_of(with_password(accounts, "li", Role.ADMIN))
    assert session is not None
    more = {"reset": ("li", BY), "set_disabled": ("li", True, BY), "end_sessions": ("li", BY)}[end]
    getattr(accounts, end)(*more)
    with pytest.raises(NotPossible, match="session has ended"):
        accounts.change_password(session, "another white horse", "")
    secret = credentials.new_factor()
    assert not accounts.enrol("li", secret, pyotp.TOTP(secret).at(now.at // 1_000_000), "")
    account = accounts.account("li")
    assert account is not None and not account.has_factor and account.has_password is (end != "reset")


def test_nobody_ends_a_session_of_somebody_else(accounts: Accounts) -> None:
    token = with_password(accounts)
    session = accounts.session_of(token)
    assert session is not None
    accounts.end_session(session.id, "li", BY)
    assert accounts.session_of(token) is not None


def test_a_disabled_account_signs_in_by_nothing(accounts: Accounts) -> None:
    with_password(accounts)
    accounts.set_disabled("wang", True, BY)
    assert accounts.sign_in(attempt("wang", PASSWORD)) is None
    with pytest.raises(NotPossible):
        accounts.set_disabled("nobody", True, BY)


def test_the_database_has_no_secret_and_only_its_owner_reads_it(tmp_path: Path, accounts: Accounts) -> None:
    token = with_password(accounts)
    code = accounts.reset("wang", BY)
    again = signed_in(accounts, attempt("wang", code)).token
    for file in tmp_path.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
        content = file.read_bytes()
        for secret in (PASSWORD, token, again, code, code.replace("-", "")):
            assert secret.encode() not in content


@pytest.mark.parametrize("role", [Role.OPERATIONS, Role.ADMIN])
def test_a_role_with_power_owes_a_second_factor_and_signs_in_with_it(accounts: Accounts, now: Now, role: Role) -> None:
    session = accounts.session_of(with_password(accounts, "li", role))
    assert session is not None and session.owes is Owes.FACTOR
    secret = credentials.new_factor()
    totp = pyotp.TOTP(secret)
    assert not accounts.enrol("li", secret, "000000", "")
    assert accounts.enrol("li", secret, totp.at(now.at // 1_000_000), "")
    assert accounts.sign_in(attempt("li", PASSWORD)) is None
    assert accounts.sign_in(attempt("li", PASSWORD, totp.at(now.at // 1_000_000))) is None, "a code serves once"
    now.pass_(30_000_000)
    signed_in(accounts, attempt("li", PASSWORD, totp.at(now.at // 1_000_000)))
    now.pass_(120_000_000)
    assert accounts.sign_in(attempt("li", PASSWORD, totp.at(now.at // 1_000_000 - 90))) is None, "it is too old"


def test_a_second_factor_is_not_replaced_by_who_finds_an_open_session(accounts: Accounts, now: Now) -> None:
    with_password(accounts, "li", Role.ADMIN)
    first, second = credentials.new_factor(), credentials.new_factor()
    for secret in (first, second):
        accounts.enrol("li", secret, pyotp.TOTP(secret).at(now.at // 1_000_000), "")
    now.pass_(30_000_000)
    assert accounts.sign_in(attempt("li", PASSWORD, pyotp.TOTP(second).at(now.at // 1_000_000))) is None
    signed_in(accounts, attempt("li", PASSWORD, pyotp.TOTP(first).at(now.at // 1_000_000)))


def test_failures_make_the_next_attempt_wait_and_waiting_prolongs_nothing(accounts: Accounts, now: Now) -> None:
    with_password(accounts)
    for _ in range(5):
        assert accounts.sign_in(attempt("wang", "wrong")) is None
    waits = [accounts.sign_in(attempt("wang", PASSWORD)) for _ in range(50)]
    assert waits == [Wait(2)] * 50
    now.pass_(2_000_000)
    signed_in(accounts, attempt("wang", PASSWORD))
    for _ in range(5):
        accounts.sign_in(attempt("wang", "wrong"))
    for _ in range(12):
        now.pass_(MINUTE_US)
        assert accounts.sign_in(attempt("wang", "wrong")) is None, "no wait is longer than a minute"


def test_a_stranger_slows_down_nobody_at_another_address(accounts: Accounts) -> None:
    with_password(accounts)
    for number in range(200):
        accounts.sign_in(attempt("wang", "wrong", address=f"198.51.100.{number % 8}"))
    signed_in(accounts, attempt("wang", PASSWORD, address="10.0.0.1"))


def test_a_stranger_behind_the_same_address_does_not_slow_down_a_known_browser(accounts: Accounts) -> None:
    with_password(accounts)
    browser = signed_in(accounts, attempt("wang", PASSWORD)).browser
    for _ in range(40):
        accounts.sign_in(attempt("wang", "wrong"))
        accounts.sign_in(attempt("li", "wrong"))
    assert isinstance(accounts.sign_in(attempt("wang", PASSWORD)), Wait)
    assert signed_in(accounts, attempt("wang", PASSWORD, browser=browser)).browser == browser
    with_other = accounts.sign_in(attempt("li", "wrong", browser=browser))
    assert isinstance(with_other, Wait), "the browser of one account is none of another"


def test_one_address_does_not_try_many_accounts(accounts: Accounts) -> None:
    answers = [accounts.sign_in(attempt(f"name{number}", "wrong", address="2001:db8::1")) for number in range(30)]
    assert answers == [None] * 30
    assert isinstance(accounts.sign_in(attempt("another", "wrong", address="2001:db8::ffff:2")), Wait)


def test_attempts_at_one_moment_do_not_share_what_is_free(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second attempt begins while the password of the first is looked at."""
    with_password(accounts)
    answers: list[object] = []

    def slow(kept: str, password: str) -> bool:
        if len(answers) < 20:
            answers.append(None)
            answers.append(accounts.sign_in(attempt("wang", "wrong")))
        return False

    monkeypatch.setattr(credentials, "is_password", slow)
    accounts.sign_in(attempt("wang", "wrong"))
    assert any(isinstance(each, Wait) for each in answers)


@pytest.mark.parametrize("name", ["", "\0", "wang\0", "\udcff", "x" * 5_000, "' or 1=1 --", "王", "WANG"])
def test_a_name_that_is_none_is_nobody(accounts: Accounts, name: str) -> None:
    with_password(accounts)
    assert accounts.sign_in(attempt(name, PASSWORD)) is None
    assert accounts.account(name) is None and accounts.sessions(name) == []
    for change in (lambda: accounts.reset(name, BY), lambda: accounts.set_disabled(name, True, BY)):
        with pytest.raises(NotPossible):
            change()


@pytest.mark.parametrize("password", ["short", "x" * 201, "aaaaaaaaaaaaaaa", "my wang password"])
def test_a_weak_password_is_not_taken(accounts: Accounts, password: str) -> None:
    session = accounts.session_of(with_password(accounts))
    assert session is not None
    with pytest.raises(NotPossible):
        accounts.change_password(session, password, "")


@pytest.mark.parametrize(
    ("name", "role", "unit"),
    [("Wang", Role.UNIT, UNIT), ("w", Role.UNIT, UNIT), ("a" * 41, Role.UNIT, UNIT), ("wang", Role.UNIT, ""),
     ("wang", Role.ADMIN, UNIT), ("wang", Role.AUDITOR, UNIT), ("王", Role.AUDITOR, "")],
)  # fmt: skip
def test_an_account_that_makes_no_sense_is_not_made(accounts: Accounts, name: str, role: Role, unit: str) -> None:
    with pytest.raises(NotPossible):
        accounts.add(name, role, unit, BY)


def test_what_is_typed_into_the_wrong_field_is_not_kept(accounts: Accounts) -> None:
    accounts.sign_in(attempt("my secret password", "x"))
    with accounts.database.asking() as connection:
        rows = list(connection.execute(select(schema.log)))
    assert [row.kind for row in rows] == ["sign_in_failed"] and rows[0].account == ""


def test_the_ledger_gets_one_digest_of_each_day_with_views_and_no_name(accounts: Accounts, now: Now) -> None:
    logbook = Logbook(accounts.database, Zone("Asia/Shanghai"))
    accounts.note(Deed(Entry.VIEWED, "wang", "/cases/x/1", "10.0.0.1"))
    accounts.note(Deed(Entry.EXPORTED, "wang", "/cards.xlsx", "10.0.0.1"))
    accounts.note(Deed(Entry.SIGNED_IN, "wang"))
    assert list(logbook.due(now.at)) == []
    now.pass_(DAY_US)
    accounts.note(Deed(Entry.VIEWED, "li", "/cases/x/2", "10.0.0.1"))
    (due,) = logbook.due(now.at)
    request = request_of(due, "desk-1")
    assert due.entries == 2 and request.kind is Kind.VIEWED and request.body == due._asdict()
    assert "wang" not in str(request.checked_record())
    logbook.note_sent(due)
    assert list(logbook.due(now.at)) == []
    with accounts.database.changing() as connection:
        connection.execute(schema.log.update().where(schema.log.c.subject == "/cases/x/1").values(subject="/"))
    assert logbook.digest(due.day).sha256 != due.sha256


def test_the_log_is_kept_for_as_long_as_the_settings_say_and_no_less(accounts: Accounts, now: Now) -> None:
    logbook = Logbook(accounts.database, Zone("Asia/Shanghai"))
    accounts.note(Deed(Entry.VIEWED, "wang", "/old"))
    now.pass_(180 * DAY_US)
    logbook.forget(now.at, 180)
    assert [line.subject for line in logbook.lines()] == ["/old"]
    logbook.forget(now.at + 1, 180)
    assert logbook.lines() == []
    with pytest.raises(ValueError, match="180"):
        Settings(desk_log_days=179)


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    file = tmp_path / "accounts.sqlite"
    file.write_text("no database at all " * 100)
    with pytest.raises(AccountsUnavailable, match="KPIWATCH_ACCOUNTS"):
        AccountsDatabase.at(str(file))


# ---- the pages ----------------------------------------------------------------------------------------


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = example_desk(tmp_path)
    return example_desk(tmp_path, accounts=found.accounts, sessions=found.accounts)


def sign_in(client: TestClient, name: str, secret: str, factor: str = "", next: str = "/") -> int:
    form = {"account": name, "secret": secret, "factor": factor, "next": next}
    return client.post("/sign-in", data=form).status_code


def test_the_first_administrator_comes_in_step_by_step(desk: Desk) -> None:
    code = desk.accounts.add("first", Role.ADMIN, "", BY)
    client = client_of(desk)
    assert sign_in(client, "first", "wrong") == 401
    assert sign_in(client, "First ", code) == 303
    assert client.get("/accounts").headers["location"] == "/account/password"
    assert client.post("/account/password", data={"new": PASSWORD, "again": PASSWORD + "x"}).status_code == 422
    assert client.post("/account/password", data={"new": PASSWORD, "again": PASSWORD}).status_code == 303
    assert client.get("/accounts").headers["location"] == "/account/factor"
    page = client.get("/account/factor").text
    secret = page.split('name="secret" value="')[1][:32]
    assert f"otpauth://totp/kpiwatch:first?secret={secret}" in page and "<svg" in page and "style=" not in page
    wrong = client.post("/account/factor", data={"secret": secret, "code": "000000"})
    assert wrong.status_code == 422 and secret in wrong.text
    assert client.post("/account/factor", data={"secret": secret, "code": pyotp.TOTP(secret).now()}).status_code == 303
    assert "验证器已绑定" in client.get("/account").text
    made = client.post("/accounts", data={"name": "wang", "role": "unit", "unit": UNIT})
    assert made.status_code == 200 and made.text.count("-") > 3
    assert client.post("/accounts", data={"name": "wang", "role": "unit", "unit": UNIT}).status_code == 422
    assert client.post("/accounts", data={"name": "wu", "role": "unit", "unit": "none"}).status_code == 422
    assert client.post("/accounts/first/disable").status_code == 422, "nobody shuts themselves out"
    assert client.post("/sign-out").status_code == 303
    assert client.get("/accounts").headers["location"].startswith("/sign-in")


def test_a_session_of_before_the_sign_in_is_not_used(desk: Desk) -> None:
    code = desk.accounts.add("wang", Role.UNIT, UNIT, BY)
    client = client_of(desk)
    client.cookies.set("desk_session", "chosen-by-a-stranger")
    answer = client.post("/sign-in", data={"account": "wang", "secret": code})
    assert "desk_session=" in answer.headers["set-cookie"] and "chosen-by" not in answer.headers["set-cookie"]


@pytest.mark.parametrize("next", ["//elsewhere.example", "https://elsewhere.example/", "/\\elsewhere.example"])
def test_a_sign_in_leads_nowhere_else(desk: Desk, next: str) -> None:
    code = desk.accounts.add("wang", Role.UNIT, UNIT, BY)
    form = {"account": "wang", "secret": code, "next": next}
    assert client_of(desk).post("/sign-in", data=form).headers["location"] == "/"


def test_over_tls_every_cookie_is_secure(tmp_path: Path) -> None:
    settings = example_settings(tmp_path).model_copy(update={"desk_url": "https://desk.example.gov.cn"})
    desk = example_desk(tmp_path, settings=settings)
    code = desk.accounts.add("wang", Role.UNIT, UNIT, BY)
    client = client_of(desk)
    origin = {"Origin": "https://desk.example.gov.cn", "Host": "desk.example.gov.cn"}
    answer = client.post("/sign-in", data={"account": "wang", "secret": code}, headers=origin)
    cookies = answer.headers.get_list("set-cookie")
    assert len(cookies) == 2 and cookies[0].startswith("__Host-desk_session=")
    for cookie in cookies:
        assert "Secure" in cookie and "HttpOnly" in cookie and "SameSite=lax" in cookie
    assert answer.headers["strict-transport-security"]


def test_what_was_looked_at_is_in_the_log_and_not_in_the_figures(desk: Desk) -> None:
    code = desk.accounts.add("auditor", Role.AUDITOR, "", BY)
    client = client_of(desk)
    sign_in(client, "auditor", code)
    client.post("/account/password", data={"new": PASSWORD, "again": PASSWORD})
    assert "/logs?kind=signed_in" in client.get("/logs?kind=signed_in").text + client.get("/logs").text
    assert client.get("/cases/secret-number").status_code == 403
    figures = desk.figures.exposition().decode()
    assert 'kpi_desk_sign_ins_total{outcome="ok"} 1.0' in figures and 'route="/logs"' in figures
    assert "secret-number" not in figures and "auditor" not in figures
