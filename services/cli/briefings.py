"""`kpiwatch briefings`: sends each briefing on its day, as a process."""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

import orjson
import typer
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from services.briefing.files import Format
from services.briefing.model import Language
from services.briefing.period import Period, Span
from services.briefing.schedule import Schedule
from services.catalog.load.calendars import calendar_of
from services.cli.briefing import Files, Form, write_live
from services.cli.failure import INPUT_HAS_ERRORS, failure_of
from services.cli.judging_plan import checked_plan
from services.cli.mailing import recipients_of, send_briefing
from services.domain.plan.plan import Plan
from services.domain.time.zone import Instant, Zone
from services.metric_names import briefing_metrics as metrics
from services.metric_names.families import counter, gauge
from services.runtime import atomic_file
from services.runtime.atomic_file import replace_file
from services.runtime.clock import Clock
from services.runtime.http_server import metrics_app, run_with_http_server
from services.runtime.logs import complain, start_logging
from services.runtime.settings import Settings

log = logging.getLogger("services.cli.briefings")
_LOOK_SECONDS: Final = 30.0
"""Between two looks at the clock."""
_REST_SECONDS: Final = 600.0
"""For which a briefing rests that could not be written, or not be sent to everybody; twice as long each time."""
_LONGEST_REST_SECONDS: Final = 6 * 3_600.0
_STATE: Final = "sent.json"


def briefings() -> None:
    """Write and send each briefing on its day, until Ctrl-C: 日报, 周报 and 月报, by the calendar of the plan.

    KPIWATCH_BRIEFINGS is the folder of the files and of what was sent, KPIWATCH_BRIEFINGS_AT the time of the day. Who
    gets which is in contacts.toml. Days on which it did not run are caught up, up to a month."""
    start_logging()
    settings = Settings.from_environment()
    form = Form(Language(settings.briefings_language), set(Format), settings.briefings)
    try:
        office = Office(Asked(checked_plan(settings.plan), settings.plan, form), settings.minutes_of_briefings)
    except ValueError as error:
        complain(error)
        raise typer.Exit(INPUT_HAS_ERRORS) from None
    serve(office, Clock.from_settings(settings), settings)


def serve(office: "Office", clock: Clock, settings: Settings) -> None:
    """Looks at the clock until SIGTERM or Ctrl-C."""
    ending = threading.Event()
    registry = CollectorRegistry(auto_describe=False)
    registry.register(office)

    def work() -> None:
        while not ending.is_set():
            office.look(clock.now())
            ending.wait(_LOOK_SECONDS)

    thread = threading.Thread(target=work, name="briefings", daemon=True)
    app = metrics_app("briefings", "calendar", registry, thread.is_alive, lambda: True)
    log.info(
        "briefings in %s, metrics on http://%s:%d/metrics", settings.briefings, settings.host, settings.briefings_port
    )
    run_with_http_server(thread, ending, app, settings.host, settings.briefings_port)


class Asked(NamedTuple):
    """What is sent."""

    plan: Plan
    folder: Path
    """Of the plan."""
    form: Form


class Office(Collector):
    """Writes and sends what is due. One thread looks; any may collect.

    The files are written once: a start after a crash sends those that are there, to who does not have them
    (`services.notifier.documents`).
    """

    def __init__(
        self,
        asked: Asked,
        minutes: int,
        write: Callable[[Plan, Path, Span, Form], Files] = write_live,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`minutes`: of the local day, from which on a briefing is sent. Raises ValueError, OSError."""
        self._asked = asked
        self._write = write
        self._monotonic = monotonic
        plan, folder = asked.plan, asked.form.folder
        self._schedule = Schedule(folder / _STATE, calendar_of(plan), Zone(plan.head.timezone), minutes)
        self._rests: dict[str, float] = {}
        """Name of a span → until when it rests."""
        self._failures: Counter[str] = Counter()
        self._waiting: Counter[Period] = Counter()
        self._sent = self._schedule.last_sent()
        self._without_pdf = 0

    def look(self, now: Instant) -> None:
        """Send what is due now and does not rest. What cannot be sent is logged, and rests."""
        waiting = self._schedule.waiting(now)
        self._waiting = Counter(span.period for span in waiting)
        for span in waiting:
            if self._monotonic() >= self._rests.get(span.name, 0.0):
                self._try(span, now)
        self._waiting = Counter(span.period for span in self._schedule.waiting(now))

    def _try(self, span: Span, now: Instant) -> None:
        try:
            self._deliver(span, now)
        except Exception as error:  # a defect, too: the others are sent, and the alert says that this one is not
            failure = failure_of(error)
            why = failure.sentence if failure else f"a defect of kpiwatch ({type(error).__name__}): please report it"
            rest = min(_REST_SECONDS * 2 ** self._failures[span.name], _LONGEST_REST_SECONDS)
            self._failures[span.name] += 1
            self._rests[span.name] = self._monotonic() + rest
            log.warning("%s: %s. It is tried again in %d minutes", span.name, why.rstrip("."), rest // 60)
        finally:
            atomic_file.release()  # of files that were begun and not finished

    def _deliver(self, span: Span, now: Instant) -> None:
        asked = self._asked
        if not recipients_of(span.period, asked.plan, asked.folder):
            log.info("%s: no contact has `briefings` with it: it is not written", span.name)
            self._schedule.note_sent(span, now, to_nobody=True)
            return
        send_briefing(span, asked.form.language, self._files(span), asked.plan, asked.folder)
        self._schedule.note_sent(span, now)
        self._sent = self._schedule.last_sent()
        log.info("%s: sent", span.name)

    def _files(self, span: Span) -> list[Path]:
        """Those that are there, once they are complete: else the same recipient could get two different ones."""
        folder = self._asked.form.folder
        ready = folder / f"{span.name}-{self._asked.form.language}.ready.json"
        if ready.exists():
            paths = [folder / name for name in orjson.loads(ready.read_bytes())]
            if all(path.is_file() for path in paths):
                return paths
        done = self._write(self._asked.plan, self._asked.folder, span, self._asked.form)
        if done.without_pdf:
            self._without_pdf += 1
            log.warning("%s: sent without its PDF: %s", span.name, done.without_pdf)
        replace_file(ready, orjson.dumps([path.name for path in done.paths]).decode(), durable=True)
        return done.paths

    def collect(self) -> Iterable[Family]:
        """What a scrape gets."""
        yield gauge(metrics.WAITING, {(period.value,): self._waiting[period] for period in Period})
        yield gauge(metrics.LAST_SENT, {(period.value,): at / 1_000_000 for period, at in self._sent.items()})
        yield counter(metrics.WITHOUT_PDF, {(): self._without_pdf})
