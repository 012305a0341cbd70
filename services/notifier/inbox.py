"""What has come in and is not delivered yet: alerts accepted from the Alertmanager, cards read from their topic."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Lock

from services.domain.results.cards import BY_NEW_RULES
from services.domain.results.published import Card
from services.messaging.reader import Record
from services.messaging.records import cards as card_records
from services.messaging.records.fields import Unreadable, log_unreadable
from services.notifier.journal import Journal
from services.notifier.notice_subject import Alert, is_active, retracted

log = logging.getLogger(__name__)


class AcceptedAlerts:
    """Alerts that a webhook has handed over. They are in a journal before the webhook is answered, so that one that
    waits for working hours is still there after a restart. Changes that no webhook reported are kept likewise."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = Lock()
        self._queue: SimpleQueue[Alert] = SimpleQueue()
        accepted = _latest(journal)
        self._latest = dict(accepted)
        """Fingerprint → the alert as it was last accepted."""
        for alert in accepted.values():
            self._queue.put(alert)

    def know(self, notified: Iterable[Alert]) -> None:
        """Alerts that are active by their notices: firing, where the journal does not know them."""
        with self._lock:
            for alert in notified:
                self._latest.setdefault(alert.fingerprint, alert)

    def close(self) -> None:
        """Another notifier may have the journal."""
        self._journal.close()

    def accept(self, alerts: Sequence[Alert]) -> None:
        """From any thread. What changes nothing (the Alertmanager repeats itself) is not written again."""
        with self._lock:
            news = [alert for alert in alerts if self._status(alert.fingerprint) != alert.status]
            whole, news = news, [alert.cut() for alert in news]
            if news != whole:
                log.warning("an alert has too many or too long labels or annotations: the rest of them is cut off")
            if news:
                self._journal.append(*(alert.written() for alert in news))
            for alert in news:
                self._latest[alert.fingerprint] = alert
                self._queue.put(alert)

    def _status(self, fingerprint: str) -> str | None:
        known = self._latest.get(fingerprint)
        return known.status if known else None

    def firing(self) -> dict[str, Alert]:
        """Fingerprint → alert that is firing by what was accepted."""
        with self._lock:
            return {one: alert for one, alert in self._latest.items() if alert.status == "firing"}

    def unlisted(self) -> list[str]:
        """Fingerprints of those that were resolved because the Alertmanager no longer lists them."""
        with self._lock:
            return [one for one, alert in self._latest.items() if alert.unlisted]

    def take(self) -> Iterator[Alert]:
        """Those accepted since the last time; at first, the last state of each of earlier runs."""
        while True:
            try:
                yield self._queue.get_nowait()
            except Empty:
                return


def _latest(journal: Journal) -> dict[str, Alert]:
    """Fingerprint → the alert as it was last accepted; records of another form are passed over."""
    latest: dict[str, Alert] = {}
    for number, record in enumerate(journal.read, start=1):
        try:
            alert = Alert.read(record)
        except (KeyError, TypeError, ValueError):
            log.warning("record %d of the accepted alerts is no alert: passed over", number)
        else:
            latest[alert.fingerprint] = alert
    return latest


class Cards:
    """Records of alert.cards as cards. Until the topic has been read to its end only the last record of a key counts:
    history is not news."""

    def __init__(self) -> None:
        self._absent: dict[str, Card] = {}
        self._seen: set[str] = set()
        """What was read before `know`."""
        self._unread: dict[str, Card] = {}
        self._active: dict[str, Card] = {}
        """Name → the card that is active, for what its end says when its record is removed."""
        self._any = False
        self.unreadable = 0

    def know(self, notified: Iterable[Card]) -> None:
        """Cards of which there is a notice and no end, before `take` has caught up. One that the topic no longer knows
        was retracted while the notifier did not run: Kafka drops removed records after a while."""
        found = {card_records.name_of(card): retracted(card) for card in notified}
        self._absent = {name: card for name, card in found.items() if name not in self._seen}

    def take(self, records: Iterable[Record], caught_up: bool) -> Iterator[Card]:
        """The cards whose present state is known by now."""
        for record in records:
            if record.key is None:
                continue
            self._any = True
            name = card_records.name_of_key(record.key)
            self._absent.pop(name, None)
            if not caught_up:
                self._seen.add(name)
            card = self._retracted(name) if record.value is None else self._read(record)
            if card is None:
                continue
            if is_active(card):
                self._active[name] = card
            else:
                self._active.pop(name, None)
            if caught_up and not self._unread:
                yield card
            else:
                self._unread[name] = card
        if caught_up:
            yield from self._unread.values()
            self._unread, self._seen = {}, set()
            yield from self._no_longer_there()

    def _no_longer_there(self) -> Iterator[Card]:
        if self._absent and not self._any:
            log.warning(
                "alert.cards is empty, and %d cards were delivered from it and are active: nothing is written about "
                "them until its records are there again",
                len(self._absent),
            )
        elif self._absent:
            yield from self._absent.values()
        self._absent = {}

    def _retracted(self, name: str) -> Card | None:
        """The card whose record is removed; of one that was not active only what the key says."""
        known = self._active.get(name)
        return card_records.retracted_of_name(name) if known is None else retracted(known)

    def _read(self, record: Record) -> Card | None:
        """The card of a record; None where nobody is to be notified of it. One that cannot be read is None, too: it is
        counted and logged."""
        try:
            card = card_records.decode_for_notice(record.value)
            return None if is_active(card) and card.reason == BY_NEW_RULES else card
        except Unreadable as wrong:
            self.unreadable += 1
            log_unreadable(log, record.topic, record.partition, record.offset, wrong)
            return None
