"""The files that pages need: a style, a script and an icon, from this address only."""

from typing import Final

from fastapi import Response

from services.desk.access import Access
from services.desk.refusal import NotFound
from services.desk.rendering import static_file
from services.desk.routes import Pages

PAGES: Final = Pages()
_TYPES: Final = {
    "desk.css": "text/css; charset=utf-8",
    "htmx.min.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@PAGES.get("/static/{name}", Access.ANYONE)
def static(name: str) -> Response:
    """A file of `services/desk/static`."""
    if name not in _TYPES:
        raise NotFound
    # the address has the hash of the content in it (`asset`)
    return Response(
        static_file(name), media_type=_TYPES[name], headers={"Cache-Control": "public, max-age=31536000, immutable"}
    )
