"""What somebody tries with sessions, codes, cookies and addresses that are not theirs, or are theirs no longer."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import httpx
import pyotp
import pytest
from sqlalchemy import select, update
from starlette.testclient import TestClient

from services.desk.__main__ import _server
from services.desk.access import Role
from services.desk.accounts import credentials, schema
from services.desk.accounts.accounts import Accounts, Wait
from services.desk.app import desk_app
from services.desk.asking import Desk
from services.local.ports import free_ports
from tests.served import running
from tests.unit.desk import client_of, example_desk
from tests.unit.test_desk_accounts import (
    BY,
    PASSWORD,
    UNIT,
    Now,
    accounts,
    attempt,
    now,
    quick_hashes,
    sign_in,
    signed_in,
    with_password,
)

__all__ = ["accounts", "now", "quick_hashes"]
OTHER_UNIT = "jiangbei-gas"
SESSION = "desk_session"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    found = example_desk(tmp_path)
    return example_desk(tmp_path, accounts=found.accounts, sessions=found.accounts)


def comes_in(desk: Desk, name: str, role: Role = Role.UNIT, client: TestClient | None = None) -> TestClient:
    """A browser with a session of an account that has its password."""
    client = client or client_of(desk)
    if desk.accounts.account(name) is None:
        code = desk.accounts.add(name, role, UNIT if role is Role.UNIT else "", BY)
        assert sign_in(client, name, code) == 303
        new = {"new": PASSWORD, "again": PASSWORD}
        assert client.post("/account/password", data=new).status_code == 303
    else:
        assert sign_in(client, name, PASSWORD) == 303
    return client


def is_out(client: TestClient) -> bool:
    answer = client.get("/account")
    return answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")


def changed(desk: Desk, name: str, **columns: object) -> None:
    """As an administrator of the database does it, behind the back of the desk."""
    with desk.accounts.database.changing() as connection:
        connection.execute(update(schema.accounts).where(schema.accounts.c.name == name).values(**columns))


# ---- sessions -------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "end",
    [
        lambda desk: desk.accounts.set_disabled("wang", True, BY),
        lambda desk: desk.accounts.reset("wang", BY),
        lambda desk: desk.accounts.end_sessions("wang", BY),
        lambda desk: changed(desk, "wang", disabled=True),
    ],
    ids=["disabled", "reset", "ended", "disabled in the database"],
)
def test_the_next_request_of_who_may_no_more_is_refused_whatever_it_asks(
    desk: Desk, end: Callable[[Desk], object]
) -> None:
    client = comes_in(desk, "wang")
    assert client.get("/notices").status_code != 303
    end(desk)
    for path in ("/", "/account", "/cards", "/cards.xlsx", "/cases", "/notices/1"):
        assert client.get(path).headers["location"].startswith("/sign-in"), path
    for path, form in (("/account/password", {"new": "x", "again": "x"}), ("/sign-out", {})):
        assert client.post(path, data=form).headers["location"].startswith("/sign-in"), path


@pytest.mark.parametrize(
    ("columns", "menu"),
    [
        ({"role": "auditor", "unit": ""}, {"/logs"}),
        ({"role": "unit", "unit": OTHER_UNIT}, {"/cards", "/cases"}),
        ({"role": "operations", "unit": ""}, {"/account/factor"}),
    ],
    ids=["role", "unit", "a role that needs a second factor"],
)
def test_a_session_is_what_its_account_is_now(desk: Desk, columns: Mapping[str, str], menu: set[str]) -> None:
    client = comes_in(desk, "wang")
    changed(desk, "wang", **columns)
    page = client.get("/account")
    assert page.status_code == 200 and all(f'href="{path}"' in page.text for path in menu & {"/logs", "/cards"})
    viewer = desk.accounts.session_of(client.cookies[SESSION])
    assert viewer is not None and (viewer.viewer.role, viewer.viewer.unit) == (columns["role"], columns["unit"])
    if columns["role"] == "auditor":
        assert client.get("/cards").status_code == 403
    if columns["role"] == "operations":
        assert client.get("/waiting").headers["location"] == "/account/factor"


def test_a_new_password_ends_every_other_session_and_changes_the_token_of_this_one(desk: Desk) -> None:
    first, second, third = comes_in(desk, "wang"), client_of(desk), client_of(desk)
    for client in (second, third):
        comes_in(desk, "wang", client=client)
    before = first.cookies[SESSION]
    form = {"old": PASSWORD, "new": "six white horses", "again": "six white horses"}
    assert first.post("/account/password", data=form).status_code == 303
    assert not is_out(first) and is_out(second) and is_out(third)
    assert first.cookies[SESSION] != before
    second.cookies.set(SESSION, before)
    assert is_out(second)


def test_a_token_is_new_with_each_sign_in_and_void_after_the_sign_out(desk: Desk) -> None:
    client = comes_in(desk, "wang")
    first = client.cookies[SESSION]
    comes_in(desk, "wang", client=client)
    second = client.cookies[SESSION]
    assert first != second
    client.post("/sign-out")
    client.cookies.set(SESSION, second)
    assert is_out(client)


def test_a_cookie_that_comes_twice_signs_in_as_nobody_else(desk: Desk) -> None:
    """Another site of the same host may plant a cookie of this name, so that somebody acts in a session not theirs."""
    wang, li = comes_in(desk, "wang"), comes_in(desk, "li")
    own, planted = wang.cookies[SESSION], li.cookies[SESSION]
    bare = client_of(desk)
    for cookies in (f"{SESSION}={own}; {SESSION}={planted}", f"{SESSION}={planted}; {SESSION}={own}"):
        answer = bare.get("/account", headers={"Cookie": cookies})
        assert answer.headers.get("location") == "/sign-in?next=%2Faccount", "two sessions are none"
    same = bare.get("/account", headers={"Cookie": f"{SESSION}={own}; {SESSION}={own}"})
    assert same.status_code == 200
    for cookie in (f"{SESSION}=", f"{SESSION}", "=;;=", f'{SESSION}="{own}', f"{SESSION}={'x' * 20_000}", "\xff=\xff"):
        assert bare.get("/account", headers={b"Cookie": cookie.encode("latin-1")}).status_code == 303


# ---- codes ----------------------------------------------------------------------------------------------
def test_no_code_serves_twice_nor_after_the_next_one(accounts: Accounts, now: Now) -> None:
    first = accounts.add("wang", Role.UNIT, UNIT, BY)
    second = accounts.reset("wang", BY)
    assert accounts.sign_in(attempt("wang", first)) is None, "a reset ends the code before it"
    signed_in(accounts, attempt("wang", second))
    assert accounts.sign_in(attempt("wang", second)) is None
    with_password(accounts, "li")
    third = accounts.reset("li", BY)
    accounts.set_disabled("li", True, BY)
    accounts.set_disabled("li", False, BY)
    assert accounts.sign_in(attempt("li", third)) is None, "who was disabled needs another reset"
    assert accounts.sign_in(attempt("li", PASSWORD)) is None, "a reset took the password away"


def test_a_code_is_void_once_its_owner_signs_in_by_password(accounts: Accounts) -> None:
    with_password(accounts)
    code = "ABCDE-FGHJK-LMNPQ-RSTUV"
    with accounts.database.changing() as connection:
        connection.execute(
            update(schema.accounts).values(code=credentials.code_hash(code), code_until=accounts.now() + 1_000_000)
        )
    signed_in(accounts, attempt("wang", PASSWORD))
    assert accounts.sign_in(attempt("wang", code)) is None


def test_a_code_of_the_authenticator_serves_once_also_for_who_is_at_the_same_moment(
    accounts: Accounts, now: Now, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have passed the password before either uses up the code."""
    with_password(accounts, "li", Role.ADMIN)
    secret = credentials.new_factor()
    assert accounts.enrol("li", secret, pyotp.TOTP(secret).at(now.at // 1_000_000), "")
    now.pass_(30_000_000)
    given = attempt("li", PASSWORD, pyotp.TOTP(secret).at(now.at // 1_000_000))
    is_right, other = accounts._is_right, list[object]()

    def slow(*asked: object) -> bool:
        if not other:
            other.append(None)
            other.append(accounts.sign_in(given))
        return is_right(*asked)  # type: ignore[arg-type]

    monkeypatch.setattr(accounts, "_is_right", slow)
    assert accounts.sign_in(given) is None
    signed = other[1]
    assert signed is not None and not isinstance(signed, Wait)


def test_of_two_who_set_an_authenticator_one_is_told_that_it_is_set(accounts: Accounts, now: Now) -> None:
    with_password(accounts, "li", Role.ADMIN)
    secrets = [credentials.new_factor(), credentials.new_factor()]
    set_ = [accounts.enrol("li", each, pyotp.TOTP(each).at(now.at // 1_000_000), "") for each in secrets]
    assert set_ == [True, False]


# ---- what an attempt gives away -------------------------------------------------------------------------
def test_an_attempt_costs_the_same_for_every_name(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """One check of Argon2, with the same parameters, and one line of the log: whether a name is known is not to be
    seen by how long it takes."""
    with_password(accounts)
    accounts.add("waits", Role.UNIT, UNIT, BY)
    with_password(accounts, "off")
    accounts.set_disabled("off", True, BY)
    checked, hasher = list[str](), credentials._hasher()

    class Counted:
        def verify(self, kept: str, password: str) -> bool:
            checked.append(kept.rsplit("$", 2)[0])
            return bool(hasher.verify(kept, password))

    monkeypatch.setattr(credentials, "_hasher", Counted)
    credentials._nobodys.cache_clear()
    monkeypatch.setattr(credentials, "_nobodys", lambda: hasher.hash("nobody"))
    for name in ("wang", "waits", "off", "unknown", "No Name!", ""):
        checked.clear()
        assert accounts.sign_in(attempt(name, "wrong", address=f"10.0.1.{len(name)}")) is None
        assert len(checked) == 1, name
        assert checked[0] == hasher.hash("x").rsplit("$", 2)[0], name
    with accounts.database.asking() as connection:
        failed = connection.execute(select(schema.log).where(schema.log.c.kind == "sign_in_failed")).all()
    assert len(failed) == 6


def test_a_refusal_says_the_same_whatever_was_wrong(desk: Desk) -> None:
    comes_in(desk, "wang")
    comes_in(desk, "off")
    desk.accounts.set_disabled("off", True, BY)
    said = set()
    for name in ("wang", "off", "unknown"):
        answer = client_of(desk).post("/sign-in", data={"account": name, "secret": "wrong"})
        said.add((answer.status_code, answer.text, answer.headers.get("set-cookie")))
    assert len(said) == 1


# ---- who is slowed down ---------------------------------------------------------------------------------
def test_a_neighbour_who_fails_does_not_keep_who_is_signed_in_from_a_new_password(desk: Desk) -> None:
    """All of an office may come from one address."""
    client, neighbour = comes_in(desk, "wang"), client_of(desk)
    for _ in range(10):
        sign_in(neighbour, "wang", "wrong")
    form = {"old": PASSWORD, "new": "six white horses", "again": "six white horses"}
    assert client.post("/account/password", data=form).status_code == 303


def test_who_finds_an_open_session_does_not_guess_its_password(desk: Desk) -> None:
    client = comes_in(desk, "wang")
    form = {"old": "wrong", "new": "six white horses", "again": "six white horses"}
    said = [client.post("/account/password", data=form).text for _ in range(8)]
    assert "尝试次数过多" in said[-1]
    right = client.post("/account/password", data=form | {"old": PASSWORD})
    assert right.status_code == 422 and "尝试次数过多" in right.text
    sign_in(client_of(desk), "wang", PASSWORD)  # its owner signs in elsewhere all the same
    assert desk.accounts.sessions("wang")


# ---- where a request comes from -------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        ("", "203.0.113.9", "127.0.0.1"),
        ("10.9.9.9", "203.0.113.9", "127.0.0.1"),
        ("127.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("127.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),
    ],
    ids=["no proxy", "another proxy", "the proxy", "what a stranger wrote before the proxy did"],
)
def test_only_a_known_proxy_says_where_a_request_comes_from(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, proxies: str, forwarded: str, address: str
) -> None:
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "*")  # of uvicorn: it must not count
    comes_in(desk, "wang")
    port = free_ports(1)[0]
    settings = desk.settings.model_copy(update={"desk_port": port, "desk_proxies": proxies})
    with running(desk_app(replace(desk, settings=settings)), _server(settings)) as url:
        headers = {"Origin": url, "X-Forwarded-For": forwarded, "X-Forwarded-Host": "elsewhere.example"}
        answer = httpx.post(f"{url}/sign-in", data={"account": "wang", "secret": "wrong"}, headers=headers)
        assert answer.status_code == 401
    with desk.accounts.database.asking() as connection:
        line = connection.execute(select(schema.log).order_by(schema.log.c.number.desc()).limit(1)).one()
    assert (line.kind, line.address) == ("sign_in_failed", address)
