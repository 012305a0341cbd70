"""What the doubles have accepted: what would have been shown to people."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

_MOST = 100_000


@dataclass(frozen=True, slots=True)
class Arrival:
    """One message that a person would see."""

    number: int
    double: str
    to: str
    text: str
    key: str
    """By which the double knows it again; empty where it has none."""
    at: float
    """Seconds since 1970."""


class Arrivals:
    """All of them, in order; the oldest are forgotten."""

    def __init__(self, now: Callable[[], float] = time.time) -> None:
        self.now = now
        self._lock = threading.Lock()
        self._all: deque[Arrival] = deque(maxlen=_MOST)
        self._seen: dict[tuple[str, str], tuple[float, str]] = {}
        self.repeats: dict[str, int] = {}
        """Double → how many messages it has dropped, since it knew them."""
        self._count = 0

    def add(self, double: str, to: str, text: str, key: str = "", seconds: float = 0.0) -> str:
        """A message that was accepted; its number, in the double's words.

        `key`, `seconds`: a message with this key that came within so many seconds is dropped, and has the number of the
        first one."""
        with self._lock:
            known = self._seen.get((double, key)) if key else None
            if known is not None and self.now() - known[0] < seconds:
                self.repeats[double] = self.repeats.get(double, 0) + 1
                return known[1]
            self._count += 1
            self._all.append(Arrival(self._count, double, to, text, key, self.now()))
            if key:
                self._seen[double, key] = (self.now(), str(self._count))
            return str(self._count)

    def has(self, double: str, key: str, seconds: float) -> bool:
        """Whether a message with this key came within so many seconds."""
        with self._lock:
            known = self._seen.get((double, key))
            return known is not None and self.now() - known[0] < seconds

    def all(self, double: str = "") -> list[Arrival]:
        """In the order in which they came; only those of a double if one is named."""
        with self._lock:
            return [one for one in self._all if double in ("", one.double)]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._all.clear()
            self._seen.clear()
            self.repeats.clear()

    def as_json(self, double: str = "") -> dict[str, Any]:
        """For programs."""
        return {"messages": [asdict(one) for one in self.all(double)], "repeats": dict(self.repeats)}
