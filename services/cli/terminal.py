"""The only two ways of a command to the terminal: a line, and a console of rich. Escape codes, bidi marks and
control characters are shown as their escapes, wherever the text comes from (`services.domain.intake.visible_text`)."""

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
    """Text is printed as it is: `[red]` in a name is no colour. Colours of ours are styles, or `Text.from_markup`."""
    made = Console(stderr=stderr, width=width, markup=False, highlight=False, emoji=False)
    made.push_render_hook(_Seen())
    return made


class _Seen(RenderHook):
    """Behind the layout, so that nothing gets past it."""

    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        return [_SeenPart(part) for part in renderables]


class _SeenPart:
    def __init__(self, part: ConsoleRenderable) -> None:
        self._part = part

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from _seen(console.render(self._part, options))


def _seen(segments: Any) -> Iterator[Segment]:
    for segment in segments:
        yield segment if segment.control else Segment(visible(segment.text, keep="\n"), segment.style)
