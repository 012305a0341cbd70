"""The ledger: which requests become records, and which records a reader believes."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ledger.reader import Place, ValidRecords
from services.ledger.recording import Known, Times, record_requests
from services.ledger.writer import MOST_ANSWERS, Answers, LedgerAway, LedgerClient, NotRecorded
from services.messaging.reader import Record
from services.messaging.records.fields import Unreadable
from services.messaging.records.ledger import (
    GENESIS,
    LARGEST,
    Chain,
    Kind,
    LedgerRecord,
    Request,
    RequestInvalid,
    hash_of,
    is_keepers_id,
)
from services.messaging.topics import LEDGER
from tests.unit.ledger_world import LedgerWorld

CARD = "case|kpi-1|hall A-1|1"


def asked(id: str, kind: Kind = Kind.NOTICE, **fields: object) -> Request:
    return Request(**{"id": id, "kind": kind, "writer": "notifier-1a", **fields})  # type: ignore[arg-type]


def answer(world: LedgerWorld, request: Request) -> LedgerRecord | NotRecorded:
    ledger = world.client()
    ledger.request(request)
    return ledger.until_recorded(request)


def read(values: list[bytes]) -> tuple[list[LedgerRecord], ValidRecords]:
    valid = ValidRecords()
    found = [valid.take(Record(LEDGER, 0, offset, None, value)) for offset, value in enumerate(values)]
    return [each.record for each in found if each is not None], valid


def test_records_are_numbered_from_one_and_each_holds_the_hash_of_the_one_before() -> None:
    world = LedgerWorld()
    world.record(asked("a"), asked("b"), asked("c"))
    first, second, third = world.records()
    assert (first.number, first.previous) == (1, GENESIS)
    assert (second.number, second.previous) == (2, hash_of(GENESIS, first.value()))
    assert (third.number, third.previous) == (3, hash_of(second.previous, second.value()))
    assert first.time == "2021-10-22T10:53:20.000000Z"


def test_one_request_makes_one_record_however_often_it_is_sent() -> None:
    world = LedgerWorld()
    ledger = world.client()
    ledger.request(asked("a"), asked("a"))
    world.keep()
    ledger.request(asked("a"))
    world.keep()
    assert [each.request.id for each in world.records()] == ["a"]


def test_the_second_of_two_requests_with_one_claim_is_not_recorded_and_learns_who_has_it() -> None:
    world = LedgerWorld()
    first = answer(world, asked("a", claims=("x", "y")))
    second = answer(world, asked("b", claims=("y", "z")))
    assert isinstance(first, LedgerRecord)
    assert isinstance(second, NotRecorded)
    assert (second.reason, second.record) == ("claimed", first.number)
    assert isinstance(answer(world, asked("c", claims=("z",))), LedgerRecord)  # the refused one holds nothing


def test_a_decision_that_did_not_know_the_latest_record_is_refused() -> None:
    world = LedgerWorld()
    (missed,) = world.record(asked("m", Kind.MISSED, subject=CARD))
    world.record(asked("n", Kind.NOTICE, subject=CARD))
    in_time = answer(world, asked("d1", Kind.DECIDED, subject=CARD, seen=missed.number))
    late = answer(world, asked("d2", Kind.DECIDED, subject=CARD, seen=missed.number))
    assert isinstance(in_time, LedgerRecord)
    assert isinstance(late, NotRecorded)
    assert (late.reason, late.record) == ("stale", in_time.number)


def test_a_refusal_is_the_one_answer_however_often_it_is_sent() -> None:
    world = LedgerWorld()
    world.record(asked("m", Kind.MISSED, subject=CARD))
    request = asked("d", Kind.DECIDED, subject=CARD, seen=0)
    assert isinstance(answer(world, request), NotRecorded)
    answer(world, request)
    assert len(world.log) == 2


@pytest.mark.parametrize("kind", [Kind.MISSED, Kind.CHECKPOINT, Kind.IN_FORCE, Kind.NOT_RECORDED])
def test_what_the_keeper_alone_knows_nobody_else_can_ask_for(kind: Kind) -> None:
    refused = answer(LedgerWorld(), asked("a", kind))
    assert isinstance(refused, NotRecorded)
    assert refused.reason == "keeper"


@pytest.mark.parametrize("kind", [Kind.DECIDED, Kind.STEP])
def test_a_decision_that_does_not_name_what_it_knew_is_refused(kind: Kind) -> None:
    refused = answer(LedgerWorld(), asked("a", kind, subject=CARD))
    assert isinstance(refused, NotRecorded)
    assert refused.reason == "seen"


def test_an_id_of_the_keeper_cannot_be_taken_by_others() -> None:
    world = LedgerWorld()
    for id in ("keeper/checkpoint/1", "ledger-1"):
        with pytest.raises(RequestInvalid, match="the keeper alone makes"):
            answer(world, asked(id))
        world.requests.append(asked(id).record()[1] or b"")  # past the client
    world.keep()
    assert [each.request.body.get("reason") for each in world.records()] == ["keeper"] * 2
    assert not any(is_keepers_id(id) and "not-recorded" not in id for id in world.known.answered)


def test_what_cannot_be_recorded_is_refused_and_the_next_one_is_recorded() -> None:
    known, times = Known(), Times.of(0, 0)
    requests = [
        asked("large", body={"x": "x" * LARGEST}),
        asked("number", body={"x": 2**60}),
        asked("fine", body={"x": 1.5}),
    ]
    made = list(record_requests(known, requests, times, "keeper-1"))
    reasons = [each.request.body.get("reason") for each in made]
    assert reasons == ["size", "form", None]
    assert [LedgerRecord.decode(each.value()) for each in made] == made


@pytest.mark.parametrize(
    "wrong",
    [
        asked("x" * 401), asked(""), asked("a", unit="u" * 401), asked("a", claims=("x" * 401,)),
        asked("a", claims=tuple(map(str, range(2_001)))), asked("a", body={"x": 2**60}),
        asked("a", body={"x": 2.0**53}),
        asked("a", body={"x": "\ud800"}), asked("a", body={"x": {1}}), asked("a", body={"x": "x" * LARGEST}),
    ],
)  # fmt: skip
def test_what_can_never_be_recorded_is_not_sent(wrong: Request) -> None:
    world = LedgerWorld()
    ledger = world.client()
    with pytest.raises(RequestInvalid, match="the ledger cannot record this: "):
        ledger.request(asked("fine"), wrong)
    producer = Producer()
    with pytest.raises(RequestInvalid):
        LedgerClient(None, producer).request(asked("fine"), wrong)  # type: ignore[arg-type]
    assert (world.requests, producer.sent) == ([], 0)


class Producer:
    """Counts what it is given."""

    sent = 0

    def send(self, *record: object, **options: object) -> None:
        self.sent += 1


def test_answers_that_nobody_takes_are_not_kept_for_ever() -> None:
    world, answers = LedgerWorld(), Answers()
    requests = [asked(f"r{number}") for number in range(MOST_ANSWERS + 5)]
    for request, record in zip(requests, world.record(*requests), strict=True):
        answers.expect(request)
        answers.take(record)
    kept = [request.id for request in requests if answers.of(request) is not None]
    assert kept == [request.id for request in requests[5:]]


TEXTS = st.one_of(st.text(max_size=5), st.sampled_from(["u" * 400, "u" * 401, "a\0b"]))
NUMBERS = st.one_of(st.integers(), st.floats(allow_nan=False), st.sampled_from([1e20, 2.0**53, -0.0, 1e300]))
VALUES = st.recursive(st.one_of(TEXTS, NUMBERS, st.booleans(), st.none()), lambda inner: st.lists(inner, max_size=3))
BODIES = st.dictionaries(TEXTS, VALUES, max_size=3)
REQUESTS = st.builds(
    Request, TEXTS, st.sampled_from(Kind), TEXTS, TEXTS, TEXTS, st.lists(TEXTS, max_size=2).map(tuple), body=BODIES
)


@given(REQUESTS)
def test_whatever_is_asked_for_its_record_can_be_read(request: Request) -> None:
    """Else the record is void, and the keeper that has written it waits for it without end."""
    chain = Chain()
    made = list(record_requests(Known(), [dataclasses.replace(request, id="a")], Times.of(0, 0), "keeper-1"))
    assert [chain.take(each.value()) for each in made] == made
    assert len(made) == 1


def test_without_a_keeper_a_request_waits_and_is_recorded_later() -> None:
    world = LedgerWorld()
    world.keeper_works = False
    ledger, request = world.client(), asked("a")
    ledger.request(request)
    with pytest.raises(LedgerAway):
        ledger.until_recorded(request)
    world.keeper_works = True
    assert isinstance(ledger.until_recorded(request), LedgerRecord)
    assert [each.request.id for each in ledger.poll()] == ["a"]
    assert ledger.poll() == []


def test_a_second_keeper_makes_no_second_history() -> None:
    """Two keepers know the same records and each writes its own next ones: the first in the log holds."""
    world = LedgerWorld()
    world.record(asked("a"))
    one, two = (Known(1, world.known.hash, {"a"}) for _ in range(2))
    of_one = list(record_requests(one, [asked("b"), asked("c")], Times.of(1, 1), "keeper-1"))
    of_two = list(record_requests(two, [asked("c"), asked("b")], Times.of(2, 2), "keeper-2"))
    mixed = [world.log[0], of_two[0].value(), of_one[0].value(), of_one[1].value(), of_two[1].value()]
    records, valid = read(mixed)
    assert [each.request.id for each in records] == ["a", "c", "b"]
    assert (valid.void, valid.repeated) == (2, 0)


def test_a_record_that_was_sent_twice_is_no_sign_of_a_second_keeper() -> None:
    world = LedgerWorld()
    world.record(asked("a"), asked("b"))
    records, valid = read([*world.log, *world.log])
    assert len(records) == 2
    assert (valid.void, valid.repeated) == (0, 2)


@given(st.data())
def test_no_byte_of_a_record_can_be_changed(data: st.DataObject) -> None:
    world = LedgerWorld()
    world.record(*(asked(f"r{n}", subject=CARD, body={"n": n}) for n in range(4)))
    at = data.draw(st.integers(0, 2))
    value = bytearray(world.log[at])
    place = data.draw(st.integers(0, len(value) - 1))
    value[place] ^= data.draw(st.integers(1, 255))
    records, valid = read([*world.log[:at], bytes(value), *world.log[at + 1 :]])
    # it is void itself, or what follows does not fit to it
    assert len(records) <= at + 1
    assert valid.void >= 3 - at


@pytest.mark.parametrize("nested", [b"[" * 900 + b"]" * 900, b"9007199254740993"])
def test_a_record_without_canonical_form_is_void_and_stops_no_reader(nested: bytes) -> None:
    value = (
        b'{"body":{"x":' + nested + b'},"claims":[],"id":"a","kind":"notice","number":1,"previous":"' + b"0" * 64
        + b'","salt":"s","seen":null,"subject":"","texts":{},"time":"t","unit":"","writer":"w","written_at":"w"}'
    )  # fmt: skip
    with pytest.raises(Unreadable):
        Chain().take(value)
    assert read([value])[0] == []


@pytest.mark.parametrize("field", ["id", "writer", "subject", "unit"])
def test_a_request_with_nul_is_none_since_postgresql_has_no_nul(field: str) -> None:
    request = dataclasses.replace(asked("a"), **{field: "a\0b"})  # type: ignore[arg-type]
    with pytest.raises(Unreadable):
        Request.decode(request.record()[1])


def test_a_reader_goes_on_where_another_has_stopped() -> None:
    world = LedgerWorld()
    world.record(asked("a"), asked("b"))
    _, valid = read(world.log)
    assert valid.place == Place(2, world.known.hash, 2)
    world.record(asked("c"))
    continued = ValidRecords(valid.place)
    taken = continued.take(Record(LEDGER, 0, 2, None, world.log[2]))
    assert taken is not None
    assert taken.record.request.id == "c"
    assert continued.take(Record(LEDGER, 0, 2, None, world.log[2])) is None
    assert continued.void == 0
