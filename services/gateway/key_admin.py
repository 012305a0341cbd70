"""API keys, as an administrator sees and changes them. Whoever may write the topic `gateway.keys` is one."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Final, NamedTuple

from kafka import KafkaProducer

from services.domain.time.zone import Instant
from services.gateway.key_ring import MOST_ACTIVE, KeyLine, KeyRing, KeyState
from services.messaging.reader import Record, TopicReader
from services.messaging.records.fields import KeyValue, Unreadable
from services.messaging.records.gateway_keys import NewKey, StoredKey, decode_use, hash_of, id_of
from services.messaging.topics import ANSWER_MS, GATEWAY_KEY_USES, GATEWAY_KEYS

_READ_SECONDS: Final = 30.0


class NotPossible(Exception):
    """A change of keys that cannot be made; the sentence says why, and what would be right."""


class ListedKey(NamedTuple):
    """A key, and when it was last used, as far as that is recorded."""

    line: KeyLine
    used_at: Instant | None


@dataclass(frozen=True)
class KeyAdmin:
    """Changes keys. Each change reads the log to its end first."""

    bootstrap: str
    now: Callable[[], Instant]
    """The real time."""

    def listed(self, source: str | None = None) -> list[ListedKey]:
        """The keys of a source, or of all. Raises BrokerUnavailable, NotPossible, KafkaError."""
        ring, uses = self._read()
        return [ListedKey(line, uses.get(line.id)) for line in ring.lines(self.now(), source)]

    def add(self, source: str, expires_at: Instant | None = None) -> NewKey:
        """A new key of a source. NotPossible where two are active, or another administrator adds one just now."""
        self._refuse_third(self._active(source), source)
        made = NewKey.made()
        stored = StoredKey(source, hash_of(made.whole), self.now(), expires_at)
        self._write(made.id, stored)
        if made.id not in [line.id for line in self._active(source)]:
            self._write(made.id, stored._replace(revoked_at=self.now()))
            raise NotPossible(f"{source}: another key was added at the same time: `kpiwatch sources list` shows which")
        return made

    def add_missing(
        self, sources: Iterable[str], held: Mapping[str, str], keep: Callable[[Mapping[str, str]], None]
    ) -> int:
        """A key for each source: the one that is held, if it is active, else a new one; how many were added.
        NotPossible where two others are active.

        `held`: source → whole key. `keep` gets the same with the new keys, before they are added: a key that nobody
        holds could only be revoked. One that is held and was never added, is added.
        """
        ring, _ = self._read()
        now, keys, added = self.now(), dict(held), list[KeyValue]()
        known = {line.id for line in ring.lines(now)}
        for source in sources:
            active = [each for each in ring.lines(now, source) if each.state is KeyState.ACTIVE]
            if ring.found(held.get(source, ""), now) in active:
                continue
            self._refuse_third(active, source)
            key_id = id_of(held.get(source, ""))
            if key_id is None or key_id in known:
                key_id, keys[source] = NewKey.made()
            added.append(StoredKey(source, hash_of(keys[source]), now).record(key_id))
        if keys != held:
            keep(keys)
        self._write_all(added)
        return len(added)

    def revoke(self, key_id: str) -> str:
        """Nobody is served by the key any more, within a second; the source whose key it was."""
        line = next((one.line for one in self.listed() if one.line.id == key_id), None)
        if line is None:
            raise NotPossible(f"there is no key {key_id}: `kpiwatch sources list` has the ids")
        if line.key.revoked_at is None:
            self._write(key_id, line.key._replace(revoked_at=self.now()))
        return line.key.source

    def rotate(self, source: str, keep_us: int) -> NewKey:
        """A new key; the one that there is goes on for so long. NotPossible where there are none or two."""
        active = self._active(source)
        self._refuse_third(active, source)
        if not active:
            raise NotPossible(f"{source} has no active key: add one with `kpiwatch sources add-key {source}`")
        (old,) = active
        made = self.add(source)
        until = self.now() + keep_us
        if old.key.expires_at is None or old.key.expires_at > until:
            self._write(old.id, old.key._replace(expires_at=until))
        return made

    def _active(self, source: str) -> list[KeyLine]:
        return [one.line for one in self.listed(source) if one.line.state is KeyState.ACTIVE]

    @staticmethod
    def _refuse_third(active: Sequence[KeyLine], source: str) -> None:
        if len(active) >= MOST_ACTIVE:
            ids = " and ".join(line.id for line in active)
            raise NotPossible(
                f"{source} has {MOST_ACTIVE} active keys, {ids}: revoke the one that its client does not use any more"
            )

    def _read(self) -> tuple[KeyRing, dict[str, Instant]]:
        ring, uses, end = KeyRing(), dict[str, Instant](), time.monotonic() + _READ_SECONDS
        with TopicReader(self.bootstrap, [GATEWAY_KEYS, GATEWAY_KEY_USES]) as reader:
            while True:
                for record in reader.poll(0.1):
                    _take(record, ring, uses)
                if reader.caught_up:
                    return ring, uses
                if time.monotonic() > end:
                    raise NotPossible(
                        f"{GATEWAY_KEYS} cannot be read to its end: is it there (`kpiwatch topics --check`)?"
                    )

    def _write(self, key_id: str, key: StoredKey) -> None:
        self._write_all([key.record(key_id)])

    def _write_all(self, records: Sequence[KeyValue]) -> None:
        if not records:
            return
        producer = KafkaProducer(
            bootstrap_servers=self.bootstrap.split(","), bootstrap_timeout_ms=ANSWER_MS, acks="all"
        )
        with closing(producer):
            for sent in [producer.send(GATEWAY_KEYS, value, name) for name, value in records]:
                sent.get(timeout=ANSWER_MS / 1000)


def _take(record: Record, ring: KeyRing, uses: dict[str, Instant]) -> None:
    key_id = (record.key or b"").decode(errors="replace")
    try:
        if record.topic == GATEWAY_KEYS:
            ring.take(record.offset, key_id, StoredKey.decode(record.value))
        else:
            uses[key_id] = decode_use(record.value)
    except Unreadable:
        if record.topic == GATEWAY_KEYS:
            ring.forget(key_id)
