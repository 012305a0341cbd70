"""What a browser never sends: forms and addresses with any bytes. Each is answered by a page, and nothing fails."""

import io
import logging
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from services.desk.accounts import credentials
from services.desk.asking import Desk
from services.desk.guards import LARGEST_BODY
from tests.unit.acting_world import hidden
from tests.unit.desk import client_of
from tests.unit.test_desk_routes import CASE_OF_A, CASES, VIEWERS, desk_with_things

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
BYTES = (
    b"", b"%00", b"%", b"\xff%fe", b"%ED%A0%80", b"%E2%80%AE%0D%0A%1B%5B2J", b"9" * 400, b"1e309", b"x" * 30_000,
    b"%F0%9F%98%80" * 3_000, b"%27%22%3E%3Cscript%3E", b"9999-12-31", b"AAAA", b"%D9%A3", b"a&a",
)  # fmt: skip
"""Values of a field or of a parameter, as they are sent."""
CHARSETS = {
    "unicode_escape": b"\\ud800", "utf-7": b"+2AA-", "punycode": b"\xff-", "idna": b"\xff", "utf-16": b"\x00\xd8",
    "no-such": b"x", "utf-8": b"\xff",
}  # fmt: skip
PARAMETERS = {
    "/cases": ("number", "promise", "state", "level", "day", "to", "after"),
    "/cases.xlsx": ("number", "promise", "day"),
    "/cards": ("unit", "promise", "level", "whose", "after"),
    "/cards.xlsx": ("unit", "promise"),
    "/promises/K06-1": ("after",),
    "/logs": ("kind", "before"),
    "/waiting": ("after",),
    "/orders": ("before",),
    "/notices": ("before",),
    "/recording/none": ("back",),
    "/sign-in": ("next",),
    f"{CASE_OF_A}/acts/reply": ("promise", "cycle"),
    f"{CASE_OF_A}/acts/decide-reason": ("promise", "cycle"),
}
WRITTEN = (
    "text", "until", "decision", "reason", "unit", "amount", "to", "name", "role", "secret", "new", "again", "old",
    "account", "factor", "code",
)  # fmt: skip
"""Fields that somebody fills in, of all forms."""
SENDS = ("unit", "operations", "admin", "nobody")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return desk_with_things(tmp_path_factory.mktemp("desk"))


@pytest.fixture(scope="module")
def clients(desk: Desk) -> dict[str, TestClient]:
    return {name: client_of(desk, VIEWERS[name]) for name in SENDS}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Argon2 with less memory."""
    hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(credentials, "_hasher", lambda: hasher)


@pytest.fixture(autouse=True)
def no_defect(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The desk writes each defect down."""
    with caplog.at_level(logging.ERROR, "services.desk"):
        yield
    assert caplog.messages == []


class Post(NamedTuple):
    """A form, and somebody who may send it."""

    path: str
    form: Mapping[str, str]
    viewer: str


def posts() -> Iterator[Post]:
    for method, path in CASES:
        if method == "POST":
            case = CASES[method, path]
            yield Post(case.path or path, case.form, next(each for each in SENDS if each in case.gets))


POSTS = tuple(posts())


def hidden_of(client: TestClient, address: str) -> dict[str, str]:
    """The hidden fields of a form, so that what is sent comes as far as it can."""
    page = client.get(address)
    return hidden(page) if page.status_code == 200 else {}


@pytest.mark.slow
def test_no_bytes_in_a_field_bring_a_page_down(clients: Mapping[str, TestClient]) -> None:
    for each in POSTS:
        address, form, client = each.path, each.form, clients[each.viewer]
        kept = hidden_of(client, address)
        for value in BYTES:
            fields = {name: quote(text).encode() for name, text in kept.items()} | dict.fromkeys(WRITTEN, value)
            fields |= dict.fromkeys(form, value)
            body = b"&".join(name.encode() + b"=" + sent for name, sent in fields.items())
            status = client.post(address, content=body[: LARGEST_BODY - 1], headers=FORM).status_code
            assert status < 500, (address, value[:20])


@pytest.mark.slow
def test_no_bytes_in_an_address_bring_a_page_down(clients: Mapping[str, TestClient]) -> None:
    for path, parameters in PARAMETERS.items():
        client = clients["unit" if path.endswith("/reply") else "operations"]
        for value in BYTES:
            text = value[:5_000].decode("latin-1")
            for asked in ("&".join(f"{each}={text}" for each in parameters), f"{parameters[0]}={text}"):
                assert client.get(f"{path}?{asked}").status_code < 500, (path, value[:20])


@settings(max_examples=40, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=40))
@pytest.mark.slow
def test_any_bytes_are_an_answer(clients: Mapping[str, TestClient], body: bytes, value: bytes) -> None:
    escaped = "".join(f"%{one:02x}" for one in value)
    client = clients["unit"]
    assert client.post(f"{CASE_OF_A}/acts/reply?promise=K06-1&cycle=1", content=body, headers=FORM).status_code < 500
    assert client.post("/sign-in", content=b"account=wang&secret=" + body, headers=FORM).status_code < 500
    for path in (f"/cases?number={escaped}", f"/cards?promise={escaped}&unit={escaped}", f"/cases/{escaped}"):
        assert client.get(path).status_code < 500


def test_who_sends_a_form_does_not_choose_how_it_is_decoded(clients: Mapping[str, TestClient]) -> None:
    """Some codecs of Python make texts that no database takes, and some fail."""
    for charset, value in CHARSETS.items():
        part = b'--B\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        for each in POSTS:
            body = b"".join(part % (field.encode(), value) for field in ("text", *each.form)) + b"--B--\r\n"
            headers = {"Content-Type": f"multipart/form-data; boundary=B; charset={charset}"}
            assert clients["unit"].post(each.path, content=body, headers=headers).status_code == 415, each.path
    assert clients["nobody"].post("/sign-in", json={"account": "wang"}).status_code == 415
    assert clients["nobody"].post("/sign-in", files={"secret": io.BytesIO(b"x")}).status_code == 415


def test_a_nul_in_an_address_names_nothing(clients: Mapping[str, TestClient]) -> None:
    for path in ("/cases/%00", "/cases?number=%00", "/cards?unit=a%00b", "/account/sessions/%00/end", "/promises/%00"):
        assert clients["unit"].get(path).status_code == 404, path
