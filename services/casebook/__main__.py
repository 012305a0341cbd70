"""The casebook as a process: `kpiwatch casebook`, or `python -m services.casebook`. Everything is put together here."""

import logging
import sys
import threading
import time

from kafka.errors import KafkaError
from prometheus_client import CollectorRegistry

from services.casebook.database import CasebookUnavailable, open_engine
from services.casebook.index import Index
from services.casebook.keeper import TOPICS, Keeper, KeeperMetrics
from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.judging.judge import Judge
from services.messaging.reader import BrokerUnavailable, TopicReader, no_broker
from services.messaging.topics import CASE_EVENTS, partitions_of, topic_ids
from services.runtime.clock import Clock
from services.runtime.exit_code import exit_code_of
from services.runtime.http_server import metrics_app, run_with_http_server
from services.runtime.settings import Settings, SettingsError, variable

log = logging.getLogger("services.casebook")


def serve(settings: Settings, judge: Judge) -> None:
    """Reads and writes until SIGTERM or Ctrl-C. Raises SettingsError, BrokerUnavailable or CasebookUnavailable at the
    start."""
    _check_partitions(settings)
    index = Index(
        open_engine(settings.casebook, writes=True), judge, settings.partitions, Clock.from_settings(settings).now
    )
    positions = index.open(time.time_ns() // 1_000, _topic_ids(settings.bootstrap))
    with TopicReader(settings.bootstrap, TOPICS, start=positions) as reader:
        keeper = Keeper(index, reader)
        registry = CollectorRegistry(auto_describe=False)
        registry.register(KeeperMetrics(keeper, index))
        ending = threading.Event()
        thread = threading.Thread(target=keeper.run, args=(ending,), name="keeper", daemon=True)
        app = metrics_app("casebook", "topics", registry, thread.is_alive, lambda: keeper.ready)
        run_with_http_server(thread, ending, app, settings.host, settings.casebook_port)
    index.close()


def _check_partitions(settings: Settings) -> None:
    """With another number of partitions nearly every event would seem to have the wrong key."""
    try:
        found = partitions_of(settings.bootstrap, CASE_EVENTS)
    except KafkaError as error:
        raise BrokerUnavailable(no_broker(settings.bootstrap)) from error
    if found not in (None, settings.partitions):
        name = variable("partitions")
        raise SettingsError(
            f"{name}={settings.partitions}, and {CASE_EVENTS} has {found} partitions: set {name}={found} everywhere"
        )


def _topic_ids(bootstrap: str) -> dict[str, str]:
    try:
        return topic_ids(bootstrap, TOPICS)
    except KafkaError as error:
        raise BrokerUnavailable(no_broker(bootstrap)) from error


def run() -> None:
    """The process, with its settings from the environment."""
    settings = Settings.from_environment()
    plan = load_plan(settings.plan)
    log.info("metrics on http://%s:%d/metrics", settings.host, settings.casebook_port)
    serve(settings, Judge(plan, calendar_of(plan)))


def main() -> int:
    """The exit code."""
    return exit_code_of(run, (BrokerUnavailable, CasebookUnavailable))


if __name__ == "__main__":
    sys.exit(main())
