"""The desk as a process: `kpiwatch desk serve`, or `python -m services.desk`. Everything is put together here."""

import ipaddress
import logging
import secrets
import sys
import threading
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import uvicorn
from fastapi import FastAPI, Response
from kafka.errors import KafkaError
from prometheus_client import CONTENT_TYPE_LATEST

from services.casebook.casebook import Casebook
from services.casebook.database import CasebookUnavailable
from services.catalog.load.plan_folder import load_plan
from services.desk.access import Role
from services.desk.accounts.accounts import NEED_FACTOR, Accounts
from services.desk.accounts.database import AccountsDatabase, AccountsUnavailable
from services.desk.accounts.logbook import Logbook, request_of
from services.desk.acting.acting import Acting
from services.desk.app import desk_app
from services.desk.asking import Desk
from services.desk.figures import Figures
from services.desk.reading.kept import KeptReading, questions_of
from services.desk.reading.reading import ReadingUnavailable
from services.ledger.database import INDEX, LedgerUnavailable, open_store
from services.ledger.index import LedgerIndex
from services.ledger.texts import Texts
from services.ledger.writer import producer_of, send_all
from services.messaging.reader import BrokerUnavailable
from services.messaging.topics import LEDGER_REQUESTS
from services.runtime.clock import Clock
from services.runtime.exit_code import exit_code_of
from services.runtime.http_server import add_health
from services.runtime.settings import Settings, SettingsError, variable

log = logging.getLogger("services.desk")

_ANSWER_SECONDS: Final = 5
"""For the requests in hand, after SIGTERM."""
_HOUSEKEEPING_SECONDS: Final = 3_600.0


def serve(settings: Settings) -> None:
    """Until SIGTERM or Ctrl-C. Raises AccountsUnavailable, LedgerUnavailable or CasebookUnavailable at the start where
    a database cannot be had, InvalidPlan."""
    desk = open_desk(settings)
    reading = KeptReading(settings, desk.casebook)
    ending = threading.Event()
    keeping = threading.Thread(target=keep_house, args=(desk, ending), name="log", daemon=True)
    app = desk_app(desk, lambda app: _add_probes(app, desk, [keeping, reading.thread]))
    desk.figures.add(reading.metrics)
    keeping.start()
    reading.start()
    try:
        uvicorn.run(app, **_server(settings))
    finally:
        ending.set()
        keeping.join(timeout=2)
        reading.end()
        desk.accounts.database.close()
        desk.acting.close()
        desk.texts.close()


def open_desk(settings: Settings) -> Desk:
    """The parts of the desk that the settings name."""
    clock = Clock.from_settings(settings)
    clock.now()
    accounts = open_accounts(settings)
    casebook, ledger = Casebook.open(settings), LedgerIndex(open_store(INDEX, settings.ledger, writes=False))
    asked = questions_of(settings, casebook, ledger, clock)
    plan, texts = load_plan(settings.plan), Texts.at(settings.texts)
    return Desk(
        plan=plan,
        settings=settings,
        clock=clock,
        sessions=accounts,
        accounts=accounts,
        casebook=casebook,
        ledger=ledger,
        reading=asked.reading,
        supervision=asked.supervision,
        texts=texts,
        acting=Acting.of(settings, texts),
        figures=Figures(accounts.count_sessions),
    )


def open_accounts(settings: Settings) -> Accounts:
    """The accounts that the settings name. In a demo nobody needs a second factor. Raises AccountsUnavailable."""
    need: frozenset[Role] = frozenset() if is_demo(settings) else NEED_FACTOR
    return Accounts(AccountsDatabase.at(settings.accounts), Clock.real().now, need)


def is_demo(settings: Settings) -> bool:
    """Whether nobody but this machine is served, and the clock is that of a demo."""
    return settings.clock is not None and _is_loopback(settings.host)


def check_transport(settings: Settings) -> None:
    """SettingsError where passwords would go over a network unencrypted, outside a demo, or where the address has a
    path: the desk has paths of its own."""
    if urlsplit(settings.desk_url).path not in ("", "/"):
        raise SettingsError(f"{variable('desk_url')}={settings.desk_url}: leave out what follows the host")
    if _is_loopback(settings.host) or settings.clock is not None:
        return
    if urlsplit(settings.desk_url).scheme != "https" or not settings.desk_proxies:
        raise SettingsError(
            f"{variable('host')}={settings.host}: passwords would be sent unencrypted. Name the desk's address, "
            f"https://…, in {variable('desk_url')}, and the proxy that ends TLS in {variable('desk_proxies')}"
        )


def keep_house(desk: Desk, ending: threading.Event) -> None:
    """Once an hour: a digest of each day that is over goes to the ledger, and what is old is forgotten."""
    writer = f"desk-{secrets.token_hex(4)}"
    while not ending.is_set():
        try:
            send_digests(desk.logbook, desk.accounts.now(), desk.settings.bootstrap, writer)
            desk.logbook.forget(desk.accounts.now(), desk.settings.desk_log_days)
        except (AccountsUnavailable, BrokerUnavailable, KafkaError) as error:
            log.warning("the log of the desk: %s; it is tried again within the hour", type(error).__name__)
        ending.wait(_HOUSEKEEPING_SECONDS)


def send_digests(logbook: Logbook, now: int, bootstrap: str, writer: str) -> None:
    """Ask the keeper of the ledger to record what was looked at on each day that is over: its number and its hash.
    Raises AccountsUnavailable, BrokerUnavailable, KafkaError."""
    due = list(logbook.due(now))
    if not due:
        return
    producer = producer_of(bootstrap)
    try:
        for digest in due:
            send_all(producer, LEDGER_REQUESTS, [request_of(digest, writer).checked_record()])
            logbook.note_sent(digest)
    finally:
        producer.close(timeout=2)


def _add_probes(app: FastAPI, desk: Desk, threads: Sequence[threading.Thread]) -> None:
    def answers() -> bool:
        try:
            desk.accounts.count_sessions()
            return desk.reading.is_ready()
        except (AccountsUnavailable, ReadingUnavailable):
            return False

    add_health(app, "topics", lambda: all(thread.is_alive() for thread in threads), answers)

    @app.get("/metrics")
    def metrics() -> Response:
        return Response(desk.figures.exposition(), media_type=CONTENT_TYPE_LATEST)


def _server(settings: Settings) -> dict[str, Any]:
    """How uvicorn listens."""
    return {
        "host": settings.host,
        "port": settings.desk_port,
        "log_level": "warning",
        "access_log": False,
        "server_header": False,
        "timeout_graceful_shutdown": _ANSWER_SECONDS,
        "proxy_headers": bool(settings.desk_proxies),
        "forwarded_allow_ips": settings.desk_proxies or None,
    }


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def run() -> None:
    """The process, with its settings from the environment."""
    settings = Settings.from_environment()
    check_transport(settings)
    log.info("pages on %s", settings.desk_url or f"http://{settings.host}:{settings.desk_port}")
    serve(settings)


def main() -> int:
    """The exit code."""
    return exit_code_of(run, (AccountsUnavailable, LedgerUnavailable, CasebookUnavailable, BrokerUnavailable))


if __name__ == "__main__":
    sys.exit(main())
