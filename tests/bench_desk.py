"""`make bench-desk`: how fast the pages of the desk are with 100,000 cards and 20 clients, and what a request costs.

Each client opens one page after the other, with a second between two requests, as people do. The desk runs as one
process behind uvicorn; what is measured is at the client, over a socket on loopback. Sign-in is apart: the sessions are
in memory. The target is a 95th percentile of 200 ms on every page.
"""

import multiprocessing
import random
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, NamedTuple

import httpx
import psutil

from services.desk.access import Role, Viewer
from services.desk.app import desk_app
from services.domain.results.published import State
from services.local.ports import free_ports
from tests.served import served
from tests.unit.desk import OpenSessions
from tests.unit.desk_reading import WATER_UNIT, make_cards, published, reading_desk, value_record, value_row
from tests.unit.test_desk_routes import CASE_OF_A, ledger_of_a
from tests.verdicts import shipped

CARDS: Final = 100_000
CLIENTS: Final = 20
SECONDS: Final = 60.0
PAUSE_SECONDS: Final = 1.0
TARGET_SECONDS: Final = 0.2
PAGES: Final = (
    "/district", "/cards", "/cards?level=red", "/cards?promise=K06-1", "/cards?whose=led", "/promises",
    "/promises/K06-1", "/cases", "/cases?state=open&level=red", CASE_OF_A, "/sources", "/orders", "/notices",
)  # fmt: skip
VIEWERS: Final = (
    Viewer("operations", Role.OPERATIONS),
    Viewer("water", Role.UNIT, WATER_UNIT),
    Viewer("lead", Role.UNIT, "district-urban-management"),
)


class Answer(NamedTuple):
    """One request, as its client saw it."""

    page: str
    seconds: float
    status: int


def serve(folder: Path, port: int, tells: Connection) -> None:
    """The process of the desk, until it is told to end."""
    plan = shipped().plan
    official = [each for each in plan.promises if each.is_official]
    rows = [
        value_record(number, value_row(unit, State.MISSED, "0.5", kpi=promise.id))
        for number, (promise, unit) in enumerate((each, unit) for each in official for unit in ("ALL", WATER_UNIT))
    ]
    desk = reading_desk(folder, [*published(), *rows], ledger_of_a(), port=port)
    make_cards(folder, CARDS)
    assert isinstance(desk.sessions, OpenSessions)
    tokens = [desk.sessions.begin(viewer) for viewer in VIEWERS]
    with served(desk_app(desk), port):
        tells.send(tokens)
        tells.recv()


def client(url: str, token: str, seed: int, until: float, answers: list[Answer]) -> None:
    """Opens pages until a time."""
    rng = random.Random(seed)
    with httpx.Client(base_url=url, cookies={"desk_session": token}, timeout=30) as session:
        time.sleep(rng.random() * PAUSE_SECONDS)
        while time.monotonic() < until:
            page = rng.choice(PAGES)
            began = time.perf_counter()
            status = session.get(page).status_code
            answers.append(Answer(page, time.perf_counter() - began, status))
            time.sleep(PAUSE_SECONDS)


def measured(url: str, tokens: Sequence[str]) -> list[Answer]:
    """What all clients saw."""
    answers: list[Answer] = []
    until = time.monotonic() + SECONDS
    clients = [
        threading.Thread(target=client, args=(url, tokens[number % len(tokens)], number, until, answers))
        for number in range(CLIENTS)
    ]
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    return answers


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so large a share does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def table(answers: Sequence[Answer]) -> Iterator[str]:
    """The figures of each page, and of all."""
    by_page: Mapping[str, list[float]] = defaultdict(list)
    for each in answers:
        by_page[each.page.replace(CASE_OF_A, "/cases/…")].append(each.seconds)
    yield "| page | requests | median ms | p95 ms |"
    yield "|---|---|---|---|"
    for page, seconds in [*sorted(by_page.items()), ("all", [each.seconds for each in answers])]:
        median, most = (1_000 * percentile(seconds, share) for share in (0.5, 0.95))
        yield f"| {page} | {len(seconds)} | {median:.0f} | {most:.0f} |"


def main() -> int:
    """0 where the target is kept."""
    port = free_ports(1)[0]
    here, there = multiprocessing.Pipe()
    with tempfile.TemporaryDirectory() as folder:
        desk = multiprocessing.get_context("spawn").Process(target=serve, args=(Path(folder), port, there))
        desk.start()
        tokens = here.recv()
        process = psutil.Process(desk.pid)
        before = sum(process.cpu_times()[:2])
        answers = measured(f"http://127.0.0.1:{port}", tokens)
        spent = sum(process.cpu_times()[:2]) - before
        here.send("end")
        desk.join()
    print("\n".join(table(answers)))
    wrong = [each for each in answers if each.status not in (200, 404)]
    slow = percentile([each.seconds for each in answers], 0.95)
    print(
        f"{CARDS:,} cards, {CLIENTS} clients: {1_000 * spent / len(answers):.0f} ms CPU a request, {len(wrong)} failed"
    )
    return int(bool(wrong) or slow > TARGET_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
