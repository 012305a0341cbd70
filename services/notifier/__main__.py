"""The notifier as a process: `python -m services.notifier`. Everything is put together here."""

import hashlib
import logging
import secrets
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.catalog.working_time import WorkingTime
from services.domain.plan.plan import Plan, SupervisionStep
from services.domain.plan.unit_history import UnitHistory
from services.domain.results.published import Card
from services.domain.time.zone import Instant, Zone
from services.ledger.writer import Ledger, LedgerAway, LedgerClient
from services.messaging import topics
from services.messaging.reader import BrokerUnavailable, TopicReader
from services.messaging.records.ledger import Request
from services.metric_names.alert_pages import AlertPages
from services.notifier import attempts, due_notices, taking_over
from services.notifier.alertmanager import Alertmanager, Mirror, real_now
from services.notifier.asked import Asked, is_impossible
from services.notifier.card_sentence import CardSentences
from services.notifier.channels.account import Tools
from services.notifier.channels.calls import Calls
from services.notifier.contacts import OPERATIONS, contacts_path, open_contacts, read_contacts
from services.notifier.contacts import Contacts as OpenedContacts
from services.notifier.courier import Courier, Surroundings
from services.notifier.decision_notices import CIRCULAR, DecisionNotices
from services.notifier.due_notices import AlertmanagerAway, Clocks, DueNotices, Ids
from services.notifier.escalation import Escalation, has_readable_times
from services.notifier.figures import Figures, Named, NoticeMetrics
from services.notifier.inbox import AcceptedAlerts, Cards
from services.notifier.journal import Journal, JournalInUse
from services.notifier.lost_ends import Asking, LostEnds
from services.notifier.notice_state import NoticeState
from services.notifier.notice_subject import Alert, Numbering, Subject, card_id, of_alert, of_card
from services.notifier.notice_text import NoticeTexts, message_of
from services.notifier.recipients import Contacts, Role
from services.notifier.secrets import Secrets
from services.notifier.step_notices import StepNotices
from services.notifier.webhook import notifier_app
from services.notifier.witnesses import Witnesses
from services.runtime.clock import Clock
from services.runtime.exit_code import exit_code_of
from services.runtime.http_server import add_metrics, run_with_http_server
from services.runtime.secret_file import kept_secret
from services.runtime.settings import Settings

log = logging.getLogger("services.notifier")

_TICK_SECONDS = 0.2
_SHORT_SECONDS = 0.02
"""While an answer of the keeper or of a provider is awaited."""
_COMPLAIN_SECONDS = 30.0
_COUNT_SECONDS = 5.0
"""How often the figures of a scrape are counted."""
_FOR_LEADERS = (SupervisionStep.ORDER, SupervisionStep.CIRCULAR)


class RealTime(NamedTuple):
    """What is measured in real time, whatever the plan's clock shows."""

    seconds: Callable[[], float] = time.monotonic
    """From any start."""
    asking: Asking = Asking()
    """The pace of finding lost ends."""
    collecting: due_notices.Pace = due_notices.Pace()
    """The pace of collecting notices."""
    delivering: attempts.Pace = attempts.Pace()
    """The pace of delivering them."""
    epoch: Callable[[], float] = time.time
    """Seconds since 1970."""


class Logs(NamedTuple):
    """What is read of Kafka."""

    cards: TopicReader
    ledger: Ledger


