"""The relay of inboxes, without a broker: the inboxes, the log and the time are the test's."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson
import pytest
from kafka import TopicPartition
from kafka.errors import CommitFailedError, KafkaConnectionError
from kafka.structs import OffsetAndMetadata
from prometheus_client import CollectorRegistry

from services.domain.intake.refusal import Refused
from services.gateway.event_log import EventRecord, NotAcknowledged
from services.gateway.relay.limits import PAUSE_SECONDS, RECENT
from services.gateway.relay.metrics import RelayMetrics
from services.gateway.relay.relay import Relay, Rules, Times
from services.messaging import letter_budget
from services.messaging.codec import admission
from services.messaging.letter_budget import Written
from services.messaging.records.dead_letters import DeadLetter
from services.messaging.records.fields import KeyValue, Unreadable
from services.messaging.records.inbox_states import InboxState
from services.metric_names import gateway_metrics as names
from tests.mutations import mutated, shipped_plan
from tests.unit.gateway import BAD, GOOD, NOW, WATER, edge
from tests.unit.mutated_records import STRANGERS

TAX = "/units/district-taxation"
SOURCES = {"inbox.units.liangjiang-water": WATER, "inbox.units.district-taxation": TAX}
INBOX, OTHER = (TopicPartition(topic, 0) for topic in SOURCES)


class InboxRecord(NamedTuple):
    """A record as a consumer gives it."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    timestamp: int = NOW // 1000
    key: bytes | None = b"anything"


class Broker:
    """Inboxes with records, and what was written."""

    def __init__(self) -> None:
        self.inboxes: dict[TopicPartition, list[InboxRecord]] = {INBOX: [], OTHER: []}
        self.at = dict.fromkeys(self.inboxes, 0)
        self.committed: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()
        self.chunk = 50
        self.events: list[EventRecord] = []
        self.letters: list[DeadLetter] = []
        self.written_at: list[int] = []
        self.now_ms = 0
        self.states: dict[str, InboxState] = {}
        self.fails = 0
        self.commits = True

    def put(self, place: TopicPartition, value: bytes | None, **more: Any) -> None:
        records = self.inboxes[place]
        records.append(InboxRecord(place.topic, 0, len(records), value, **more))

    # as a consumer
    def assignment(self) -> set[TopicPartition]:
        return set(self.inboxes)

    def poll(self, timeout_ms: int) -> dict[TopicPartition, list[InboxRecord]]:
        found = {}
        for place, records in self.inboxes.items():
            if place not in self.paused and (some := records[self.at[place] : self.at[place] + self.chunk]):
                self.at[place] += len(some)
                found[place] = some
        return found

    def seek(self, place: TopicPartition, offset: int) -> None:
        self.at[place] = offset

    def commit(self, offsets: dict[TopicPartition, OffsetAndMetadata]) -> None:
        if not self.commits:
            raise CommitFailedError
        self.committed |= {place: found.offset for place, found in offsets.items()}

    def pause(self, place: TopicPartition) -> None:
        self.paused.add(place)

    def resume(self, place: TopicPartition) -> None:
        self.paused.discard(place)

    # as a log
    def write(self, records: Iterable[EventRecord]) -> None:
        self.events += records
        if self.fails:
            self.fails -= 1
            raise NotAcknowledged

    def write_letters(self, letters: Iterable[KeyValue]) -> None:
        some = [DeadLetter.decode(value or b"") for _, value in letters]
        self.letters += some
        self.written_at += [self.now_ms] * len(some)

    def letters_since(self, inbox: str, since_ms: int) -> list[Written]:
        found = [Written(one.key, one.source, at) for one, at in zip(self.letters, self.written_at, strict=True)]
        return [one for one in found if one.key.startswith(f"{inbox}|".encode()) and one.timestamp_ms >= since_ms]

    def note_state(self, state: KeyValue) -> None:
        self.states[state[0].decode()] = InboxState.decode(state[1])


class World:
    """A relay and its broker."""

    def __init__(self, ratio: float = 0.5) -> None:
        self.broker, self.seconds, self.ratio = Broker(), 0.0, ratio
        self.start()

    def start(self) -> None:
        """A relay, perhaps the next one: it begins where the last one committed."""
        self.broker.at |= self.broker.committed
        times = Times(lambda: self.seconds, lambda: NOW + int(self.seconds * 1e6), lambda seconds: None)
        self.relay = Relay(self.broker, self.broker, Rules(edge(), SOURCES, self.ratio), times)

    def run(self, steps: int = 1) -> None:
        for _ in range(steps):
            self.broker.now_ms = NOW // 1000 + int(self.seconds * 1000)
            self.relay.step()
            self.seconds += 0.1


