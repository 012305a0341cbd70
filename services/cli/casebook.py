"""`kpiwatch casebook`: the index of cases, as a process."""

import typer


def casebook() -> None:
    """Keep the index of all cases up to date, until Ctrl-C: `kpiwatch cases list` and `show`, and the gateway, ask it.

    KPIWATCH_CASEBOOK says where it is. It is built from the topics: if its file is removed, or another version or plan
    finds it, it is built anew. Exit code 3 if the broker or the database does not answer at the start."""
    from services.casebook.__main__ import main

    raise typer.Exit(main())
