"""The relay as a process: `python -m services.gateway.relay`. Several share the inboxes among them."""

import logging
import signal
import sys
import threading
import time
from types import FrameType
from typing import Any

from kafka import KafkaConsumer
from kafka.errors import KafkaError
from prometheus_client import CollectorRegistry, start_http_server

from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan
from services.gateway.event_log import EventLog
from services.gateway.relay.metrics import RelayMetrics
from services.gateway.relay.relay import Relay, Rules, Times
from services.messaging import topics
from services.messaging.codec import admission
from services.messaging.header_names import read_any_header_name
from services.messaging.reader import BrokerUnavailable, no_broker
from services.runtime.exit_code import exit_code_of
from services.runtime.readiness import REPORT_SECONDS, Readiness
from services.runtime.settings import Settings, SettingsError, variable
from services.runtime.shutdown import end_soon

log = logging.getLogger("services.gateway.relay")

GROUP = "kpiwatch-relay"
_AGAIN_SECONDS = 1.0


def relay(settings: Settings, plan: Plan, ending: threading.Event) -> None:
    """Until `ending` is set. Raises BrokerUnavailable; SettingsError; ValueError where an inbox is wrong."""
    sources = {source.inbox: source.id for source in plan.sources.values()}
    try:
        wrong = topics.check_all(settings.bootstrap, [topics.inbox(name) for name in sources], settings.copies)
        wrong += topics.unsafe(settings.bootstrap, (topics.CASE_EVENTS, topics.DEAD_LETTER), settings.copies)
        if wrong:
            raise ValueError("\n".join(wrong))
        consumer = _consumer(settings.bootstrap)
    except KafkaError as error:
        raise BrokerUnavailable(no_broker(settings.bootstrap)) from error
    events = EventLog.open(settings.bootstrap)
    try:
        consumer.subscribe(list(sources))
        rules = Rules(admission(plan), sources, settings.dead_letter_ratio)
        work = Relay(consumer, events, rules, Times())
        _show_metrics(work, settings)
        reported = float("-inf")
        while not ending.is_set():
            try:
                work.step()
            except KafkaError as error:
                log.warning("the inboxes cannot be read (%s); trying again", type(error).__name__)
                ending.wait(_AGAIN_SECONDS)
            if time.monotonic() - reported > REPORT_SECONDS:
                reported = time.monotonic()
                assigned = len(consumer.assignment())
                Readiness.of_this_process(settings.worker, partitions=assigned, rebalancing=False).write(settings.state)
    finally:
        consumer.close()
        events.close()


def _show_metrics(work: Relay, settings: Settings) -> None:
    """Answer Prometheus in a thread of its own, until the process ends. SettingsError where the port is taken."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(RelayMetrics(work))
    try:
        start_http_server(settings.relay_port, settings.host, registry)
    except OSError as error:
        raise SettingsError(
            f"{variable('relay_port')}={settings.relay_port}: the port cannot be used ({error.strerror}); name another"
        ) from None


def _consumer(bootstrap: str) -> Any:
    read_any_header_name()
    return KafkaConsumer(
        bootstrap_servers=bootstrap.split(","),
        bootstrap_timeout_ms=topics.ANSWER_MS,
        group_id=GROUP,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        allow_auto_create_topics=False,
        max_poll_records=500,
        session_timeout_ms=10_000,  # another relay takes the inboxes of one that died after so long
        reconnect_backoff_max_ms=1_000,
    )


def run() -> None:
    """The process, with its settings from the environment."""
    ending = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ending.set()
        end_soon(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    settings = Settings.from_environment()
    relay(settings, load_plan(settings.plan), ending)


def main() -> int:
    """The exit code."""
    return exit_code_of(run, (BrokerUnavailable,))


if __name__ == "__main__":
    sys.exit(main())
