"""Which API keys are good, as the topic `gateway.keys` says. Pure: the state of a log of records.

Of the keys of one source that are neither revoked nor expired, the two whose records come first in the log are active.
A third is void, whoever wrote it. So all replicas agree, and compaction changes nothing: it keeps the last record of
each key, in order.
"""

from collections.abc import Iterator
from enum import StrEnum
from hmac import compare_digest
from typing import Final, NamedTuple

from services.domain.time.zone import Instant
from services.messaging.records.gateway_keys import StoredKey, hash_of, id_of

MOST_ACTIVE: Final = 2
"""Active keys of one source: one in use, and its successor while the client moves over."""


class KeyState(StrEnum):
    """Whether a key is good, and if not, why."""

    ACTIVE = "active"
    VOID = "void"
    """Two others of its source are active."""
    EXPIRED = "expired"
    REVOKED = "revoked"


class KeyLine(NamedTuple):
    """One key and its state."""

    id: str
    key: StoredKey
    state: KeyState


class KeyRing:
    """Every key of the log, by its id."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[int, StoredKey]] = {}

    def take(self, offset: int, key_id: str, key: StoredKey) -> None:
        """A record of the log, in order."""
        self._keys[key_id] = (offset, key)

    def forget(self, key_id: str) -> None:
        """A record of the key that cannot be read: until a readable one comes, nobody may use it."""
        self._keys.pop(key_id, None)

    def lines(self, now: Instant, source: str | None = None) -> Iterator[KeyLine]:
        """The keys in the order of the log; of one source, if one is named."""
        active: dict[str, int] = {}
        for key_id, (_, key) in sorted(self._keys.items(), key=lambda item: item[1][0]):
            if source is not None and key.source != source:
                continue
            state = _state(key, now)
            if state is KeyState.ACTIVE:
                active[key.source] = active.get(key.source, 0) + 1
                state = KeyState.ACTIVE if active[key.source] <= MOST_ACTIVE else KeyState.VOID
            yield KeyLine(key_id, key, state)

    def found(self, whole: str, now: Instant) -> KeyLine | None:
        """The key and its state; None where there is no such key, or its secret is another."""
        key_id = id_of(whole)
        if key_id is None or key_id not in self._keys:
            return None
        _, key = self._keys[key_id]
        if not compare_digest(hash_of(whole), key.sha256):
            return None
        return next((line for line in self.lines(now, key.source) if line.id == key_id), None)


def _state(key: StoredKey, now: Instant) -> KeyState:
    if key.revoked_at is not None:
        return KeyState.REVOKED
    if key.expires_at is not None and key.expires_at <= now:
        return KeyState.EXPIRED
    return KeyState.ACTIVE
