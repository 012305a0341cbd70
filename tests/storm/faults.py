"""The faults of a storm: which there are, and in which order a seed brings them."""

import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

from services.runtime.settings import Settings
from tests.storm.parts import Part, Supervisor

GAP_SECONDS = (3.0, 6.0)
"""Between two faults."""
SESSION_SECONDS = 8.0
"""A worker that is silent for longer is replaced."""
FREEZE_SECONDS = (9.0, 14.0)
AWAY_SECONDS = (5.0, 15.0)
FULL_SECONDS = (4.0, 10.0)


class Planned(NamedTuple):
    """A fault as the seed has it; whom it hits depends on who is there."""

    moment: float
    """Seconds since the storm began."""
    kind: str
    draw: float
    """Between 0 and 1: decides what is left to decide."""
    seconds: float
    """How long it lasts, between 0 and 1 of what is usual for its kind."""


@dataclass
class Field:
    """Where the faults strike."""

    supervisor: Supervisor
    settings: Settings
    guests: list[Part]
    """Cases workers that join for a while."""


Fault = Callable[[Field, Planned], str]
"""Does it; whom it has hit, empty if there was nobody."""


def _one(found: list[Part], planned: Planned) -> Part | None:
    return found[int(planned.draw * len(found))] if found else None


def _spread(between: tuple[float, float], planned: Planned) -> float:
    low, high = between
    return low + (high - low) * planned.seconds


def _kill(kind: str) -> Fault:
    def fault(field: Field, planned: Planned) -> str:
        part = _one(field.supervisor.of(kind), planned)
        if part is None:
            return ""
        field.supervisor.kill(part, planned.kind)
        return part.name

    return fault


def _freeze(kind: str, between: tuple[float, float] = FREEZE_SECONDS) -> Fault:
    def fault(field: Field, planned: Planned) -> str:
        part = _one(field.supervisor.of(kind), planned)
        if part is None:
            return ""
        field.supervisor.freeze(part, planned.kind, _spread(between, planned))
        return part.name

    return fault


def _away(kind: str) -> Fault:
    """Ended, in order or not, and started again after a while."""

    def fault(field: Field, planned: Planned) -> str:
        part = _one(field.supervisor.of(kind), planned)
        if part is None:
            return ""
        part.wanted = False
        if planned.draw < 0.5:
            field.supervisor.kill(part, planned.kind)
        else:
            field.supervisor.terminate(part, planned.kind, patience=30)

        def back() -> None:
            part.wanted = True

        field.supervisor.later(_spread(AWAY_SECONDS, planned), back)
        return part.name

    return fault


def _disk_full(kind: str) -> Fault:
    """Writes fail for a while, at once or beyond what the largest of its files has reached; every second time the
    process is restarted meanwhile, as an operator would try it."""

    def fault(field: Field, planned: Planned) -> str:
        part = _one(field.supervisor.of(kind), planned)
        if part is None:
            return ""
        seconds = _spread(FULL_SECONDS, planned)
        # a cut in the middle of a record is what a disk leaves that is full by and by
        limit = 0 if planned.draw < 0.7 else _largest(_folder(field, part)) + int(planned.seconds * 4_000)
        field.supervisor.limit_files(part, planned.kind, limit, seconds)
        if planned.seconds < 0.5 and kind != "broker":
            again = partial(field.supervisor.terminate, part, planned.kind)
            field.supervisor.later(seconds / 2, again, heals=False)
        return f"{part.name}, files of at most {limit:,} bytes for {seconds:.0f} s"

    return fault


def _folder(field: Field, part: Part) -> Path:
    if part.kind == "broker":
        return field.settings.demo_folder / "kafka"
    return field.settings.outbox.parent if part.kind == "notifier" else field.settings.state / part.name


def _largest(folder: Path) -> int:
    sizes = [0]
    for file in folder.rglob("*"):
        try:
            sizes.append(file.stat().st_size)
        except FileNotFoundError:
            continue
    return max(sizes)


