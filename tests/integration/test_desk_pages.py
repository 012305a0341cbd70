"""The pages of the desk that read, in a real browser: from a red card to why in three clicks at most, narrow and wide,
in both languages, with and without JavaScript. Screenshots stay in build/desk.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

import pytest

from services.desk.access import Language, Role, Viewer
from services.desk.accounts.accounts import Attempt, SignedIn
from services.desk.accounts.logbook import Deed, Entry
from services.desk.app import desk_app
from services.desk.asking import Desk
from services.domain.results.published import State
from services.local.ports import free_ports
from tests.integration.browsers import BUILD, WIDTHS, browser, check_access, sticking_out
from tests.served import served
from tests.unit.desk import OpenSessions
from tests.unit.desk_reading import (
    LEAD,
    WATER_UNIT,
    make_cards,
    published,
    reading_desk,
    value_record,
    value_row,
)
from tests.unit.test_desk_routes import CASE_OF_A, ledger_of_a
from tests.verdicts import shipped

__all__ = ["browser"]
PASSWORD = "five white horses"
SCREENSHOTS = BUILD / "desk"
PAGES = ("/cards", "/promises", "/promises/K06-1", "/cases", "/sources", "/orders", "/notices", "/notices/1")


class World(NamedTuple):
    desk: Desk
    url: str


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A desk on a port, with a trend of some days."""
    days = [f"2021-09-{day}T12:00:00+08:00" for day in range(20, 31)] + ["2021-10-01T08:00:00+08:00"]
    rows = [
        value_record(number, value_row(unit, State.MISSED, f"0.{number % 9 + 1}", window_end=at), State.MET, at)
        for number, (at, unit) in enumerate((at, unit) for at in days for unit in ("ALL", WATER_UNIT))
    ]
    port = free_ports(1)[0]
    desk = reading_desk(tmp_path_factory.mktemp("desk"), [*published(), *rows], ledger_of_a(), port=port)
    desk = replace(desk, sessions=desk.accounts)
    for language in ("zh", "en"):
        add_account(desk, f"unit-{language}", Role.UNIT, WATER_UNIT, language)
    with served(desk_app(desk), port) as url:
        yield World(desk, url)


def add_account(desk: Desk, name: str, role: Role, unit: str, language: Language) -> None:
    """An account with its password."""
    code = desk.accounts.add(name, role, unit, Deed(Entry.ACCOUNT, "", "by a test"))
    signed_in = desk.accounts.sign_in(Attempt(name, code, "", "127.0.0.1", ""))
    assert isinstance(signed_in, SignedIn)
    session = desk.accounts.session_of(signed_in.token)
    assert session is not None
    desk.accounts.change_password(session, PASSWORD, "127.0.0.1")
    desk.accounts.speak(name, language)


class Clicks:
    """Counts them."""

    def __init__(self, page: Any) -> None:
        self._page = page
        self.count = 0

    def click(self, selector: str) -> None:
        """Click, and wait for the page that follows."""
        self._page.click(selector)
        self._page.wait_for_load_state("load")
        self.count += 1


def sign_in(page: Any, world: World, account: str) -> Clicks:
    page.goto(f"{world.url}/sign-in")
    page.fill("#account", account)
    page.fill("#secret", PASSWORD)
    clicks = Clicks(page)
    clicks.click("main form button")
    return clicks


def keep(page: Any, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(SCREENSHOTS / f"{name}.png"), full_page=True)


