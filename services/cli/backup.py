"""`kpiwatch backup` and `restore`: what is not in Kafka."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from services.cli.arguments import Bootstrap
from services.cli.failure import INPUT_HAS_ERRORS, WRONG_USAGE, Failure
from services.cli.terminal import say
from services.runtime.settings import Settings


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy (tar); only its owner may read it.")],
) -> None:
    """Copy what is not in Kafka: texts, keys, checkpoints, contacts, what the notifier keeps. It holds secrets."""
    from services.ledger.backup import back_up, files_of
    from services.ledger.texts import Texts

    settings = Settings.from_environment()
    with closing(Texts.at(settings.texts)) as texts:
        names = back_up(file, files_of(settings), texts.all())
    say(f"{file}: {', '.join(names)}")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `kpiwatch backup` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """Put back what `backup` copied, to where the settings have it. Texts that were erased since do not come back.

    End keeper and notifier first. The ledger in Kafka is read for what was erased: without it nothing is put back."""
    from services.ledger.backup import (
        NoBackup,
        checkpoints_in,
        erasures_in,
        files_of,
        put_back,
        put_texts_back,
        read_backup,
    )
    from services.ledger.checkpoints import CheckpointFile
    from services.ledger.texts import Texts
    from services.ledger.topic import ledger_records

    settings = Settings.from_environment()
    files = files_of(settings)
    try:
        contents = read_backup(file)
    except NoBackup as reason:
        raise Failure(f"restore: {reason}", INPUT_HAS_ERRORS) from None
    there = [str(path) for name, path in files.items() if name in contents and path.exists()]
    if there and not force:
        raise Failure(f"restore: there already: {', '.join(there)}. Move them away, or add --force", WRONG_USAGE)
    held = [*checkpoints_in(contents), *CheckpointFile(settings.checkpoints).signed()]
    erased, missing = erasures_in(ledger_records(bootstrap or settings.bootstrap), held)
    if missing is None:
        with closing(Texts.at(settings.texts)) as texts:
            count = put_texts_back(contents, texts, erased)
        say(f"{count} texts ({len(erased)} are erased by the ledger)")
    written = put_back(contents, files)
    say(f"{len(written)} files put back")
    if missing is not None:
        raise Failure(
            f"restore: the texts are not put back: the ledger in Kafka does not have record {missing} of a checkpoint, "
            "so it may not say all that was erased. Put the ledger back, then restore again with --force",
            INPUT_HAS_ERRORS,
        )
