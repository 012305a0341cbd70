"""A worker whose answers are easy to check: the row of a key is the set of event ids seen for it.

Started by the delivery tests as a process of its own: `python -m tests.integration.delivery_worker '<json>'`.
Besides counting it watches over what `BulkDelivery` promises, and fails if a promise is broken: what it keeps in
memory of the partitions that are not `fresh` equals their rows; a sweep and a chunk never interleave.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from services.runtime.settings import Settings
from streams.application import worker_app
from streams.delivery.bulk import BulkDelivery
from streams.worker import run

SWEEP_KEY = b"~sweeps"
ID_BYTES = 8


def ids(row: bytes) -> list[int]:
    return [int.from_bytes(row[at : at + ID_BYTES], "big") for at in range(0, len(row), ID_BYTES)]


def main() -> None:
    conf: dict[str, Any] = json.loads(sys.argv[1])
    settings = Settings(
        bootstrap=conf["bootstrap"],
        worker=conf["worker"],
        state=Path(conf["data_dir"]),
        session_timeout_seconds=conf.get("session_seconds", 6.0),
    )
    app = worker_app(conf["id"], settings, partitions=conf["partitions"], store="rocksdb")
    delivery = BulkDelivery(app, table="counts", end_when_frozen=conf.get("end_when_frozen", True))
    outputs = conf["id"] + "-outputs"
    counts: dict[int, dict[bytes, int]] = {}
    busy: set[int] = set()
    handled = 0

    async def on_events(tp: Any, records: Any) -> None:
        nonlocal handled
        partition = tp.partition
        assert partition not in busy, "interleaved"
        busy.add(partition)
        rows, known = delivery.rows(partition), counts[partition]
        touched: dict[bytes, int] = {}
        await asyncio.sleep(0)
        for record in records:
            key, event = record.key, record.value[:ID_BYTES]
            row = rows.get(key, b"") or b""
            assert len(row) // ID_BYTES == known.get(key, 0), "memory and rows differ"
            if event not in [row[at : at + ID_BYTES] for at in range(0, len(row), ID_BYTES)]:
                row += event
                rows[key] = row
            touched[key] = known[key] = len(row) // ID_BYTES  # sent again for a redelivered event: the rule of delivery
        await delivery.send_many(outputs, partition, [(key, str(n).encode()) for key, n in touched.items()])
        handled += len(records)
        busy.discard(partition)
        if conf.get("raise_after") and handled >= conf["raise_after"]:
            raise ValueError("failpoint: the handler raises")

    async def on_assigned(owned: frozenset[int], fresh: frozenset[int]) -> None:
        for partition in counts.keys() - owned:
            del counts[partition]
        for partition in fresh:
            rows = delivery.rows(partition)
            counts[partition] = {key: len(row) // ID_BYTES for key, row in rows.items() if key != SWEEP_KEY}
        print("assigned", sorted(owned), "fresh", sorted(fresh), flush=True)

    async def sweep() -> None:
        for partition in delivery.owned:
            async with delivery.turn(partition) as rows:
                if rows is None:
                    continue
                assert partition not in busy, "interleaved"
                busy.add(partition)
                await asyncio.sleep(0.002)
                rows[SWEEP_KEY] = (int.from_bytes(rows.get(SWEEP_KEY) or b"\0", "big") + 1).to_bytes(8, "big")
                busy.discard(partition)

    async def finish() -> None:
        if delivery.total_lag() == 0 and len(delivery.owned) == conf["partitions"]:
            found = {
                key.decode(): ids(row)
                for partition in delivery.owned
                for key, row in delivery.rows(partition).items()
                if key != SWEEP_KEY
            }
            Path(conf["finish"]).write_text(json.dumps(found))
            os.kill(os.getpid(), signal.SIGTERM)

    delivery.chunks(app.topic(conf["id"] + "-events"), on_events)
    delivery.on_assigned(on_assigned)
    app.timer(0.5)(sweep)
    if conf.get("finish"):
        app.timer(1.0)(finish)
    if conf.get("die_between"):
        _die_between_changelog_and_output(outputs, conf["id"] + "-counts-changelog", conf["die_between"])
    if conf.get("slow_send"):
        _send_slowly(conf["slow_send"])
    run(app, loglevel="INFO")


def _die_between_changelog_and_output(outputs: str, changelog: str, after: int) -> None:
    """From the `after`-th chunk on no output leaves; when the changelog of one is acknowledged, the process dies."""
    from aiokafka import AIOKafkaProducer  # type: ignore[import-untyped]

    send_batch = AIOKafkaProducer.send_batch
    chunks = 0
    held = False

    async def failing(self: Any, batch: Any, topic: str, *, partition: int) -> Any:
        nonlocal chunks, held
        if topic == outputs:
            chunks += 1
            if chunks > after:
                held = True
                return asyncio.get_running_loop().create_future()
        acknowledged = await send_batch(self, batch, topic, partition=partition)
        if topic == changelog and held:
            acknowledged.add_done_callback(lambda _: os.kill(os.getpid(), signal.SIGKILL))
        return acknowledged

    AIOKafkaProducer.send_batch = failing


def _send_slowly(seconds: float) -> None:
    """Every produced batch is on its way for this long, so that a worker that is frozen always has some in hand."""
    from aiokafka.client import AIOKafkaClient  # type: ignore[import-untyped]

    send = AIOKafkaClient.send

    async def slow(self: Any, node_id: Any, request: Any, **options: Any) -> Any:
        if type(request).__name__.startswith("Produce"):
            await asyncio.sleep(seconds)
        return await send(self, node_id, request, **options)

    AIOKafkaClient.send = slow


if __name__ == "__main__":
    main()
