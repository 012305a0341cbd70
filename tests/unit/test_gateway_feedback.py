"""What a source learns about itself over HTTP: its dead letters and its status, and nothing of another source."""

import threading
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from kafka.errors import KafkaError

from services.catalog.working_time import WorkingTime
from services.cli import dead_letters
from services.cli.failure import Failure
from services.domain.intake.events import text_of
from services.domain.intake.refusal import Reason, Refused
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import DAY_US
from services.gateway.event_log import EventRecord
from services.gateway.feedback import MOST_LETTERS, TRUSTED_SECONDS, Feedback
from services.gateway.feedback_routes import Asking, LetterStore, add_feedback
from services.gateway.resending import Resending
from services.messaging import topics
from services.messaging.codec import admission
from services.messaging.dead_letter_reader import Filed, OriginalGone
from services.messaging.reader import Record
from services.messaging.records.dead_letters import Arrived, DeadLetter, Headers
from services.messaging.records.inbox_states import InboxState
from services.messaging.records.tallies import Progress
from services.metric_names import gateway_metrics as names
from services.runtime.clock import Clock
from tests.asgi import request
from tests.mutations import shipped_plan
from tests.unit.gateway import BAD, GOOD, NOW, WATER, Gateway, edge
from tests.unit.mutated_records import STRANGERS

TAX = "/units/district-taxation"
REFUSED = Refused(Reason.UNKNOWN_UNIT, "data.unit", "the plan has no such unit", "write a unit's id")
EARLIER = NOW - DAY_US // 2
ROUTES = (("GET", "/status"), ("GET", "/dead-letters"), ("GET", "/dead-letters/0"), ("POST", "/dead-letters/0/resend"))


@cache
def working_time() -> WorkingTime:
    return WorkingTime.of(shipped_plan())


@cache
def resending() -> Resending:
    return Resending(edge(), admission(shipped_plan(), trust_receivedat=True))


class World:
    """A gateway with letters."""

    def __init__(self) -> None:
        self.gateway = Gateway()
        self.feedback = Feedback(shipped_plan())
        self.feedback.caught_up = True
        self.letters: list[DeadLetter] = []
        store = LetterStore(self.letter, self.original)
        asking = Asking(self.feedback, store, resending(), working_time(), lambda: NOW)
        add_feedback(self.gateway.app, self.gateway.handling, asking)
        self.tax = self.gateway.keys.add(TAX).whole

    def letter(self, number: int) -> DeadLetter | None:
        return self.letters[number] if number < len(self.letters) else None

    def original(self, letter: DeadLetter) -> tuple[bytes, Headers]:
        if letter.whole is not None:
            raise OriginalGone("its record is gone")
        return letter.original, letter.headers

    def refuse(self, event: Any, topic: str = "case.events", refused: Refused = REFUSED, **more: Any) -> None:
        arrived = Arrived(topic, 0, len(self.letters), EARLIER, orjson.dumps(event), **more)
        letter = DeadLetter.of(refused, arrived)
        self.feedback.take(Record(topics.DEAD_LETTER, 0, len(self.letters), letter.key, letter.encode()))
        self.letters.append(letter)

    def ask(self, path: str, key: str | None = None, method: str = "GET", body: bytes = b"") -> httpx.Response:
        headers = {"Authorization": f"Bearer {key or self.gateway.key}", "Content-Type": "application/cloudevents+json"}
        return request(self.gateway.app, method, path, headers=headers, content=body)


def test_a_source_sees_its_letters_and_no_other() -> None:
    world = World()
    world.refuse(BAD)
    world.refuse({**BAD, "source": TAX})
    world.refuse({**BAD, "source": TAX}, topic="inbox.units.liangjiang-water")
    world.refuse(BAD, topic="inbox.of.nobody")
    mine = world.ask("/dead-letters").json()["dead_letters"]
    assert [one["number"] for one in mine] == [2, 0], "what came by its inbox is its own, whatever it says"
    assert mine[1] == {
        "number": 0, "reason": "unknown_unit", "path": "data.unit", "sentence": REFUSED.sentence,
        "remedy": REFUSED.remedy, "place": "case.events/0@0", "received": text_of(EARLIER),
    }  # fmt: skip
    assert [one["number"] for one in world.ask("/dead-letters", world.tax).json()["dead_letters"]] == [1]
    for number, status in ((0, 200), (1, 403), (2, 200), (3, 403), (4, 404), (-1, 404)):
        assert world.ask(f"/dead-letters/{number}").status_code == status
        resent = world.ask(f"/dead-letters/{number}/resend", method="POST", body=orjson.dumps(GOOD))
        assert resent.status_code == (202 if status == 200 else status)
    assert orjson.loads(world.ask("/dead-letters/0").json()["original"]) == BAD


