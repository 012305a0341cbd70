"""`kpiwatch status`: the state of every promise, in the terminal; `--watch` draws it again whenever it changes."""

import io
import select
import sys
import time
from enum import StrEnum
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.live import Live

from services.catalog.load.plan_folder import load_plan
from services.cli.arguments import Wait
from services.cli.failure import NO_ANSWER, Failure
from services.cli.status_reading import DistrictStatus, PublishedReader, troubles
from services.cli.status_view import Size, StatusView, Wish
from services.cli.terminal import SafePart, safe_console
from services.domain.plan.plan import Plan
from services.domain.results.published import State
from services.domain.results.windows import ALL
from services.messaging.reader import BrokerUnavailable
from services.runtime.settings import Settings

_LOOKS_SECONDS: Final = 1.0
"""How often `--watch` looks for what has come, for another size of the terminal, and whether anybody reads on."""
_NARROWEST: Final = 40


class Language(StrEnum):
    """In which language the status is written."""

    ZH = "zh"
    EN = "en"


def status(
    unit: Annotated[str | None, typer.Option("--unit", help="Of one unit; else of the whole district.")] = None,
    worst: Annotated[int, typer.Option("--worst", min=1, max=100_000, help="So many promises, the worst first.")] = 10,
    everything: Annotated[bool, typer.Option("--all", help="All promises and all units.")] = False,
    state: Annotated[
        list[State] | None, typer.Option("--state", help="Only promises in this state; may be given several times.")
    ] = None,
    language: Annotated[Language, typer.Option("--language", help="Of the status.")] = Language.ZH,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and show every change, until Ctrl-C.")] = False,
    wait: Wait = 10,
) -> None:
    """Show the promises that need somebody, worst first: how far each is from its target, how many misses are left, and
    who has open cards."""
    settings = Settings.from_environment()
    plan = load_plan(settings.plan)
    if unit is not None and plan.units and unit not in plan.units:
        raise Failure(f"status: there is no unit {unit!r} in the plan; see units.toml", 2)
    wish = Wish(unit or ALL, tuple(state or ()), worst, everything, language is Language.EN)
    try:
        with PublishedReader(settings.bootstrap) as reader:
            _show(plan, wish, reader, wait, watch)
    except BrokerUnavailable as error:
        raise Failure(f"status: {error}", NO_ANSWER) from None


def _show(plan: Plan, wish: Wish, reader: PublishedReader, wait: float, watch: bool) -> None:
    console, view = safe_console(), StatusView(plan, wish)
    published = reader.first(wait)
    if not published.rows:
        for line in troubles(published):
            console.print(line, style="bold red", soft_wrap=True)
        raise Failure("status: nothing is published yet. Are the workers running (`kpiwatch up`)?", NO_ANSWER)
    if not watch:
        _print(console, view, published)
    elif console.is_terminal:
        _draw(console, view, reader, published)
    else:
        _print_changes(console, view, reader, published)


def _print(console: Console, view: StatusView, published: DistrictStatus) -> None:
    """A page. What is wrong with the machinery takes several lines in a terminal; in a file a line each, which can be
    searched for."""
    console.print(view.page(published, size_of(console)), soft_wrap=not console.is_terminal)


def size_of(console: Console) -> Size:
    """Of the terminal; what is written to a file or a pipe is as long as it takes."""
    return Size(max(console.width, _NARROWEST), console.height if console.is_terminal else None)


def _draw(console: Console, view: StatusView, reader: PublishedReader, published: DistrictStatus) -> None:
    """On the whole screen, until Ctrl-C; what was shown last stays in the terminal."""
    size = size_of(console)
    try:
        with Live(_screen(view, published, size), console=console, screen=True, auto_refresh=False) as live:
            live.refresh()
            while True:
                began = time.monotonic()
                come = reader.next(_LOOKS_SECONDS)
                if come is not None or size_of(console) != size:
                    published, size = come or published, size_of(console)
                    live.update(_screen(view, published, size), refresh=True)
                time.sleep(max(_LOOKS_SECONDS - (time.monotonic() - began), 0))
    finally:
        console.print(view.fitting(published, size))


def _screen(view: StatusView, published: DistrictStatus, size: Size) -> SafePart:
    return SafePart(view.fitting(published, size))


def _print_changes(console: Console, view: StatusView, reader: PublishedReader, published: DistrictStatus) -> None:
    """One below the other, once for each change, until Ctrl-C or until nobody reads on."""
    shown = ""
    while not _is_unread():
        seen = _seen(view, published)
        if seen != shown:
            _print(console, view, published)
            console.print()
            sys.stdout.flush()
            shown = seen
        come = None
        while come is None and not _is_unread():
            come = reader.next(_LOOKS_SECONDS)
        published = come or published


def _seen(view: StatusView, published: DistrictStatus) -> str:
    """What a page says beside its times, which change with every record."""
    sink = Console(file=io.StringIO(), record=True, width=200)
    sink.print(view.page(published._replace(watermark="", computed_at=""), Size(200)))
    return sink.export_text()


def _is_unread() -> bool:
    """Whether who read the output through a pipe has gone; it would be noticed with the next change only."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & select.POLLERR for _, event in poll.poll(0))
    except (AttributeError, ValueError, OSError):  # no such call on this system; or the output is no file
        return False
