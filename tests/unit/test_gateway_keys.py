"""API keys: who may send, decided by the log of keys alone."""

from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka import TopicPartition

from services.domain.time.zone import DAY_US
from services.gateway.key_reader import TRUSTED_SECONDS, KeyReader, KeysUnknown
from services.gateway.key_ring import MOST_ACTIVE, KeyRing, KeyState
from services.gateway.key_uses import RECORD_SECONDS, KeyUses
from services.messaging.records.fields import KeyValue, Unreadable
from services.messaging.records.gateway_keys import NewKey, StoredKey, decode_use, hash_of, id_of, use_record
from services.messaging.topics import GATEWAY_KEYS
from tests.asgi import request
from tests.unit.gateway import AS_BATCH, GOOD, NOW, WATER, Gateway
from tests.unit.mutated_records import ODD, STRANGERS

TAX = "/units/district-taxation"
ROUTES = ("/events", "/validate")


def status(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["detail"]


def test_a_key_has_its_form_and_its_hash_is_all_that_is_kept() -> None:
    made = NewKey.made()
    assert made.whole.startswith(f"kw_{made.id}_") and id_of(made.whole) == made.id
    assert len({NewKey.made().whole for _ in range(100)}) == 100
    _, value = StoredKey(WATER, hash_of(made.whole), NOW).record(made.id)
    assert value is not None and made.whole.encode() not in value and made.whole[16:].encode() not in value
    assert all(id_of(text) is None for text in ("", "kw_", made.whole[:-1], f"{made.whole}x", made.whole.upper()))


@pytest.mark.parametrize("route", ROUTES)
def test_without_a_good_key_every_route_is_refused(route: str) -> None:
    gateway = Gateway()
    gone, revoked = gateway.keys.add(TAX, expires_at=NOW).whole, gateway.keys.add(TAX, revoked_at=NOW).whole
    wrong_secret = gateway.key[:-3] + ("aaa" if gateway.key[-3:] != "aaa" else "bbb")
    unknown = NewKey.made().whole
    for headers in ({}, {"Authorization": gateway.key}, {"Authorization": f"Basic {gateway.key}"}):
        assert request(gateway.app, "POST", route, content=b"[]", headers={**AS_BATCH, **headers}).status_code == 401
    for key, words in (
        (wrong_secret, "no such API key"),
        (unknown, "no such API key"),
        ("kw_x_y", "no such API key"),
        (gone, "is expired"),
        (revoked, "is revoked"),
    ):
        answer = gateway.post(b"[]", AS_BATCH, to=route, key=key)
        assert answer.status_code == 401 and words in answer.json()["detail"]
        assert answer.headers["www-authenticate"] == "Bearer"
    assert gateway.post(b"[]", AS_BATCH, to=route).status_code in (200, 202)


def test_while_the_keys_are_not_known_as_of_now_nobody_is_served() -> None:
    gateway = Gateway()
    gateway.keys.is_current = False
    answer = gateway.batch([GOOD])
    assert answer.status_code == 503 and answer.headers["retry-after"] and not gateway.log.records


def test_a_use_is_noted_and_written_once_a_minute() -> None:
    gateway = Gateway()
    gateway.batch([GOOD])
    assert gateway.used == [id_of(gateway.key)]
    written: list[KeyValue] = []
    uses = KeyUses(written.append)
    for second in range(200):
        uses.note("abc", NOW + second)
        uses.flush_now_and_then(1_000.0 + second)
    assert len(written) == 1 + 200 // int(RECORD_SECONDS)
    assert decode_use(written[0][1]) == NOW and written[0][0] == b"abc"


# ---- the log decides ---------------------------------------------------------------------------------------
def states(ring: KeyRing, now: int = NOW) -> dict[str, KeyState]:
    return {line.id: line.state for line in ring.lines(now)}


def test_a_third_key_is_void_by_the_order_of_the_log() -> None:
    ring = KeyRing()
    for offset, key_id in enumerate(("first", "second", "third")):
        ring.take(offset, key_id, StoredKey(WATER, "0", NOW))
    ring.take(3, "other", StoredKey(TAX, "0", NOW))
    assert states(ring) == {"first": "active", "second": "active", "third": "void", "other": "active"}
    ring.take(4, "first", StoredKey(WATER, "0", NOW, revoked_at=NOW))
    assert states(ring)["third"] is KeyState.ACTIVE, (
        "an administrator revokes a void key at once; the log alone decides"
    )


KEY = st.builds(
    StoredKey,
    source=st.sampled_from([WATER, TAX]),
    sha256=st.just("0"),
    made_at=st.just(NOW),
    expires_at=st.sampled_from([None, NOW - 1, NOW, NOW + 1]),
    revoked_at=st.sampled_from([None, NOW]),
)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), KEY), max_size=25))
def test_compaction_changes_nothing_and_never_are_there_more_than_two(log: list[tuple[str, StoredKey]]) -> None:
    whole, compacted = KeyRing(), KeyRing()
    last = {key_id: offset for offset, (key_id, _) in enumerate(log)}
    for offset, (key_id, key) in enumerate(log):
        whole.take(offset, key_id, key)
        if last[key_id] == offset:
            compacted.take(offset, key_id, key)
    for now in (NOW - 1, NOW, NOW + DAY_US):
        assert list(whole.lines(now)) == list(compacted.lines(now))
        for source in (WATER, TAX):
            active = [line for line in whole.lines(now, source) if line.state is KeyState.ACTIVE]
            assert len(active) <= MOST_ACTIVE
            assert all(line.key.revoked_at is None and (line.key.expires_at or now + 1) > now for line in active)


