"""How a worker is run: what is checked before it starts, its signals, its log, and how its end is noted."""

import asyncio
import gc
import logging
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import faust
from kafka.errors import KafkaError

from services.catalog.load.plan_folder import InvalidPlan
from services.domain.intake.visible_text import LINES, visible
from services.messaging.topics import check
from services.runtime.logs import SeenRecord, complain
from services.runtime.settings import Settings, SettingsError
from services.runtime.shutdown import end_soon
from services.runtime.worker_failures import REPEATED, FailureFile, ForeseenEnd, WorkerFailure
from streams.published_failures import publish_failure

NO_ANSWER = 3
"""Exit code: a part that it needs does not answer."""
_GC_THRESHOLDS = (200_000, 20, 100)  # a chunk makes many objects that live as long as it does, and no cycles
_LOOK_SECONDS = 5.0
"""How often the worker asks itself whether it has lived for long enough to withdraw how it died before."""


class _Worker(faust.Worker):
    failures: FailureFile | None = None

    def install_signal_handlers(self) -> None:
        """Faust's handlers run in the event loop and end the worker in order. These handlers run at once: an event loop
        that judges all rows again, or waits for a broker that is away, would not get to Faust's in time."""
        super().install_signal_handlers()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, frame: end_soon(number))  # the loop is woken all the same
            signal.siginterrupt(number, False)

    def stop_and_shutdown(self) -> None:
        """Print the sentence of a foreseen end last, where it is seen. Note for the next start how the worker ended."""
        try:
            super().stop_and_shutdown()
        except ForeseenEnd as end:
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
    """A log record, without the traceback of a foreseen end: Faust logs what ends a worker more than once."""
    record = SeenRecord(*arguments, **options)
    if record.exc_info and isinstance(record.exc_info[1], ForeseenEnd):
        record.exc_info = record.exc_text = None
    return record


class _OncePerInterval(logging.Filter):
    """Lets each message of a library through once per interval: aiokafka logs 300 lines a second while a broker is
    away."""

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
    """Check settings, plan and topics, then run the worker of a stage until it gets a signal to stop."""
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
    """Check the topics, publish how the worker died before, and build the app. Raises SystemExit with a sentence, or
    KafkaError."""
    wrong = check(settings.bootstrap, settings.partitions)
    if wrong:
        sys.exit("\n".join([f"{name}: the topics are not as they must be:", *wrong]))
    if before is not None and before.times >= REPEATED:
        complain(f"{name}: this worker has died {before.times} times in a row: {before.cause}")
        publish_failure(settings.bootstrap, settings.worker, before)
    try:
        return build(settings)
    except InvalidPlan as error:
        sys.exit(visible(f"{name}: {error}", keep=LINES))


def _forget_once_it_works(app: faust.App, settings: Settings, failures: FailureFile) -> None:
    """Withdraw how the worker died before, once it has lived for long enough."""
    withdrawn = False

    async def look() -> None:
        nonlocal withdrawn
        if not withdrawn and failures.works:
            try:
                await asyncio.to_thread(publish_failure, settings.bootstrap, settings.worker, None)
            except KafkaError:
                return  # the broker is away: later
            failures.forget()
            withdrawn = True

    app.timer(_LOOK_SECONDS)(look)


def run(app: faust.App, *, loglevel: str = "WARNING", failures: FailureFile | None = None) -> None:
    """Run the worker until it gets a signal to stop (exit code 0) or fails (1)."""
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
