"""A sender that is killed (SIGKILL) loses nothing: what `put` returned for arrives, and a file arrives whole."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson

from kpiwatch.client import Client
from tests.unit.gateway import GOOD, Gateway
from tests.unit.served_gateway import gateway, url

__all__ = ["gateway", "url"]

ROOT = Path(__file__).parents[2]
SENDER = """
import os, sys
from kpiwatch.client import Client, ClientError
url, spool, first = sys.argv[1], sys.argv[2], int(sys.argv[3])
client = Client(url, os.environ["KEY"], spool)
event = os.environ["EVENT"]
for number in range(first, first + 100_000):
    client.put(event.replace("NUMBER", str(number)))
    print(number, flush=True)
    if number % 10 == 9:
        client.flush()
"""


def environment(gateway: Gateway, **more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'services/public'}", "KEY": gateway.key, **more}


def test_what_put_returned_for_arrives_whenever_the_process_is_killed(
    gateway: Gateway, url: str, tmp_path: Path
) -> None:
    spool = tmp_path / "spool.sqlite"
    given: set[str] = set()
    for round_, acknowledged in enumerate((3, 47, 111)):
        event = orjson.dumps({**GOOD, "id": "p-NUMBER"}).decode()
        process = subprocess.Popen(
            [sys.executable, "-c", SENDER, url, str(spool), str(round_ * 100_000)],
            cwd=ROOT, env=environment(gateway, EVENT=event), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(acknowledged)]
        process.kill()
        rest = process.stdout.read()
        process.stdout.close()
        process.wait()
        given |= {f"p-{line}" for line in ("".join(lines) + rest[: rest.rfind("\n") + 1]).split()}
    with Client(url, gateway.key, spool) as client:
        client.flush()
        assert client.waiting == 0
    arrived = gateway.log.ids
    assert len(given) >= 161 and given <= set(arrived)
    first = [id for place, id in enumerate(arrived) if id not in arrived[:place]]
    assert first == sorted(first, key=lambda id: int(id[2:])), "in their order, repetitions aside"


def test_a_file_is_sent_to_its_end_by_the_next_start(gateway: Gateway, url: str, tmp_path: Path) -> None:
    gateway.log.records.clear()
    file, count = tmp_path / "events.jsonl", 4_000
    file.write_bytes(b"".join(orjson.dumps({**GOOD, "id": f"f-{n}"}) + b"\n" for n in range(count)))
    command = [sys.executable, "-m", "services.cli", "send", str(file), "--gateway", url]
    settings = environment(gateway, KPIWATCH_KEY=gateway.key, KPIWATCH_SPOOL=str(tmp_path / "spool.sqlite"))
    process = subprocess.Popen(command, cwd=ROOT, env=settings)
    while len(gateway.log.records) < 1_000:
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    so_far = len(gateway.log.records)
    done = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=True)
    assert "lines were sent before" in done.stderr and done.stdout.endswith(" events accepted\n")
    assert set(gateway.log.ids) == {f"f-{n}" for n in range(count)}
    assert so_far < count and len(gateway.log.records) <= count + 500, "at most one request twice"
