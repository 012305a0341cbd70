"""A Faust app as every worker of this project wants it, and how it is run."""

import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust
from kafka.errors import KafkaError

from services.catalog.load.plan_folder import InvalidPlan
from services.domain.intake.visible_text import LINES, visible
from services.messaging.records.worker_failures import WorkerFailure
from services.messaging.topics import LARGEST_BATCH, check
from services.process.logs import SeenRecord, complain
from services.process.settings import Settings, SettingsError
from services.process.shutdown import end_soon
from services.process.worker_failures import REPEATED, FailureFile, ForeseenEnd, publish

NO_ANSWER = 3
"""Exit code: a part that it needs does not answer."""
_FETCH_BYTES = 4 << 20
"""Of one partition: some 9,000 events. In a backlog a case is judged, and its row written, once per chunk, so that
large chunks cost less; but the event loop is one chunk's own for as long as it lasts, half a second."""
_POLL_RECORDS = 50_000
"""Of all partitions together: more than most fetches hold, since a chunk that is cut is two; it bounds what comes of
events that a source has compressed."""
_GC_THRESHOLDS = (200_000, 20, 100)  # a chunk makes many objects that live as long as it does, and no cycles


_LOOK_SECONDS = 5.0


def worker_app(
    app_id: str,
    *,
    bootstrap: str,
    data_dir: Path,
    worker: str,
    partitions: int,
    store: str = "rocksdb://",
    session_seconds: float = 45.0,
    **settings: Any,
) -> faust.App:
    """A Faust app whose topics the installer has made.

    Args:
        bootstrap: `host:port` of the broker, several separated by commas.
        data_dir: folder of this worker alone; its rows are there, and can be lost: the changelog has them.
        worker: stable and unique name of this worker. The group knows a member by it (static membership), so that one
            that comes back within the session goes on at once, without a rebalance.
        partitions: of the topics that this app reads.
        store: `rocksdb://`, or `memory://` for tests.
        session_seconds: after this silence a worker is replaced. Long, since a restart does not wait for it.
        settings: further settings of Faust, such as `broker_credentials`.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    return faust.App(
        app_id,
        broker=[f"kafka://{address.strip()}" for address in bootstrap.split(",")],
        store=store,
        datadir=data_dir,
        key_serializer="raw",
        value_serializer="raw",
        topic_partitions=partitions,
        topic_allow_declare=False,  # else Faust asks for the creation of topics that exist, which it may not be allowed
        topic_disable_leader=True,
        web_enabled=False,
        consumer_group_instance_id=worker,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=_FETCH_BYTES,
        broker_session_timeout=session_seconds,
        broker_heartbeat_interval=min(3.0, session_seconds / 6),
        broker_rebalance_timeout=max(30.0, session_seconds),
        broker_commit_interval=1.0,
        broker_max_poll_records=_POLL_RECORDS,
        producer_linger=0.005,
        producer_max_batch_size=LARGEST_BATCH,
        producer_max_request_size=1 << 20,
        stream_wait_empty=False,
        stream_recovery_delay=0,
        table_standby_replicas=0,
        worker_redirect_stdouts=False,
        **{"autodiscover": False, **settings},  # a package that fails to import would be passed over in silence
    )


class WorkerEnds(ForeseenEnd):
    """An end that is foreseen: its sentence says why and what to do, so that nobody needs a traceback."""


class _Worker(faust.Worker):
    failures: FailureFile | None = None

    def install_signal_handlers(self) -> None:
        """Faust's handlers run in the event loop, and end the worker in order. These run at once: a loop that judges
        all rows anew, or waits for a broker that is away, would not get to them in time."""
        super().install_signal_handlers()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: end_soon(number))  # the loop is woken all the same
            signal.siginterrupt(number, False)

    def stop_and_shutdown(self) -> None:
        """The sentence comes last, where it is seen. How it ended is noted for the next start."""
        try:
            super().stop_and_shutdown()
        except WorkerEnds as end:
            self._note(end)
            sys.exit(visible(f"the worker ends: {end}", keep=LINES))
        except BaseException as error:
            self._note(error)
            raise
        self._note(sys.exc_info()[1])  # what ends it before it has started

    def _note(self, error: BaseException | None) -> None:
        if self.failures is None:
            return
        if error is None or isinstance(error, SystemExit | KeyboardInterrupt | asyncio.CancelledError):
            self.failures.ended()
        else:
            self.failures.died(error)


def _record_without_traceback(*arguments: Any, **options: Any) -> logging.LogRecord:
    """Faust logs more than once what ends a worker, each time with the way there."""
    record = SeenRecord(*arguments, **options)
    if record.exc_info and isinstance(record.exc_info[1], WorkerEnds):
        record.exc_info = record.exc_text = None
    return record


class _OncePerInterval(logging.Filter):
    """Each message of a library once in a while: aiokafka logs 300 lines a second while a broker is away."""

    def __init__(self, seconds: float = 10.0) -> None:
        super().__init__()
        self._seconds = seconds
        self._shown: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if record.levelno < logging.ERROR or now - self._shown.get(record.msg, -self._seconds) < self._seconds:
            return False
        self._shown[record.msg] = now
        return True


def run_stage(name: str, build: Callable[[Settings], faust.App]) -> None:
    """Run the worker of a stage until it is told to stop, once its settings, its plan and the topics are right."""
    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        sys.exit(visible(f"{name}: {error}", keep=LINES))
    failures = FailureFile(settings.state, settings.worker, name)
    before = failures.begin()
    try:
        app = _built(name, build, settings, before)
    except KafkaError as error:
        failures.ended()
        complain(f"{name}: Kafka does not answer: {error}. Start it, or set KPIWATCH_BOOTSTRAP")
        sys.exit(NO_ANSWER)
    except (Exception, SystemExit) as error:
        failures.died(error)
        raise
    _forget_once_it_works(app, settings, failures)
    run(app, loglevel="INFO", failures=failures)


def _built(
    name: str, build: Callable[[Settings], faust.App], settings: Settings, before: WorkerFailure | None
) -> faust.App:
    """The app, once the topics are right; how it died before is published. SystemExit with a sentence, KafkaError."""
    wrong = check(settings.bootstrap, settings.partitions)
    if wrong:
        sys.exit("\n".join([f"{name}: the topics are not as they must be:", *wrong]))
    if before is not None and before.times >= REPEATED:
        complain(f"{name}: this worker has died {before.times} times in a row: {before.cause}")
        publish(settings.bootstrap, settings.worker, before)
    try:
        return build(settings)
    except InvalidPlan as error:
        sys.exit(visible(f"{name}: {error}", keep=LINES))


def _forget_once_it_works(app: faust.App, settings: Settings, failures: FailureFile) -> None:
    """How it died before is withdrawn when the worker has lived for long enough."""
    withdrawn = False

    async def look() -> None:
        nonlocal withdrawn
        if not withdrawn and failures.works:
            try:
                await asyncio.to_thread(publish, settings.bootstrap, settings.worker, None)
            except KafkaError:
                return  # the broker is away: later
            failures.forget()
            withdrawn = True

    app.timer(_LOOK_SECONDS)(look)


def run(app: faust.App, *, loglevel: str = "WARNING", failures: FailureFile | None = None) -> None:
    """Run the worker until it is told to stop (exit code 0) or fails (1)."""
    gc.set_threshold(*_GC_THRESHOLDS)
    gc.freeze()
    quiet = _OncePerInterval()
    for name in logging.root.manager.loggerDict:
        if name.startswith("aiokafka"):
            logging.getLogger(name).addFilter(quiet)
    logging.setLogRecordFactory(_record_without_traceback)
    worker = _Worker(app, loglevel=loglevel, quiet=True, redirect_stdouts=False)
    worker.failures = failures
    sys.exit(worker.execute_from_commandline())
