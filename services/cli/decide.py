"""`kpiwatch decide`: decisions of the operations centre.

Each is recorded in the ledger first; the keeper of the ledger then sends the event that follows from it.
"""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

import typer

from services.acting.decisions import effect_of, on_extension, on_late_entry, on_not_in_force, on_reason, on_withdrawal
from services.acting.matters import Named, Shown, lines_of, matters_of, the_account
from services.acting.statements import limit_of
from services.casebook.casebook import Casebook
from services.cli.arguments import Bootstrap
from services.cli.failure import INPUT_HAS_ERRORS, WRONG_USAGE, Failure
from services.cli.ledger_session import Session, session
from services.cli.terminal import say
from services.domain.results.cards import case_name
from services.messaging.records.decisions import Decision
from services.messaging.records.ledger import Kind, LedgerRecord
from services.runtime.settings import Settings

app = typer.Typer(help="Decide on late entries, reasons and extensions; withdraw a decision.", no_args_is_help=True)

OUTCOME_SECONDS: Final = 30.0
"""How long a decision is waited for to be in force."""

Case = Annotated[
    str, typer.Argument(metavar="CASE", help="Its subject, or 'source subject' where several sources have such a case.")
]
Promise = Annotated[str, typer.Option("--promise", metavar="ID", help="Which promise, e.g. K06-1.")]
Cycle = Annotated[
    str | None,
    typer.Option(
        "--cycle",
        metavar="N",
        help="Which request of the case, else the last; of a duty or a figure its month, 2021-10.",
    ),
]


class Answer(StrEnum):
    """To a late entry or a reason."""

    ACCEPT = "accept"
    REJECT = "reject"


class Grant(StrEnum):
    """To a request for an extension."""

    GRANT = "grant"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Decider:
    """Who decides, and how it is asked."""

    by: str
    seen: int | None
    """The ledger was known up to this record when it was decided; None: up to now."""
    yes: bool
    bootstrap: str | None


@app.callback()
def decide(
    context: typer.Context,
    by: Annotated[
        str, typer.Option("--by", metavar="WHO", help="Who decides: an office, or a number of the staff; no name.")
    ] = "",
    seen: Annotated[
        int | None,
        typer.Option(
            "--seen", metavar="NUMBER", min=0,
            help="The ledger was known up to this record when it was decided; else up to now.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    bootstrap: Bootstrap = None,
) -> None:  # fmt: skip
    """Decide on late entries, reasons and extensions; withdraw a decision. The options come before the command."""
    context.obj = Decider(by, seen, yes, bootstrap)


@app.command("late-entry")
def late_entry(context: typer.Context, case: Case, answer: Answer, promise: Promise, cycle: Cycle = None) -> None:
    """Confirm or reject what was reported after the limit (逾期补录)."""
    with _deciding(context) as at:
        shown = at.show(Named(case, promise, cycle))
        at.decide(on_late_entry(shown, answer is Answer.ACCEPT, at.by, at.book.judge))


@app.command("reason")
def reason(context: typer.Context, case: Case, answer: Answer, promise: Promise, cycle: Cycle = None) -> None:
    """Accept or reject a reason for missing a soft promise (说明理由)."""
    with _deciding(context) as at:
        shown = at.show(Named(case, promise, cycle))
        at.decide(on_reason(shown, answer is Answer.ACCEPT, at.by, at.book.judge))


@app.command("extension")
def extension(
    context: typer.Context, case: Case, answer: Grant, promise: Promise,
    limit: Annotated[str | None, typer.Option("--limit", metavar="LIMIT", help='How much: "5 working_days".')] = None,
) -> None:  # fmt: skip
    """Grant or refuse an extension (延期). It counts from its record on, also while the gateway is away."""
    if (answer is Grant.GRANT) != (limit is not None):
        raise Failure('write --limit with what is granted, as "5 working_days"; with nothing else', WRONG_USAGE)
    granted = None if limit is None else limit_of(limit)
    with _deciding(context) as at:
        at.decide(on_extension(at.show(Named(case, promise)), granted, at.by))


@app.command("withdraw")
def withdraw(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="Of the record of the decision.")],
) -> None:
    """Withdraw a decision: it is struck out, as if it had never been made."""
    with _deciding(context) as at:
        decision = on_withdrawal(at.session.record(number), at.by)
        say(f"办件 case      {case_name(decision.matter.case_key)}, {decision.matter.kpi}")
        at.say_records(decision.matter.subject)
        at.decide(decision)


