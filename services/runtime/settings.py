"""The settings of a process. This module alone reads the environment: `KPIWATCH_<FIELD>`, all listed in `.env.example`.

Every process reads its settings once, in its `__main__`, and passes on what its parts need.
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

PREFIX = "KPIWATCH_"
SECRET_PREFIX = "KPIWATCH_SECRET_"
"""Of the variables that hold secrets which contacts.toml names."""

Port = Annotated[int, Field(ge=1, le=65535)]


class SettingsError(ValueError):
    """Environment variables that cannot be used: one line for each, with reason and remedy."""


class Settings(BaseModel):
    """One process's settings. Folders are relative to the working directory."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    # What is computed
    plan: Path = Path(__file__).parents[1] / "catalog" / "jiangbei-2021"
    """Folder of the plan: plan.toml, kpis/, units.toml, service_items.toml, sources.toml. Dates are in its zone."""
    clock: Path | None = None
    """File of a simulated clock that all processes share; empty: the real time."""

    # Kafka
    bootstrap: str = "127.0.0.1:19092"
    """Where Kafka answers: host:port, several separated by commas."""
    partitions: Annotated[int, Field(ge=1, le=1024)] = 8
    """Partitions of case.events and of the changelog of the cases; to change it is a migration: docs/partitions.md."""

    replication: Annotated[int | None, Field(ge=1, le=9)] = None
    """Copies of each topic, on as many brokers; empty: 3, or 1 under a simulated clock, which is a demo."""

    # Stream workers
    worker: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=100)] = "worker-1"
    """Name of this worker: stable over restarts (static membership), and no two that run have the same."""
    state: Path = Path(".kpiwatch/state")
    """Folder for the local stores of workers and for the files that say that a worker is ready."""
    store: Literal["rocksdb", "memory"] = "rocksdb"
    """Where a worker keeps its tables between events; Kafka has them all."""
    session_timeout_seconds: Annotated[float, Field(ge=6, le=600)] = 45
    """How long a silent worker keeps its partitions: longer than any pause of its machine. No restart waits for it."""
    dead_letter_ratio: Annotated[float, Field(gt=0, le=1)] = 0.5
    """A worker stops when admission refuses more than this share of the recent events of more than this share of the
    sources; an inbox is paused when more than this share of its recent events is refused."""

    # The HTTP parts, on loopback unless `host` says otherwise
    host: str = "127.0.0.1"
    """Address that the exporter, notifier, gateway, relay, casebook, ledger, desk and briefings listen on."""
    exporter_port: Port = 19100
    """Metrics for Prometheus: /metrics."""
    notifier_port: Port = 19101
    """Webhook for Alertmanager."""
    alertmanager_url: str = "http://127.0.0.1:19093"
    """Where Alertmanager answers; the notifier mirrors the active cards to it."""
    outbox: Path = Path(".kpiwatch/outbox.jsonl")
    """The notices of whoever has no other channel, one a line; beside it the notifier keeps its key and the alerts."""
    webhook_token_file: Path | None = None
    """File of the token that Alertmanager sends to the webhook; made at the first start; empty: beside the outbox."""
    contacts: Path | None = None
    """File of the contacts: who gets notices by which channels; empty: contacts.toml in the plan's folder."""
    secrets: Path | None = None
    """Folder of secrets (addresses of robots, passwords), a file each; KPIWATCH_SECRET_<NAME> goes before its file."""
    desk_url: str = ""
    """Address of the desk as browsers know it, without a path: notices and dashboards lead to it; empty: loopback, and
    they say which command shows the cases."""
    grafana_url: str = ""
    """Address of Grafana as browsers know it, with its path: alerts link to their dashboard; empty: they name it."""
    runbooks_url: str = ""
    """Address of the pages of runbooks, to which alerts and dashboards link; empty: those of the desk at `desk_url`, or
    without one the file."""

    # The gateway: what sources send by HTTP
    gateway_port: Port = 19102
    """Where sources send their events: /events."""
    gateway_certificate: Path | None = None
    """File of the TLS certificate and its chain (PEM); empty: plain HTTP."""
    gateway_certificate_key: Path | None = None
    """File of the certificate's private key (PEM)."""
    gateway_proxies: str = ""
    """Addresses or networks, with commas, of the proxies whose X-Forwarded-For and -Proto are used."""
    gateway_queue: Annotated[int, Field(ge=1, le=1024)] = 32
    """How many requests with events a gateway handles at once; the next one is answered 503 with Retry-After."""
    gateway_rate: Annotated[float, Field(ge=1, le=1_000_000)] = 2_000
    """Events a second that one source may send to one gateway on average; it may be ten seconds ahead."""

    # The relay: what sources write to their inboxes
    relay_port: Port = 19104
    """Metrics of a relay: /metrics."""

    # Senders: `kpiwatch send` and `tail`
    gateway_url: str = "http://127.0.0.1:19102"
    """Where the gateway answers whoever sends: `kpiwatch send`, `kpiwatch tail`, the feed of the demo."""
    key: Annotated[str, Field(repr=False)] = ""
    """API key of the source; two, with a comma, while one takes the place of the other."""
    spool: Path = Path(".kpiwatch/spool.sqlite")
    """File of the events that wait for the gateway, and of those that it refused."""
    database: Annotated[str, Field(repr=False)] = ""
    """Address of the database that `kpiwatch tail` follows: postgresql+psycopg://USER:PASSWORD@HOST/DATABASE."""

    # The casebook: the index of cases
    casebook: str = ".kpiwatch/casebook.sqlite"
    """A file (SQLite), or where several machines ask the address of a database: postgresql://USER@HOST/DATABASE; the
    gateway and `kpiwatch cases` ask it."""
    casebook_port: Port = 19103
    """Metrics and health of the process that keeps it."""

    # Decisions of the operations centre
    operations_keys: Path | None = None
    """File of keys (`kpiwatch sources add-keys`) with the one of /operations, by which the keeper of the ledger sends
    what was decided; empty: no decision comes into force. Only the keeper may read it."""

    # The ledger: the record of what was missed, notified, answered and decided
    ledger: str = ".kpiwatch/ledger.sqlite"
    """Index of the ledger: a file (SQLite), or the address of a database: postgresql://USER@HOST/DATABASE. It is built
    from Kafka."""
    texts: str = ".kpiwatch/texts.sqlite"
    """The texts that people write, which can be erased: a file, or a database as in `ledger`. It is nowhere else: back
    it up."""
    ledger_key: Path = Path(".kpiwatch/ledger.key")
    """File of the private key (Ed25519) that signs checkpoints of the ledger; made at the first start."""
    checkpoints: Path = Path(".kpiwatch/checkpoints.jsonl")
    """The checkpoints, one a line: to be given to units, and printed in reports."""
    ledger_port: Port = 19105
    """Metrics and health of the ledger's keeper."""

    # The desk: the page of units and of the operations centre; its address is `desk_url`
    desk_port: Port = 19106
    """Port of the desk's pages, of its metrics and health."""
    desk_proxies: str = ""
    """Addresses or networks, with commas, of the proxies that end TLS and whose X-Forwarded-For and -Proto are used."""
    accounts: str = ".kpiwatch/accounts.sqlite"
    """Accounts, sessions and log of the desk: a file, or a database as in `ledger`. It is nowhere else: back it up."""
    desk_index: Path = Path(".kpiwatch/desk.sqlite")
    """File of the desk's own index of values, cards and verdicts; it is built from Kafka."""
    desk_log_days: Annotated[int, Field(ge=180, le=3_650)] = 180
    """Days for which it is kept who signed in, looked at what and took it away."""

    # Briefings, sent on their day: `kpiwatch briefings`
    briefings: Path = Path(".kpiwatch/briefings")
    """Folder of the briefings that are sent, and of what was sent; only one process sends."""
    briefings_at: str = "08:00"
    """Time of the day, in the plan's zone, from which on a briefing is sent."""
    briefings_language: Literal["zh", "en"] = "zh"
    """In which language they are written."""
    briefings_port: Port = 19107
    """Metrics and health of the process that sends them."""

    # The whole system on one machine (`kpiwatch up`, tests)
    cache: Path = Path(".kpiwatch/cache")
    """Folder for what is fetched once: Kafka's jars, Prometheus, Alertmanager."""
    kafka_port: Port = 19092
    """Port of the embedded Kafka."""
    prometheus_port: Port = 19090
    """Port of the Prometheus that `kpiwatch up` starts."""
    history_port: Port = 19091
    """Port of the second Prometheus of `kpiwatch up`, which shows the days that were backfilled."""
    alertmanager_port: Port = 19093
    """Port of the Alertmanager that `kpiwatch up` starts."""
    doubles_port: Port = 19110
    """Page of what the demo would have sent; doubles of the messengers answer there, too."""
    doubles_mail_port: Port = 19111
    """Where the demo's mail server, which delivers nothing, takes mails."""
    demo_folder: Path = Path(".kpiwatch/demo")
    """Folder of everything that `kpiwatch up` keeps; `make demo-reset` removes it."""
    cases_workers: Annotated[int, Field(ge=1, le=64)] = 2
    """How many cases workers `kpiwatch up` starts."""
    demo_start: datetime = datetime.fromisoformat("2021-09-27T08:00:00+08:00")
    """Where the simulated clock of the demo begins, with offset."""
    demo_speed: Annotated[float, Field(gt=0, le=100_000)] = 14_400
    """How many simulated seconds pass in a real one: at 14,400 a day takes 6 seconds."""
    feed_keys: Path | None = None
    """File with the keys by which the feed of the demo sends; empty: it writes to case.events directly."""
    demo_cases_per_day: Annotated[float, Field(ge=1, le=4_000)] = 170
    """Cases of the demo's district on a usual working day; with fewer, a small machine keeps up and more values are
    `insufficient`."""
    demo_seed: int = 20210820
    """Seed of the simulated case histories."""

    @property
    def copies(self) -> int:
        """How many copies of each topic there must be."""
        return self.replication or (3 if self.clock is None else 1)

    @property
    def runbooks_address(self) -> str:
        """Where the pages of runbooks are; empty: nowhere."""
        return self.runbooks_url or (f"{self.desk_url.rstrip('/')}/runbooks" if self.desk_url else "")

    @property
    def webhook_token(self) -> Path:
        """The file of the webhook's token, wherever it is."""
        return self.webhook_token_file or self.outbox.with_suffix(".token")

    @property
    def minutes_of_briefings(self) -> int:
        """Minutes from midnight until a briefing is sent."""
        hours, minutes = self.briefings_at.split(":")
        return int(hours) * 60 + int(minutes)

    @field_validator("briefings_at")
    @classmethod
    def _is_a_time_of_day(cls, value: str) -> str:
        if not re.fullmatch(r"(?:[01]\d|2[0-3]):[0-5]\d", value, re.ASCII):
            raise ValueError("no time of a day; write it as 08:00")
        return value

    @field_validator("demo_start")
    @classmethod
    def _is_an_instant(cls, value: datetime) -> datetime:
        if value.tzinfo is None:
            raise ValueError("a time without offset; write it as 2021-10-01T08:00:00+08:00")
        if not 1991 <= value.year <= 2059:
            raise ValueError("a time out of reach; write a year from 1991 to 2059")
        return value

    @field_validator("bootstrap")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return ",".join(broker_addresses(value))

    @field_validator("gateway_proxies", "desk_proxies")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        named = [one.strip() for one in value.split(",") if one.strip()]
        for one in named:
            _network(one)
        return ",".join(named)

    @field_validator("alertmanager_url", "desk_url", "gateway_url", "grafana_url", "runbooks_url")
    @classmethod
    def _is_a_web_address(cls, value: str) -> str:
        if value and not _is_web_address(value):
            raise ValueError("no address of the web; write it as http://127.0.0.1:19093")
        return value

    @field_validator("key")
    @classmethod
    def _are_keys(cls, value: str) -> str:
        if not re.fullmatch(r"[0-9A-Za-z_,-]*", value):
            raise ValueError("no API key; write what `kpiwatch sources add-key` printed, two with a comma")
        return value

    @field_validator("database")
    @classmethod
    def _names_a_database(cls, value: str) -> str:
        if value and not re.fullmatch(r"[a-z0-9+]+://[!-~]*", value):
            raise ValueError("no address of a database; write it as postgresql+psycopg://USER:PASSWORD@HOST/DATABASE")
        return value

    @field_validator("desk_url", "grafana_url", "runbooks_url")
    @classmethod
    def _names_no_user(cls, value: str) -> str:
        if "@" in urlsplit(value).netloc:
            raise ValueError("user or password in an address that dashboards and alerts show; leave them out")
        return value

    @field_validator("casebook", "ledger", "texts", "accounts")
    @classmethod
    def _is_a_database(cls, value: str) -> str:
        if "://" in value and not value.startswith("postgresql://"):
            raise ValueError("no database that is known here; write a file, or postgresql://USER@HOST/DATABASE")
        return value

    @field_validator("host")
    @classmethod
    def _is_a_host(cls, value: str) -> str:
        if not _HOST.fullmatch(value):
            raise ValueError("no host; write a name or an address such as 127.0.0.1")
        return value

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """The settings that the environment (by default this process's) gives; an empty variable counts as not set.

        Raises SettingsError, which lists every variable that is wrong, unknown ones included.
        """
        given = _given(os.environ if environment is None else environment)
        known = {variable(field): field for field in cls.model_fields}
        wrong = [_unknown(name, list(known)) for name in sorted(given.keys() - known.keys())]
        try:
            settings = cls.model_validate({known[name]: text for name, text in given.items() if name in known})
        except ValidationError as error:
            raise SettingsError("\n".join([*wrong, *cls._invalid(error)])) from None
        if wrong:
            raise SettingsError("\n".join(wrong))
        return settings

    @classmethod
    def _invalid(cls, error: ValidationError) -> Iterator[str]:
        """A sentence for each variable with a value that cannot be used."""
        for one in error.errors():
            field = str(one["loc"][0])
            value = "…" if field in _SECRET else _short(str(one["input"]))
            yield f"{variable(field)}={value}: {one['msg']}. {cls.model_fields[field].description}"

    def environment(self) -> dict[str, str]:
        """The variables that give a started process these settings."""
        return {variable(field): str(value) for field, value in self if value is not None and field not in _SECRET}


