"""The keeper of the ledger as a process: `kpiwatch ledger keep`, or `python -m services.ledger`."""

import logging
import secrets
import sys
import threading
import time
from collections.abc import Callable, Iterable
from functools import partial

from kafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from services.ledger.checkpoints import CheckpointFile, Signer
from services.ledger.database import LedgerUnavailable
from services.ledger.enforcement import OF_DECISIONS, Enforcement, Indexed, sending_to
from services.ledger.enforcement import start as start_enforcement
from services.ledger.index import REMEDY, LedgerIndex
from services.ledger.keeper import Clocks, Keeper, Stores, Topics
from services.ledger.reader import LedgerCut, LedgerReader, Place
from services.ledger.texts import Texts
from services.ledger.writer import producer_of, send_all
from services.messaging.reader import BrokerUnavailable, TopicReader, no_broker
from services.messaging.topics import CASE_VERDICTS, LEDGER, LEDGER_REQUESTS, end_of, topic_ids
from services.metric_names import ledger_metrics as metrics
from services.metric_names.families import counter, gauge
from services.runtime.clock import Clock
from services.runtime.exit_code import exit_code_of
from services.runtime.http_server import metrics_app, run_with_http_server
from services.runtime.settings import Settings

log = logging.getLogger("services.ledger")


def serve(settings: Settings, clock: Clock) -> None:
    """Records until SIGTERM or Ctrl-C. Raises BrokerUnavailable, LedgerUnavailable, LedgerCut, ValueError or OSError at
    the start."""
    signer = Signer.of_file(settings.ledger_key)
    ids = _ids(settings.bootstrap)
    index, texts = LedgerIndex.at(settings.ledger), Texts.at(settings.texts)
    checkpoints = CheckpointFile(settings.checkpoints)
    held = checkpoints.signed()  # before the ledger is read: another keeper may write it meanwhile
    index.open(ids)
    place = index.place()
    _refuse_cut(settings.bootstrap, place)
    producer = producer_of(settings.bootstrap)
    begin = {(LEDGER_REQUESTS, 0): index.next_request()}
    try:
        with (
            LedgerReader(settings.bootstrap, place) as ledger,
            TopicReader(settings.bootstrap, [LEDGER_REQUESTS, CASE_VERDICTS], start=begin) as inputs,
        ):
            topics = Topics(ledger, inputs, partial(send_all, producer, LEDGER), ids)
            clocks = Clocks(clock.now, Clock.real().now)
            stores = Stores(index, texts, checkpoints, held)
            keeper = Keeper(stores, topics, signer, clocks, f"keeper-{secrets.token_hex(4)}")
            keeper.open()
            _run(settings, keeper, partial(indexed_decisions, index), KeeperMetrics(keeper, ledger, inputs))
    finally:
        producer.close(timeout=2)
        index.close()
        texts.close()


def _run(settings: Settings, keeper: Keeper, decisions: Callable[[], Indexed], figures: "KeeperMetrics") -> None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(figures)
    ending = threading.Event()
    if settings.operations_keys is not None:
        send = sending_to(settings.gateway_url, settings.operations_keys)
        start_enforcement(settings.bootstrap, decisions, lambda: Enforcement(send, keeper.ask, keeper.name), ending)
    else:
        log.warning("KPIWATCH_OPERATIONS_KEYS names no file of keys: what is decided does not come into force")
    thread = threading.Thread(target=keeper.run, args=(ending,), name="keeper", daemon=True)
    app = metrics_app("ledger", "ledger", registry, thread.is_alive, lambda: keeper.ready)
    run_with_http_server(thread, ending, app, settings.host, settings.ledger_port)


def indexed_decisions(index: LedgerIndex) -> Indexed:
    """What an index knows of decisions. What the keeper adds meanwhile is read from the ledger. Raises
    LedgerUnavailable."""
    place = index.place()
    return Indexed(place, index.of_kinds(OF_DECISIONS, place.number))


def _ids(bootstrap: str) -> dict[str, str]:
    try:
        return topic_ids(bootstrap, [LEDGER, LEDGER_REQUESTS, CASE_VERDICTS])
    except KafkaError as error:
        raise BrokerUnavailable(no_broker(bootstrap)) from error


def _refuse_cut(bootstrap: str, place: Place) -> None:
    """A ledger that has lost records is not continued: its next record would have a number that is given already."""
    try:
        end = end_of(bootstrap, LEDGER)
    except KafkaError as error:
        raise BrokerUnavailable(no_broker(bootstrap)) from error
    if end < place.offset:
        raise LedgerCut(
            f"the topic {LEDGER} ends at offset {end}, and record {place.number} was before offset {place.offset}: "
            f"records are lost. {REMEDY}"
        )


class KeeperMetrics(Collector):
    """The metrics of the process."""

    def __init__(self, keeper: Keeper, ledger: LedgerReader, inputs: TopicReader) -> None:
        self._keeper = keeper
        self._ledger = ledger
        self._inputs = inputs

    def collect(self) -> Iterable[Family]:
        """What a scrape gets."""
        keeper = self._keeper
        yield gauge(metrics.NUMBER, {(): keeper.number})
        yield gauge(metrics.READY, {(): int(keeper.ready)})
        yield gauge(metrics.CUT, {(): int(keeper.cut)})
        yield gauge(metrics.CHECKPOINT, {(): keeper.checkpoint_at})
        yield gauge(metrics.UNCOVERED, {(): keeper.uncovered})
        yield gauge(metrics.LAG, {(topic,): count for topic, count in self._inputs.lag.items()})
        since = keeper.waiting_since
        yield gauge(metrics.WAITING, {(): 0 if since is None else max(0.0, time.time() - since)})
        yield gauge(metrics.REFUSED, {(): keeper.decisions_refused})
        yield counter(metrics.VOID, {(): self._ledger.void})
        yield counter(metrics.UNREADABLE, {(topic,): count for topic, count in keeper.unreadable.items()})


def run() -> None:
    """The process, with its settings from the environment."""
    settings = Settings.from_environment()
    log.info("metrics on http://%s:%d/metrics", settings.host, settings.ledger_port)
    serve(settings, Clock.from_settings(settings))


def main() -> int:
    """The exit code."""
    return exit_code_of(run, (BrokerUnavailable, LedgerUnavailable))


if __name__ == "__main__":
    sys.exit(main())
