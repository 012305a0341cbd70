"""`kpiwatch`: the command line. Exit codes: 0 done, 1 the input has errors, 2 wrong usage, 3 a part does not answer,
130 ended by Ctrl-C (143 by SIGTERM)."""

import sys

try:
    import importlib
    import os
    import tempfile
    import traceback
    from collections.abc import Callable, Sequence
    from functools import wraps
    from typing import Annotated, Any, NamedTuple

    import typer
    from typer.exceptions import TyperException

    from services.cli.failure import Failure, failure_of
    from services.domain.intake.visible_text import LINES, visible
    from services.runtime import atomic_file
    from services.runtime.interrupts import ending_on_signals
except KeyboardInterrupt:  # these take a moment
    sys.exit(130)


class Command(NamedTuple):
    """A command: where its function is, and its line in the list of commands."""

    place: str
    """Module and the function or typer app in it; imported only when the command is asked for."""
    help: str


COMMANDS = {
    "replay": Command("services.cli.replay:replay", "Compute every promise from event files, without a broker."),
    "report": Command("services.cli.report:report", "Write the month's report of the district and of each lead unit."),
    "briefing": Command("services.cli.briefing:briefing", "Write 日报, 周报 or 月报: two pages, in four formats."),
    "briefings": Command("services.cli.briefings:briefings", "Send each briefing on its day, until Ctrl-C."),
    "backfill": Command("services.cli.backfill:backfill", "Write the values of a replay to Prometheus."),
    "values": Command("services.cli.values:values", "Write the values of the running system."),
    "explain": Command("services.cli.explain:explain", "Show why a case is judged as it is, day by day."),
    "archive": Command("services.cli.archive:archive", "Write the events of the running system to a file."),
    "validate": Command("services.cli.validate:validate", "List the events of a file that would be refused, and why."),
    "import": Command(
        "services.cli.importing:import_export", "Turn a unit's export (CSV, XLSX, XLS, ODS) into events."
    ),
    "send": Command("services.cli.send:send", "Send files of events to the gateway; list what it refused."),
    "tail": Command("services.cli.tail:tail", "Follow a folder of growing files, or a query, and send what is new."),
    "simulate": Command("services.cli.simulate:simulate", "Write the events of an invented district, and the truth."),
    "plan": Command("services.cli.plan:app", "Check a plan, show its promises, compare two plans."),
    "topics": Command("services.cli.topics:make_topics", "Make and check the topics."),
    "sources": Command("services.cli.sources:app", "List, add, revoke and rotate the API keys of sources."),
    "inboxes": Command("services.cli.inboxes:make_inboxes", "Make and check the inboxes of sources on Kafka."),
    "dead-letters": Command("services.cli.dead_letters:app", "List, show and send again refused events."),
    "cases": Command("services.cli.cases:app", "List and show cases, and those that cannot be judged."),
    "casebook": Command("services.cli.casebook:casebook", "Keep the index of cases."),
    "contacts": Command("services.cli.contacts:app", "Check who gets notices, and send test messages to them."),
    "orders": Command("services.cli.orders:app", "List written orders (督办单), and print them."),
    "decide": Command("services.cli.decide:app", "Decide on late entries, reasons and extensions."),
    "answer": Command("services.cli.answer:app", "What a unit says about a case: read, reply, reason, extension."),
    "ledger": Command("services.cli.ledger:app", "Keep, verify and export the record of what was done."),
    "backup": Command("services.cli.backup:backup", "Copy what is not in Kafka: texts, keys, contacts, accounts."),
    "restore": Command("services.cli.backup:restore", "Put back what `backup` copied."),
    "desk": Command("services.cli.desk:app", "Serve the pages of units and operations centre; their accounts."),
    "dashboards": Command("services.cli.dashboards:app", "Fill a Grafana with the plan's dashboards."),
    "status": Command("services.cli.status:status", "Show the state of every promise."),
    "clock": Command("services.cli.clock:clock", "Run the simulated clock that other processes share."),
    "up": Command("services.cli.up:up", "Run the whole system on this machine."),
}
"""Every command, in the order of the help page. A new one is a line here and a module."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code. No traceback reaches the user."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    with ending_on_signals() as interrupts:
        try:
            _run(given)
        except KeyboardInterrupt:
            sys.exit(130)
        except Exception as error:
            if interrupts.exit_code is not None:
                return  # the error comes from the interrupt
            failure = failure_of(error) or _defect()
            print(visible(failure.sentence, keep=LINES), file=sys.stderr)
            sys.exit(failure.exit_code)
        finally:
            atomic_file.release()


def _run(given: list[str]) -> None:
    """Read only the module of the command that is asked for: `--help` and each command start at once."""
    chosen = next((word for word in given if not word.startswith("-")), None)
    app = typer.Typer(
        name="kpiwatch",
        help="Computes the promises of a service plan from case events: values, cards and explanations.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_frame)
    for name, command in COMMANDS.items():
        if name != chosen:
            app.command(name, help=command.help)(_not_chosen)
            continue
        module, _, attribute = command.place.partition(":")
        content = getattr(importlib.import_module(module), attribute)
        if isinstance(content, typer.Typer):
            app.add_typer(content, name=name, help=command.help)
        else:
            app.command(name)(_with_early_ends(content))
    try:
        sys.exit(app(given, prog_name="kpiwatch", standalone_mode=False) or 0)
    except typer.Abort:
        raise Failure("ended before it was answered: nothing was done", 1) from None
    except TyperException as error:
        from typer.rich_utils import rich_format_error  # takes long, and most commands are given without a mistake

        error.message = visible(error.message, keep=LINES)  # it quotes what was given
        rich_format_error(error)  # type: ignore[arg-type]  # all that typer raises here are of click's kind
        sys.exit(error.exit_code)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(f"kpiwatch {metadata.version('kpiwatch')}")
        raise typer.Exit()


def _frame(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Show the version and exit.")
    ] = False,
) -> None:
    """What every command shares."""


def _with_early_ends(command: Callable[..., None]) -> Callable[..., None]:
    """The command, with two ends that typer would report wrongly: an input that is cut off (typer says `Aborted`) is a
    failure; a closed pipe behind our output is not."""

    @wraps(command)
    def run(*arguments: Any, **options: Any) -> None:
        try:
            command(*arguments, **options)
        except EOFError as error:
            raise failure_of(error) or error from None
        except BrokenPipeError:
            # nothing is left to flush into the closed pipe
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None

    return run


def _not_chosen() -> None:
    raise AssertionError("only the chosen command runs")


def _defect() -> Failure:
    """An unexpected error: the traceback goes to a file, a sentence to the user."""
    with tempfile.NamedTemporaryFile("w", prefix="kpiwatch-", suffix=".txt", delete=False) as account:
        traceback.print_exc(file=account)
    kind = sys.exc_info()[0]
    return Failure(f"kpiwatch failed ({kind.__name__ if kind else 'error'}): please report {account.name}", 1)


if __name__ == "__main__":
    main()