def test_letters_are_paged_and_each_is_listed_once() -> None:
    world = World()
    for number in range(30):
        world.refuse({**BAD, "id": f"bad-{number}"})
    again = world.letters[3]
    world.feedback.take(Record(topics.DEAD_LETTER, 0, 30, again.key, again.encode()))
    first = [one["number"] for one in world.ask("/dead-letters?limit=10").json()["dead_letters"]]
    second = [one["number"] for one in world.ask(f"/dead-letters?limit=200&before={first[-1]}").json()["dead_letters"]]
    assert first + second == [30, *(number for number in range(29, -1, -1) if number != 3)]
    assert world.ask("/dead-letters?limit=1000").status_code == 400
    for number in range(31, 31 + MOST_LETTERS):
        letter = DeadLetter.of(REFUSED, Arrived("case.events", 0, number, EARLIER, orjson.dumps(BAD)))
        world.feedback.take(Record(topics.DEAD_LETTER, 0, number, letter.key, letter.encode()))
    assert len(world.feedback.letters(WATER, None, 10_000)) == MOST_LETTERS


def test_unchanged_it_keeps_its_arrival_and_mended_it_arrives_now() -> None:
    world = World()
    world.refuse(GOOD)
    assert world.ask("/dead-letters/0/resend", method="POST").status_code == 202
    assert world.ask("/dead-letters/0/resend", method="POST", body=orjson.dumps({**GOOD, "id": "b"})).status_code == 202
    first, second = world.gateway.log.records
    assert (first.value, first.headers) == (orjson.dumps(GOOD), [("receivedat", text_of(EARLIER).encode())])
    assert second.headers == [("receivedat", text_of(NOW).encode())]


def test_what_its_case_refused_keeps_the_arrival_that_was_written_beside_it() -> None:
    world = World()
    first = text_of(EARLIER - DAY_US)
    world.refuse(GOOD, headers=(("receivedat", first.encode()),))
    assert world.ask("/dead-letters/0/resend", method="POST").status_code == 202
    (record,) = world.gateway.log.records
    assert dict(record.headers)["receivedat"] == first.encode()


