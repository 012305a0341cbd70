"""Events of files that were turned away, as the user is told of them."""

import typer

from services.domain.refusal import worded
from services.replay.buckets import Rejected


def line_of(rejected: Rejected) -> str:
    """`file:line: reason at path: sentence → remedy`, as editors understand it."""
    refusal = worded(rejected.reason, rejected.path, rejected.sentence, rejected.remedy)
    return f"{rejected.file}:{rejected.line}: {refusal}"


def tell(rejected: Rejected) -> None:
    """One line of it on standard error."""
    typer.echo(line_of(rejected), err=True)