@given(KEY, st.text(max_size=20))
def test_a_key_is_read_as_it_was_written(key: StoredKey, key_id: str) -> None:
    name, value = key.record(key_id)
    assert (name.decode(), StoredKey.decode(value)) == (key_id, key)


def test_a_record_that_is_none_is_unreadable() -> None:
    for _, value in STRANGERS:
        with pytest.raises(Unreadable):
            StoredKey.decode(value)
    for odd in ODD:
        import orjson

        try:
            value = orjson.dumps({"source": odd, "sha256": odd, "made_at": odd})
        except (TypeError, ValueError):
            continue
        with pytest.raises(Unreadable):
            StoredKey.decode(value)
    assert decode_use(use_record("a", NOW)[1]) == NOW


# ---- the reader ----------------------------------------------------------------------------------------------
class Consumer:
    """A log that may be away."""

    def __init__(self) -> None:
        self.log: list[tuple[bytes, bytes | None]] = []
        self.at = 0
        self.away = False
        self.closed = False

    def assign(self, places: list[TopicPartition]) -> None:
        assert places == [TopicPartition(GATEWAY_KEYS, 0)]

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        if self.away or self.at == len(self.log):
            return {}
        key, value = self.log[self.at]
        record = type("R", (), {"key": key, "value": value, "offset": self.at})()
        self.at += 1
        return {TopicPartition(GATEWAY_KEYS, 0): [record]}

    def end_offsets(self, places: list[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
        if self.away:
            from kafka.errors import KafkaTimeoutError

            raise KafkaTimeoutError
        return dict.fromkeys(places, len(self.log))

    def position(self, place: TopicPartition, timeout_ms: int) -> int:
        return self.at


def test_a_replica_serves_nobody_before_the_end_of_the_log_nor_five_seconds_without_the_broker() -> None:
    from kafka.errors import KafkaError

    consumer, seconds, written = Consumer(), 100.0, list[KeyValue]()
    first, second = NewKey.made(), NewKey.made()
    for made in (first, second):
        consumer.log.append(StoredKey(WATER, hash_of(made.whole), NOW).record(made.id))
    reader = KeyReader(consumer, KeyUses(written.append), lambda: NOW, seconds=lambda: seconds)
    reader.step()
    assert not reader.is_current
    with pytest.raises(KeysUnknown):
        reader.found(first.whole)
    for _ in range(2):
        seconds += 1
        reader.step()
    found = reader.found(second.whole)
    assert found is not None and found.state is KeyState.ACTIVE
    _, value = found.key._replace(revoked_at=NOW).record(second.id)
    consumer.log.append((second.id.encode(), value))
    reader.step()
    again = reader.found(second.whole)
    assert again is not None and again.state is KeyState.REVOKED
    consumer.log.append((first.id.encode(), b"no key"))
    seconds += 1
    reader.step()
    assert reader.found(first.whole) is None, "what cannot be read serves nobody"
    consumer.away = True
    for _ in range(4):
        seconds += 1
        with pytest.raises(KafkaError):
            reader.step()
    assert reader.is_current
    seconds += TRUSTED_SECONDS - 4
    assert not reader.is_current
