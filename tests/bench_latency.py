"""`python -m tests.bench_latency`: how long an event waits for its card and for its value, with the whole plan, at a
steady rate.

A broker, the workers of both stages and the exporter are processes of their own, on a plan's clock at the speed of real
time. First comes a backlog, so that the sums have a real size; then so many events a second, which go on with its cases
and begin new ones. Each of them happened when it is sent: the time in it is changed. The figures are the
system's own two histograms, as a scrape shows them, and from outside the time from an event's arrival in Kafka until a
card of its case can be read from `alert.cards`. At last nothing is sent, and the CPU of idle processes is measured.
"""

import argparse
import os
import re
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

import httpx
import orjson
import psutil
from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.intake.events import text_of
from services.domain.plan.statutory_time import Law
from services.domain.time.zone import Instant
from services.local.child_process import ChildProcess, Command
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import topics
from services.messaging.archive_feed import feed
from services.messaging.reader import TopicReader
from services.messaging.records.cards import case_of_key
from services.messaging.records.case_events import record_of_line
from services.messaging.records.latencies import Pairs
from services.messaging.records.tallies import decode_progress, is_progress
from services.messaging.records.values import decode_arrivals, is_arrivals
from services.metric_names import metrics
from services.metric_names.metrics import Metric
from services.runtime import readiness
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from services.simulator.district.profile import profile
from services.simulator.simulation import Simulation

PATIENCE_SECONDS = 600.0
CASES_PER_DAY = 4_000.0
SHARES = (0.5, 0.9, 0.99)
FRESH_SECONDS = 10.0
"""A card that comes later than this after the last event of its case is one of a sweep."""


def events(backlog: int, steady: int) -> tuple[list[bytes], Instant]:
    """So many events of a busy district, without faults, and when the last one of the backlog arrived."""
    plan = load_plan(Settings().plan)
    district = profile("demo").at_volume(CASES_PER_DAY)
    simulation = Simulation(Law(plan, calendar_of(plan)), district, 8, plan.head.issued, 60, faults={})
    found = list(islice(simulation.events(), backlog + steady))
    return [event.line for event in found], found[backlog - 1].received


class Part:
    """A process of the system."""

    def __init__(self, name: str, module: str, settings: Settings, folder: Path) -> None:
        mine = settings.model_copy(update={"worker": name})
        command = Command([sys.executable, "-m", module], environment={**os.environ, **mine.environment()})
        self.name = name
        self.child = ChildProcess(name, command, folder / f"{name}.log")
        self._process = psutil.Process(self.child.pid)

    def cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return times.user + times.system

    def megabytes(self) -> float:
        return float(self._process.memory_info().rss) / 2**20


class CardWatch(threading.Thread):
    """Reads cards as they come, and notes how long after the last event of their case."""

    def __init__(self, bootstrap: str, partitions: int) -> None:
        super().__init__(daemon=True)
        self._consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="latest", fetch_max_wait_ms=50)
        self._consumer.assign([TopicPartition(topics.ALERT_CARDS, number) for number in range(partitions)])
        self._consumer.seek_to_end()
        for partition in self._consumer.assignment():
            self._consumer.position(partition)
        self.sent: dict[str, float] = {}
        """Case key → when its last event arrived in Kafka (seconds)."""
        self.waited: list[float] = []
        self.ending = threading.Event()

    def run(self) -> None:
        while not self.ending.is_set():
            for records in self._consumer.poll(timeout_ms=50).values():
                now = time.time()
                for record in records:
                    arrived = self.sent.get(case_of_key(record.key or b""))
                    if arrived is not None and now - arrived < FRESH_SECONDS:
                        self.waited.append(now - arrived)
        self._consumer.close()


def stamped(line: bytes, at: str) -> bytes:
    """An event that happened, was written down and arrived at a time."""
    return orjson.dumps(orjson.loads(line) | {"time": at, "recordedat": at, "receivedat": at})


