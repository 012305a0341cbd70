"""The gateway as a process: `python -m services.gateway`. Everything is put together here."""

import ipaddress
import logging
import signal
import sys
import threading
import time
from functools import partial
from typing import Any

import uvicorn
from fastapi import FastAPI
from kafka.errors import KafkaError

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.catalog.working_time import WorkingTime
from services.domain.plan.plan import Plan
from services.domain.plan.statutory_time import Law
from services.gateway.case_questions import preparation
from services.gateway.case_routes import CaseAsking, add_cases
from services.gateway.event_log import EventLog
from services.gateway.feedback import TOPICS, Feedback
from services.gateway.feedback_routes import Asking, LetterStore, add_feedback
from services.gateway.handling import Handling, Parts
from services.gateway.key_reader import KeyReader
from services.gateway.key_uses import KeyUses
from services.gateway.openapi import examples_of
from services.gateway.rate import RateLimit
from services.gateway.resending import Resending
from services.gateway.side_work import Processes
from services.gateway.try_page.routes import add_try_page
from services.gateway.web import gateway_app
from services.gateway.what_if_routes import AT_ONCE, add_what_if
from services.messaging import topics
from services.messaging.codec import admission
from services.messaging.dead_letter_reader import original_of, read
from services.messaging.reader import BrokerUnavailable, TopicReader, no_broker
from services.messaging.records.dead_letters import DeadLetter
from services.runtime.clock import Clock
from services.runtime.exit_code import exit_code_of
from services.runtime.settings import Settings, SettingsError, variable

log = logging.getLogger("services.gateway")

_ANSWER_SECONDS = 5
"""For the requests in hand, after SIGTERM. Who gets no answer sends the same again."""

_NEEDED = (topics.CASE_EVENTS, topics.GATEWAY_KEYS, topics.GATEWAY_KEY_USES)
"""Topics with what was acknowledged, and with what decides whom a gateway serves."""

_AT_WORK = 2
"""Questions about cases that are worked on at once; the others wait."""


def serve(settings: Settings, plan: Plan, clock: Clock) -> None:
    """Until SIGTERM or Ctrl-C: then the requests in hand are answered. Raises BrokerUnavailable at the start, and
    ValueError where what is acknowledged could be lost with a broker."""
    _refuse_unsafe_topics(settings)
    law = Law(plan, calendar_of(plan))
    events = EventLog.open(settings.bootstrap)
    uses, real = KeyUses(events.note_use), Clock.real()
    keys = KeyReader.open(settings.bootstrap, uses, real.now)
    parts = Parts(
        keys,
        admission(plan),
        events,
        clock,
        lambda key_id: uses.note(key_id, real.now()),
        RateLimit(settings.gateway_rate, time.monotonic),
        settings.gateway_queue,
    )
    reader, feedback = TopicReader(settings.bootstrap, TOPICS), Feedback(plan)
    ending = threading.Event()
    followers = [
        threading.Thread(target=keys.run, args=(ending,), name="keys", daemon=True),
        threading.Thread(target=feedback.follow, args=(reader, ending), name="feedback", daemon=True),
    ]
    for thread in followers:
        thread.start()
    try:
        handling = Handling(parts)
        app = gateway_app(handling, lambda: all(map(threading.Thread.is_alive, followers)), partial(examples_of, law))
        add_feedback(app, handling, _asking(settings, plan, clock, feedback))
        _add_questions_about_cases(app, handling, settings)
        add_try_page(app, law)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)  # uvicorn ends in order, then raises the signal once more
        uvicorn.run(app, **_server(settings))
    finally:
        ending.set()
        for thread in followers:
            thread.join(timeout=1)
        events.close()


def _refuse_unsafe_topics(settings: Settings) -> None:
    try:
        wrong = topics.unsafe(settings.bootstrap, _NEEDED, settings.copies)
    except KafkaError as error:
        raise BrokerUnavailable(no_broker(settings.bootstrap)) from error
    if wrong:
        raise ValueError("\n".join(wrong))


def _add_questions_about_cases(app: FastAPI, handling: Handling, settings: Settings) -> None:
    """Each route has processes of its own: questions about many events keep nobody from looking up a case."""
    prepared = preparation(settings)
    add_cases(app, handling, CaseAsking(Processes(prepared, _AT_WORK), settings))
    add_what_if(app, handling, CaseAsking(Processes(prepared, AT_ONCE), settings))


def _asking(settings: Settings, plan: Plan, clock: Clock, feedback: Feedback) -> Asking:
    """What sources may ask about themselves."""

    def letter(number: int) -> DeadLetter | None:
        first = next(read(settings.bootstrap, start=number), None)
        return first.letter if first is not None and first.number == number else None

    store = LetterStore(letter, lambda found: original_of(found, settings.bootstrap))
    return Asking(feedback, store, Resending.of(plan), WorkingTime.of(plan), clock.now)


def _server(settings: Settings) -> dict[str, Any]:
    """How uvicorn listens."""
    return {
        "host": settings.host,
        "port": settings.gateway_port,
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": _ANSWER_SECONDS,
        "ssl_certfile": settings.gateway_certificate,
        "ssl_keyfile": settings.gateway_certificate_key,
        "proxy_headers": bool(settings.gateway_proxies),
        "forwarded_allow_ips": settings.gateway_proxies or None,
    }


def check_transport(settings: Settings) -> None:
    """SettingsError where keys would go over a network unencrypted, outside a demo."""
    if settings.gateway_certificate_key is not None and settings.gateway_certificate is None:
        raise SettingsError(f"{variable('gateway_certificate')}: it is empty, and there is a key: name the certificate")
    encrypted = settings.gateway_certificate is not None or bool(settings.gateway_proxies)
    if not (encrypted or settings.clock is not None or _is_loopback(settings.host)):
        raise SettingsError(
            f"{variable('host')}={settings.host}: API keys would be sent unencrypted. Name a certificate in "
            f"{variable('gateway_certificate')}, or the proxy that ends TLS in {variable('gateway_proxies')}"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run() -> None:
    """The process, with its settings from the environment."""
    settings = Settings.from_environment()
    check_transport(settings)
    plan = load_plan(settings.plan)
    clock = Clock.from_settings(settings)
    clock.now()
    log.info("events on %s:%d/events", settings.host, settings.gateway_port)
    serve(settings, plan, clock)


def main() -> int:
    """The exit code."""
    return exit_code_of(run, (BrokerUnavailable,))


if __name__ == "__main__":
    sys.exit(main())
