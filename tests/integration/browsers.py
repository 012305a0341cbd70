"""A real Chromium for tests of pages. `make browser` installs what this needs; without it such a test is skipped."""

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

BUILD: Final = Path(__file__).parents[2] / "build"
BESIDE: Final = str(BUILD / "browser")
WIDTHS: Final = (360, 1440)
SERIOUS: Final = ("serious", "critical")


def beside(module: str) -> Any:
    """What `make browser` installs in a folder of its own. Asked for when the test runs, not when it is collected: CI
    installs it meanwhile."""
    importlib.invalidate_caches()
    sys.path.append(BESIDE)  # last: what the project uses is found first
    try:
        return pytest.importorskip(module, reason=f"{module} is not installed: `make browser`")
    finally:
        sys.path.remove(BESIDE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, as Debian packages it."""
    with chromium_runs() as started:
        yield started


@contextmanager
def chromium_runs() -> Iterator[Any]:
    """The same for a part of a test; skips the test where there is none."""
    sync_api = beside("playwright.sync_api")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("there is no Chromium: `make browser` installs it where apt is at hand")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield started
        started.close()


def check_page(page: Any, name: str) -> None:
    """At both widths nothing sticks out, and axe finds nothing serious."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert sticking_out(page, width) == [], f"{name} at {width} px"
    check_access(page, name)


def sticking_out(page: Any, width: int) -> list[str]:
    """The innermost elements that make a page wider than the window; none where it is not."""
    if page.evaluate("document.documentElement.scrollWidth") <= width:
        return []
    found = page.evaluate(
        "width => [...document.querySelectorAll('body *')].filter(one => one.getBoundingClientRect().right > width + 1)"
        ".slice(-3).map(one => one.outerHTML.slice(0, 300))",
        width,
    )
    return list(found) or ["something that is no element"]


def check_access(page: Any, name: str) -> None:
    """Axe finds nothing serious."""
    found = beside("axe_playwright_python.sync_playwright").Axe().run(page).response["violations"]
    serious = [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in SERIOUS]
    assert serious == [], name
