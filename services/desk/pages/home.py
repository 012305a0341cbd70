"""The first page."""

from typing import Final

from fastapi import Response

from services.desk.access import EVERYONE, Access, may
from services.desk.asking import Ask
from services.desk.pages.district import changes_page, district_page
from services.desk.routes import LISTED, Pages

PAGES: Final = Pages()


@PAGES.get("/", Access.ACCOUNT)
def home(ask: Ask) -> Response:
    """Where everybody begins: the district for units and the operations centre, for others what they may open."""
    return ask.see_other("/district") if may(ask.known, Access.READ) else ask.page("home.html")


@PAGES.get("/district", Access.READ, about=LISTED)
def district(ask: Ask) -> Response:
    """What is the viewer's own, and the district at a glance."""
    return district_page(ask)


@PAGES.get("/changes", Access.READ, about=lambda _: EVERYONE)
def changes(ask: Ask) -> Response:
    """The promises whose state has changed today."""
    return changes_page(ask)
