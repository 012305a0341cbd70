"""`kpiwatch inboxes`: the topics into which sources publish, their users and their rights."""

from pathlib import Path
from typing import Annotated

import typer
from kafka.errors import InvalidReplicationFactorError, SecurityDisabledError

from services.catalog.load.plan_folder import load_plan
from services.cli.arguments import Bootstrap, PlanFolder, chosen_plan
from services.cli.failure import INPUT_HAS_ERRORS, Failure
from services.cli.terminal import say
from services.gateway.inboxes import BrokerRefused, Inboxes
from services.runtime.settings import Settings


def make_inboxes(
    passwords: Annotated[
        Path, typer.Option("--passwords", metavar="DIR", help="Where the file of each new user is written.")
    ] = Path("inbox-passwords"),
    check: Annotated[bool, typer.Option("--check", help="Make nothing, only say what is wrong.")] = False,
    plan: PlanFolder = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Make the inbox of each source in sources.toml, with its user and its right to write it and nothing else."""
    settings = Settings.from_environment()
    sources = list(load_plan(chosen_plan(plan)).sources.values())
    inboxes = Inboxes(bootstrap or settings.bootstrap, sources, settings.copies)
    try:
        if not check:
            for line in inboxes.make(passwords):
                say(line)
        problems = inboxes.problems()
    except SecurityDisabledError:
        raise Failure(
            "the broker has no authorizer, so any client may write any topic. Set authorizer.class.name, "
            "and a listener with SASL for the sources: deploy/inboxes.md",
            INPUT_HAS_ERRORS,
        ) from None
    except InvalidReplicationFactorError:
        raise Failure(
            f"Kafka has fewer than {settings.copies} brokers. Start them, or set KPIWATCH_REPLICATION=1",
            INPUT_HAS_ERRORS,
        ) from None
    except BrokerRefused as reason:
        raise Failure(str(reason), INPUT_HAS_ERRORS) from None
    for problem in problems:
        say(problem, err=True)
    if problems:
        raise typer.Exit(INPUT_HAS_ERRORS)
    say(f"{len(sources)} inboxes, all as they must be")
