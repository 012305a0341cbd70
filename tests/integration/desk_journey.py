"""Two people at the desk of a system that runs: somebody of a unit answers for its cases, somebody of the operations
centre decides. Each has a browser and the password of a demo account. Screenshots stay in build/desk.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

from services.desk.access import Language
from services.domain.plan.plan import Title
from tests.integration.browsers import check_access, sticking_out
from tests.integration.test_desk_pages import keep

PATIENCE_SECONDS: Final = 300
"""How long somebody loads a page again until it shows what comes late on a busy machine."""


class How(NamedTuple):
    """How somebody reads the desk."""

    language: Language
    width: int
    """Pixels."""
    has_scripts: bool

    @property
    def name(self) -> str:
        """For a screenshot."""
        return f"{self.language}-{self.width}-{'js' if self.has_scripts else 'no-js'}"


class Person:
    """Somebody with a browser at the desk."""

    def __init__(self, browser: Any, url: str, account: str, passwords: Path, how: How) -> None:
        """`passwords`: the file of the demo's accounts."""
        self._url = url
        self._account = account
        self._password = _password(passwords, account)
        self._how = how
        viewport = {"width": how.width, "height": 900}
        self.page = browser.new_context(viewport=viewport, java_script_enabled=how.has_scripts).new_page()
        self.clicks = 0

    def sign_in(self) -> None:
        """To the first page that the account has, in the language of this person."""
        self.page.goto(f"{self._url}/sign-in")
        self.page.fill("#account", self._account)
        self.page.fill("#secret", self._password)
        self.click("main form button")
        assert self._account in self.page.inner_text("header"), self.page.inner_text("main")
        self.page.click(f".language button[value='{self._how.language}']")
        self.page.wait_for_load_state("load")
        assert (self.page.get_attribute("html", "lang") or "").startswith(self._how.language)

    def said(self, title: Title) -> str:
        """A word as this person reads it."""
        return title.en if self._how.language == "en" else title.zh

    def go(self, path: str) -> None:
        """To a page by its address."""
        self.page.goto(self._url + path)

    def click(self, selector: str) -> None:
        """Click, and wait for the page that follows."""
        self.page.click(selector)
        self.page.wait_for_load_state("load")
        self.clicks += 1

    def send(self) -> str:
        """Send the form of the page. What the page says once the record is there: on a busy machine it comes later."""
        self.click("main form button")
        self.until(lambda: self.page.query_selector(".waiting[role=status]") is None)
        assert self.page.query_selector(".wrong[role=alert]") is None, self.text
        return self.text

    def until(self, shown: Callable[[], object]) -> None:
        """Load the page again until it shows something."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not shown():
            assert time.monotonic() < end, self.text
            time.sleep(1)
            self.page.reload()

    @property
    def text(self) -> str:
        """What the page says."""
        return str(self.page.inner_text("main"))

    def keep(self, name: str) -> None:
        """A screenshot; nothing sticks out, and axe finds nothing serious."""
        keep(self.page, f"journey-{name}-{self._how.name}")
        if self._how.has_scripts:
            assert sticking_out(self.page, self._how.width) == [], name
            check_access(self.page, name)

    def leave(self) -> None:
        """Close the browser's window."""
        self.page.context.close()


def _password(file: Path, account: str) -> str:
    lines = (line.split("\t") for line in file.read_text("utf-8").splitlines())
    return next(password for name, password, *_ in lines if name == account)
