"""The figures of the notifier for Prometheus: by unit, and never by case or person."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from services.metric_names import notice_metrics as metrics
from services.metric_names.families import counter, gauge
from services.notifier.notice_state import End, NoticeState, Use

FAILS_AFTER: Final = 600.0
"""Real seconds for which a channel may fail before it counts as one that does not work."""


class Named(NamedTuple):
    """A contact."""

    unit: str
    id: str
    channels: tuple[str, ...]
    """The names of those that can be used, without the file."""


class Figures:
    """What a scrape gets, as of the last time that it was counted. The thread that carries the state on counts it; any
    thread may read what was counted."""

    def __init__(self, state: NoticeState, contacts: Sequence[Named], units: Collection[str]) -> None:
        """`units`: those that have a series from the beginning, so that the first notice that goes wrong is seen; the
        last one is the operations centre."""
        self._state = state
        self._contacts = contacts
        self._units = tuple(units)
        self.counted = False
        """Before the ledger is read there are no figures: a counter that begins at 0 anew would count all again."""
        self.deliveries: dict[tuple[str, ...], float] = {}
        self.waiting: dict[tuple[str, ...], float] = {}
        self.unreached: dict[tuple[str, ...], float] = {}

    def count(self, now: float) -> None:
        """`now`: real seconds since 1970."""
        deliveries: dict[tuple[str, ...], float] = {(unit, end.value): 0 for unit in self._units for end in End}
        for (unit, end), number in self._state.ended.items():
            deliveries[self._known(unit), end.value] += number
        waiting: dict[tuple[str, ...], float] = {(unit,): 0.0 for unit in self._units}
        for unit, since in self._tried():
            waiting[self._known(unit),] = max(waiting[self._known(unit),], now - since)
        unreached = Counter(one.unit for one in self._contacts if not works(self._uses(one), now))
        self.deliveries, self.waiting = deliveries, waiting
        self.unreached = {(unit,): unreached[unit] for unit in self._units}
        self.counted = True

    def _uses(self, contact: Named) -> list[Use | None]:
        return [self._state.used.get((contact.id, channel)) for channel in contact.channels]

    def _tried(self) -> Iterator[tuple[str, float]]:
        """(unit, since when) of each notice that was tried and not taken yet."""
        for delivery in self._state.under_way.values():
            if delivery.attempts:
                yield delivery.notice.request.unit, delivery.attempts[0].began_at

    def _known(self, unit: str) -> str:
        """A unit of the plan; what is none of it, as alerts may name, is the operations centre's."""
        return unit if unit in self._units else self._units[-1]


def works(uses: Iterable[Use | None], now: float) -> bool:
    """Whether one of the channels of a contact works, as far as is known. None: it was not used yet."""
    return any(one is None or not one.failing_since or now - one.failing_since < FAILS_AFTER for one in uses)


class NoticeMetrics(Collector):
    """The metrics of the process."""

    def __init__(self, figures: Figures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Family]:
        """What a scrape gets."""
        figures = self._figures
        if not figures.counted:
            return
        yield counter(metrics.DELIVERIES, figures.deliveries)
        yield gauge(metrics.WAITING, figures.waiting)
        yield gauge(metrics.UNREACHED, figures.unreached)