def bad(number: int) -> bytes:
    return orjson.dumps({**BAD, "id": f"bad-{number}"})


def good(number: int) -> bytes:
    return orjson.dumps({**GOOD, "id": f"good-{number}"})


def test_a_good_event_goes_to_its_case_with_the_arrival_that_the_broker_stamped() -> None:
    world = World()
    world.broker.put(INBOX, good(1))
    world.run()
    (record,) = world.broker.events
    found = admission(shipped_plan(), trust_receivedat=True).admit(record.value, key=record.key, headers=record.headers)
    assert found.fact.received == NOW and found.fact.id == "good-1"
    assert world.broker.committed == {INBOX: 1}


def test_an_inbox_speaks_for_its_source_only() -> None:
    world = World()
    world.broker.put(OTHER, good(1))
    world.run()
    (letter,) = world.broker.letters
    assert (letter.reason, letter.topic, letter.offset, letter.original) == ("source_mismatch", OTHER.topic, 0, good(1))
    assert world.broker.events == []


def test_in_binary_mode_only_the_headers_of_the_event_go_on() -> None:
    world = World()
    headers = {f"ce_{name}": value.encode() for name, value in GOOD.items() if isinstance(value, str)}
    more = (*headers.items(), ("trace", None), ("content-type", b"application/json"))
    world.broker.put(INBOX, orjson.dumps(GOOD["data"]), headers=more)
    world.run()
    (record,) = world.broker.events
    assert {name for name, _ in record.headers} == {*headers, "content-type", "receivedat"}
    admission(shipped_plan(), trust_receivedat=True).admit(record.value, key=record.key, headers=record.headers)


def test_of_a_structured_event_no_header_goes_on() -> None:
    """Nobody has looked into them for personal numbers."""
    world = World()
    world.broker.put(INBOX, good(1), headers=(("ce_phone", b"13800138000"), ("content-type", b"any")))
    world.run()
    (record,) = world.broker.events
    assert {name for name, _ in record.headers} == {"receivedat"}


def test_nobody_stamps_the_arrival_in_an_inbox() -> None:
    world = World()
    world.broker.put(INBOX, good(1), headers=(("receivedat", b"2021-01-01T00:00:00Z"),))
    world.run()
    assert [letter.reason for letter in world.broker.letters] == ["unknown_field"]


def test_what_is_not_acknowledged_is_relayed_again_and_only_then_is_its_place_saved() -> None:
    world = World()
    world.broker.put(INBOX, good(1))
    world.broker.put(INBOX, bad(2))
    world.broker.fails = 2
    world.run(2)
    assert world.broker.committed == {} and world.broker.letters == []
    world.run()
    assert world.broker.committed == {INBOX: 2} and len(world.broker.letters) == 1
    assert {record.value for record in world.broker.events} == {good(1)}


def test_a_place_that_is_not_saved_stops_nothing() -> None:
    world = World()
    world.broker.commits = False
    world.broker.put(INBOX, good(1))
    world.run()
    world.broker.put(INBOX, good(2))
    world.run()
    assert len(world.broker.events) == 2


def test_a_burst_of_bad_events_pauses_that_inbox_and_no_other_and_is_published() -> None:
    world = World()
    for number in range(1_000):
        world.broker.put(INBOX, bad(number))
        world.broker.put(OTHER, orjson.dumps({**GOOD, "id": f"o-{number}"}))
    for record in list(world.broker.inboxes[OTHER]):
        event = orjson.loads(record.value or b"")
        event |= {"source": TAX, "type": "source.heartbeat", "data": {}}
        world.broker.inboxes[OTHER][record.offset] = record._replace(value=orjson.dumps(event))
    world.run(30)
    assert world.broker.committed[OTHER] == 1_000
    assert 100 <= world.broker.committed[INBOX] <= RECENT
    state = world.broker.states[WATER]
    assert state.paused_until is not None and NOW < state.paused_until <= NOW + (PAUSE_SECONDS + 1) * 1e6
    assert world.broker.states[TAX].paused_until is None
    registry = CollectorRegistry()
    registry.register(RelayMetrics(world.relay))
    events, paused = names.RELAYED.name, names.PAUSED.name
    assert registry.get_sample_value(events, {"source": TAX, "outcome": "accepted"}) == 1_000
    assert registry.get_sample_value(events, {"source": WATER, "outcome": "refused"}) == world.broker.committed[INBOX]
    assert [registry.get_sample_value(paused, {"source": one}) for one in (WATER, TAX)] == [1, 0]
    before = world.broker.committed[INBOX]
    world.seconds += PAUSE_SECONDS
    world.run(2)
    assert world.broker.committed[INBOX] > before, "after a pause it is tried again"
    for _ in range(20):
        world.seconds += PAUSE_SECONDS
        world.run(10)
    assert world.broker.committed[INBOX] == 1_000, "in the end all of it was read"
    assert world.broker.states[WATER].refused == 1_000


