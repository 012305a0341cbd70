"""The desk: its guards, its errors, its languages."""

import re
from hashlib import sha256
from pathlib import Path

import pytest

from services.desk.access import Access, Role, Viewer
from services.desk.app import desk_app
from services.desk.asking import Desk
from services.desk.pages import home
from services.desk.rendering import static_file
from services.desk.routes import Pages, check_routes
from tests.unit.desk import ORIGIN, client_of, example_desk

OPERATIONS = Viewer("centre", Role.OPERATIONS)
FORM = {"language": "en", "path": "/"}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return example_desk(tmp_path)


def test_a_page_says_its_zone_in_the_language_of_the_account(desk: Desk) -> None:
    said = client_of(desk, OPERATIONS._replace(language="en")).get("/account")
    assert said.status_code == 200 and "Asia/Shanghai" in said.text and "Sign out" in said.text
    assert "退出" in client_of(desk, OPERATIONS).get("/account").text


def test_whoever_is_not_signed_in_is_sent_to_sign_in_and_back(desk: Desk) -> None:
    client = client_of(desk)
    assert client.get("/").headers["location"] == "/sign-in"
    assert client.get("/nowhere").status_code == 404


@pytest.mark.parametrize(
    ("site", "origin", "status"),
    [
        ("same-origin", ORIGIN, 303),
        (None, ORIGIN, 303),
        ("same-origin", None, 303),
        (None, None, 403),
        ("cross-site", ORIGIN, 403),
        ("same-site", ORIGIN, 403),
        ("none", None, 403),
        ("same-origin", "https://elsewhere.example", 403),
        ("same-origin", "null", 403),
    ],
)
def test_a_form_is_taken_only_from_a_page_of_the_desk(
    desk: Desk, site: str | None, origin: str | None, status: int
) -> None:
    client = client_of(desk)
    client.headers = {}
    sent = {name: value for name, value in (("Sec-Fetch-Site", site), ("Origin", origin)) if value}
    assert client.post("/language", data=FORM, headers=sent).status_code == status


def test_another_host_is_not_served(desk: Desk) -> None:
    assert client_of(desk).get("/static/desk.css", headers={"Host": "elsewhere.example"}).status_code == 421


@pytest.mark.parametrize("path", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "x"])
def test_a_form_leads_nowhere_else(desk: Desk, path: str) -> None:
    assert client_of(desk).post("/language", data={**FORM, "path": path}).headers["location"] == "/"


def test_no_answer_is_kept_or_framed_but_the_files_of_the_desk(desk: Desk) -> None:
    client = client_of(desk, OPERATIONS)
    for path, kept in (
        ("/", "no-store"),
        ("/nowhere", "no-store"),
        ("/static/desk.css", "public, max-age=31536000, immutable"),
    ):
        headers = client.get(path).headers
        assert headers["cache-control"] == kept
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_a_defect_is_a_page_without_a_traceback(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("case 4711")

    client = client_of(desk, OPERATIONS)
    monkeypatch.setattr("services.desk.asking.Asked.page", broken)
    answer = client.get("/account")
    assert answer.status_code == 500 and "4711" not in answer.text and "系统出现错误" in answer.text


def test_a_form_that_cannot_be_read_is_named_in_a_page(desk: Desk) -> None:
    answer = client_of(desk).post("/language", data={"language": "fr"})
    assert answer.status_code == 422 and "language" in answer.text and "表单内容有误" in answer.text


def test_a_route_without_an_access_does_not_start(desk: Desk) -> None:
    app = desk_app(desk)

    @app.get("/open")
    def open_to_all() -> str:
        return "all"

    with pytest.raises(ValueError, match="/open"):
        check_routes(app, ())


def test_a_route_about_a_unit_says_whose_it_is() -> None:
    with pytest.raises(ValueError, match="what the route is about"):
        Pages().get("/cases", Access.READ)(home.home)


def test_the_vendored_script_is_the_one_whose_origin_is_noted() -> None:
    noted = static_file("htmx.txt").decode()
    assert sha256(static_file("htmx.min.js")).hexdigest() in noted


def test_a_page_of_the_desk_needs_nothing_from_elsewhere_and_no_inline_style_or_script() -> None:
    templates = list((Path(__file__).parents[2] / "services" / "desk" / "templates").rglob("*.html"))
    assert len(templates) > 10
    for file in templates:
        text = file.read_text("utf-8")
        assert not re.search(r"\bstyle=|<style|\bon[a-z]+=|javascript:|(src|href)=\"(https?:)?//", text), file
        assert not re.search(r"<script(?! src)", text), file
