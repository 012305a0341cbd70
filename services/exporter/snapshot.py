"""The latest state of the published topics, in memory, ready to be scraped.

A removed key removes its series. One thread takes records in; scrapes read copies under the same lock.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import Lock

from prometheus_client.samples import Sample

from services.domain.intake.refusal import Reason
from services.exporter.label_sets import LabelSets
from services.exporter.published_values import ROW_BUDGET, PublishedValues
from services.messaging import topics
from services.messaging.records import cards, dead_letters, quarantine, tallies, verdicts, worker_failures
from services.messaging.records.fields import Unreadable
from services.messaging.records.latencies import Latencies, real_ms
from services.messaging.records.tallies import Progress
from services.messaging.records.values import Arrivals, decode_arrivals, is_arrivals
from services.runtime.worker_failures import WorkerFailure

REASONS = tuple(reason.value for reason in Reason)
_OTHER = "other"
NO_UNIT = "-"
"""In the place of a unit: none of the plan is named."""
_VERDICTS = frozenset(("missed", "met_by_late_entry", "reversed"))


@dataclass(slots=True)
class Scrape:
    """A consistent copy for one scrape."""

    rows: dict[str, list[Sample]]
    """Metric name → samples of the value rows."""
    watermark: float
    """Seconds since the epoch, 0 if no row has one."""
    cards: dict[tuple[str, str, str], int]
    """Promise, unit and level → active cards."""
    verdicts: dict[tuple[str, str, str], int]
    """Promise, unit and verdict → cases."""
    quarantined: dict[str, int]
    """Unit → its cases that cannot be judged."""
    signals: dict[str, list[Sample]]
    """Metric name → samples of signals and forecasts."""
    dead_letters: dict[str, int]
    """Reason → dead letters."""
    progress: dict[int, Progress]
    """Source partition → how far its owner has got."""
    waited: tuple[int, ...]
    """How long events waited until the values that count them could be scraped (`Latencies.packed`)."""
    failures: list[WorkerFailure]
    """Of workers that die again and again."""
    unreadable: dict[str, int]
    """Topic → records that cannot be read."""
    hidden: dict[str, int]
    """Why value rows are not exported → how many."""


Take = Callable[[bytes, bytes | None], None]
"""Takes the key and the value of a record in. Raises Unreadable."""


class Snapshot:
    """The latest record of each key, as series."""

    def __init__(self, sets: LabelSets, row_budget: int = ROW_BUDGET) -> None:
        self.sets = sets
        self._lock = Lock()
        self._values = PublishedValues(sets, row_budget)
        self._cards: dict[bytes, tuple[str, str, str]] = {}
        self._verdicts: dict[int, tuple[str, str, str]] = {}
        self._verdict_counts: Counter[tuple[str, str, str]] = Counter()
        self._quarantined: dict[int, str] = {}
        self._dead_letters = Counter(dict.fromkeys(REASONS, 0))
        self._letters: set[int] = set()
        self._progress: dict[int, Progress] = {}
        self._arrivals: list[Arrivals] = []
        """Of events that the rows count which have come in and are not written yet."""
        self._waited = Latencies()
        self._started_ms = real_ms()
        self._failures: dict[bytes, WorkerFailure] = {}
        self._unreadable: Counter[str] = Counter()
        self.taken = 0
        """How many records have been taken in."""
        self._takers: Mapping[str, Take] = {
            topics.KPI_VALUES: self._take_value,
            topics.ALERT_CARDS: self._take_card,
            topics.CASE_VERDICTS: self._take_verdict,
            topics.CASE_QUARANTINE: self._take_quarantine,
            topics.DEAD_LETTER: self._take_dead_letter,
            topics.KPI_TALLIES: self._take_tally,
            topics.WORKER_FAILURES: self._take_failure,
        }

    @property
    def topics(self) -> tuple[str, ...]:
        """Where the records come from."""
        return tuple(self._takers)

    def take(self, topic: str, key: bytes | None, value: bytes | None) -> str:
        """Take a record in. Returns why it cannot be read; empty if it can. Such a record is counted and passed over:
        metrics must not stop for it."""
        with self._lock:
            self.taken += 1
            try:
                self._takers[topic](key or b"", value)
            except Unreadable as error:
                self._unreadable[topic] += 1
                return str(error)
        return ""

    def note_written(self) -> tuple[int, ...]:
        """What has been taken in can be scraped from now on. Returns how long events waited until then."""
        with self._lock:
            arrivals, self._arrivals = self._arrivals, []
            for each in arrivals:
                self._waited.add(dict(each.arrivals), real_ms())
            return self._waited.packed()

    def _take_value(self, key: bytes, value: bytes | None) -> None:
        """A value row, signal or forecast; or when the events arrived that the rows before it count anew. What was
        published before this process started says nothing of how long they waited."""
        if not is_arrivals(key):
            self._values.take(key, value)
        elif value is not None and (arrivals := decode_arrivals(value)).published_ms >= self._started_ms:
            self._arrivals.append(arrivals)

    def _take_card(self, key: bytes, value: bytes | None) -> None:
        """A card counts while it is active."""
        card = None if value is None else cards.decode(value)
        if card is not None and not card.cleared_at and self.sets.has_case(card.kpi, card.unit):
            self._cards[key] = (card.kpi, card.unit, card.level)
        else:
            self._cards.pop(key, None)

    def _take_verdict(self, key: bytes, value: bytes | None) -> None:
        """The latest verdict of each case and promise counts."""
        verdict = None if value is None else verdicts.decode(value)
        # only the hash of the key is kept: no case id stays here, and a million misses must fit
        if before := self._verdicts.pop(hash(key), None):
            self._verdict_counts[before] -= 1
        if verdict and verdict.verdict in _VERDICTS and self.sets.has_case(verdict.kpi, verdict.unit):
            counted = (verdict.kpi, verdict.unit, verdict.verdict)
            self._verdicts[hash(key)] = counted
            self._verdict_counts[counted] += 1

    def _take_quarantine(self, key: bytes, value: bytes | None) -> None:
        """A quarantined case counts until it is released."""
        if value is None:
            self._quarantined.pop(hash(key), None)
            return
        known = (unit for unit in quarantine.decode(value).units if self.sets.has_unit(unit))
        self._quarantined[hash(key)] = next(known, NO_UNIT)

    def _take_dead_letter(self, key: bytes, value: bytes | None) -> None:
        """A dead letter counts once: sent again, it has the same key."""
        if value is not None and (not key or hash(key) not in self._letters):
            reason = dead_letters.reason_of(value)
            self._letters.add(hash(key))
            self._dead_letters[reason if reason in REASONS else _OTHER] += 1

    def _take_tally(self, key: bytes, value: bytes | None) -> None:
        """Of the log of tallies only progress matters here, and of two owners that of the later one (higher epoch)."""
        if not tallies.is_progress(key):
            return
        if value is None:
            self._progress = {number: each for number, each in self._progress.items() if each.record()[0] != key}
            return
        progress = tallies.decode_progress(key, value)
        known = self._progress.get(progress.partition)
        if known is None or progress.epoch >= known.epoch:
            self._progress[progress.partition] = progress

    @property
    def partitions(self) -> int:
        """Of how many source partitions it is known how far their owner has got."""
        with self._lock:
            return len(self._progress)

    def _take_failure(self, key: bytes, value: bytes | None) -> None:
        """A worker that dies again and again; removed once it works."""
        if value is None:
            self._failures.pop(key, None)
        else:
            self._failures[key] = worker_failures.decode(value)

    def scrape(self) -> Scrape:
        """A copy of everything, taken at once."""
        with self._lock:
            return Scrape(
                rows=self._values.rows(),
                watermark=self._values.watermark(),
                cards=Counter(self._cards.values()),
                verdicts=dict(self._verdict_counts),
                quarantined=Counter(self._quarantined.values()),
                signals=self._values.signals(),
                dead_letters=dict(self._dead_letters),
                progress=dict(self._progress),
                waited=self._waited.packed(),
                failures=list(self._failures.values()),
                unreadable=self._all_unreadable(),
                hidden=self._values.hidden(),
            )

    def _all_unreadable(self) -> dict[str, int]:
        """What this exporter could not read, and what the workers could not read of their changelog."""
        lost = sum(progress.lost for progress in self._progress.values())
        return dict(self._unreadable) | ({topics.CASES_CHANGELOG: lost} if lost else {})
