"""`kpiwatch briefing --send`: to whom, and what became of it."""

from collections.abc import Sequence
from pathlib import Path

from services.briefing.model import Language
from services.briefing.period import NAMES, Period, Span
from services.briefing.words import day_of
from services.cli.contacts import opened_contacts
from services.cli.failure import INPUT_HAS_ERRORS, NO_ANSWER, Failure
from services.cli.terminal import say
from services.domain.plan.plan import Plan
from services.notifier.channels.message import Message
from services.notifier.contacts import Recipient
from services.notifier.documents import Document, Handed, hand_out
from services.runtime.settings import Settings

_NOT_BY_MAIL = (".html",)
"""A page is for the browser of whoever writes it; mail programs block it."""


def recipients_of(period: Period, plan: Plan, folder: Path) -> list[Recipient]:
    """The contacts that have a period in `briefings`. `folder`: of the plan. Raises Failure."""
    return opened_contacts(Settings.from_environment(), folder, plan).briefed(period.value)


def send_briefing(span: Span, language: Language, paths: Sequence[Path], plan: Plan, folder: Path) -> None:
    """Hand a briefing to the contacts that have it in `briefings`. `folder`: of the plan. Raises Failure where one of
    them could not get it: the next run sends it to those only."""
    recipients = recipients_of(span.period, plan, folder)
    if not recipients:
        raise Failure(
            f'briefing: no contact has it: write briefings = ["{span.period}"] at a [[contact]] of contacts.toml, '
            "as in docs/briefing.md",
            INPUT_HAS_ERRORS,
        )
    sent = [path for path in paths if path.suffix not in _NOT_BY_MAIL]
    document = Document(f"{span.name}-{language}", _message(span, plan), sent)
    handed_file = paths[0].with_suffix(".sent.json")
    try:
        missing = [one for one in hand_out(document, recipients, handed_file) if not _said(one)]
    except ValueError:
        raise Failure(
            f"briefing: {handed_file} is no list of recipients: remove it, and everybody gets the briefing again",
            INPUT_HAS_ERRORS,
        ) from None
    if missing:
        raise Failure(
            f"briefing: {len(missing)} of {len(recipients)} recipients could not get it: mend what is said above and "
            "start the command again, which sends it to them only",
            NO_ANSWER,
        )


def _message(span: Span, plan: Plan) -> Message:
    """That it is there. Figures are in the files only, which go to mailboxes: a messenger is outside."""
    zh = f"{plan.head.title.zh}{NAMES[span.period].zh}（截至{day_of(span.last, Language.ZH)}）已编制"
    en = f"{plan.head.title.en}: the {NAMES[span.period].en} up to {day_of(span.last, Language.EN)} is ready."
    return Message(0, zh, f"{zh}。", en, link=Settings.from_environment().desk_url)


def _said(handed: Handed) -> bool:
    """Says what became of one recipient; whether it has the briefing."""
    if handed.outcome is None:
        say(f"{handed.recipient}  no channel can be used: `kpiwatch contacts check` says why", err=True)
    elif handed.is_done:
        say(f"{handed.recipient}  {handed.channel}  已发送 sent", err=True)
    else:
        reason = getattr(handed.outcome, "reason", "")
        say(f"{handed.recipient}  {handed.channel}  未发送 not sent: {reason}", err=True)
    return handed.is_done