def test_letters_are_so_many_a_day_whichever_relay_writes_them_and_what_is_left_out_is_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(letter_budget, "LETTERS_A_DAY", 100)
    world = World()
    for number in range(130):
        world.broker.put(INBOX, good(number))
        world.broker.put(INBOX, bad(number))
    for _ in range(4):
        world.run(3)
        world.start()
    assert len(world.broker.letters) == 100
    assert len(world.broker.events) == 130, "no good event is lost"
    world.seconds += 20
    world.broker.put(INBOX, bad(-1))
    world.run()
    assert world.broker.states[WATER].letters_left_out == 1, "since this relay began"
    registry = CollectorRegistry()
    registry.register(RelayMetrics(world.relay))
    assert registry.get_sample_value(names.LEFT_OUT.name, {"source": WATER}) == 1
    world.seconds += 86_400
    world.broker.put(INBOX, bad(-2))
    world.run()
    assert len(world.broker.letters) == 101


def test_a_letter_that_is_there_is_not_written_again_when_its_event_is_relayed_again() -> None:
    world = World()
    world.broker.commits = False
    world.broker.put(INBOX, bad(1))
    world.run()
    world.broker.at[INBOX] = 0
    world.start()
    world.run()
    assert len(world.broker.letters) == 1 and world.broker.letters[0].sender == WATER


def test_while_the_letters_cannot_be_read_none_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World()
    world.broker.put(INBOX, bad(1))

    def away(inbox: str, since_ms: int) -> list[Written]:
        raise KafkaConnectionError

    with monkeypatch.context() as patch:
        patch.setattr(world.broker, "letters_since", away)
        world.run(2)
    assert world.broker.committed == {} and world.broker.letters == []
    world.run()
    assert world.broker.committed == {INBOX: 1} and len(world.broker.letters) == 1


def test_of_a_personal_number_the_letter_has_hash_and_path_only() -> None:
    number = "11010519491231002X"
    world = World()
    world.broker.put(INBOX, orjson.dumps({**GOOD, "data": {**GOOD["data"], "parent": number}}))
    headers = tuple((f"ce_{name}", str(value).encode()) for name, value in GOOD.items() if name != "data")
    world.broker.put(INBOX, b"{}", headers=(*headers, ("ce_colour", number.encode())))
    world.run()
    assert [(letter.reason, letter.path) for letter in world.broker.letters] == [
        ("personal_data", "data.parent"),
        ("personal_data", "colour"),
    ]
    for letter in world.broker.letters:
        assert letter.original == b"" and letter.headers == () and letter.whole is not None
        assert number.encode() not in letter.encode() and len(letter.whole.sha256) == 64


def test_the_corpus_of_mutated_events_gets_by_inbox_what_admission_says() -> None:
    world = World(ratio=1)
    expected: Counter[str] = Counter()
    for event in mutated(12, 600):
        world.broker.inboxes[INBOX].clear()
        world.broker.at[INBOX] = 0
        world.broker.put(INBOX, event.line)
        try:
            admitted = edge().admit(event.line, received=NOW)
            expected["admitted" if admitted.fact.source == WATER else "source_mismatch"] += 1
        except Refused as refused:
            expected[str(refused.code)] += 1
        world.run()
    found = Counter(str(letter.reason) for letter in world.broker.letters)
    found["admitted"] = len(world.broker.events)
    assert +found == +expected


def test_a_state_is_read_as_it_was_written() -> None:
    for paused in (None, NOW):
        state = InboxState(1, 2, 3, NOW, paused)
        key, value = state.record(WATER)
        assert (key.decode(), InboxState.decode(value)) == (WATER, state)
    for _, value in STRANGERS:
        with pytest.raises(Unreadable):
            InboxState.decode(value)
