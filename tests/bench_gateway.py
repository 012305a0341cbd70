"""`make bench-gateway`: events per second through one gateway process on one core, beside a bare endpoint.

Both are processes of their own, pinned to one core, and get the same batches from the same client. The bare one only
parses: FastAPI and orjson, as the gateway has them. CPU seconds are those of the process alone, user and system, from
its first batch to its last answer.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import orjson
import psutil

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.intake.refusal import Refused
from services.domain.plan.statutory_time import Law
from services.gateway.key_admin import KeyAdmin
from services.local.child_process import ChildProcess, Command
from services.local.kafka import Broker
from services.local.ports import free_ports
from services.messaging import topics
from services.messaging.codec import admission
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from services.simulator.district.profile import profile
from services.simulator.simulation import Simulation

BATCH = 500
SENDERS = 4
BARE = """
import orjson, sys, uvicorn
from fastapi import FastAPI, Request

app = FastAPI()

@app.post("/events")
async def events(request: Request) -> dict:
    return {"accepted": len(orjson.loads(await request.body()))}

@app.get("/readyz")
def ready() -> str:
    return "ready"

uvicorn.run(app, port=int(sys.argv[1]), log_level="warning", access_log=False)
"""


class Measured(NamedTuple):
    """One run."""

    events: int
    wall_seconds: float
    cpu_seconds: float

    def line(self, name: str) -> str:
        return (
            f"{name:24}{self.events / self.wall_seconds:>12,.0f} events/s"
            f"{self.cpu_seconds / self.events * 1e6:>10.1f} CPU s per million"
            f"{self.events / self.cpu_seconds:>12,.0f} events per CPU second"
        )


def batches(number: int) -> tuple[str, list[bytes]]:
    """The busiest source of a simulated district, and batches of its events."""
    plan = load_plan(Settings().plan)
    edge = admission(plan)
    simulation = Simulation(Law(plan, calendar_of(plan)), profile("demo"), 7, plan.head.issued)
    lines: dict[str, list[bytes]] = {}
    for event in simulation.events():
        try:
            fields = orjson.loads(event.line)
            fields.pop("receivedat", None)
            line = orjson.dumps(fields)
            edge.admit(line)
        except (ValueError, AttributeError, Refused):
            continue  # the demo has bad events, too
        mine = lines.setdefault(fields["source"], [])
        mine.append(line)
        if len(mine) == number * BATCH:
            break
    source = max(lines, key=lambda name: len(lines[name]))
    found = lines[source]
    return source, [b"[" + b",".join(found[at : at + BATCH]) + b"]" for at in range(0, len(found), BATCH)]


@contextmanager
def serving(name: str, arguments: list[str], port: int, environment: dict[str, str], log: Path) -> Iterator[int]:
    """The process, pinned to the last core, once it says that it is ready."""
    child = ChildProcess(name, Command([sys.executable, *arguments], environment={**os.environ, **environment}), log)
    try:
        os.sched_setaffinity(child.pid, {max(os.sched_getaffinity(0))})
        child.wait_until(lambda: _answers(f"http://127.0.0.1:{port}/readyz"), 120, "Look at the log")
        for thread in psutil.Process(child.pid).threads():
            os.sched_setaffinity(thread.id, {max(os.sched_getaffinity(0))})
        yield child.pid
    finally:
        child.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def measured(pid: int, port: int, bodies: list[bytes], headers: dict[str, str], rounds: int) -> Measured:
    """All batches, so many times, by some senders at once."""
    work = iter(bodies * rounds)
    lock = threading.Lock()
    failures: list[str] = []

    def send() -> None:
        with httpx.Client() as client:
            while True:
                with lock:
                    body = next(work, None)
                if body is None:
                    return
                answer = client.post(f"http://127.0.0.1:{port}/events", content=body, headers=headers)
                if answer.status_code >= 300:
                    failures.append(answer.text[:500])

    process = psutil.Process(pid)
    before, began = process.cpu_times(), time.monotonic()
    senders = [threading.Thread(target=send) for _ in range(SENDERS)]
    for one in senders:
        one.start()
    for one in senders:
        one.join()
    wall, after = time.monotonic() - began, process.cpu_times()
    if failures:
        raise SystemExit(f"{len(failures)} batches were refused, the first with: {failures[0]}")
    cpu = after.user + after.system - before.user - before.system
    return Measured(BATCH * len(bodies) * rounds, wall, cpu)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=40, help="different batches (40)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is sent (5)")
    parser.add_argument("--profile", type=Path, help="write a profile of the gateway (cProfile) there")
    given = parser.parse_args()
    source, bodies = batches(given.batches)
    headers = {"Content-Type": "application/cloudevents-batch+json"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Broker.start(folder / "kafka", cache=Settings.from_environment().cache)
        try:
            topics.create(broker.bootstrap, 8)
            key = KeyAdmin(broker.bootstrap, Clock.real().now).add(source).whole
            headers["Authorization"] = f"Bearer {key}"
            bare, port = free_ports(2)
            with serving("bare", ["-c", BARE, str(bare)], bare, {}, folder / "bare.log") as pid:
                measured(pid, bare, bodies[:4], headers, 1)
                print(measured(pid, bare, bodies, headers, given.rounds).line("bare FastAPI, parses"), flush=True)
            settings = {
                "KPIWATCH_BOOTSTRAP": broker.bootstrap,
                "KPIWATCH_GATEWAY_PORT": str(port),
                "KPIWATCH_GATEWAY_RATE": "1000000",
            }
            start = ["-m", "services.gateway"]
            if given.profile:
                start = ["-m", "cProfile", "-o", str(given.profile), *start]
            with serving("gateway", start, port, settings, folder / "gateway.log") as pid:
                measured(pid, port, bodies[:4], headers, 1)
                print(measured(pid, port, bodies, headers, given.rounds).line("gateway, acknowledged"), flush=True)
        finally:
            broker.stop()


if __name__ == "__main__":
    main()
