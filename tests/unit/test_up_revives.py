"""How `kpiwatch up` treats a part that has ended: started again, later and later; the others go on."""

import io
import time
from pathlib import Path
from typing import cast

import pytest
from rich.console import Console

from services.local.child_process import ChildProcess
from services.local.failures import PartUnavailable
from services.local.supervisor import parts
from services.local.up import _SupervisedPart, _System, forget
from services.runtime.settings import Settings


class FakeChild:
    """A process that has ended, or runs."""

    def __init__(self, exit_code: int | None = 1) -> None:
        self.name, self.log, self.exit_code = "Prometheus", Path("prometheus.log"), exit_code


class FakeBroker:
    exit_code: int | None = None


@pytest.fixture
def system() -> _System:
    made = _System.__new__(_System)
    made.console = Console(file=io.StringIO(), width=200)
    made.broker = FakeBroker()  # type: ignore[assignment]
    made.children = []
    return made


def test_the_more_often_a_part_has_died_the_longer_until_it_is_started_again(
    system: _System, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    starts: list[float] = []

    def start() -> ChildProcess:
        starts.append(now)
        return cast(ChildProcess, FakeChild())

    system.children = [_SupervisedPart(cast(ChildProcess, FakeChild()), start)]
    for _ in range(2_000):
        system._look_after()
        now += 0.1
    gaps = [round(later - earlier) for earlier, later in zip(starts, starts[1:], strict=False)]
    assert gaps[:6] == [1, 2, 5, 10, 30, 60]
    assert set(gaps[6:]) <= {60}


def test_a_part_that_cannot_be_started_ends_nothing(system: _System) -> None:
    def start() -> ChildProcess:
        raise PartUnavailable("Prometheus", "its port is taken", "Stop that")

    system.children = [
        _SupervisedPart(cast(ChildProcess, FakeChild()), start),
        _SupervisedPart(cast(ChildProcess, FakeChild(None)), start),
    ]
    system._look_after()
    said = cast(io.StringIO, system.console.file).getvalue()
    assert "Prometheus ended with code 1; starting it again" in said
    assert "Going on without it: Prometheus: its port is taken" in said


def test_without_a_broker_nothing_can_go_on(system: _System) -> None:
    system.broker.exit_code = -9  # type: ignore[misc]
    with pytest.raises(PartUnavailable, match="it ended with code -9"):
        system._look_after()


def test_only_the_demo_has_a_feed_and_doubles_of_messengers() -> None:
    """With somebody's own plan sources send, and messengers are real."""
    own = [part.name for part in parts(Settings())]
    demo = [part.name for part in parts(Settings(feed_keys=Path("keys.json")))]
    assert set(demo) - set(own) == {"feed", "doubles"} and "gateway" in own


def test_each_plan_keeps_its_data_in_a_folder_of_its_own(tmp_path: Path) -> None:
    settings = Settings(demo_folder=tmp_path / "demo")
    example = settings.plan.parent / "example-permits"
    assert forget(settings, Console(file=io.StringIO()), example) == 0
    assert [each.name for each in tmp_path.iterdir()] == ["up-waterveen-permits.lock"]
