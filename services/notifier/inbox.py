"""What has come in and is not yet told: alerts accepted from the Alertmanager, cards read from their topic."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from queue import Empty, SimpleQueue
from threading import Lock

import orjson

from services.domain.published import Card
from services.messaging.reader import Record
from services.notifier.journal import Journal
from services.notifier.subjects import Alert

log = logging.getLogger(__name__)


class AcceptedAlerts:
    """Alerts that a webhook has handed over. They are in a journal before the webhook is answered, so that one that
    waits for working hours is still there after a restart."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._lock = Lock()
        self._status: dict[str, str] = {}
        self._queue: SimpleQueue[Alert] = SimpleQueue()
        latest = {record["fingerprint"]: Alert.read(record) for record in journal.read}
        for alert in latest.values():
            self._status[alert.fingerprint] = alert.status
            self._queue.put(alert)

    def accept(self, alerts: Sequence[Alert]) -> None:
        """From any thread. What changes nothing (the Alertmanager repeats itself) is not written again."""
        with self._lock:
            news = [alert for alert in alerts if self._status.get(alert.fingerprint) != alert.status]
            if news:
                self._journal.append(*(alert.written() for alert in news))
            for alert in news:
                self._status[alert.fingerprint] = alert.status
                self._queue.put(alert)

    def take(self) -> Iterator[Alert]:
        """Those accepted since the last time; at first, the last state of each of earlier runs."""
        while True:
            try:
                yield self._queue.get_nowait()
            except Empty:
                return


class Cards:
    """Records of alert.cards as cards. Until the topic has been read to its end only the last record of a key counts:
    history is not news."""

    def __init__(self) -> None:
        self._unread: dict[bytes, Card] = {}
        self._standing: dict[bytes, Card] = {}
        """Key → the card that stands, to end it when its record is removed: it turned out never to have been."""
        self.unreadable = 0

    def take(self, records: Iterable[Record], caught_up: bool) -> Iterator[Card]:
        """The cards whose present state is known by now."""
        for record in records:
            if record.key is None:
                continue
            card = self._standing.get(record.key) if record.value is None else self._read(record)
            if card is None:
                continue
            if record.value is None:
                card = card._replace(cleared_at=card.raised_at, reason="retracted")
            if card.cleared_at:
                self._standing.pop(record.key, None)
            else:
                self._standing[record.key] = card
            if caught_up and not self._unread:
                yield card
            else:
                self._unread[record.key] = card
        if caught_up and self._unread:
            yield from self._unread.values()
            self._unread = {}

    def _read(self, record: Record) -> Card | None:
        """The card of a record; None, and a word about it, if it is none."""
        try:
            content = orjson.loads(record.value or b"")
            return Card(*(content[name] for name in Card._fields))
        except (ValueError, TypeError, KeyError):
            self.unreadable += 1
            log.warning(
                "a record of %s is no card (partition %d, offset %d): passed over",
                record.topic,
                record.partition,
                record.offset,
            )
            return None
