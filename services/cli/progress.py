"""The progress of commands that compute from event files."""

import time

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from services.cli.terminal import safe_console, say

_PLAIN_LINE_EVERY_S = 10.0


class Display:
    """Shows progress: a bar in a terminal, elsewhere a line from time to time."""

    def __init__(self, counted: str = "events") -> None:
        """`counted`: what is counted."""
        self._counted = counted
        self._console = safe_console(stderr=True)
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(),
            TextColumn(f"{{task.completed:,}} {counted} · {{task.fields[rate]:,.0f}}/s"), TimeElapsedColumn(),
            console=self._console, transient=True, disable=not self._console.is_terminal,
        )  # fmt: skip
        self._began = self._called = self._shown = time.monotonic()
        self._doing = ""
        self._task = self._bar.add_task("reading", total=None, rate=0.0)

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._bar.stop()

    def __call__(self, doing: str, count: int, share: float | None) -> None:
        now = time.monotonic()
        if doing != self._doing:
            self._doing, self._began = doing, self._called
        self._called = now
        rate = count / max(now - self._began, 0.001)
        if self._console.is_terminal:
            total = count / share if share else None
            self._bar.update(self._task, description=doing, completed=count, total=total, rate=rate)
        elif now - self._shown >= _PLAIN_LINE_EVERY_S:
            self._shown = now
            done = f" ({share:.0%})" if share is not None else ""
            say(f"{doing}: {count:,} {self._counted}{done}, {rate:,.0f}/s", err=True)