LETTERS = {
    "by an inbox": (GOOD, "inbox.units.liangjiang-water", ()),
    "by HTTP, with the arrival beside it": (GOOD, "case.events", (("receivedat", b"2021-09-29T08:00:00+08:00"),)),
    "from an archive, with the arrival in it": (
        {**GOOD, "receivedat": "2021-09-29T08:00:00+08:00"}, "case.events", (),
    ),
    "by an inbox in binary mode": (
        GOOD["data"], "inbox.units.liangjiang-water",
        tuple((f"ce_{name}", str(value).encode()) for name, value in GOOD.items() if name != "data"),
    ),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("letter", LETTERS)
def test_by_http_and_by_the_command_the_same_is_written(
    letter: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Unchanged it keeps its arrival, however it says so; mended it arrives now."""
    event, topic, headers = LETTERS[letter]
    world = World()
    world.refuse(event, topic=topic, headers=headers)
    written: list[EventRecord] = []
    monkeypatch.setattr(dead_letters, "_letter", lambda address, number: Filed(0, world.letters[0]))
    monkeypatch.setattr(dead_letters, "_send", lambda address, record: written.append(record))
    monkeypatch.setattr(Clock, "from_settings", lambda settings: Clock(None, lambda: NOW))
    monkeypatch.setattr(dead_letters, "load_plan", lambda folder: shipped_plan())
    monkeypatch.setattr(Resending, "of", lambda plan: resending())
    first = EARLIER if topic != "case.events" else instant_from("2021-09-29T08:00:00+08:00")
    again = (("the same again", orjson.dumps(event), first),) if "specversion" in event else ()  # else it is data alone
    mended = orjson.dumps({**GOOD, "id": "b"})
    for _, body, arrival in (("unchanged", b"", first), *again, ("mended", mended, NOW)):
        answer = world.ask("/dead-letters/0/resend", method="POST", body=body)
        assert answer.status_code == 202, answer.text
        by_http = world.gateway.log.records[-1]
        (tmp_path / "event.json").write_bytes(body)
        dead_letters.resend(0, unchanged=not body, event=str(tmp_path / "event.json") if body else "-")
        assert written[-1] == by_http
        assert dict(by_http.headers)["receivedat"] == text_of(arrival).encode()


def test_the_command_sends_a_letter_again_for_whoever_sent_it_whatever_the_event_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    world = World()
    world.refuse({**GOOD, "source": TAX}, topic="inbox.units.liangjiang-water")
    monkeypatch.setattr(dead_letters, "_letter", lambda address, number: Filed(0, world.letters[0]))
    monkeypatch.setattr(dead_letters, "_send", lambda address, record: None)
    monkeypatch.setattr(dead_letters, "load_plan", lambda folder: shipped_plan())
    monkeypatch.setattr(Resending, "of", lambda plan: resending())
    file = tmp_path / "event.json"
    file.write_bytes(orjson.dumps({**GOOD, "source": TAX, "type": "source.heartbeat", "data": {}}))
    with pytest.raises(Failure, match="source_mismatch"):
        dead_letters.resend(0, event=str(file))
    file.write_bytes(orjson.dumps({**GOOD, "id": "b"}))
    dead_letters.resend(0, event=str(file))


def test_what_is_sent_again_is_admitted_as_anything_else() -> None:
    world = World()
    world.refuse(BAD)
    answer = world.ask("/dead-letters/0/resend", method="POST")
    assert answer.status_code == 422 and answer.json()["problems"][0]["title"] == "unknown_unit"
    foreign = world.ask("/dead-letters/0/resend", method="POST", body=orjson.dumps({**GOOD, "source": TAX}))
    assert foreign.json()["problems"][0]["title"] in ("source_mismatch", "not_entitled")
    world.gateway.log.acknowledges = False
    assert world.ask("/dead-letters/0/resend", method="POST", body=orjson.dumps(GOOD)).status_code == 503


def test_of_a_personal_number_neither_the_letter_nor_its_answer_has_the_event() -> None:
    world = World()
    number = "11010519491231002X"
    refused = Refused(Reason.PERSONAL_DATA, "data.parent", "there is an identity-card number in it", "leave it out")
    world.refuse({**GOOD, "parent": number}, topic="inbox.units.liangjiang-water", refused=refused)
    shown = world.ask("/dead-letters/0")
    assert shown.json()["original"] == "" and not shown.json()["is_whole"] and number not in shown.text
    gone = world.ask("/dead-letters/0/resend", method="POST")
    assert gone.status_code == 409 and gone.json()["remedy"]


def test_the_status_says_how_far_a_source_is_judged_and_what_was_refused() -> None:
    world = World()
    world.refuse(BAD)
    world.refuse({**BAD, "source": TAX})
    last = instant_from("2021-09-30T17:00:00+08:00")
    for partition, (sources, swept) in enumerate((({WATER: last - 5, TAX: last}, NOW - 7), ({WATER: last}, NOW - 9))):
        key, value = Progress(partition, 3, swept, sources, partition + 1).record()
        world.feedback.take(Record(topics.KPI_TALLIES, 0, partition, key, value))
    old_key, old = Progress(0, 2, NOW - DAY_US, {WATER: NOW}, 99).record()
    world.feedback.take(Record(topics.KPI_TALLIES, 0, 2, old_key, old))
    key, value = InboxState(5, 6, 0, NOW, NOW + 60).record(WATER)
    world.feedback.take(Record(topics.INBOX_STATES, 0, 0, key, value))
    said = world.ask("/status").json()
    assert said["source"] == WATER and said["as_of"] == text_of(NOW)
    assert said["last_event_at"] == text_of(last) and said["judged_to"] == text_of(NOW - 9)
    assert said["records_not_judged"] == 3, "of the owners with the highest epoch"
    assert said["dead_letters_of_24_hours"] == {"unknown_unit": 1}
    assert said["inbox"]["paused_until"] == text_of(NOW + 60) and said["inbox"]["refused"] == 6
    assert not said["silent"] and said["silent_since"] is None
    assert world.ask("/status", world.tax).json()["inbox"] is None


def test_a_source_that_never_sent_is_silent() -> None:
    said = World().ask("/status").json()
    assert said["silent"] and said["last_event_at"] is None and said["judged_to"] is None


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_without_a_key_nothing_is_answered(method: str, path: str) -> None:
    world = World()
    world.refuse(BAD)
    assert request(world.gateway.app, method, path).status_code == 401
    world.gateway.keys.is_current = False
    assert world.ask(path, method=method).status_code == 503


def test_before_the_topics_are_read_the_answer_is_503() -> None:
    world = World()
    world.feedback.caught_up = False
    for path in ("/status", "/dead-letters"):
        answer = world.ask(path)
        assert answer.status_code == 503 and answer.headers["retry-after"]


class Topics:
    """Gives what it is given: records, or what is raised."""

    def __init__(self, *polls: list[Record] | Exception) -> None:
        self.polls = list(polls)
        self.ending = threading.Event()
        self.caught_up = True
        self.ends_at = 1_000.0

    def poll(self, timeout_seconds: float) -> list[Record]:
        found = self.polls.pop(0)
        if not self.polls:
            self.ending.set()
        if isinstance(found, Exception):
            raise found
        return found


def test_neither_a_record_nor_a_failure_of_the_reader_ends_the_reading(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    letter = DeadLetter.of(REFUSED, Arrived("case.events", 0, 1, EARLIER, orjson.dumps(BAD)))
    good = Record(topics.DEAD_LETTER, 0, 1, letter.key, letter.encode())
    feedback, take = Feedback(shipped_plan()), Feedback.take

    def fails_once(self: Feedback, record: Record) -> None:
        if record.offset == 0:
            raise TypeError("W-2021-000123")
        take(self, record)

    monkeypatch.setattr(Feedback, "take", fails_once)
    reader = Topics([good._replace(offset=0), good], KafkaError("W-2021-000123"), [good._replace(offset=2)])
    monkeypatch.setattr(reader.ending, "wait", lambda seconds: None)
    feedback.follow(reader, reader.ending)
    assert [one.number for one in feedback.letters(WATER, None, 9)] == [2]
    assert "TypeError" in caplog.text and "KafkaError" in caplog.text and "W-2021" not in caplog.text


def test_once_the_topics_are_not_read_any_more_that_is_answered_and_shown() -> None:
    world = World()
    reader, now = Topics([]), 1_000.0
    world.feedback._seconds = lambda: now
    world.feedback.follow(reader, reader.ending)
    shown = names.FEEDBACK_CURRENT.name
    for now, status in ((1_000.0 + TRUSTED_SECONDS, 200), (1_001.0 + TRUSTED_SECONDS, 503)):  # noqa: B007  # asked for
        assert world.ask("/status").status_code == world.ask("/dead-letters").status_code == status
        assert f"{shown} {float(status == 200)}" in world.ask("/metrics").text
    assert world.gateway.post(orjson.dumps(GOOD)).status_code == 202, "events are received as before"


def test_records_that_cannot_be_read_are_passed_over() -> None:
    world = World()
    for topic in (topics.KPI_TALLIES, topics.DEAD_LETTER, topics.INBOX_STATES):
        for number, (key, value) in enumerate(STRANGERS):
            world.feedback.take(Record(topic, 0, number, key, value))
    assert world.ask("/status").status_code == 200 and world.ask("/dead-letters").json() == {"dead_letters": []}


def test_the_routes_here_are_those_that_there_are() -> None:
    described = World().gateway.app.openapi()["paths"]
    found = {(method.upper(), path.replace("{number}", "0")) for path, ways in described.items() for method in ways}
    assert found - {("POST", "/events"), ("POST", "/validate")} == set(ROUTES)
