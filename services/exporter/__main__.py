"""The exporter as a process: `python -m services.exporter`. Everything is put together here."""

import logging
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple, Self

from kafka.errors import KafkaError

from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan
from services.domain.time.zone import Instant
from services.exporter.collector import Counts, PlanCollector
from services.exporter.label_sets import LabelSets
from services.exporter.page import Pages
from services.exporter.snapshot import Snapshot
from services.exporter.web import exporter_app
from services.messaging import topics
from services.messaging.reader import BrokerUnavailable, Record, TopicReader, no_broker
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


NEWEST_TALLIES = 20_000
"""So many records of the tallies are read at the start: every owner says each second how far it has got, and nothing
else in that log, which is by far the longest, is for the exporter."""


class Tallies(NamedTuple):
    """The log of tallies as it is at the start."""

    start: int
    """The offset from which on it is read."""
    partitions: int
    """Of how many source partitions it says how far their owners have got."""

    @classmethod
    def now(cls, bootstrap: str) -> Self:
        """Raises BrokerUnavailable."""
        try:
            end = topics.end_of(bootstrap, topics.KPI_TALLIES)
            return cls(max(0, end - NEWEST_TALLIES), topics.partitions_of(bootstrap, topics.CASE_EVENTS) or 0)
        except KafkaError as error:
            raise BrokerUnavailable(no_broker(bootstrap)) from error


def read_all_progress(bootstrap: str, snapshot: Snapshot, tallies: Tallies, ending: threading.Event) -> bool:
    """Read the tallies from their beginning where the newest do not say how far the owner of each source partition has
    got: one has stopped, and its last word is further back. False if no broker answers."""
    if not tallies.start or snapshot.partitions >= tallies.partitions:
        return True
    try:
        with TopicReader(bootstrap, [topics.KPI_TALLIES]) as reader:
            while not (reader.caught_up or ending.is_set()):
                take_in(reader.poll(), snapshot)
    except BrokerUnavailable:
        return False
    return True


def serve(settings: Settings, plan: Plan, now: Callable[[], Instant]) -> None:
    """Reads and answers until SIGTERM or Ctrl-C. Raises BrokerUnavailable at the start."""
    bootstrap, snapshot = settings.bootstrap, Snapshot(LabelSets.of(plan))
    tallies = Tallies.now(bootstrap)
    start = {(topics.KPI_TALLIES, 0): tallies.start}
    with TopicReader(bootstrap, snapshot.topics, counted=[topics.CASE_EVENTS], start=start) as reader:

        def counts() -> Counts:
            return Counts(reader.lag, reader.appended(topics.CASE_EVENTS), reader.appended(topics.DEAD_LETTER))

        pages = Pages(PlanCollector(plan, snapshot, now, counts), snapshot)
        ending, complete = threading.Event(), threading.Event()

        def read() -> None:
            while not ending.is_set():
                take_in(reader.poll(), snapshot)
                if reader.caught_up and not complete.is_set():
                    if read_all_progress(bootstrap, snapshot, tallies, ending):
                        pages.write()
                        complete.set()
                else:
                    pages.write(caught_up=complete.is_set())

        thread = threading.Thread(target=read, name="reader", daemon=True)
        app = exporter_app(pages.page, alive=thread.is_alive, ready=complete.is_set)
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
