"""What a gateway counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from services.gateway.problems import RefusedEvent
from services.metric_names import gateway_metrics as names

ACCEPTED = "accepted"
UNCERTAIN = "uncertain"


class Figures:
    """The counters of one process. Any thread may count."""

    def __init__(self, in_hand: Callable[[], int], keys_current: Callable[[], bool]) -> None:
        self._registry = CollectorRegistry()
        self._events = Counter(
            names.EVENTS.name, names.EVENTS.documentation, names.EVENTS.labels, registry=self._registry
        )
        self._requests = Counter(
            names.REQUESTS.name, names.REQUESTS.documentation, names.REQUESTS.labels, registry=self._registry
        )
        self._seconds = Counter(names.ACKNOWLEDGED.name, names.ACKNOWLEDGED.documentation, registry=self._registry)
        Gauge(names.IN_HAND.name, names.IN_HAND.documentation, registry=self._registry).set_function(in_hand)
        Gauge(names.KEYS_CURRENT.name, names.KEYS_CURRENT.documentation, registry=self._registry).set_function(
            keys_current
        )

    def show_feedback(self, is_current: Callable[[], bool]) -> None:
        """Show whether sources can ask about themselves."""
        shown = Gauge(names.FEEDBACK_CURRENT.name, names.FEEDBACK_CURRENT.documentation, registry=self._registry)
        shown.set_function(is_current)

    def request(self, route: str, status: int) -> None:
        """A request was answered."""
        self._requests.labels(route, str(status)).inc()

    def events(self, source: str, outcome: str, number: int) -> None:
        """So many events of a source were accepted, or are uncertain."""
        if number:
            self._events.labels(source, outcome).inc(number)

    def refused(self, source: str, refusals: list[RefusedEvent]) -> None:
        """Events of a source were refused."""
        for _, refused in refusals:
            self._events.labels(source, str(refused.code)).inc()

    def add_seconds(self, seconds: float) -> None:
        """An accepted request took so long."""
        self._seconds.inc(seconds)

    def exposition(self) -> bytes:
        """As Prometheus reads them."""
        return generate_latest(self._registry)
