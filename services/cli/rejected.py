"""Events of files that were turned away, as the user is told of them."""

import typer

from services.replay.buckets import Rejected


def line_of(rejected: Rejected) -> str:
    """`file:line: reason at path: sentence → remedy`, as editors understand it."""
    place = f" at {rejected.path}" if rejected.path else ""
    where = f"{rejected.file}:{rejected.line}"
    return f"{where}: {rejected.reason}{place}: {rejected.sentence} → {rejected.remedy}"


def tell(rejected: Rejected) -> None:
    """One line of it on standard error."""
    typer.echo(line_of(rejected), err=True)
