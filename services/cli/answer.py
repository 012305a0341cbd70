"""`kpiwatch answer`: what a unit says about a case: it has read a card, what it does about it, what it asks for."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any

import typer

from services.casebook.casebook import Casebook
from services.cli.arguments import Bootstrap
from services.cli.case_matters import Named, Shown, lines_of, matters_of, the_account
from services.cli.decide import Case, Cycle, Promise, limit_of
from services.cli.failure import INPUT_HAS_ERRORS, NO_ANSWER, WRONG_USAGE, Failure
from services.cli.ledger_session import Session, session
from services.cli.terminal import say
from services.domain.plan.plan import CasePromise, Strength, id_of
from services.ledger.texts import NoText, Texts
from services.messaging.records.decisions import About, Statement
from services.messaging.records.ledger import Kind, RequestInvalid
from services.runtime.settings import Settings

app = typer.Typer(help="Acknowledge, reply, give a reason, ask for an extension.", no_args_is_help=True)

Reason = Annotated[str | None, typer.Option("--reason", metavar="CODE", help="As in the plan's list of reasons.")]


@dataclass(frozen=True)
class Speaker:
    """Who answers."""

    unit: str
    by: str
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
    context.obj = Speaker(unit, by, bootstrap, sys.stdin.read() if text == "-" else text)


@app.command("acknowledge")
def acknowledge(context: typer.Context, case: Case, promise: Promise, cycle: Cycle = None) -> None:
    """The unit has read the card (签收)."""
    with _answering(context) as at:
        at.say(Kind.ACKNOWLEDGED, at.show(Named(case, promise, cycle)), {})


@app.command("reply")
def reply(
    context: typer.Context, case: Case, promise: Promise,
    until: Annotated[
        str | None, typer.Option("--until", metavar="DAY", help="By when it will be completed: 2021-10-11.")
    ] = None,
    cycle: Cycle = None,
) -> None:  # fmt: skip
    """The unit says what it does about the case (回告)."""
    more = {} if until is None else {"until": _day(until)}
    with _answering(context) as at:
        at.say(Kind.REPLIED, at.show(Named(case, promise, cycle)), more)


@app.command("reason")
def reason(context: typer.Context, case: Case, promise: Promise, code: Reason = None, cycle: Cycle = None) -> None:
    """The unit gives a reason for missing a soft promise (说明理由): it counts as given from its record on."""
    with _answering(context) as at:
        shown = at.show(Named(case, promise, cycle))
        at.say(Kind.ASKED, shown, at.reason_given(shown, code))


@app.command("extension")
def extension(
    context: typer.Context, case: Case, promise: Promise,
    limit: Annotated[str, typer.Option("--limit", metavar="LIMIT", help='How much: "5 working_days".')],
    code: Reason = None,
) -> None:  # fmt: skip
    """The unit asks for an extension (申请延期). It is none until the operations centre has granted it."""
    more: dict[str, Any] = {"about": About.EXTENSION.value, "limit": limit_of(limit).model_dump(mode="json")}
    with _answering(context) as at:
        at.say(Kind.ASKED, at.show(Named(case, promise)), more | at.coded(code))


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise Failure(f"--until {text!r} is no day: write it as 2021-10-11", WRONG_USAGE) from None


class Answering:
    """An answer from what is shown to its record."""

    def __init__(self, book: Casebook, at: Session, speaker: Speaker) -> None:
        self._book = book
        self._session = at
        self._speaker = speaker

    def show(self, named: Named) -> Shown:
        """Print what is answered. Failure where it is not the unit's."""
        unit = self._speaker.unit
        key, explanation = the_account(self._book, named.case)
        shown = named.among(matters_of(key, explanation))
        if unit not in (shown.judgement.unit, shown.holder):
            held = shown.holder if shown.holder == shown.judgement.unit else f"{shown.judgement.unit} or {shown.holder}"
            raise Failure(f"{named.case!r} is not a case of {unit}: {held} may answer", INPUT_HAS_ERRORS)
        for line in lines_of(shown, self._book.judge):
            say(line)
        return shown

    def coded(self, code: str | None) -> dict[str, Any]:
        """The code of a reason, if one is given. Failure for one that the plan does not have."""
        known = self._book.judge.plan.head.reasons
        if code is not None and known and code not in known:
            raise Failure(f"the plan has no reason {code!r}: it has {', '.join(sorted(known))}", INPUT_HAS_ERRORS)
        return {} if code is None else {"reason": code}

    def reason_given(self, shown: Shown, code: str | None) -> dict[str, Any]:
        """What the request has, with the event that says so to the judge."""
        promise = self._book.judge.kinds[shown.matter.kpi].promise
        if not isinstance(promise, CasePromise) or promise.strength is not Strength.SOFT:
            raise Failure(f"{shown.matter.kpi} knows no reasons: only soft promises (原则上) do", INPUT_HAS_ERRORS)
        coded = self.coded(code)
        data = {"kpi": id_of(shown.matter.kpi), "decision": "requested", "cycle": shown.matter.cycle, **coded}
        return {"about": About.REASON.value, **coded, "type": "case.justified", "data": data}

    def say(self, kind: Kind, shown: Shown, more: Mapping[str, Any]) -> None:
        """Record what the unit says."""
        with _kept(self._speaker) as text:
            statement = Statement(kind, shown.matter, self._speaker.unit, self._speaker.by, more, text)
            try:
                request = statement.request(self._session.id(), self._session.writer)
            except ValueError as error:
                raise Failure(str(error), INPUT_HAS_ERRORS) from None
            say(f"已记录 recorded as {self._session.recorded(request).number}")
        if text:
            say(f"文字 text {text}")


@contextmanager
def _kept(speaker: Speaker) -> Iterator[str]:
    """The hash of what is said in words, which is kept before that is recorded; empty: nothing is said. A text of which
    nothing is recorded is erased; one that may be recorded yet stays. Raises Failure, LedgerUnavailable."""
    if speaker.text is None:
        yield ""
        return
    with closing(Texts.at(Settings.from_environment().texts)) as texts:
        try:
            hash = texts.keep(speaker.text, speaker.unit)
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
    speaker: Speaker = context.obj
    if not (speaker.unit and speaker.by):
        raise Failure("write --unit and --by before the command: which unit answers, and who in it", WRONG_USAGE)
    settings = Settings.from_environment()
    with (
        closing(Casebook.open(settings)) as book,
        session(speaker.bootstrap or settings.bootstrap, book.judge.law.zone) as at,
    ):
        yield Answering(book, at, speaker)