_SECRET = ("key", "database")
"""Fields that are shown to nobody, and that no started process needs."""
_HOST = re.compile(r"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_BROKER = re.compile(r"(?P<host>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):(?P<port>[0-9]{1,5})", re.ASCII)


def broker_addresses(text: str) -> list[str]:
    """The `host:port` of each broker. ValueError says what would be right."""
    addresses = [one.strip() for one in text.split(",")]
    for one in addresses:
        found = _BROKER.fullmatch(one)
        if found is None or not 1 <= int(found["port"]) <= 65535:
            raise ValueError(
                f"{_short(one)!r} is no address of a broker; write host:port as in 127.0.0.1:19092, several with commas"
            )
    return addresses


def _network(text: str) -> None:
    try:
        ip_network(text)
    except ValueError:
        raise ValueError(
            f"{_short(text)!r} is no address of a proxy; write it as 10.0.0.7 or 10.0.0.0/24, several with commas"
        ) from None


def _is_web_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return (
        text.isprintable()
        and " " not in text
        and parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and port != 0
    )


def _short(text: str) -> str:
    """A value as a sentence may show it: not all of a long one, and nothing before an @, which may be a password."""
    text = f"…{text[text.rindex('@') :]}" if "@" in text else text
    return text if len(text) <= 80 else f"{text[:80]}…"


def _given(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of settings that are set and not empty."""
    return {
        name: text
        for name, text in environment.items()
        if name.startswith(PREFIX) and not name.startswith(SECRET_PREFIX) and text
    }


def secret_variable(name: str) -> str:
    """The environment variable of a secret."""
    return f"{SECRET_PREFIX}{name.upper().replace('-', '_')}"


def secrets_in_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Variable → secret, of those that are set and not empty."""
    given = os.environ if environment is None else environment
    return {name: text for name, text in given.items() if name.startswith(SECRET_PREFIX) and text}


def variable(field: str) -> str:
    """The environment variable of a field of Settings."""
    return PREFIX + field.upper()


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"{name}: there is no such setting. " + (f"Did you mean {near[0]}?" if near else "See .env.example")
