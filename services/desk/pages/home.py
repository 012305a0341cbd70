"""The first page."""

from typing import Final

from fastapi import Response

from services.desk.access import Access
from services.desk.asking import Ask
from services.desk.routes import Pages

PAGES: Final = Pages()


@PAGES.get("/", Access.ACCOUNT)
def home(ask: Ask) -> Response:
    """Where everybody begins: what they may open."""
    return ask.page("home.html")
