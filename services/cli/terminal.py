"""The only two ways to write to the terminal: a line, and a console of rich. Escape codes, bidi marks and
control characters are shown as escapes, wherever the text comes from (`services.domain.intake.visible_text`)."""

from collections.abc import Iterator
from typing import Any

import typer
from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

from services.domain.intake.visible_text import LINES, visible


def say(text: str, *, err: bool = False) -> None:
    """A line, or several; JSON stays the same JSON."""
    typer.echo(visible(text, keep=LINES), err=err)


def safe_console(*, stderr: bool = False, width: int | None = None) -> Console:
    """Text is printed as it is: `[red]` in a name is not a colour. Our colours are styles, or `Text.from_markup`."""
    made = _Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)
    made.push_render_hook(_Safe())
    return made


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Who reads has gone: that is no failure, and the command line knows it (`_with_early_ends`)."""
        raise BrokenPipeError


class _Safe(RenderHook):
    """Works behind the layout, so that no text gets past it."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [SafePart(part) for part in renderables]


class SafePart:
    """What a console shows, with everything in it made harmless. Whoever draws on the whole screen says so itself: that
    is done behind the hook of the console."""

    def __init__(self, part: ConsoleRenderable) -> None:
        self._part = part

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _safe(console.render(self._part, options))


def _safe(segments: Any) -> Iterator[Segment]:
    for segment in segments:
        yield segment if segment.control else Segment(visible(segment.text, keep="\n"), segment.style)
