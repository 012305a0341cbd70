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

from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan
from services.gateway.event_log import EventLog
from services.gateway.relay.relay import Relay, Rules, Times
from services.messaging import topics
from services.messaging.codec import admission
from services.messaging.header_names import read_any_header_name
from services.messaging.reader import BrokerUnavailable
from services.runtime.logs import complain, start_logging
from services.runtime.readiness import REPORT_SECONDS, Readiness
from services.runtime.settings import Settings, SettingsError
from services.runtime.shutdown import end_soon

log = logging.getLogger("services.gateway.relay")

GROUP = "kpiwatch-relay"
_AGAIN_SECONDS = 1.0


def relay(settings: Settings, plan: Plan, ending: threading.Event) -> None:
    """Until `ending` is set. Raises BrokerUnavailable; ValueError where an inbox is not as it must be."""
    sources = {source.inbox: source.id for source in plan.sources.values()}
    try:
        wrong = topics.check_all(settings.bootstrap, [topics.inbox(name) for name in sources], copies=1)
        if wrong:
            raise ValueError("\n".join(wrong))
        consumer = _consumer(settings.bootstrap)
    except KafkaError as error:
        raise BrokerUnavailable(
            f"Kafka: no broker answers at {settings.bootstrap}. Start it, or set KPIWATCH_BOOTSTRAP to where it is"
        ) from error
    events = EventLog.open(settings.bootstrap)
    try:
        consumer.subscribe(list(sources))
        rules = Rules(admission(plan), sources, settings.dead_letter_ratio)
        work = Relay(consumer, events, rules, Times())
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


def main() -> int:
    start_logging()
    ending = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ending.set()
        end_soon(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    try:
        settings = Settings.from_environment()
        relay(settings, load_plan(settings.plan), ending)
    except SettingsError as error:
        complain(error)
        return 2
    except BrokerUnavailable as error:
        complain(error)
        return 3
    except ValueError as error:
        complain(error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
