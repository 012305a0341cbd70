"""A briefing as one HTML file that needs nothing beside it."""

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from services.briefing.model import Briefing
from services.domain.intake.visible_text import LINES, visible


def html_of(briefing: Briefing) -> bytes:
    """The page, in UTF-8."""
    return _templates().get_template("briefing.html").render(briefing=briefing).encode()


def _seen(value: object) -> object:
    """Escaped for HTML, bidi marks and their like would still bite."""
    return visible(value, keep=LINES) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("services.briefing"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
