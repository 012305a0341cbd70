"""`kpiwatch ledger …`: the record of what was missed, notified, answered and decided."""

import typer

app = typer.Typer(help="The record of what was missed, notified, answered and decided.", no_args_is_help=True)


@app.command()
def keep() -> None:
    """Keep the ledger, until Ctrl-C: record what is asked for in Kafka, and sign checkpoints.

    Exit code 3 if the broker or a database does not answer at the start."""
    from services.ledger.__main__ import main

    raise typer.Exit(main())