def send(
    bootstrap: str, lines: Sequence[bytes], partitions: int, rate: float, now: Callable[[], str], sent: dict[str, float]
) -> None:
    """Send the events at a steady rate, and note when each arrived in Kafka."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=5)
    began = time.monotonic()
    for number, line in enumerate(lines):
        wait = began + number / rate - time.monotonic()
        if wait > 0:
            time.sleep(wait)
        key, headers = record_of_line(line)
        case, place = key.decode(), topics.partition_of(key, partitions)
        event = stamped(line, now())
        future = producer.send(topics.CASE_EVENTS, key=key, value=event, headers=[*headers], partition=place)
        future.add_callback(lambda done, case=case: sent.__setitem__(case, done.timestamp / 1000))
    producer.flush()
    producer.close()


def buckets(page: str, metric: Metric) -> dict[float, float]:
    """Upper end of a bucket → events up to it, of all partitions."""
    found: dict[float, float] = {}
    for end, count in re.findall(rf'^{metric.samples[0]}{{.*?le="([^"]+)".*?}} (\S+)$', page, re.MULTILINE):
        found[float(end)] = found.get(float(end), 0.0) + float(count)
    return found


def quantile(before: Mapping[float, float], after: Mapping[float, float], share: float) -> float:
    """As `histogram_quantile` gives it, of what came between two scrapes."""
    counts = {end: count - before.get(end, 0.0) for end, count in sorted(after.items())}
    wanted, lower, below = share * max(counts.values()), 0.0, 0.0
    for end, count in counts.items():
        if count >= wanted:
            return lower if end == float("inf") else lower + (end - lower) * (wanted - below) / max(count - below, 1e-9)
        lower, below = end, count
    return lower


def wait(until: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not until():
        if time.monotonic() > end:
            raise SystemExit(f"bench-latency: {what} took more than {PATIENCE_SECONDS:.0f} s")
        time.sleep(0.3)


def page_of(port: int) -> str:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=30).text
    except httpx.HTTPError:
        return ""


def behind(page: str) -> float:
    """Events that wait, and one while that is not known."""
    return sum(map(float, re.findall(rf"^{metrics.STREAM_LAG.name}{{.*}} (\S+)$", page, re.MULTILINE) or ["1"]))


def on_the_way(bootstrap: str, begin_ms: int) -> Iterator[tuple[str, list[float]]]:
    """Where the time goes: seconds from the arrival of each event until its tallies, then its values, were sent."""
    with TopicReader(bootstrap, [topics.KPI_TALLIES, topics.KPI_VALUES]) as reader:
        tallies: list[float] = []
        values: list[float] = []
        while not reader.caught_up:
            for record in reader.poll():
                key, value = record.key or b"", record.value
                if value is None or record.timestamp < begin_ms:
                    continue
                if is_progress(key):
                    waited(tallies, record.timestamp, decode_progress(key, value).arrivals)
                elif is_arrivals(key):
                    found = decode_arrivals(value)
                    waited(values, found.published_ms, found.arrivals)
    yield "until the tallies are sent", tallies
    yield "until the values are sent", values


def waited(found: list[float], at_ms: int, arrivals: Pairs) -> None:
    for arrived, count in arrivals:
        found += [(at_ms - arrived) / 1000] * count


def of_shares(name: str, seconds: Sequence[float]) -> str:
    found = sorted(seconds) or [0.0]
    return f"{name:32}" + "".join(f"  p{share:.0%} {found[int(share * (len(found) - 1))]:.2f} s" for share in SHARES)


def used(parts: Sequence[Part], before: Mapping[str, float], seconds: float) -> str:
    return ", ".join(f"{one.name} {(one.cpu_seconds() - before[one.name]) / seconds:.2f}" for one in parts)


def cpu_of(parts: Sequence[Part]) -> dict[str, float]:
    return {one.name: one.cpu_seconds() for one in parts}


def parts_of(settings: Settings, folder: Path, workers: int, stack: ExitStack) -> Iterator[Part]:
    named = {f"cases-{number}": "streams.cases" for number in range(1, workers + 1)}
    for name, module in (named | {"kpis": "streams.kpis", "exporter": "services.exporter"}).items():
        part = Part(name, module, settings, folder)
        stack.callback(part.child.stop)
        yield part


def is_ready(settings: Settings, part: Part) -> bool:
    said = readiness.read(settings.state, part.name)
    return said is not None and not said.obstacle and said.pid == part.child.pid


def measure(given: argparse.Namespace, folder: Path, stack: ExitStack) -> None:
    lines, last = events(given.backlog, int(given.rate * given.seconds))
    broker = Broker.start(folder / "kafka", cache=Settings.from_environment().cache.absolute())
    stack.callback(broker.stop)
    (port,) = free_ports(1)
    settings = Settings(
        bootstrap=broker.bootstrap, partitions=given.partitions, state=folder / "state", exporter_port=port,
        clock=folder / "clock.json", replication=1,
    )  # fmt: skip
    Clock.simulated(folder / "clock.json").set(last + 60_000_000, 1.0)
    topics.create(broker.bootstrap, given.partitions)
    feed(broker.bootstrap, lines[: given.backlog], given.partitions)
    parts = list(parts_of(settings, folder, given.workers, stack))
    wait(lambda: all(is_ready(settings, one) for one in parts[:-1]), "the start")
    wait(lambda: behind(page_of(port)) == 0, "the backlog")
    time.sleep(given.rest)
    report(given, settings, parts, lines[given.backlog :], broker)


def report(
    given: argparse.Namespace, settings: Settings, parts: Sequence[Part], lines: Sequence[bytes], broker: Broker
) -> None:
    watch = CardWatch(broker.bootstrap, given.partitions)
    watch.start()
    began_at = time.time()
    before, cpu, began = page_of(settings.exporter_port), cpu_of(parts), time.monotonic()
    clock = Clock.from_settings(settings)
    send(broker.bootstrap, lines, given.partitions, given.rate, lambda: text_of(clock.now()), watch.sent)
    seconds = time.monotonic() - began
    busy = used(parts, cpu, seconds)
    time.sleep(5)
    after = page_of(settings.exporter_port)
    watch.ending.set()
    watch.join()
    print(f"{len(lines):,} events in {seconds:.0f} s, load {os.getloadavg()[0]:.1f}")
    for metric in (metrics.EVENT_TO_CARD, metrics.EVENT_TO_VALUE):
        figures = [quantile(buckets(before, metric), buckets(after, metric), share) for share in SHARES]
        print(
            f"{metric.name:32}"
            + "".join(f"  p{share:.0%} {one:.2f} s" for share, one in zip(SHARES, figures, strict=True))
        )
    for name, seconds_of in on_the_way(broker.bootstrap, int(began_at * 1000)):
        print(of_shares(name, seconds_of))
    print(of_shares(f"cards, from outside ({len(watch.waited):,})", watch.waited))
    print(f"cores: {busy}")
    cpu, began = cpu_of(parts), time.monotonic()
    time.sleep(given.idle)
    print(f"cores idle: {used(parts, cpu, time.monotonic() - began)}")
    print("MB: " + ", ".join(f"{one.name} {one.megabytes():.0f}" for one in parts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--backlog", type=int, default=90_000, help="events before the steady ones (90,000)")
    parser.add_argument("--rate", type=float, default=1_000, help="events a second (1,000)")
    parser.add_argument("--seconds", type=float, default=180, help="for so long (180)")
    parser.add_argument("--rest", type=float, default=20, help="seconds between the two (20)")
    parser.add_argument("--idle", type=float, default=60, help="seconds of rest at the end (60)")
    parser.add_argument("--workers", type=int, default=1, help="of the cases stage (1)")
    parser.add_argument("--partitions", type=int, default=8)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        measure(parser.parse_args(), Path(name), stack)


if __name__ == "__main__":
    main()
