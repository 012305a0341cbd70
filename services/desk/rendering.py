"""Pages from templates. Everything that people read is a `Title`, said in one language by `say`."""

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from services.catalog.words.times import day_title, time_title
from services.desk import words
from services.desk.access import Access, Language, Viewer, may
from services.desk.acting import act_words
from services.desk.navigation import NAVIGATION
from services.domain.intake.visible_text import LINES, visible
from services.domain.plan.plan import Plan, Title
from services.domain.time.zone import Instant, Zone, instant_of


class Shown(NamedTuple):
    """What every page shows, or needs to show something."""

    viewer: Viewer | None
    language: Language
    plan: Plan
    now: Instant
    path: str
    said: Title | None
    """What was done just before."""
    simulated: bool
    """Whether the clock is that of a demo."""


def render(template: str, shown: Shown, content: Mapping[str, Any]) -> str:
    """A page. In it: `say(title)`; `moment(time)` and `day(time)` in the plan's zone; `may(access, about)`; `colon`,
    `comma` and `bracketed(text)` of the language; `common`, the words of `words.py`; `asset(name)`, the address of a
    static file; `unit_name(id)`; and what `content` has."""
    zone = Zone(shown.plan.head.timezone)

    def say(title: Title) -> str:
        return title.en if shown.language == "en" else title.zh

    def unit_name(id: str) -> str:
        return say(shown.plan.units[id].title) if id in shown.plan.units else id

    return (
        _templates()
        .get_template(template)
        .render(
            {
                "say": say,
                "colon": ": " if shown.language == "en" else "：",
                "comma": ", " if shown.language == "en" else "，",
                "bracketed": lambda text: f" ({text})" if shown.language == "en" else f"（{text}）",
                "unit_name": unit_name,
                "moment": lambda time: say(moment(time, zone)),
                "day": lambda time: say(day_title(date.fromordinal(zone.day(time)))),
                "may": lambda access, about=None: may(shown.viewer, Access(access), about),
                "asset": asset,
                "common": words,
                "act_words": act_words,
                "shown": shown,
                "menu": [each for each in NAVIGATION if may(shown.viewer, each.access)] if shown.viewer else [],
                **content,
            }
        )
    )


def moment(time: Instant | str, zone: Zone) -> Title:
    """A time in a zone. `time`: an instant, or RFC 3339 as records have it."""
    return time_title(instant_of(datetime.fromisoformat(time)) if isinstance(time, str) else time, zone)


@cache
def static_file(name: str) -> bytes:
    """A file of `services/desk/static`."""
    return (files("services.desk") / "static" / name).read_bytes()


@cache
def asset(name: str) -> str:
    """The address of a static file. It changes with its content, so that browsers may keep it."""
    return f"/static/{name}?v={sha256(static_file(name)).hexdigest()[:12]}"


def _seen(value: object) -> object:
    """Escaped for HTML, bidi marks and their like would still bite."""
    return visible(value, keep=LINES) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("services.desk"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
