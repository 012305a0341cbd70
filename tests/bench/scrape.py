"""A scrape of the whole plan: a real exporter over a real Kafka, with the values of the simulated district."""

import csv
import os
import sys
import time
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil
from kafka import KafkaProducer

from services.domain.results.published import ValueRow
from services.local.child_process import ChildProcess, Command
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import topics
from services.messaging.records.values import Times, row_record
from services.runtime.settings import Settings
from tests.bench.figures import Row
from tests.bench.replays import WHOLE_PLAN, District, command, finished

_START_SECONDS = 300


class Scrape(NamedTuple):
    """One answer of `/metrics`."""

    seconds: float
    """Wall clock, from the request to the last byte."""
    cpu_seconds: float
    bytes: int
    compressed: int
    series: int


def measure(given: District, broker: Broker, folder: Path, rounds: int) -> list[Row]:
    """Scrapes, and how soon an exporter that starts has all values."""
    publish(given, broker, folder)
    settings = Settings(bootstrap=broker.bootstrap, plan=WHOLE_PLAN, exporter_port=free_ports(1)[0])
    started = time.monotonic()
    child = ChildProcess(
        "exporter",
        Command([sys.executable, "-m", "services.exporter"], environment=os.environ | settings.environment()),
        folder / "exporter.log",
    )
    try:
        address = f"http://127.0.0.1:{settings.exporter_port}"
        child.wait_until(lambda: _answers(f"{address}/-/ready"), _START_SECONDS, "Look at the log")
        ready = time.monotonic() - started
        _scrape(address, child.pid)  # the first one may render what later ones only send
        scrapes = [_scrape(address, child.pid) for _ in range(max(3, rounds))]
    finally:
        child.stop()
    for each in scrapes:
        print(
            f"  scrape: {each.seconds:.2f} s, {each.cpu_seconds:.2f} CPU s, load {os.getloadavg()[0]:.1f}", flush=True
        )
    last = scrapes[-1]
    note = f"{last.series:,} series, {last.bytes / 1e6:.1f} MB, as sent {last.compressed / 1e6:.2f} MB; wall clock"
    return [
        Row("scrape of the whole plan", "0.9–2 s", 0.15, None, [each.seconds for each in scrapes], " s", note),
        Row("scrape of the whole plan, CPU", "", None, None, [each.cpu_seconds for each in scrapes], " s", "exporter"),
        Row("exporter: start to ready", "47 s", None, None, [ready], " s", "wall clock; the values of one day"),
    ]


def publish(given: District, broker: Broker, folder: Path) -> None:
    """The values of a replay, as `streams.kpis` publishes them."""
    values = folder / "scraped.csv"
    arguments = [given.events, "--as-of", given.as_of, "--out", values]
    finished("replay-scrape", command("replay", *arguments), folder)
    topics.create(broker.bootstrap, 4)
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, linger_ms=50)
    now = f"{given.as_of}T00:00:00+08:00"
    with values.open(encoding="utf-8", newline="") as lines:
        for cells in csv.DictReader(lines):
            row = ValueRow(**cells)
            key, value = row_record(row, Times(now, now), str(row.state))
            producer.send(topics.KPI_VALUES, key=key, value=value)
    producer.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def _scrape(address: str, pid: int) -> Scrape:
    process = psutil.Process(pid)
    before, began = sum(process.cpu_times()[:2]), time.monotonic()
    with httpx.stream("GET", f"{address}/metrics", headers={"Accept-Encoding": "gzip"}, timeout=60) as answer:
        text = answer.read()
        compressed = answer.num_bytes_downloaded
    seconds = time.monotonic() - began
    series = sum(1 for line in text.splitlines() if not line.startswith(b"#"))
    return Scrape(seconds, sum(process.cpu_times()[:2]) - before, len(text), compressed, series)
