"""When each key was last used: kept in memory, and written to its topic once a minute."""

import threading
from collections.abc import Callable
from typing import Final

from services.domain.time.zone import Instant
from services.messaging.records.fields import KeyValue
from services.messaging.records.gateway_keys import use_record

RECORD_SECONDS: Final = 60.0


class KeyUses:
    """The last uses that are not written yet. Any thread may note one."""

    def __init__(self, send: Callable[[KeyValue], None]) -> None:
        """`send` queues a record for the topic; one that is lost is made up for by the next use."""
        self._send = send
        self._lock = threading.Lock()
        self._last: dict[str, Instant] = {}
        self._flushed = 0.0

    def note(self, key_id: str, at: Instant) -> None:
        """The key was used."""
        with self._lock:
            self._last[key_id] = at

    def flush_now_and_then(self, seconds: float) -> None:
        """Write them, if a minute has passed. `seconds`: of a monotonic clock."""
        if seconds - self._flushed >= RECORD_SECONDS:
            self._flushed = seconds
            self.flush()

    def flush(self) -> None:
        """Write what is not written."""
        with self._lock:
            last, self._last = self._last, {}
        for key_id, at in last.items():
            self._send(use_record(key_id, at))
