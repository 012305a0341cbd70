"""The notifier as a process: `python -m services.notifier`. Everything is put together here."""

import logging
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from services.catalog.load.plan_folder import load_plan
from services.catalog.working_time import WorkingTime
from services.domain.plan.plan import Plan
from services.domain.plan.unit_history import UnitHistory
from services.domain.time.zone import Instant, Zone
from services.messaging import topics
from services.messaging.reader import BrokerUnavailable, TopicReader
from services.notifier.alertmanager import Alertmanager, Mirror, real_now
from services.notifier.card_sentence import CardSentences
from services.notifier.channels.file import FileChannel
from services.notifier.channels.port import channels_of
from services.notifier.delivery import AlertmanagerAway, Clocks, Delivery
from services.notifier.inbox import AcceptedAlerts, Cards
from services.notifier.journal import Journal, JournalInUse
from services.notifier.lost_ends import Asking, LostEnds
from services.notifier.notice_subject import Alert, Numbering, card_id, of_alert, of_card
from services.notifier.webhook import notifier_app
from services.runtime.clock import Clock
from services.runtime.exit_code import exit_code_of
from services.runtime.http_server import run_with_http_server
from services.runtime.secret_file import kept_secret
from services.runtime.settings import Settings

log = logging.getLogger("services.notifier")

_TICK_SECONDS = 0.2
_COMPLAIN_SECONDS = 30.0


class RealTime(NamedTuple):
    """What is measured in real time, whatever the plan's clock shows."""

    seconds: Callable[[], float] = time.monotonic
    """From any start."""
    asking: Asking = Asking()
    """The pace of finding lost ends."""


class Notifier:
    """The parts of one notifier, and the loop that moves what came in to the outbox."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        clock: Clock,
        reader: TopicReader,
        real: RealTime | None = None,
    ) -> None:
        """Raises JournalInUse or ValueError."""
        seconds, asking = real or RealTime()
        working_time = WorkingTime.of(plan)
        self._reader = reader
        self._seconds = seconds
        self._now = clock.now
        self._units = UnitHistory(plan.units.values(), Zone(plan.head.timezone))
        self._units_as_of = clock.now()
        self._alertmanager = Alertmanager(settings.alertmanager_url)
        self._mirror = Mirror(self._alertmanager, plan)
        self._sentences = CardSentences(plan)
        outbox = FileChannel(settings.outbox)
        self._outbox = settings.outbox
        key, alerts = settings.outbox.with_suffix(".key"), settings.outbox.with_suffix(".alerts.jsonl")
        self._numbering = Numbering(_key(key))
        clocks = Clocks(clock.now, lambda unit, now: working_time.is_open(now, unit), working_time.text, seconds)
        channels = channels_of(plan.units.values(), [settings.outbox, key, alerts])
        self._delivery = Delivery(outbox, channels, self._alertmanager.suppressions, clocks)
        self.accepted = AcceptedAlerts(Journal(alerts), self._delivery.ledger.alerts())
        self._lost_ends = LostEnds(self._alertmanager.listed, seconds, asking)
        self._cards = Cards(self._delivery.ledger.cards())
        self._complained = float("-inf")
        self.caught_up = False

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
        """One round: what has come in, the mirror, the notices that are due."""
        records = self._reader.poll(_TICK_SECONDS)
        caught_up = self._reader.caught_up
        for card in self._cards.take(records, caught_up):
            number = self._numbering.of(card)
            noted = self._delivery.ledger.raised_at.get(card_id(number, card.level))
            self._mirror.take(card, number, _since(noted), was_there=noted is not None)
            self._delivery.report(of_card(card, number, self._sentences.of(card)))
        self._accept_what_no_webhook_reported()
        now = self._now()
        for alert in (*self.accepted.take(), *self._passed_on(now)):
            subject = of_alert(alert)
            self._delivery.report(replace(subject, unit=self._units.at(subject.unit, now)))
        # a silence on a card can only be found once the Alertmanager knows the card
        try:
            self._mirror.send(real_now(), self._seconds())
        except AlertmanagerAway as away:
            self._complain(str(away))
        try:
            self._delivery.tick()
        except OSError as error:
            self._complain(f"{error.filename or self._outbox}: {error.strerror}: not every notice can be delivered")
        self.caught_up = caught_up

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
            self._complain(f"{error.filename or self._outbox}: {error.strerror}: no end of an alert can be noted")

    def _complain(self, what: str) -> None:
        if self._seconds() - self._complained > _COMPLAIN_SECONDS:
            self._complained = self._seconds()
            log.warning("%s; trying again", what)


def _since(delivered: str | None) -> datetime:
    """When an active card begins at the Alertmanager: at its first notice, and never later than now."""
    now = real_now()
    try:
        return min(datetime.fromisoformat(delivered), now) if delivered else now
    except (ValueError, TypeError):  # no time, or one without an offset
        return now


def _key(path: Path) -> bytes:
    """The key of the opaque numbers, kept beside the outbox."""
    try:
        return bytes.fromhex(kept_secret(path))
    except ValueError:
        raise ValueError(
            f"{path}: no key of card numbers (64 hex digits). Put it back from a copy. If there is none, remove it: a "
            "new key is made, and every active card gets a second notice"
        ) from None


def serve(settings: Settings, plan: Plan, clock: Clock) -> None:
    """Until SIGTERM or Ctrl-C. Raises BrokerUnavailable, JournalInUse or ValueError at the start."""
    token = kept_secret(settings.webhook_token)
    with TopicReader(settings.bootstrap, [topics.ALERT_CARDS]) as reader:
        notifier = Notifier(settings, plan, clock, reader)
        ending = threading.Event()
        thread = threading.Thread(target=notifier.run, args=(ending,), name="delivery", daemon=True)
        app = notifier_app(notifier.accepted.accept, thread.is_alive, ready=lambda: notifier.caught_up, token=token)
        run_with_http_server(thread, ending, app, settings.host, settings.notifier_port)


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
