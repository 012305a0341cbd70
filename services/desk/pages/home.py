"""The first page, and the choice of a language."""

from typing import Annotated, Final, Literal

from fastapi import Form, Response

from services.desk.access import Access, may
from services.desk.asking import LANGUAGE_COOKIE, Ask
from services.desk.pages.district import district_page
from services.desk.routes import Pages

PAGES: Final = Pages()


@PAGES.get("/", Access.ACCOUNT)
def home(ask: Ask) -> Response:
    """Where everybody begins: the district for units and the operations centre, for others what they may open."""
    return district_page(ask) if may(ask.known, Access.READ) else ask.page("home.html")


@PAGES.post("/language", Access.ANYONE)
def language(
    ask: Ask, language: Annotated[Literal["zh", "en"], Form()], path: Annotated[str, Form(max_length=2_000)] = "/"
) -> Response:
    """The language of all further pages. `path`: where to go on."""
    answer = ask.see_other(path if is_path(path) else "/")
    answer.set_cookie(LANGUAGE_COOKIE, language, max_age=31_536_000, httponly=True, samesite="lax")
    return answer


def is_path(path: str) -> bool:
    """Whether it is a path of the desk, and no way out of it (`//elsewhere`)."""
    return path.startswith("/") and not path.startswith("//") and "\\" not in path and path.isprintable()