@app.command("again")
def again(
    context: typer.Context,
    number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="Of the record of the decision.")],
) -> None:
    """Send a decision again that is not in force, once the reason for which it was refused is mended."""
    with _deciding(context) as at:
        record = at.session.record(number)
        decision = on_not_in_force(record, at.session.outcome(record, 0), at.by)
        say(f"办件 case      {case_name(decision.matter.case_key)}, {decision.matter.kpi}")
        at.say_records(decision.matter.subject)
        at.decide(decision)


class Deciding:
    """A decision from what is shown to what became of it."""

    def __init__(self, book: Casebook, at: Session, decider: Decider) -> None:
        self.book = book
        self.session = at
        self.by = decider.by
        self._decider = decider

    def show(self, named: Named) -> Shown:
        """Print what is decided on."""
        key, explanation = the_account(self.book, named.case)
        shown = named.among(matters_of(key, explanation), self.book.judge)
        for line in lines_of(shown, self.book.judge):
            say(line)
        self.say_records(shown.matter.subject)
        return shown

    def say_records(self, subject: str) -> None:
        """Print what the ledger has about a subject."""
        for line in self.session.lines(self.session.about(subject)):
            say(line)

    def decide(self, decision: Decision) -> None:
        """Record a decision, once it is confirmed, and say what became of it."""
        say(f"决定 decision  {effect_of(decision)}")
        if not self._decider.yes and not _confirmed(self.session.number):
            raise Failure("nothing was decided", INPUT_HAS_ERRORS)
        known = self.session.number if self._decider.seen is None else self._decider.seen
        try:
            request = decision.request(self.session.id(), self.session.writer, known)
        except ValueError as error:
            raise Failure(str(error), INPUT_HAS_ERRORS) from None
        record = self.session.recorded(request)
        say(f"已记录 recorded as {record.number}")
        if decision.type or decision.again is not None:
            say_outcome(self.session.outcome(record, OUTCOME_SECONDS), record)


def _confirmed(number: int) -> bool:
    if not sys.stdin.isatty():
        raise Failure(
            f"nobody is there to confirm it: write --yes --seen {number}, if you have read the above", WRONG_USAGE
        )
    return typer.confirm("确认作出该决定？ Decide so?")


def say_outcome(outcome: LedgerRecord | None, record: LedgerRecord) -> None:
    """What became of the event. Failure where the gateway refuses it."""
    if outcome is None:
        say(f"尚未生效 not in force yet: the keeper of the ledger sends {record.number} until the gateway takes it")
        return
    if outcome.request.kind is Kind.IN_FORCE:
        say("已生效 in force")
        return
    reasons = [
        f"  {each.get('reason')} at {each.get('path') or 'the event'}: {each.get('detail')} → {each.get('remedy')}"
        for each in outcome.request.body.get("reasons", [])
    ]
    raise Failure("\n".join(["未生效 not in force: the gateway refuses it", *reasons]), INPUT_HAS_ERRORS)


@contextmanager
def _deciding(context: typer.Context) -> Iterator[Deciding]:
    """At the casebook and the ledger of the settings."""
    decider: Decider = context.obj
    if not decider.by:
        raise Failure("write --by before the command: who decides, an office or a number of the staff", WRONG_USAGE)
    settings = Settings.from_environment()
    with (
        closing(Casebook.open(settings)) as book,
        session(decider.bootstrap or settings.bootstrap, book.judge.law.zone) as at,
    ):
        yield Deciding(book, at, decider)
