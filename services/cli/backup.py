"""`kpiwatch backup` and `restore`: what is not in Kafka."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from services.cli.arguments import Bootstrap
from services.cli.failure import INPUT_HAS_ERRORS, WRONG_USAGE, Failure
from services.cli.terminal import say
from services.runtime.settings import Settings, variable


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The copy (tar); only its owner may read it.")],
) -> None:
    """Copy what is not in Kafka: texts, keys, checkpoints, contacts, the desk's accounts and log. It holds secrets.

    The system may run meanwhile."""
    from services.ledger.backup import back_up, files_of
    from services.ledger.texts import Texts

    settings = Settings.from_environment()
    accounts = _copy_of_accounts(settings)
    with closing(Texts.at(settings.texts)) as texts:
        names = back_up(file, files_of(settings), texts.all(), accounts)
    say(f"{file}: {', '.join(names)}")


def _copy_of_accounts(settings: Settings) -> bytes | None:
    """None where the desk has no database: it is not made here."""
    from services.desk.accounts.copies import copied
    from services.desk.accounts.database import AccountsDatabase

    if "://" not in settings.accounts and not Path(settings.accounts).is_file():
        say(f"{settings.accounts} ({variable('accounts')}): there are no accounts of the desk to copy", err=True)
        return None
    with closing(AccountsDatabase.at(settings.accounts)) as database:
        return copied(database)


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A copy that `kpiwatch backup` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there.")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """Put back what `backup` copied, to where the settings have it. Texts that were erased since do not come back.

    End keeper, notifier and desk first. The ledger in Kafka is read for what was erased: without it nothing is put
    back. Accounts that are there stay as they are, also with --force; every session at the desk ends."""
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
    _put_accounts_back(contents, settings)
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


def _put_accounts_back(contents: Mapping[str, bytes], settings: Settings) -> None:
    """Before anything else is: a copy that does not fit the database that is there changes nothing."""
    from services.desk.accounts.copies import NoAccounts, put_back, read_copy
    from services.desk.accounts.database import AccountsDatabase
    from services.ledger.backup import ACCOUNTS
    from services.runtime.clock import Clock

    if ACCOUNTS not in contents:
        say("the copy has no accounts of the desk", err=True)
        return
    try:
        rows = read_copy(contents[ACCOUNTS])
        with closing(AccountsDatabase.at(settings.accounts)) as database:
            done = put_back(database, rows, Clock.real().now())
    except NoAccounts as reason:
        raise Failure(f"restore: {variable('accounts')}: {reason}", INPUT_HAS_ERRORS) from None
    say(f"{done.accounts} accounts and {done.lines} lines of the log put back; all sessions are ended")
    if done.kept:
        say(f"{done.kept} accounts were there and stay as they are")
    if done.without_password:
        names = ", ".join(done.without_password)
        say(f"these accounts need a new one-time code (`kpiwatch desk account reset NAME`): {names}")
