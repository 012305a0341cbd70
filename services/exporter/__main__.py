"""The exporter as a process: `python -m services.exporter`. Everything is put together here."""

import logging
import sys
import threading
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry

from services.catalog.load.plan_folder import load_plan
from services.catalog.working_time import WorkingTime
from services.domain.plan.plan import Plan
from services.domain.time.zone import Instant
from services.exporter.collector import PlanCollector
from services.exporter.snapshot import LabelSets, Snapshot
from services.exporter.web import exporter_app
from services.messaging import topics
from services.messaging.reader import BrokerUnavailable, Record, TopicReader
from services.messaging.records.fields import passed_over
from services.process.clock import Clock
from services.process.http_server import serve_beside
from services.process.logs import complain, start_logging
from services.process.settings import Settings, SettingsError

log = logging.getLogger("services.exporter")

Take = Callable[[bytes | None, bytes | None], str]
"""Takes a record in; says why it could not, else nothing."""


def takers(snapshot: Snapshot) -> Mapping[str, Take]:
    """Topic → what takes its records in."""
    return {
        topics.KPI_VALUES: snapshot.take_value,
        topics.ALERT_CARDS: snapshot.take_card,
        topics.CASE_VERDICTS: snapshot.take_verdict,
        topics.CASE_QUARANTINE: snapshot.take_quarantine,
        topics.DEAD_LETTER: snapshot.take_dead_letter,
        topics.KPI_TALLIES: snapshot.take_tally,
        topics.WORKER_FAILURES: snapshot.take_failure,
    }


def take_in(records: list[Record], by_topic: Mapping[str, Take]) -> None:
    for record in records:
        wrong = by_topic[record.topic](record.key, record.value)
        if wrong:
            passed_over(log, record.topic, record.partition, record.offset, wrong)


def serve(settings: Settings, plan: Plan, now: Callable[[], Instant]) -> None:
    """Reads and answers until SIGTERM or Ctrl-C. Raises BrokerUnavailable at the start."""
    snapshot = Snapshot(LabelSets.of(plan))
    by_topic = takers(snapshot)
    with TopicReader(settings.bootstrap, by_topic, counted=[topics.CASE_EVENTS]) as reader:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(
            PlanCollector(
                plan,
                WorkingTime.of(plan),
                snapshot,
                now,
                lag=lambda: reader.lag,
                events=lambda: reader.appended(topics.CASE_EVENTS),
                letters=lambda: reader.appended(topics.DEAD_LETTER),
            )
        )
        ending = threading.Event()

        def read() -> None:
            while not ending.is_set():
                take_in(reader.poll(), by_topic)

        thread = threading.Thread(target=read, name="reader", daemon=True)
        app = exporter_app(registry, alive=thread.is_alive, ready=lambda: reader.caught_up)
        serve_beside(thread, ending, app, settings.host, settings.exporter_port)


def main() -> int:
    start_logging()
    try:
        settings = Settings.from_environment()
        plan = load_plan(settings.plan)
        log.info("metrics on http://%s:%d/metrics", settings.host, settings.exporter_port)
        serve(settings, plan, Clock.from_settings(settings).now)
    except (SettingsError, ValueError) as error:
        complain(error)
        return 1 if not isinstance(error, SettingsError) else 2
    except BrokerUnavailable as error:
        complain(error)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
