"""What the desk counts, for Prometheus."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.registry import Collector

from services.metric_names import desk_metrics as names

_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


class Figures:
    """The counters of one process. Any thread may count."""

    def __init__(self, sessions: Callable[[], float]) -> None:
        """`sessions`: how many are open; asked by each scrape."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            names.REQUESTS.name, names.REQUESTS.documentation, names.REQUESTS.labels, registry=self._registry
        )
        self._seconds = Histogram(
            names.SECONDS.name, names.SECONDS.documentation, registry=self._registry, buckets=_BUCKETS
        )
        self._sign_ins = Counter(
            names.SIGN_INS.name, names.SIGN_INS.documentation, names.SIGN_INS.labels, registry=self._registry
        )
        for outcome in ("ok", "failed", "wait"):
            self._sign_ins.labels(outcome)  # a series that begins at nought shows its first increase
        shown = Gauge(names.SESSIONS.name, names.SESSIONS.documentation, registry=self._registry)
        shown.set_function(sessions)

    def request(self, route: str, status: int, seconds: float) -> None:
        """A request was answered. `route`: its path with the names of its parameters."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.observe(seconds)

    def sign_in(self, outcome: str) -> None:
        """Somebody tried to sign in: `ok`, `failed`, or `wait`, where there were too many attempts before."""
        self._sign_ins.labels(outcome).inc()

    def add(self, collector: Collector) -> None:
        """Figures of another part of the process."""
        self._registry.register(collector)

    def exposition(self) -> bytes:
        """As Prometheus reads them."""
        return generate_latest(self._registry)
