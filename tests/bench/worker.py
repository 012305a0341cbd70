"""`python -m tests.bench.worker`: a worker of the cases stage as an engine of the benchmark, beside it its adapter.

The stage is the system's own, with the job's plan of six promises and topics of its own. What differs is written here:
READY at the first record, and that the benchmark's topic is an archive, to which the rule for files applies: an event
arrived when it says so or was recorded, not when the topic was filled. `BENCH_PLAN` names another plan: its tallies are
read as they are, without an adapter. `BENCH_CLOCK` names the file of a clock; else it is the machine's.
"""

import cProfile
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import faust
from faust.types import TP

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.domain.intake.admission import Admitted
from services.domain.intake.quick_admission import QuickAdmission
from services.domain.judging.judge import Judge
from services.domain.time.zone import Instant
from services.messaging.codec import CODEC, read_envelope
from services.runtime.clock import Clock
from services.runtime.settings import Settings
from streams.application import worker_app
from streams.cases.__main__ import TICK_SECONDS
from streams.cases.cases import Cases
from streams.cases.stage_settings import StageSettings
from streams.delivery.bulk import BulkDelivery
from streams.delivery.faust_driver import Record
from streams.delivery.recovery import changelog_topic
from streams.worker import run
from tests.bench.job import PARTITIONS, PLAN, Protocol
from tests.bench.stream import make_topics

TABLE = "rows"
SESSION_SECONDS = 10.0
"""The benchmark's setting, the same for all."""
PLAN_FOLDER = "BENCH_PLAN"
CLOCK = "BENCH_CLOCK"
PROFILE = "BENCH_PROFILE"
"""Names a file: a profile of the event loop goes there when the worker ends."""


class FileRule(QuickAdmission):
    """Events of a file in a topic: the time of the record is not that of their arrival."""

    def admit(
        self,
        raw: bytes | None,
        *,
        received: Instant | None = None,
        now: Instant | None = None,
        key: bytes | None = None,
        headers: Iterable[tuple[str, bytes | None]] | None = None,
    ) -> Admitted:
        return super().admit(raw, now=now, key=key, headers=headers)


class WatchedCases(Cases):
    """Prints READY at the first record."""

    _ready = False

    async def on_events(self, tp: TP, records: Sequence[Record]) -> None:
        if not self._ready:
            self._ready = True
            print("READY", flush=True)
        await super().on_events(tp, records)


def build(protocol: Protocol) -> faust.App:
    """The app, as `streams.cases` builds it."""
    plan = load_plan(Path(os.environ.get(PLAN_FOLDER, PLAN)))
    clock = Clock.simulated(Path(os.environ[CLOCK])) if CLOCK in os.environ else Clock.real()
    settings = Settings(bootstrap=protocol.bootstrap, state=protocol.state, session_timeout_seconds=SESSION_SECONDS)
    app = worker_app(protocol.group, settings, partitions=PARTITIONS, store="rocksdb")
    delivery = BulkDelivery(app, table=TABLE)
    cases = WatchedCases(
        delivery,
        Judge(plan, calendar_of(plan)),
        FileRule(plan, CODEC, read_envelope, trust_receivedat=True),
        clock,
        topics_of(protocol),
    )
    delivery.on_assigned(cases.on_assigned)
    delivery.chunks(app.topic(protocol.input, partitions=PARTITIONS), cases.on_events)
    app.timer(TICK_SECONDS)(cases.on_tick)
    return app


def topics_of(protocol: Protocol) -> StageSettings:
    """The stage's topics, all but the input named for this run."""
    group = protocol.group
    return StageSettings(
        events=protocol.input,
        dead_letters=f"{group}.dead-letter",
        tallies=protocol.tallies,
        cards=f"{group}.alert.cards",
        verdicts=f"{group}.case.verdicts",
        quarantine=f"{group}.case.quarantine",
    )


def make_own_topics(protocol: Protocol) -> None:
    """Those that are not there: after a crash they are."""
    names = topics_of(protocol)
    compacted = {"cleanup.policy": "compact"}
    wanted: dict[str, dict[str, Any]] = {
        changelog_topic(protocol.group, TABLE): {"num_partitions": PARTITIONS, "configs": compacted},
        names.dead_letters: {"num_partitions": 1},
        names.tallies: {"num_partitions": 1, "configs": compacted},
        names.cards: {"num_partitions": PARTITIONS, "configs": compacted},
        names.verdicts: {"num_partitions": PARTITIONS, "configs": compacted},
        names.quarantine: {"num_partitions": PARTITIONS, "configs": compacted},
    }
    make_topics(protocol.bootstrap, wanted)


def main() -> None:
    """Work until the process is ended."""
    protocol = Protocol.from_environment()
    make_own_topics(protocol)
    adapter = None if PLAN_FOLDER in os.environ else subprocess.Popen([sys.executable, "-m", "tests.bench.adapter"])
    profile = cProfile.Profile() if PROFILE in os.environ else None
    if profile is not None:
        profile.enable()
    try:
        run(build(protocol))
    finally:
        if profile is not None:
            profile.disable()
            profile.dump_stats(os.environ[PROFILE])
        if adapter is not None:
            adapter.terminate()
            adapter.wait()
        print("DONE", flush=True)


if __name__ == "__main__":
    main()
