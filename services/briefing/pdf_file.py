"""The page of a briefing printed by a Chromium that is on this machine: two pages of A4, never a third."""

import io
import os
import shutil
import subprocess
import tempfile
import unicodedata
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from pypdf import PdfReader

from services.briefing.fit import fitted, less, room
from services.briefing.html_page import html_of
from services.briefing.model import Briefing

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Names under which one is found on the PATH."""
_SECONDS: Final = 120.0
_TRIES: Final = 12
MOST_PAGES: Final = 2
_INSTALL: Final = "On Debian and Ubuntu: apt-get install chromium fonts-wqy-microhei"


class CannotPrint(Exception):
    """There is no PDF; the text says why, and what to do."""


class Printed(NamedTuple):
    """A briefing that fits."""

    briefing: Briefing
    """With the rows that fit."""
    pdf: bytes


def print_fitted(briefing: Briefing) -> Printed:
    """The briefing with as many rows as two pages hold, and its PDF. Raises CannotPrint."""
    space = room()
    for _ in range(_TRIES):
        cut = fitted(briefing, space)
        pdf, pages = _print(cut)
        if pages <= MOST_PAGES:
            _check_letters(pdf, briefing.title)
            return Printed(cut, pdf)
        space = less(space)
    raise CannotPrint(f"the briefing has {pages} pages with as few rows as can be: shorten titles of the plan")


def _print(briefing: Briefing) -> tuple[bytes, int]:
    """The PDF, and how many pages it has. Raises CannotPrint."""
    pdf = _printed(html_of(briefing))
    return pdf, len(PdfReader(io.BytesIO(pdf)).pages)


def _letters(text: str) -> str:
    """Without blanks. A letter of a PDF may come back as the radical that looks the same."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def _check_letters(pdf: bytes, title: str) -> None:
    """Raises CannotPrint where the browser had no letters for the title: boxes would be printed."""
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)
    if not set(_letters(title)) <= set(_letters(text)):
        raise CannotPrint(f"no font on this machine has the Chinese letters of the briefing. {_INSTALL}")


def _printed(page: bytes) -> bytes:
    """The page as the browser prints it. Raises CannotPrint."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise CannotPrint(
            f"a PDF is printed by Chromium, and there is none on the PATH ({', '.join(BROWSERS)}). {_INSTALL}. "
            "Or leave pdf out of --format"
        )
    with tempfile.TemporaryDirectory(prefix="kpiwatch-print-") as name:
        folder = Path(name)
        (folder / "page.html").write_bytes(page)
        for more in _sandboxes():
            _run([browser, *_options(folder), *more, (folder / "page.html").as_uri()])
            with suppress(FileNotFoundError):
                return (folder / "page.pdf").read_bytes()
    raise CannotPrint(f"{browser} has printed nothing: start it by hand to see why. {_INSTALL}")


def _sandboxes() -> tuple[tuple[str, ...], ...]:
    """With its sandbox, else without: as root, and in a container without rights, it starts in no other way. The page
    is ours, has no script, and asks nobody."""
    without = ("--no-sandbox",)
    return (without,) if os.geteuid() == 0 else ((), without)


def _options(folder: Path) -> list[str]:
    """No network, nothing of the user's own profile."""
    return [
        *("--headless", "--disable-gpu", "--disable-extensions", "--disable-dev-shm-usage", "--no-first-run"),
        *("--host-resolver-rules=MAP * ~NOTFOUND", "--no-pdf-header-footer"),
        *(f"--user-data-dir={folder / 'profile'}", f"--print-to-pdf={folder / 'page.pdf'}"),
    ]


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise CannotPrint(f"{command[0]} did not print within {_SECONDS:.0f} s: is the machine too busy?") from None
    except OSError as error:
        raise CannotPrint(f"{command[0]} cannot be started: {error.strerror}. {_INSTALL}") from None