def _lose_folder(field: Field, planned: Planned) -> str:
    """Killed, and it comes back on an empty disk."""
    part = _one(field.supervisor.of("cases"), planned)
    if part is None:
        return ""
    with field.supervisor.lock:
        field.supervisor.kill(part, planned.kind)
        assert part.running is not None
        while part.running.exit_code is None:
            pass
        shutil.rmtree(field.settings.state / part.name, ignore_errors=True)
    return part.name


def _remove_folder(field: Field, planned: Planned) -> str:
    """The folder goes while the worker runs. It explains an end until the worker starts anew."""
    part = _one(field.supervisor.of("cases"), planned)
    if part is None:
        return ""
    part.explain(planned.kind, 120)
    shutil.rmtree(field.settings.state / part.name, ignore_errors=True)
    return part.name


def _leave(field: Field, planned: Planned) -> str:
    """A cases worker is ended in order, and joins again later."""
    part = _one(field.supervisor.of("cases"), planned)
    if part is None or len(field.supervisor.of("cases")) < 2:
        return ""
    part.wanted = False
    field.supervisor.terminate(part, planned.kind)

    def back() -> None:
        part.wanted = part not in field.guests

    field.supervisor.later(_spread((10, 20), planned), back)
    return part.name


def _join(field: Field, planned: Planned) -> str:
    """One more cases worker for a while; it leaves in order or is killed."""
    part = _one([guest for guest in field.guests if not guest.wanted and not guest.alive], planned)
    if part is None:
        return ""
    part.wanted = True

    def leave() -> None:
        part.wanted = False
        if planned.draw < 0.5:
            field.supervisor.terminate(part, "a cases worker leaves")
        else:
            field.supervisor.kill(part, "a cases worker leaves")

    field.supervisor.later(_spread((10, 25), planned), leave)
    return part.name


FAULTS: dict[str, Fault] = {
    "kill -9 of a cases worker": _kill("cases"),
    "kill -9 of kpis": _kill("kpis"),
    "kill -9 of the notifier": _kill("notifier"),
    "kill -9 of the exporter": _kill("exporter"),
    "cases worker frozen past its session": _freeze("cases"),
    "kill -9 of the broker": _kill("broker"),
    "broker away for a while": _away("broker"),
    "disk full: a cases worker": _disk_full("cases"),
    "disk full: the broker": _disk_full("broker"),
    "state folder lost": _lose_folder,
    "state folder removed in use": _remove_folder,
    "a cases worker leaves": _leave,
    "a cases worker joins": _join,
    "kill -9 of the feed": _kill("feed"),
    "kpis frozen past its session": _freeze("kpis"),
    "broker frozen": _freeze("broker", (3.0, 10.0)),
    "notifier frozen": _freeze("notifier"),
    "disk full: the notifier": _disk_full("notifier"),
    "disk full: kpis": _disk_full("kpis"),
    "kill -9 of the ledger's keeper": _kill("ledger"),
    "ledger's keeper frozen": _freeze("ledger"),
    "Prometheus away": _away("Prometheus"),
    "Alertmanager away": _away("Alertmanager"),
}
MAIN = 12
"""So many of them, the first ones, come in the shortest storm."""
_OFTEN = {
    "kill -9 of a cases worker": 4,
    "kill -9 of kpis": 2,
    "kill -9 of the notifier": 2,
    "cases worker frozen past its session": 2,
    "state folder lost": 2,
    "state folder removed in use": 2,
    "a cases worker leaves": 2,
    "a cases worker joins": 2,
}
"""How often in a round; the others once."""


def planned(seed: int) -> Iterator[Planned]:
    """The faults of a seed, without end: first one of each main kind, then all in rounds, each in another order."""
    rng = random.Random(f"{seed}/faults")
    moment = 0.0
    kinds = list(FAULTS)[:MAIN]
    while True:
        rng.shuffle(kinds)
        for kind in kinds:
            moment += rng.uniform(*GAP_SECONDS)
            yield Planned(moment, kind, rng.random(), rng.random())
        kinds = [kind for kind in FAULTS for _ in range(_OFTEN.get(kind, 1))]
