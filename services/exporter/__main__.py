"""The exporter as a process: `python -m services.exporter`. Everything is put together here."""

import logging
import sys
import threading
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan
from services.domain.time.zone import Instant
from services.exporter.collector import Counts, PlanCollector
from services.exporter.label_sets import LabelSets
from services.exporter.snapshot import Snapshot
from services.exporter.web import exporter_app
from services.messaging import topics
from services.messaging.reader import BrokerUnavailable, Record, TopicReader
from services.messaging.records.fields import log_unreadable
from services.runtime.clock import Clock
from services.runtime.exit_code import exit_code_of
from services.runtime.http_server import run_with_http_server
from services.runtime.settings import Settings

log = logging.getLogger("services.exporter")


def take_in(records: list[Record], snapshot: Snapshot) -> None:
    """Take records in; log the place of each that cannot be read."""
    for record in records:
        wrong = snapshot.take(record.topic, record.key, record.value)
        if wrong:
            log_unreadable(log, record.topic, record.partition, record.offset, wrong)
    snapshot.settle()


def serve(settings: Settings, plan: Plan, now: Callable[[], Instant]) -> None:
    """Reads and answers until SIGTERM or Ctrl-C. Raises BrokerUnavailable at the start."""
    snapshot = Snapshot(LabelSets.of(plan))
    with TopicReader(settings.bootstrap, snapshot.topics, counted=[topics.CASE_EVENTS]) as reader:

        def counts() -> Counts:
            return Counts(reader.lag, reader.appended(topics.CASE_EVENTS), reader.appended(topics.DEAD_LETTER))

        registry = CollectorRegistry(auto_describe=False)
        registry.register(PlanCollector(plan, snapshot, now, counts))
        ending = threading.Event()

        def read() -> None:
            while not ending.is_set():
                take_in(reader.poll(), snapshot)

        thread = threading.Thread(target=read, name="reader", daemon=True)
        app = exporter_app(registry, alive=thread.is_alive, ready=lambda: reader.caught_up)
        run_with_http_server(thread, ending, app, settings.host, settings.exporter_port)


def run() -> None:
    """The process, with its settings from the environment."""
    settings = Settings.from_environment()
    plan = load_plan(settings.plan)
    log.info("metrics on http://%s:%d/metrics", settings.host, settings.exporter_port)
    serve(settings, plan, Clock.from_settings(settings).now)


def main() -> int:
    """The exit code."""
    return exit_code_of(run, (BrokerUnavailable,))


if __name__ == "__main__":
    sys.exit(main())
