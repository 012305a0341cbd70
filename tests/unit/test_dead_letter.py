"""Dead letters keep the original, the place and the reason."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli import dead_letters
from services.domain.refusal import Reason, Refused
from services.domain.rfc3339 import instant_from
from services.messaging.dead_letter import DeadLetter, Filed
from services.messaging.topics import CASE_EVENTS, inbox, partition_of, topics

REFUSED = Refused(Reason.UNKNOWN_UNIT, "data.unit", "the plan has no such unit", "write a unit's id")
RECEIVED = instant_from("2021-09-16T09:12:00+08:00")


def letter(original: bytes | None) -> DeadLetter:
    return DeadLetter.of_record(REFUSED, original, topic=CASE_EVENTS, partition=3, offset=17, received=RECEIVED)


def test_a_dead_letter_says_reason_place_and_original() -> None:
    assert orjson.loads(letter(b"\xff{").encode()) == {
        "reason": "unknown_unit",
        "path": "data.unit",
        "sentence": "the plan has no such unit",
        "remedy": "write a unit's id",
        "topic": "case.events",
        "partition": 3,
        "offset": 17,
        "original": "/3s=",
        "received_at": "2021-09-16T01:12:00Z",
    }


@given(st.binary() | st.none())
def test_a_dead_letter_written_and_read_again_is_the_same(original: bytes | None) -> None:
    written = letter(original)
    assert DeadLetter.decode(written.encode()) == written
    in_file = DeadLetter(
        Reason.MALFORMED, "", "a", "b", original or b"", "2021-09-16T01:12:00Z", file="a.jsonl", line=2
    )
    assert DeadLetter.decode(in_file.encode()) == in_file
    assert (in_file.place, written.place) == ("a.jsonl:2", "case.events/3@17")


def test_a_redelivered_record_has_the_same_key() -> None:
    assert letter(b"a").key == letter(b"a").key == b"case.events|3|17"


def test_what_its_case_turned_away_has_one_key_whether_its_record_is_at_hand_or_not() -> None:
    in_hand = DeadLetter.of_record(
        REFUSED, b"a", topic=CASE_EVENTS, partition=3, offset=17, received=RECEIVED, digest="d1"
    )
    kept = DeadLetter.of_record(
        REFUSED, b"a", topic=CASE_EVENTS, partition=3, offset=None, received=RECEIVED, digest="d1"
    )
    assert in_hand.key == kept.key == b"case.events|3|d1"
    assert (in_hand.place, kept.place) == ("case.events/3@17", "case.events/3")
    assert DeadLetter.decode(kept.encode()) == kept


def test_the_commands_list_and_show_a_letter_without_an_offset(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = b'{"source": "/units/water"}'
    kept = DeadLetter.of_record(
        REFUSED, original, topic=CASE_EVENTS, partition=3, offset=None, received=RECEIVED, digest="d1"
    )
    monkeypatch.setattr(dead_letters, "read", lambda address, start=0: iter([Filed(4, kept)]))
    dead_letters.list_letters()
    listed = capsys.readouterr().out
    assert "case.events/3 " in listed and "/units/water" in listed and "1 dead letter" in listed
    dead_letters.show(4)
    assert original.decode() in capsys.readouterr().out


def test_the_source_is_the_originals_if_it_names_one() -> None:
    assert letter(b'{"source": "/units/water"}').source == "/units/water"
    for original in (b"", b"[]", b"{}", b'{"source": 1}', b"\xff"):
        assert letter(original).source is None


@pytest.mark.parametrize("value", [b"", b"[]", b"1", b"{}", b'{"reason": "bored", "original": ""}'])
def test_what_is_no_dead_letter_is_a_value_error(value: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        DeadLetter.decode(value)


@pytest.mark.parametrize(
    ("key", "hash_of_java"),
    [
        # Utils.murmur2 of Kafka's own UtilsTest
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_keys_go_where_the_java_client_sends_them(key: bytes, hash_of_java: int) -> None:
    for partitions in (1, 7, 8, 1000):
        assert partition_of(key, partitions) == (hash_of_java & 0x7FFFFFFF) % partitions


def test_what_is_keyed_by_case_has_one_number_of_partitions() -> None:
    by_name = {topic.name: topic for topic in topics(12)}
    assert {name for name, topic in by_name.items() if topic.partitions == 12} == {
        "case.events",
        "kpiwatch-cases-rows-changelog",
        "alert.cards",
        "case.verdicts",
    }
    assert {topic.partitions for topic in by_name.values()} == {1, 12}


def test_events_are_kept_and_state_is_compacted() -> None:
    by_name = {topic.name: topic.settings for topic in topics(1)}
    assert by_name["case.events"]["retention.ms"] == "-1"
    assert by_name["case.events.dead-letter"]["retention.ms"] == str(30 * 24 * 3600 * 1000)
    for name in ("kpiwatch-cases-rows-changelog", "kpi.tallies", "kpi.values", "alert.cards", "case.verdicts"):
        assert by_name[name]["cleanup.policy"] == "compact"


def test_a_source_has_an_inbox_of_its_own() -> None:
    assert inbox("/units/liangjiang-water") == "inbox.units.liangjiang-water"
