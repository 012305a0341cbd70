"""The clock that all processes share: real time, or a simulated one that lives through a month in minutes.

A simulated clock is one small JSON file: at `real_epoch_us` it showed `simulated_epoch_us`, and while it is `running`
it goes `speed` times as fast as the real time. Every process that reads the file sees a change at once. Only the
process that leads the system (`kpiwatch up`, a test) changes it.

The clock survives a restart: `pause` keeps the time it showed and `go_on` continues from there, so that simulated time
does not pass while nothing runs. After a crash, when nobody has paused it, it goes on a little after the last `keep`,
and never before a time that it has shown.
"""

import json
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from services.domain.time.zone import Instant
from services.runtime.atomic_file import replace_file
from services.runtime.settings import Settings, SettingsError, variable
from services.runtime.text_file import read_text

KEEP_SECONDS = 5.0
"""The process that leads a simulated clock calls `keep` at least so often (real seconds)."""


def _real_us() -> int:
    return time.time_ns() // 1_000


@dataclass(frozen=True, slots=True)
class _Setting:
    """What the file says."""

    real_epoch_us: int
    simulated_epoch_us: Instant
    speed: float
    running: bool

    def at(self, real_us: int) -> Instant:
        if not self.running:
            return self.simulated_epoch_us
        return self.simulated_epoch_us + int(max(0, real_us - self.real_epoch_us) * self.speed)


def _read(file: Path) -> _Setting:
    """The content of a clock's file. Raises FileNotFoundError, or SettingsError where the file holds no clock."""
    try:
        setting = _Setting(**json.loads(read_text(file)))
        if not (
            math.isfinite(setting.speed) and type(setting.simulated_epoch_us) is type(setting.real_epoch_us) is int
        ):
            raise ValueError("it has no such numbers")
    except (ValueError, TypeError, RecursionError, IsADirectoryError) as error:
        raise SettingsError(
            f"{file} holds no simulated clock ({error}): name another file in {variable('clock')}"
        ) from None
    return setting


class Clock:
    """Asked for the time once per chunk or tick. The answer is passed on as an argument."""

    def __init__(self, file: Path | None, real_us: Callable[[], int] = _real_us) -> None:
        self._file = file
        self._real_us = real_us
        self._read: tuple[tuple[int, int], _Setting] | None = None

    @classmethod
    def real(cls) -> Self:
        """The machine's own time, at speed 1."""
        return cls(None)

    @classmethod
    def simulated(cls, file: Path) -> Self:
        """The clock that `file` keeps; FileNotFoundError on the first question if nobody has set it."""
        return cls(file)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Simulated if the settings name a file, else real."""
        return cls(settings.clock)

    def now(self) -> Instant:
        """Microseconds since 1970-01-01 UTC."""
        return self._setting().at(self._real_us()) if self._file else self._real_us()

    @property
    def is_simulated(self) -> bool:
        return self._file is not None

    @property
    def speed(self) -> float:
        """Simulated seconds per real second: 1 for real time, 0 for a paused clock."""
        if not self._file:
            return 1.0
        setting = self._setting()
        return setting.speed if setting.running else 0.0

    def real_seconds(self, plan_seconds: float) -> float:
        """How many real seconds `plan_seconds` take on this clock; infinite while it is paused."""
        return plan_seconds / self.speed if self.speed else math.inf

    # For the process that leads a simulated clock.

    def set(self, now: Instant, speed: float) -> None:
        """Make it show `now` and go on at `speed`; 0 pauses it there."""
        self._write(_Setting(self._real_us(), now, speed, running=speed > 0))

    def begin(self, start: Instant, speed: float) -> None:
        """Go on from where it was paused, or begin at `start` if nobody has set it yet; from now on at `speed`."""
        assert self._file, "the real clock has no beginning"
        if self._file.exists():
            self.go_on()
        else:
            self.set(start, speed)
        if self.speed != speed:
            self.set(self.now(), speed)

    def keep(self) -> None:
        """Write down the time it shows, so that it can go on from there after a crash."""
        real_us, setting = self._real_us(), self._setting()
        self._write(replace(setting, real_epoch_us=real_us, simulated_epoch_us=setting.at(real_us)))

    def pause(self) -> None:
        """Pause until `go_on`, however long that takes."""
        self.keep()
        self._write(replace(self._setting(), running=False))

    def go_on(self) -> None:
        """Continue from where it was paused or, after a crash, from just after it was last kept."""
        real_us, setting = self._real_us(), self._setting()
        shown = setting.at(min(real_us, setting.real_epoch_us + int(2 * KEEP_SECONDS * 1e6)))
        self._write(replace(setting, real_epoch_us=real_us, simulated_epoch_us=shown, running=setting.speed > 0))

    def _setting(self) -> _Setting:
        assert self._file, "the real clock has no setting"
        status = self._file.stat()
        version = (status.st_ino, status.st_mtime_ns)
        if self._read is None or self._read[0] != version:
            self._read = (version, _read(self._file))
        return self._read[1]

    def _write(self, setting: _Setting) -> None:
        assert self._file, "the real clock cannot be set"
        replace_file(self._file, json.dumps(asdict(setting)))
