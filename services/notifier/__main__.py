"""The notifier as a process: `python -m services.notifier`. Everything is put together here."""

import logging
import secrets
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

from services.catalog.load import load_plan
from services.catalog.working_time import WorkingTime
from services.clock import Clock
from services.domain.plan import Plan
from services.logs import complain, start_logging
from services.messaging import topics
from services.messaging.reader import BrokerUnavailable, TopicReader
from services.notifier.alertmanager import Alertmanager, Mirror, real_now
from services.notifier.delivery import AlertmanagerAway, Delivery
from services.notifier.inbox import AcceptedAlerts, Cards
from services.notifier.journal import Journal, JournalInUse
from services.notifier.subjects import Numbering, card_id, of_alert, of_card
from services.notifier.webhook import notifier_app
from services.serving import serve_beside
from services.settings import Settings, SettingsError

log = logging.getLogger("services.notifier")

_TICK_SECONDS = 0.2
_COMPLAIN_SECONDS = 30.0


class Notifier:
    """The parts of one notifier, and the loop that moves what came in to the outbox."""

    def __init__(self, settings: Settings, plan: Plan, clock: Clock, reader: TopicReader) -> None:
        working_time = WorkingTime.of(plan)
        self._reader = reader
        self._alertmanager = Alertmanager(settings.alertmanager_url)
        self._mirror = Mirror(self._alertmanager, plan)
        outbox = Journal(settings.outbox)
        self._numbering = Numbering(_key(settings.outbox.with_suffix(".key")))
        self._delivery = Delivery(
            outbox,
            self._alertmanager.suppressions,
            may_tell=lambda unit, now: working_time.is_open(now, unit),
            now=clock.now,
            plan_text=working_time.text,
        )
        self.accepted = AcceptedAlerts(Journal(settings.outbox.with_suffix(".alerts.jsonl")))
        self._cards = Cards()
        self._complained = float("-inf")
        self.caught_up = False

    def run(self, ending: threading.Event) -> None:
        """Until `ending` is set."""
        while not ending.is_set():
            self.step()

    def step(self) -> None:
        """One round: what has come in, the mirror, the notices that are due."""
        records = self._reader.poll(_TICK_SECONDS)
        caught_up = self._reader.caught_up
        for card in self._cards.take(records, caught_up):
            number = self._numbering.of(card)
            told = self._delivery.raised_at.get(card_id(number, card.level))
            self._mirror.take(card, number, datetime.fromisoformat(told) if told else real_now())
            self._delivery.report(of_card(card, number))
        for alert in self.accepted.take():
            self._delivery.report(of_alert(alert))
        # a silence on a card can only be found once the Alertmanager knows the card
        try:
            self._mirror.send(real_now(), time.monotonic())
        except AlertmanagerAway as away:
            self._complain(str(away))
        self._delivery.tick()
        self.caught_up = caught_up

    def _complain(self, what: str) -> None:
        if time.monotonic() - self._complained > _COMPLAIN_SECONDS:
            self._complained = time.monotonic()
            log.warning("%s; trying again", what)


def _key(path: Path) -> bytes:
    """The key of the opaque numbers: made at the first start, kept beside the outbox, readable by its owner only."""
    if not path.exists():
        draft = path.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        draft.replace(path)
    return bytes.fromhex(path.read_text())


def serve(settings: Settings, plan: Plan, clock: Clock) -> None:
    """Until SIGTERM or Ctrl-C. Raises BrokerUnavailable or JournalInUse at the start."""
    with TopicReader(settings.bootstrap, [topics.ALERT_CARDS]) as reader:
        notifier = Notifier(settings, plan, clock, reader)
        ending = threading.Event()
        thread = threading.Thread(target=notifier.run, args=(ending,), name="delivery", daemon=True)
        app = notifier_app(notifier.accepted.accept, alive=thread.is_alive, ready=lambda: notifier.caught_up)
        serve_beside(thread, ending, app, settings.host, settings.notifier_port)


def main() -> int:
    start_logging()
    try:
        settings = Settings.from_environment()
        plan = load_plan(settings.plan)
        log.info("webhook on http://%s:%d/alerts", settings.host, settings.notifier_port)
        serve(settings, plan, Clock.from_settings(settings))
    except SettingsError as error:
        complain(error)
        return 2
    except ValueError as error:
        complain(error)
        return 1
    except (BrokerUnavailable, JournalInUse) as error:
        complain(error)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
