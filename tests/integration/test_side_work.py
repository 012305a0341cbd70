"""Work beside intake, in real processes: it has a time limit, and whatever becomes of it, the loop goes on."""

import asyncio
import logging
import os
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from services.gateway.case_questions import account, preparation, what_if
from services.gateway.problems import Problem
from services.gateway.side_work import Preparation, Processes
from services.gateway.wire import Sent
from tests.integration import side_functions as do
from tests.unit.gateway import NOW, WATER
from tests.unit.gateway_cases import COMPLETED, STORED, CaseWorld, book_of


async def refusal(processes: Processes, function: Any, *args: object) -> Problem:
    with pytest.raises(Problem) as raised:
        await processes.run(function, *args)
    assert raised.value.status == 503 and raised.value.retry_after
    return raised.value


async def ticks(counted: list[float]) -> None:
    while True:
        await asyncio.sleep(0.01)
        counted.append(time.monotonic())


def test_what_goes_wrong_in_a_process_stays_there(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        processes = Processes(Preparation(do.slow_start, (do.Known,), 0.4), 1)
        pid, niceness = await processes.run(do.who)  # its start took longer than the limit, and does not count
        assert pid != os.getpid() and niceness >= 10
        counted: list[float] = []
        ticking = asyncio.create_task(ticks(counted))
        assert (await refusal(processes, do.endless)).kind == "too_long"
        assert len(counted) > 5, "the loop went on"
        ticking.cancel()
        assert await processes.run(do.who) == (pid, niceness), "the process that was slow is used again"
        assert (await refusal(processes, do.unforeseen, "W-1 of somebody")).kind == "unavailable"
        with pytest.raises(do.Known, match="there is none"):
            await processes.run(do.known)
        assert await asyncio.gather(*(processes.run(do.nothing) for _ in range(3))) == [None] * 3, "the others wait"
        assert (await refusal(processes, do.dies)).kind == "unavailable"
        assert (await processes.run(do.who))[0] != pid

    with caplog.at_level(logging.INFO, "services"):
        asyncio.run(story())
    assert "ArithmeticError in tests/integration/side_functions.py" in caplog.text and "W-1" not in caplog.text


def test_a_process_asks_the_casebook_as_this_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = CaseWorld(tmp_path)
    world.store(*STORED)
    asked = world.settings, WATER, "W-1", NOW
    completed = world.settings, WATER, [Sent(orjson.dumps(COMPLETED), (("other", b"header"),))], NOW, True

    async def story() -> tuple[bytes | None, bytes]:
        processes = Processes(preparation(world.settings)._replace(seconds=60), 1)
        return await processes.run(account, *asked), await processes.run(what_if, *completed)

    answered, changed = asyncio.run(story())
    monkeypatch.setattr("services.gateway.case_questions.book_of", book_of)
    assert answered is not None and answered == account(*asked)
    assert changed == what_if(*completed)
