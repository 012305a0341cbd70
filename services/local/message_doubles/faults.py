"""What goes wrong at a double, on request: errors, limits, lost answers and time-outs."""

import random
import threading
from dataclasses import dataclass
from enum import StrEnum


class Mode(StrEnum):
    """What a double does with a message."""

    ERROR = "error"
    """It is refused: HTTP 200 with the error code of the fault; SMTP with that reply."""
    LIMITED = "limited"
    """It is refused, since there were too many."""
    DOWN = "down"
    """HTTP 503; SMTP 421."""
    GARBLED = "garbled"
    """HTTP 200 with a page, as of a proxy; it is not accepted."""
    EXPIRED = "expired"
    """The access token has ended before its time."""
    LOST = "lost"
    """It is accepted, and the connection ends without an answer."""
    BROKEN = "broken"
    """It is not accepted, and the connection ends without an answer: nobody can see the difference."""
    SLOW = "slow"
    """It is accepted, and answered after the seconds of the fault."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of failure of one double."""

    mode: Mode
    code: int = 0
    """Of an error."""
    share: float = 1.0
    """Of the messages that meet it."""
    times: int | None = None
    """So often, then no more; None: until it is switched off."""
    seconds: float = 30.0
    """Until a slow answer."""


class Faults:
    """The faults that are switched on: one for each double at most."""

    def __init__(self, seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._on: dict[str, Fault] = {}
        self._left: dict[str, int] = {}
        self.drawn: dict[tuple[str, Mode], int] = {}
        """(double, mode) → how many messages met it."""

    def switch(self, double: str, fault: Fault | None) -> None:
        """Switch a fault on, in the place of another one; None: all is well again."""
        with self._lock:
            self._on.pop(double, None)
            self._left.pop(double, None)
            if fault is not None:
                self._on[double] = fault
                if fault.times is not None:
                    self._left[double] = fault.times

    def clear(self) -> None:
        """All is well again."""
        with self._lock:
            self._on.clear()
            self._left.clear()

    def draw(self, double: str) -> Fault | None:
        """What the next message meets."""
        with self._lock:
            fault = self._on.get(double)
            if fault is None or self._random.random() >= fault.share or self._left.get(double, 1) <= 0:
                return None
            if double in self._left:
                self._left[double] -= 1
            self.drawn[double, fault.mode] = self.drawn.get((double, fault.mode), 0) + 1
            return fault
