"""`kpiwatch answer`: what a unit says about a case: it has read a card, what it does about it, what it asks for."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Annotated

import typer

from services.acting import statements
from services.acting.matters import Named, Shown, lines_of, matters_of, the_account
from services.acting.statements import (
    Speaker,
    acknowledgement,
    day_of,
    extension_request,
    justification,
    limit_of,
    may_answer,
)
from services.casebook.casebook import Casebook
from services.cli.arguments import Bootstrap
from services.cli.decide import Case, Cycle, Promise
from services.cli.failure import INPUT_HAS_ERRORS, NO_ANSWER, WRONG_USAGE, Failure
from services.cli.ledger_session import Session, session
from services.cli.terminal import say
from services.ledger.texts import NoText, Texts
from services.messaging.records.decisions import Statement
from services.messaging.records.ledger import RequestInvalid
from services.runtime.settings import Settings

app = typer.Typer(help="Acknowledge, reply, give a reason, ask for an extension.", no_args_is_help=True)

Reason = Annotated[str | None, typer.Option("--reason", metavar="CODE", help="As in the plan's list of reasons.")]


@dataclass(frozen=True)
class Asked:
    """Who answers, and by which broker."""

    speaker: Speaker
    bootstrap: str | None
    text: str | None
    """What is said in words."""


@app.callback()
def answer(
    context: typer.Context,
    unit: Annotated[str, typer.Option("--unit", metavar="UNIT", help="Which unit answers, as in units.toml.")] = "",
    by: Annotated[
        str, typer.Option("--by", metavar="WHO", help="Who answers: an office, or a number of the staff; no name.")
    ] = "",
    text: Annotated[
        str | None,
        typer.Option("--text", metavar="TEXT", help="What is said in words; - reads it from standard input."),
    ] = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Acknowledge, reply, give a reason, ask for an extension. The options come before the command.

    The text is kept outside the ledger, which has its salted hash: `kpiwatch ledger erase HASH` erases it."""
    context.obj = Asked(Speaker(unit, by), bootstrap, sys.stdin.read() if text == "-" else text)


@app.command("acknowledge")
def acknowledge(
    context: typer.Context, case: Case, promise: Promise,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DAY", help="Until when that holds: 2021-10-11.")
    ] = None,
    cycle: Cycle = None,
) -> None:  # fmt: skip
    """The unit has read the card (签收)."""
    day = None if until is None else day_of(until)
    with _answering(context) as at:
        at.say(acknowledgement(at.show(Named(case, promise, cycle)), at.speaker, day))


@app.command("reply")
def reply(
    context: typer.Context, case: Case, promise: Promise,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DAY", help="By when it will be completed: 2021-10-11.")
    ] = None,
    cycle: Cycle = None,
) -> None:  # fmt: skip
    """The unit says what it does about the case (回告)."""
    day = None if until is None else day_of(until)
    with _answering(context) as at:
        at.say(statements.reply(at.show(Named(case, promise, cycle)), at.speaker, day))


@app.command("reason")
def reason(context: typer.Context, case: Case, promise: Promise, code: Reason = None, cycle: Cycle = None) -> None:
    """The unit gives a reason for missing a soft promise (说明理由): it counts as given from its record on."""
    with _answering(context) as at:
        at.say(justification(at.show(Named(case, promise, cycle)), at.speaker, code, at.judge))


@app.command("extension")
def extension(
    context: typer.Context, case: Case, promise: Promise,
    limit: Annotated[str, typer.Option("--limit", metavar="LIMIT", help='How much: "5 working_days".')],
    code: Reason = None,
) -> None:  # fmt: skip
    """The unit asks for an extension (申请延期). It is none until the operations centre has granted it."""
    wanted = limit_of(limit)
    with _answering(context) as at:
        at.say(extension_request(at.show(Named(case, promise)), at.speaker, wanted, code, at.judge))


class Answering:
    """An answer from what is shown to its record."""

    def __init__(self, book: Casebook, at: Session, asked: Asked) -> None:
        self.judge = book.judge
        self.speaker = asked.speaker
        self._asked = asked
        self._book = book
        self._session = at

    def show(self, named: Named) -> Shown:
        """Print what is answered. ActRefused where it is not the unit's."""
        key, explanation = the_account(self._book, named.case)
        shown = named.among(matters_of(key, explanation), self.judge)
        may_answer(shown, self.speaker.unit, self.judge.plan)
        for line in lines_of(shown, self.judge):
            say(line)
        return shown

    def say(self, statement: Statement) -> None:
        """Record what the unit says."""
        with _kept(self._asked) as text:
            said = statement._replace(texts={"text": text}) if text else statement
            try:
                request = said.request(self._session.id(), self._session.writer)
            except ValueError as error:
                raise Failure(str(error), INPUT_HAS_ERRORS) from None
            say(f"已记录 recorded as {self._session.recorded(request).number}")
        if text:
            say(f"文字 text {text}")


@contextmanager
def _kept(asked: Asked) -> Iterator[str]:
    """The hash of what is said in words, which is kept before that is recorded; empty: nothing is said. A text of which
    nothing is recorded is erased; one that may be recorded yet stays. Raises Failure, LedgerUnavailable."""
    if asked.text is None:
        yield ""
        return
    with closing(Texts.at(Settings.from_environment().texts)) as texts:
        try:
            hash = texts.keep(asked.text, asked.speaker.unit)
        except NoText as reason:
            raise Failure(f"--text: {reason}", WRONG_USAGE) from None
        try:
            yield hash
        except (Failure, RequestInvalid) as failure:
            if not isinstance(failure, Failure) or failure.exit_code != NO_ANSWER:
                texts.erase([hash])
            raise


@contextmanager
def _answering(context: typer.Context) -> Iterator[Answering]:
    """At the casebook and the ledger of the settings."""
    asked: Asked = context.obj
    if not (asked.speaker.unit and asked.speaker.by):
        raise Failure("write --unit and --by before the command: which unit answers, and who in it", WRONG_USAGE)
    settings = Settings.from_environment()
    with (
        closing(Casebook.open(settings)) as book,
        session(asked.bootstrap or settings.bootstrap, book.judge.law.zone) as at,
    ):
        yield Answering(book, at, asked)
