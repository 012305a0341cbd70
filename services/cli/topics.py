"""`kpiwatch topics`: makes the topics and checks them."""

from typing import Annotated

import typer
from kafka.errors import InvalidReplicationFactorError

from services.cli.arguments import Bootstrap
from services.cli.failure import INPUT_HAS_ERRORS, Failure
from services.cli.terminal import say
from services.messaging import topics
from services.runtime.settings import Settings


def make_topics(
    check: Annotated[bool, typer.Option("--check", help="Make nothing, only say what is wrong.")] = False,
    bootstrap: Bootstrap = None,
    partitions: Annotated[
        int | None, typer.Option(min=1, max=1024, help="Partitions of what is keyed by case; else KPIWATCH_PARTITIONS.")
    ] = None,
) -> None:
    """Make the topics that are missing and say what is wrong with the others."""
    settings = Settings.from_environment()
    address, count = bootstrap or settings.bootstrap, partitions or settings.partitions
    if not check:
        try:
            made = topics.create(address, count, settings.copies)
        except InvalidReplicationFactorError:
            raise Failure(
                f"Kafka at {address} has fewer than {settings.copies} brokers, so a topic cannot be on as many. Start "
                "them, or set KPIWATCH_REPLICATION=1: then what one broker loses is lost",
                INPUT_HAS_ERRORS,
            ) from None
        for name in made:
            say(f"made {name}")
    problems = topics.check(address, count, settings.copies)
    for problem in problems:
        say(problem, err=True)
    if problems:
        raise typer.Exit(INPUT_HAS_ERRORS)
    say(f"{len(topics.topics(count))} topics, all as they must be")
