"""The clock that all processes share, and the settings that they read."""

import math
import re
from pathlib import Path

import pytest

from services.runtime.clock import KEEP_SECONDS, Clock
from services.runtime.settings import Settings, SettingsError, variable

SECOND = 1_000_000
OCTOBER = 1_633_017_600 * SECOND
"""2021-10-01 00:00 in Shanghai."""

ROOT = Path(__file__).parents[2]


class RealTime:
    """The machine's time, as the test wants it."""

    def __init__(self) -> None:
        self.us = 1_700_000_000 * SECOND

    def __call__(self) -> int:
        return self.us

    def passes(self, seconds: float) -> None:
        self.us += int(seconds * SECOND)


@pytest.fixture
def real() -> RealTime:
    return RealTime()


@pytest.fixture
def clock(tmp_path: Path, real: RealTime) -> Clock:
    return Clock(tmp_path / "clock.json", real)


def restarted(clock: Clock, real: RealTime) -> Clock:
    """The same clock in another process."""
    return Clock(clock._file, real)


def test_the_real_clock_runs_at_speed_one() -> None:
    before = Clock.real().now()
    assert Clock.real().now() - before < 60 * SECOND
    assert Clock.real().speed == 1
    assert Clock.real().real_seconds(90) == 90


def test_a_simulated_day_takes_six_seconds_at_14400(clock: Clock, real: RealTime) -> None:
    clock.set(OCTOBER, speed=14_400)
    real.passes(6)
    assert clock.now() == OCTOBER + 86_400 * SECOND
    assert clock.real_seconds(86_400) == 6


def test_a_clock_of_speed_nought_is_stopped(clock: Clock, real: RealTime) -> None:
    clock.set(OCTOBER, speed=0)
    real.passes(1_000)
    assert clock.now() == OCTOBER
    assert clock.real_seconds(1) == math.inf


def test_every_process_sees_a_change_at_once(clock: Clock, real: RealTime) -> None:
    clock.set(OCTOBER, speed=0)
    other = restarted(clock, real)
    assert other.now() == OCTOBER
    for step in range(1, 20):
        clock.set(OCTOBER + step, speed=0)
        assert other.now() == OCTOBER + step


def test_time_is_stopped_while_nothing_runs(clock: Clock, real: RealTime) -> None:
    clock.set(OCTOBER, speed=100)
    real.passes(10)
    clock.pause()
    real.passes(3_600)
    again = restarted(clock, real)
    assert again.now() == OCTOBER + 1_000 * SECOND
    again.go_on()
    real.passes(1)
    assert again.now() == OCTOBER + 1_100 * SECOND


def test_after_a_crash_no_time_is_shown_twice_and_the_pause_is_not_lived_through(clock: Clock, real: RealTime) -> None:
    clock.set(OCTOBER, speed=100)
    real.passes(60)
    clock.keep()
    real.passes(KEEP_SECONDS)
    last_shown = clock.now()
    real.passes(86_400)
    again = restarted(clock, real)
    again.go_on()
    assert last_shown <= again.now() <= last_shown + int(100 * KEEP_SECONDS * SECOND)


def test_a_clock_begins_once_and_goes_on_after_that_at_the_speed_it_is_given(clock: Clock, real: RealTime) -> None:
    clock.begin(OCTOBER, speed=60)
    real.passes(10)
    clock.pause()
    real.passes(86_400)
    again = restarted(clock, real)
    again.begin(0, speed=7)
    assert (again.now(), again.speed) == (OCTOBER + 600 * SECOND, 7)


def test_keeping_the_time_does_not_change_it(clock: Clock, real: RealTime) -> None:
    clock.set(OCTOBER, speed=7)
    real.passes(11)
    before = clock.now()
    clock.keep()
    assert clock.now() == before


def test_the_clock_of_the_settings_is_real_unless_they_name_a_file(tmp_path: Path) -> None:
    assert not Clock.from_settings(Settings()).is_simulated
    assert Clock.from_settings(Settings(clock=tmp_path / "clock.json")).is_simulated


def test_the_example_file_lists_every_setting_with_its_default_and_no_other() -> None:
    listed = dict(re.findall(r"^# ?(KPIWATCH_\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    defaults = {
        variable(name): "" if field.default is None else str(field.default)
        for name, field in Settings.model_fields.items()
    }
    defaults["KPIWATCH_PLAN"] = "services/catalog/jiangbei-2021"
    defaults["KPIWATCH_DEMO_START"] = Settings().demo_start.isoformat()
    assert listed == defaults


def test_every_setting_says_what_it_means() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_wrong_settings_are_all_named_with_reason_and_remedy() -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment({"KPIWATCH_KAFKA_PORT": "70000", "KPIWATCH_BOOTSRAP": "x", "KPIWATCH_STORE": "tape"})
    first, second, third = str(refusal.value).splitlines()
    assert first == "KPIWATCH_BOOTSRAP: there is no such setting. Did you mean KPIWATCH_BOOTSTRAP?"
    assert second.startswith("KPIWATCH_STORE=tape: Input should be 'rocksdb' or 'memory'")
    assert third.startswith("KPIWATCH_KAFKA_PORT=70000: Input should be less than or equal to 65535")
    assert third.endswith("Port of the embedded Kafka.")


def test_a_started_process_gets_the_settings_of_the_one_that_starts_it() -> None:
    settings = Settings(worker="cases-2", kafka_port=21_000, clock=Path("clock.json"))
    assert Settings.from_environment(settings.environment()) == settings


def test_a_start_without_offset_is_refused() -> None:
    with pytest.raises(SettingsError, match="KPIWATCH_DEMO_START"):
        Settings.from_environment({"KPIWATCH_DEMO_START": "2021-10-01T08:00:00"})