@pytest.mark.slow
@pytest.mark.parametrize("scripts", [True, False], ids=["js", "no-js"])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("width", WIDTHS)
def test_from_a_red_card_to_why_in_three_clicks(
    browser: Any, world: World, width: int, language: str, scripts: bool
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, java_script_enabled=scripts)
    page, name = context.new_page(), f"{width}-{language}-{'js' if scripts else 'no-js'}"
    try:
        clicks = sign_in(page, world, f"unit-{language}")
        red = {"zh": "红牌", "en": "Red card"}[language]
        assert red.lower() in page.inner_text("main").lower()
        keep(page, f"first-{name}")
        clicks.click("main a[href^='/cases/']")
        why = page.inner_text("main")
        for said in {"zh": ("超期", "逐日计时", "工作日"), "en": ("OVERDUE", "Day by day", "working day")}[language]:
            assert said in why
        assert "无需建设外线管道的小型项目供水接入时间不超过4个工作日" in why, "the clause is quoted"
        assert {"zh": "北京时间", "en": "Asia/"}[language] in page.inner_text("footer")
        assert clicks.count <= 3
        keep(page, f"case-{name}")
        if scripts:
            assert sticking_out(page, width) == []
            check_access(page, name)
    finally:
        context.close()


@pytest.mark.slow
@pytest.mark.parametrize(("width", "language"), [(360, "zh"), (1440, "en")])
def test_every_reading_page_is_accessible_and_nothing_sticks_out(
    browser: Any, world: World, width: int, language: str
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    complaints = list[str]()
    page.on("console", lambda said: complaints.append(said.text) if said.type in ("error", "warning") else None)
    try:
        sign_in(page, world, f"unit-{language}")
        for path in ("/district", *PAGES):
            page.goto(f"{world.url}{path}")
            assert sticking_out(page, width) == [], path
            check_access(page, path)
            keep(page, f"{path.strip('/').replace('/', '-')}-{width}-{language}")
        assert complaints == [], "the policy of the page forbids nothing that it has"
    finally:
        context.close()


TALLEST: Final = {"/district": 9_000, "/changes": 20_000}
"""Pixels at 360 px width, of a demo's district in English, which is longer; a list of 50 lines has 20,000 at most."""


@pytest.mark.slow
def test_no_page_of_a_whole_district_is_endless_or_wide_on_a_phone(
    browser: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    official = [each for each in shipped().plan.promises if each.is_official]
    rows = [
        value_record(number, value_row(unit, State.MISSED, "0.5", kpi=each.id), State.MET)
        for number, (each, unit) in enumerate((each, unit) for each in official for unit in ("ALL", WATER_UNIT, LEAD))
    ]
    folder, port = tmp_path_factory.mktemp("whole"), free_ports(1)[0]
    desk = reading_desk(folder, [*published(), *rows], ledger_of_a(), port=port)
    make_cards(folder, 3_000)
    assert isinstance(desk.sessions, OpenSessions)
    for number in range(200):
        desk.accounts.note(Deed(Entry.VIEWED, f"somebody-{number}", f"{CASE_OF_A}/acts/reply?promise=K06-1&cycle=1"))
    viewers = {
        Viewer("lead", Role.UNIT, LEAD, "en"): ("/district", "/cards?whose=led", "/promises", "/cases", "/sources"),
        Viewer("ops", Role.OPERATIONS, "", "en"): (
            "/district", "/changes", "/promises", "/cards", "/cases", "/sources", "/waiting", "/logs", CASE_OF_A,
        ),
    }  # fmt: skip
    with served(desk_app(desk), port) as url:
        for viewer, paths in viewers.items():
            context = browser.new_context(viewport={"width": 360, "height": 800}, java_script_enabled=True)
            context.add_cookies([{"name": "desk_session", "value": desk.sessions.begin(viewer), "url": url}])
            page = context.new_page()
            for path in paths:
                page.goto(f"{url}{path}")
                height = page.evaluate("document.documentElement.scrollHeight")
                assert sticking_out(page, 360) == [], path
                assert height <= TALLEST.get(path, 20_000), (viewer.account, path, height)
            context.close()


def test_the_journey_needs_no_pointer(browser: Any, world: World) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    try:
        sign_in(page, world, "unit-zh")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        for _ in range(60):
            page.keyboard.press("Tab")
            if (page.evaluate("document.activeElement.getAttribute('href')") or "").startswith("/cases/"):
                break
        page.keyboard.press("Enter")
        page.wait_for_url("**/cases/*")
        assert "逐日计时" in page.inner_text("main")
    finally:
        context.close()