class Notifier:
    """The parts of one notifier, and the loop that moves what came in to those whom it concerns."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        clock: Clock,
        logs: Logs,
        contacts: Contacts,
        real: RealTime | None = None,
    ) -> None:
        """Raises JournalInUse or ValueError."""
        self._real = real or RealTime()
        self._cards_topic, self._ledger = logs
        self._now = clock.now
        self._working_time = WorkingTime.of(plan)
        self._units = UnitHistory(plan.units.values(), Zone(plan.head.timezone))
        self._units_as_of = clock.now()
        self._contacts = contacts
        self._alertmanager = Alertmanager(settings.alertmanager_url)
        self._mirror = Mirror(self._alertmanager, plan, AlertPages.of(settings, plan))
        self._sentences = CardSentences(plan)
        self._texts = NoticeTexts(plan)
        self._witnesses = Witnesses(Zone(plan.head.timezone))
        key = _key(settings.outbox.with_suffix(".key"))
        self._numbering = Numbering(key)
        journal = Journal(settings.outbox.with_suffix(".alerts.jsonl"))  # its lock: one notifier at a time
        # not of the key: two notifiers of one key, such as a standby, are two installations
        installation = kept_secret(settings.outbox.with_suffix(".installation"))
        self._ids = ids = Ids(
            f"notifier/{hashlib.sha256(installation.encode()).hexdigest()[:8]}/{secrets.token_hex(6)}"
        )
        self.state = NoticeState()
        self._asked = Asked(self._ledger)
        self._due = DueNotices(
            self.state, self._alertmanager.suppressions, self._written, self._clocks(), ids, self._real.collecting
        )
        self._escalation = Escalation(plan, calendar_of(plan), ids.writer)
        self._steps = StepNotices(plan, self._numbering.of)
        self._decisions = DecisionNotices(plan)
        self._courier = Courier(self.state, self._surroundings(settings.desk_url), ids, self._real.delivering)
        self._outbox = settings.outbox
        self._first: list[Request] | None = None
        """What is asked for before anything else; None: the ledger is not read to its end yet."""
        self.accepted = AcceptedAlerts(journal)
        self._lost_ends = LostEnds(self._alertmanager.listed, self._real.seconds, self._real.asking)
        self._cards = Cards()
        self._complained = self._counted = float("-inf")
        self.figures: Figures | None = None
        """What a scrape gets."""
        self._has_begun = self.caught_up = False

    # ---- the start -------------------------------------------------------------------------------------------
    def _clocks(self) -> Clocks:
        return Clocks(
            self._now,
            lambda unit, now: self._working_time.is_open(now, unit),
            self._working_time.text,
            self._real.seconds,
        )

    def _surroundings(self, desk_url: str) -> Surroundings:
        return Surroundings(
            recipient=self._contacts.recipient,
            message=lambda notice: message_of(notice, desk_url),
            is_open=lambda unit: self._working_time.is_open(self._now(), unit),
            is_quiet=self._is_quiet,
            now=self._real.epoch,
        )

    def _is_quiet(self, recipient: str) -> bool:
        local = datetime.fromisoformat(self._working_time.text(self._now()))
        return local in self._contacts.recipient(recipient).quiet

    def _written(self, unit: str, subjects: Sequence[Subject], now: Instant) -> dict[str, Any]:
        """The recipients and texts of a notice."""
        role = Role.LEADER if any(_is_for_leaders(one) for one in subjects) else Role.DUTY
        recipients = [one.id for one in self._contacts.recipients(unit or OPERATIONS, role)]
        told = self._witnesses.due(unit, now)
        return {"recipients": recipients, **self._texts.of(unit, subjects, now), **told}

    def _begin(self) -> None:
        """Nothing is concluded before the ledger is read to its end, the outbox from before there was a ledger is taken
        over, and what an earlier start of the notifier asked for is answered: the answer to a request of this one says
        so, since requests are answered in their order."""
        if self._first is None and self._ledger.caught_up:
            self._first = taking_over.requests_of(self._outbox, self.state, self._ids)
            self._ask(self._first)
        if self._first is not None and not any(one.id in self._asked for one in self._first):
            self._cards.know(self.state.cards())
            self.accepted.know(self.state.alerts())
            self._has_begun = True

    # ---- the loop --------------------------------------------------------------------------------------------
    def run(self, ending: threading.Event) -> None:
        """Until `ending` is set. An unexpected error ends the process, so that it is started again: a process that only
        answers that it does not work would be left as it is."""
        while not ending.is_set():
            try:
                self.step()
            except Exception as error:  # its text may name a case
                where = traceback.extract_tb(error.__traceback__)[-1]
                log.critical("%s at %s:%d; ending", type(error).__name__, where.filename, where.lineno)
                signal.raise_signal(signal.SIGTERM)
                return

    def step(self) -> None:
        """One round: what has come in, the mirror, the notices that are due, and their deliveries."""
        records = self._cards_topic.poll(_SHORT_SECONDS if self._asked or self._courier.busy else _TICK_SECONDS)
        self._read_ledger(_SHORT_SECONDS if self._asked else 0)
        if not self._has_begun:
            self._begin()
        caught_up = self._cards_topic.caught_up and self._has_begun
        for card in self._cards.take(records, caught_up):
            number = self._numbering.of(card)
            noted = self.state.raised_at.get(card_id(card))
            self._mirror.take(card, number, _since(noted), was_there=noted is not None)
            self._due.report(of_card(card, number, self._sentences.of(card)))
            self._escalate(card)
        self._ask(self._news() if self._has_begun else ())
        self._count()
        self.caught_up = caught_up

    def _count(self) -> None:
        seconds = self._real.seconds()
        if self.figures is not None and self._has_begun and seconds - self._counted >= _COUNT_SECONDS:
            self._counted = seconds
            self.figures.count(self._real.epoch())

    def _escalate(self, card: Card) -> None:
        """Count the steps of a card; those of one that is over are not notified any more. A card with a time that
        nobody can read is notified, and has no steps."""
        if not has_readable_times(card):
            return
        self._escalation.take_card(card)
        for step in self._steps.take_card(card):
            if step.id not in self.state.notified:
                self._due.report(step)

    def _news(self) -> list[Request]:
        """What is to be recorded by now."""
        self._accept_what_no_webhook_reported()
        now = self._now()
        for alert in (*self.accepted.take(), *self._passed_on(now)):
            subject = of_alert(alert)
            self._due.report(replace(subject, unit=self._units.at(subject.unit, now)))
        # a silence on a card can only be found once the Alertmanager knows the card
        try:
            self._mirror.send(real_now(), self._real.seconds())
        except AlertmanagerAway as away:
            self._complain(str(away))
        for subject in (*self._steps.news(), *self._decisions.news()):
            if subject.active or subject.id not in self.state.notified:
                self._due.report(subject)
        return [*self._escalation.due(now), *self._due.requests(), *self._courier.requests()]

    def _ask(self, requests: Iterable[Request]) -> None:
        try:
            self._asked.send(requests, self._real.seconds())
        except LedgerAway as away:
            self._complain(str(away))
        for request in self._asked.impossible():
            self._due.impossible(request.id)
            self._courier.impossible(request)

    def _read_ledger(self, timeout_seconds: float) -> None:
        for record in self._ledger.poll(timeout_seconds):
            self.state.note(record)
            self._witnesses.take(record)
            self._escalation.take(record)
            self._steps.take(record)
            self._decisions.take(record)
            request = self._asked.take(record)
            if request is not None and is_impossible(record):
                self._due.impossible(request.id)
                self._courier.impossible(request)
            elif request is not None:
                self._due.answered(request.id, recorded=record.request.id == request.id)
                self._courier.answered(request, record)

    def close(self) -> None:
        """Leave everything as it is."""
        self._courier.close()
        self.accepted.close()
        self._alertmanager.close()

    def _passed_on(self, now: Instant) -> Iterable[Alert]:
        """The alerts that are active while a unit ends: its successor is to know them."""
        since, self._units_as_of = self._units_as_of, now
        changed = any(since < change <= now for change in self._units.changes)
        return self.accepted.firing().values() if changed else ()

    def _accept_what_no_webhook_reported(self) -> None:
        try:
            self.accepted.accept(self._lost_ends.changes(self.accepted.firing(), self.accepted.unlisted()))
        except AlertmanagerAway as away:
            self._complain(str(away))
        except OSError as error:
            self._complain(f"{error.filename}: {error.strerror}: no end of an alert can be noted")

    def _complain(self, what: str) -> None:
        if self._real.seconds() - self._complained > _COMPLAIN_SECONDS:
            self._complained = self._real.seconds()
            log.warning("%s; trying again", what)


def _is_for_leaders(subject: Subject) -> bool:
    """Whether the notice is for whoever leads the unit, and not for who is on duty."""
    return subject.content.get("step") in _FOR_LEADERS or subject.content.get("decision") == CIRCULAR


def _since(delivered: str | None) -> datetime:
    """When an active card begins at the Alertmanager: at its first notice, and never later than now."""
    now = real_now()
    try:
        return min(datetime.fromisoformat(delivered), now) if delivered else now
    except (ValueError, TypeError):  # no time, or one without an offset
        return now


def _key(path: Path) -> bytes:
    """The key of the opaque numbers that cards have at the Alertmanager."""
    try:
        return bytes.fromhex(kept_secret(path))
    except ValueError:
        raise ValueError(
            f"{path}: no key of card numbers (64 hex digits). Put it back from a copy. If there is none, remove it: a "
            "new key is made, and silences of single cards must be made again"
        ) from None


def opened_contacts(settings: Settings, plan: Plan) -> OpenedContacts:
    """Who gets notices. Raises ValueError where the file cannot be used; what cannot be used of it is logged."""
    file = read_contacts(contacts_path(settings.contacts, settings.plan), plan.units, needed=bool(settings.contacts))
    contacts = open_contacts(file, Tools(Secrets.of(settings), Calls()), settings.outbox)
    for sentence in contacts.unusable:
        log.error("%s; whoever has no other channel has the notices in %s", sentence, settings.outbox)
    return contacts


def figures_of(state: NoticeState, contacts: OpenedContacts, plan: Plan) -> Figures:
    """The figures of all units."""
    named = [Named(one.unit, one.id, tuple(name for name, _ in one.outside)) for one in contacts.all()]
    return Figures(state, named, (*plan.units, OPERATIONS))


def serve(settings: Settings, plan: Plan, clock: Clock) -> None:
    """Until SIGTERM or Ctrl-C. Raises BrokerUnavailable, JournalInUse or ValueError at the start."""
    token = kept_secret(settings.webhook_token)
    with (
        TopicReader(settings.bootstrap, [topics.ALERT_CARDS]) as reader,
        LedgerClient.open(settings.bootstrap) as ledger,
    ):
        contacts = opened_contacts(settings, plan)
        notifier = Notifier(settings, plan, clock, Logs(reader, ledger), contacts)
        ending = threading.Event()
        thread = threading.Thread(target=notifier.run, args=(ending,), name="delivery", daemon=True)
        app = notifier_app(notifier.accepted.accept, thread.is_alive, ready=lambda: notifier.caught_up, token=token)
        notifier.figures = figures_of(notifier.state, contacts, plan)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(NoticeMetrics(notifier.figures))
        add_metrics(app, registry)
        run_with_http_server(thread, ending, app, settings.host, settings.notifier_port)
        notifier.close()


def run() -> None:
    """The process, with its settings from the environment."""
    settings = Settings.from_environment()
    plan = load_plan(settings.plan)
    log.info("webhook on http://%s:%d/alerts", settings.host, settings.notifier_port)
    serve(settings, plan, Clock.from_settings(settings))


def main() -> int:
    """The exit code."""
    return exit_code_of(run, (BrokerUnavailable, JournalInUse))


if __name__ == "__main__":
    sys.exit(main())
