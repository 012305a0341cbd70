"""The parts of the system on one machine: which there are, in which order they start, what "it answers" means."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from services.local import http_process
from services.local.child_process import ChildProcess, Command
from services.local.failures import PartUnavailable
from services.messaging import topics
from services.runtime import readiness
from services.runtime.settings import Settings, variable
from services.runtime.worker_failures import repeated

Obstacle = str
"""Why a part is not ready yet, for a person to read; empty if it is."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process of the system: what runs, and how to see that it works."""

    name: str
    arguments: tuple[str, ...]
    """Of this Python."""
    obstacle: Callable[[Settings, ChildProcess], Obstacle]
    """Asked again and again until it finds none."""
    settings: dict[str, str] = field(default_factory=dict)
    """Settings that only this process gets, by field."""
    port: str = ""
    """The field of Settings that holds its port, if it has one."""


def parts(settings: Settings) -> list[Part]:
    """Every process of the project that one machine needs, in the order of their start. The feed only where it has
    keys: without them sources send. The doubles of messengers only in a demo."""
    doubles = ("-m", "services.local.message_doubles")
    return [
        *([Part("doubles", doubles, _answers_at("doubles_port"), port="doubles_port")] if settings.feed_keys else ()),
        Part("gateway", ("-m", "services.gateway"), _answers_at("gateway_port", "/readyz"), port="gateway_port"),
        *([Part("feed", ("-m", "services.simulator"), _no_events_yet)] if settings.feed_keys else ()),
        *(
            Part(f"cases-{number}", ("-m", "streams.cases"), _worker_obstacle, {"worker": f"cases-{number}"})
            for number in range(1, settings.cases_workers + 1)
        ),
        Part("kpis-1", ("-m", "streams.kpis"), _worker_obstacle, {"worker": "kpis-1"}),
        Part("exporter", ("-m", "services.exporter"), _answers_at("exporter_port"), port="exporter_port"),
        Part("ledger", ("-m", "services.ledger"), _answers_at("ledger_port"), port="ledger_port"),
        Part("notifier", ("-m", "services.notifier"), _answers_at("notifier_port"), port="notifier_port"),
        Part(
            "casebook",
            ("-m", "services.cli", "casebook"),
            _answers_at("casebook_port", "/-/healthy"),  # nobody waits until it has read everything
            port="casebook_port",
        ),
        Part("desk", ("-m", "services.desk"), _answers_at("desk_port"), port="desk_port"),
    ]


def start(part: Part, settings: Settings, logs: Path) -> ChildProcess:
    """The part's process, not yet ready."""
    own = settings.model_copy(update=part.settings)
    environment = {**os.environ, **own.environment(), "PYTHONUNBUFFERED": "1"}
    command = Command([sys.executable, *part.arguments], environment=environment)
    return ChildProcess(part.name, command, logs / f"{part.name}.log")


def wait_until_ready(
    part: Part, child: ChildProcess, settings: Settings, look_up: Callable[[], None], seconds: float = 120
) -> None:
    """Raises PartUnavailable with the last obstacle, if the part ends or does not get ready in time.

    `look_up` is called between two looks; what it raises ends the waiting.
    """
    last = ""

    def ready() -> bool:
        nonlocal last
        look_up()
        last = part.obstacle(settings, child)
        return not last

    try:
        child.wait_until(ready, seconds, "Look at the log")
    except PartUnavailable as refusal:
        raise PartUnavailable(part.name, f"{refusal.reason}{last}".rstrip(), refusal.remedy) from None


def taken_ports(settings: Settings) -> Iterator[str]:
    """One line for each port that the system needs and that somebody else holds: who, and which setting changes it."""
    fields = ["kafka_port", "prometheus_port", "history_port", "alertmanager_port"]
    fields += [one.port for one in parts(settings) if one.port]
    for name in fields:
        try:
            http_process.check_port(name.removesuffix("_port"), getattr(settings, name), variable(name))
        except PartUnavailable as refusal:
            yield str(refusal)


def _answers_at(field_name: str, path: str = "/-/ready") -> Callable[[Settings, ChildProcess], Obstacle]:
    def obstacle(settings: Settings, child: ChildProcess) -> Obstacle:
        url = f"http://127.0.0.1:{getattr(settings, field_name)}{path}"
        return "" if http_process.answers(url) else f"{url} does not say that it is ready"

    return obstacle


def _worker_obstacle(settings: Settings, child: ChildProcess) -> Obstacle:
    said = readiness.read(settings.state, child.name)
    if said is None or said.pid != child.pid:
        return "the worker has not said anything yet"
    return said.obstacle


def dying(part: Part, settings: Settings) -> str:
    """That a worker dies again and again of one cause, in a sentence; empty if it does not, or is none."""
    return repeated(settings.state, part.name)


def _no_events_yet(settings: Settings, child: ChildProcess) -> Obstacle:
    try:
        return "" if appended(settings.bootstrap, topics.CASE_EVENTS) else "no event has arrived yet"
    except KafkaError as error:
        return f"Kafka cannot be asked: {error}"


def appended(bootstrap: str, topic: str) -> int:
    """How many records the topic's partitions have taken in."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    try:
        found = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        return sum(consumer.end_offsets(found).values()) if found else 0
    finally:
        consumer.close()
