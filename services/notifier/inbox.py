"""What has come in and is not yet told: alerts accepted from the Alertmanager, cards read from their topic."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Lock

import orjson

from services.domain.results.cards import RETRACTED, case_name
from services.domain.results.published import Card, Level
from services.messaging.reader import Record
from services.notifier.journal import Journal
from services.notifier.notice_subject import Alert, card_of, is_active, retracted

log = logging.getLogger(__name__)


class AcceptedAlerts:
    """Alerts that a webhook has handed over. They are in a journal before the webhook is answered, so that one that
    waits for working hours is still there after a restart. Changes that no webhook reported are kept likewise."""

    def __init__(self, journal: Journal, delivered: Iterable[Alert] = ()) -> None:
        """`delivered`: alerts that are active by their notices; firing, where the journal does not know them."""
        self._journal = journal
        self._lock = Lock()
        self._queue: SimpleQueue[Alert] = SimpleQueue()
        accepted = _latest(journal)
        self._latest = {alert.fingerprint: alert for alert in delivered} | accepted
        """Fingerprint → the alert as it was last accepted."""
        for alert in accepted.values():
            self._queue.put(alert)

    def accept(self, alerts: Sequence[Alert]) -> None:
        """From any thread. What changes nothing (the Alertmanager repeats itself) is not written again."""
        with self._lock:
            news = [alert for alert in alerts if self._status(alert.fingerprint) != alert.status]
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

    def __init__(self, delivered: Iterable[Card] = ()) -> None:
        """`delivered`: cards of which a notice was delivered and no end. One that the topic no longer knows was
        retracted while nobody read: Kafka forgets removed records after a while."""
        self._absent = {_name_of(card): retracted(card) for card in delivered}
        self._unread: dict[str, Card] = {}
        self._active: dict[str, Card] = {}
        """Name → the card that is active, for what its end says when its record is removed."""
        self._any = False
        self.unreadable = 0

    def take(self, records: Iterable[Record], caught_up: bool) -> Iterator[Card]:
        """The cards whose present state is known by now."""
        for record in records:
            if record.key is None:
                continue
            self._any = True
            name = _name(record.key)
            self._absent.pop(name, None)
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
            self._unread = {}
            yield from self._no_longer_there()

    def _no_longer_there(self) -> Iterator[Card]:
        if self._absent and not self._any:
            log.warning(
                "alert.cards is empty, and %d cards were delivered from it and are active: nothing is said of them "
                "until its records are there again",
                len(self._absent),
            )
        elif self._absent:
            yield from self._absent.values()
        self._absent = {}

    def _retracted(self, name: str) -> Card | None:
        """The card whose record is removed; of one that was not active only what the key says."""
        known = self._active.get(name)
        return _named(name) if known is None else retracted(known)

    def _read(self, record: Record) -> Card | None:
        """The card of a record; None, and a word about it, if it is none."""
        try:
            return card_of(orjson.loads(record.value or b""))
        except (ValueError, TypeError, KeyError):
            self.unreadable += 1
            log.warning(
                "a record of %s is no card (partition %d, offset %d): passed over",
                record.topic,
                record.partition,
                record.offset,
            )
            return None


def _name_of(card: Card) -> str:
    return "|".join((card.kpi, card.case, str(card.cycle), card.node, card.level))


def _name(key: bytes) -> str:
    """The key of a record, with the case as people write it."""
    return case_name(key.decode(errors="replace"))


def _named(name: str) -> Card | None:
    """A retracted card as far as its key describes it; None if it is the key of no card."""
    kpi, _, rest = name.partition("|")
    case, *others = rest.rsplit("|", 3)
    if len(others) != 3 or not others[0].isdecimal() or others[2] not in set(Level):
        return None
    cycle, node, level = others
    return Card(kpi, case, int(cycle), node, level, unit="", raised_at="", due_at="", cleared_at="", reason=RETRACTED)
