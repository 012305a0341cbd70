"""Dead letters keep the original, the place and the reason, and always fit their topic."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2

from services.cli import dead_letters
from services.cli.failure import Failure
from services.domain.intake.admission import LARGEST_EVENT
from services.domain.intake.refusal import Reason, Refused
from services.domain.plan.plan import Source
from services.domain.time.rfc3339 import instant_from
from services.messaging.dead_letter_reader import Filed, OriginalGone, original_of
from services.messaging.records.dead_letters import (
    HEAD,
    LARGEST_LETTER,
    LARGEST_WHOLE,
    Arrived,
    DeadLetter,
    Headers,
    as_event,
)
from services.messaging.topics import CASE_EVENTS, partition_of, topics
from tests.unit.gateway import GOOD, edge

REFUSED = Refused(Reason.UNKNOWN_UNIT, "data.unit", "the plan has no such unit", "write a unit's id")
RECEIVED = instant_from("2021-09-16T09:12:00+08:00")


def letter(original: bytes | None, headers: Headers = (), refused: Refused = REFUSED) -> DeadLetter:
    return DeadLetter.of(refused, Arrived(CASE_EVENTS, 3, 17, RECEIVED, original, headers))


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


SIZES = st.sampled_from([0, 1, HEAD, LARGEST_WHOLE - 1, LARGEST_WHOLE, LARGEST_WHOLE + 1, 3_000_000])
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)


@given(
    size=SIZES,
    byte=st.binary(min_size=1, max_size=1),
    names=st.lists(st.tuples(ANY_TEXT, SIZES, st.none() | st.binary(max_size=3), SIZES), max_size=3),
    many=st.sampled_from([1, 50_000]),
    said=st.tuples(ANY_TEXT, SIZES),
)
@example(size=0, byte=b"a", names=[("\x00", LARGEST_WHOLE // 2, None, 0)], many=1, said=("", 0))
@example(size=0, byte=b"a", names=[("", 0, None, 0)], many=50_000, said=("", 0))
def test_a_letter_fits_whatever_its_event_and_its_refusal_are(
    size: int, byte: bytes, names: list[tuple[str, int, bytes | None, int]], many: int, said: tuple[str, int]
) -> None:
    headers: Headers = tuple(
        (name * (long // max(len(name), 1) or 1), value and value * (times // len(value) or 1))
        for name, long, value, times in names
    ) * (many if all(long + times < 10 for _, long, _, times in names) else 1)
    text = said[0] * said[1]
    written = letter(byte * size, headers, Refused(Reason.MALFORMED, text, text, text))
    assert len(written.encode()) <= LARGEST_LETTER
    assert DeadLetter.decode(written.encode()) == written
    if written.whole is None:
        assert (written.original, written.headers) == (byte * size, headers)
    else:
        assert (written.whole.bytes, written.whole.headers) == (size, len(headers))
        assert (byte * size).startswith(written.original)


IDENTITY, MOBILE, CARD = "11010519491231002X", "13800138000", "4111111111111111"
EVENT = GOOD | {"id": "p-1"}
NUMBERED = orjson.dumps(EVENT | {"data": {**GOOD["data"], "parent": MOBILE}})
BEFORE_ANY_CHECK: dict[str, tuple[bytes | None, Headers]] = {
    "not all of an event": (NUMBERED[:-1], ()),
    "no object": (b"[" + NUMBERED + b"]", ()),
    "text": (f"call {MOBILE}".encode(), ()),
    "in GBK": (f'{{"备注": "电话{MOBILE}"'.encode("gbk"), ()),
    "in UTF-16": (f"card {CARD}".encode("utf-16"), ()),
    "escaped": (b'{"subject": "' + "".join(f"\\u{ord(digit):04x}" for digit in IDENTITY).encode() + b'"', ()),
    "in the first of two values of a name": (
        orjson.dumps(EVENT).replace(b'"id":"p-1"', f'"id":"{IDENTITY}","id":"p-1"'.encode()), (),
    ),
    "in the head of what is too large": (orjson.dumps(EVENT | {"data": {"a": MOBILE, "b": "x" * 200_000}}), ()),
    "in a header beside the event": (NUMBERED.replace(MOBILE.encode(), b"W-0"), (("trace", MOBILE.encode()),)),
    "in the name of a header": (b"no event", ((f"phone-{MOBILE}", b""),)),
    "in binary mode without a value": (None, (("ce_specversion", b"1.0"), ("ce_id", CARD.encode()))),
    "stamped from outside": (NUMBERED, (("receivedat", b"2021-01-01T00:00:00Z"),)),
    "in an attribute that is not known": (orjson.dumps(EVENT | {f"a{MOBILE}": 1}), ()),
    "in a number": (b"[" + IDENTITY[:-1].encode() + b"1, " + CARD.encode() + b"]", ()),
}  # fmt: skip


@pytest.mark.parametrize("shape", BEFORE_ANY_CHECK)
def test_of_a_personal_number_no_letter_keeps_more_than_a_hash_whatever_it_was_refused_for(shape: str) -> None:
    value, headers = BEFORE_ANY_CHECK[shape]
    try:
        edge().admit(value, received=RECEIVED, headers=headers)
        refused = REFUSED  # what admission does not examine may be refused by a case
    except Refused as found:
        refused = found
    written = letter(value, headers, refused)
    assert (written.original, written.headers) == (b"", ())
    assert written.whole is not None and written.whole.sha256 == hashlib.sha256(value or b"").hexdigest()
    said = orjson.dumps([written.path, written.sentence, written.remedy, written.key.decode()])
    assert not any(number.encode() in said for number in (IDENTITY, MOBILE, CARD))


@pytest.mark.parametrize("reason", Reason)
def test_a_sentence_that_would_quote_a_personal_number_does_not(reason: Reason) -> None:
    quoted = Refused(reason, f"data.{MOBILE}", f"{IDENTITY} is no unit", f"write another than {CARD}")
    written = letter(b"no event", refused=quoted)
    assert not any(number.encode() in written.encode() for number in (IDENTITY, MOBILE, CARD))
    assert written.path == "" and written.sentence and written.remedy


def test_what_looks_like_no_personal_number_is_kept() -> None:
    for value in (NUMBERED.replace(MOBILE.encode(), b"W-0"), b'{"amount": 13800138000}', b"12345678901234", b"{"):
        assert letter(value).original == value


def test_every_event_of_an_allowed_size_is_kept_whole() -> None:
    assert letter(b"x" * LARGEST_WHOLE).whole is None
    assert letter(b"x" * (LARGEST_WHOLE + 1)).whole is not None


def test_of_a_large_event_the_head_the_hash_and_the_source_are_kept() -> None:
    event = orjson.dumps({"reason": "x" * 2_000_000, "source": "/units/water"})
    written = DeadLetter.decode(letter(event, (("n", None),)).encode())
    assert written.whole == (len(event), hashlib.sha256(event).hexdigest(), 1, "/units/water")
    assert (written.original, written.headers, written.source) == (event[:HEAD], (("n", None),), "/units/water")


BINARY: Headers = (("ce_specversion", b"1.0"), ("CE_Source", b"/units/water"), ("content-type", None), ("x", b"\xff"))


def test_of_an_event_in_binary_mode_the_headers_are_kept_and_name_its_source() -> None:
    written = DeadLetter.decode(letter(b'{"unit": "a"}', BINARY).encode())
    assert (written.headers, written.source) == (BINARY, "/units/water")
    assert orjson.loads(as_event(written.original, written.headers)) == {
        "specversion": "1.0",
        "source": "/units/water",
        "data": {"unit": "a"},
    }


@pytest.mark.parametrize("value", [b"no JSON", b"[" * 5000, b"[" * 500 + b"]" * 500])
def test_what_cannot_be_written_as_one_object_is_shown_as_it_came(value: bytes) -> None:
    assert as_event(value, BINARY) == value
    assert as_event(value, ()) == value


def in_file(file: Path, line: int, original: bytes) -> DeadLetter:
    whole = letter(original).whole
    return DeadLetter(
        Reason.TOO_LARGE, "", "a", "b", original[:HEAD], "2021-09-16T01:12:00Z", file=str(file), line=line, whole=whole
    )


def test_the_whole_original_is_read_from_the_line_of_its_file_or_it_is_said_why_not(tmp_path: Path) -> None:
    file, large = tmp_path / "a.jsonl", b"x" * 200_000
    file.write_bytes(b"{}\r\n" + large + b"\r\n")
    assert original_of(in_file(file, 2, large), "nowhere:1") == (large, ())
    assert original_of(letter(b"small", BINARY), "nowhere:1") == (b"small", BINARY)
    for gone, why in (
        (in_file(file, 3, large), "has no line 3"),
        (in_file(file, 1, large), "something else now"),
        (in_file(tmp_path / "b.jsonl", 1, large), "cannot be read: No such file"),
    ):
        with pytest.raises(OriginalGone, match=why):
            original_of(gone, "nowhere:1")


def test_a_letter_of_a_later_version_can_be_read() -> None:
    output = orjson.loads(letter(b"a").encode()) | {"mood": "bad"}
    assert DeadLetter.decode(orjson.dumps(output)) == letter(b"a")


def test_a_redelivered_record_has_the_same_key() -> None:
    assert letter(b"a").key == letter(b"a").key == b"case.events|3|17"


def test_what_its_case_turned_away_has_one_key_whether_its_record_is_at_hand_or_not() -> None:
    in_hand = DeadLetter.of(REFUSED, Arrived(CASE_EVENTS, 3, 17, RECEIVED, b"a"), "d1")
    kept = DeadLetter.of(REFUSED, Arrived(CASE_EVENTS, 3, None, RECEIVED, b"a"), "d1")
    assert in_hand.key == kept.key == b"case.events|3|d1"
    assert (in_hand.place, kept.place) == ("case.events/3@17", "case.events/3")
    assert DeadLetter.decode(kept.encode()) == kept


def test_the_commands_list_and_show_a_letter_without_an_offset(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    original = b'{"source": "/units/water"}'
    kept = DeadLetter.of(REFUSED, Arrived(CASE_EVENTS, 3, None, RECEIVED, original), "d1")
    monkeypatch.setattr(dead_letters, "read", lambda *_, **__: iter([Filed(4, kept), Filed(5, kept)]))
    dead_letters.list_letters()
    listed = capsys.readouterr().out
    assert "case.events/3 " in listed and "/units/water" in listed and "1 dead letter\n" in listed
    dead_letters.show(4)
    assert original.decode() in capsys.readouterr().out


def test_a_large_letter_is_shown_by_its_head_with_the_way_to_the_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    large = letter(b"x" * 200_000, BINARY)
    monkeypatch.setattr(dead_letters, "read", lambda *_, **__: iter([Filed(4, large)]))
    dead_letters.show(4)
    shown = capsys.readouterr().out
    assert large.whole is not None
    assert "whole    200000 bytes, 4 headers, SHA-256 of the value " + large.whole.sha256 in shown
    assert "header   ce_specversion: 1.0\n" in shown and "header   content-type: null\n" in shown
    assert "kpiwatch dead-letters show 4 --original" in shown and len(shown) < 2 * HEAD


def test_the_source_is_the_originals_if_it_names_one() -> None:
    assert letter(b'{"source": "/units/water"}').source == "/units/water"
    for original in (b"", b"[]", b"{}", b'{"source": 1}', b"\xff"):
        assert letter(original).source is None


def test_a_record_that_is_no_dead_letter_does_not_hide_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def read(address: str, *, unreadable: Callable[[int], None]) -> Iterator[Filed]:
        unreadable(3)
        yield Filed(4, letter(b"a"))

    monkeypatch.setattr(dead_letters, "read", read)
    dead_letters.list_letters()
    said = capsys.readouterr()
    assert "1 dead letter\n" in said.out
    assert "1 records of the topic are no dead letters of this version (3)" in said.err


@pytest.mark.parametrize("value", [b"", b"[]", b"1", b"{}", b'{"reason": "bored", "original": ""}'])
def test_what_is_no_dead_letter_is_a_value_error(value: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        DeadLetter.decode(value)


OTHER_TYPES: dict[str, tuple[object, ...]] = {
    **dict.fromkeys(("path", "sentence", "remedy", "received_at"), (None, 3, [])),
    **dict.fromkeys(("topic", "file", "digest"), (3, True, {})),
    **dict.fromkeys(("partition", "offset", "line"), ("1", True, -1, 1.5)),
    "original": (None, 3, "é"),
    "headers": (None, 3, [3], [["a"]], [[3, None]], [["a", 3]]),
    "whole": (3, [], {}, {"bytes": "1", "sha256": "", "headers": 0, "source": None}),
}


@pytest.mark.parametrize(("field", "value"), [(name, each) for name, wrong in OTHER_TYPES.items() for each in wrong])
def test_a_field_of_another_type_makes_it_no_dead_letter(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        DeadLetter.decode(orjson.dumps(orjson.loads(letter(b"a", BINARY).encode()) | {field: value}))


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_of_a_corrected_event_no_more_is_read_than_an_event_may_have(tmp_path: Path, end: bytes) -> None:
    file = tmp_path / "event.json"
    file.write_bytes(b"a" * LARGEST_EVENT + end)
    assert dead_letters._corrected(str(file)) == b"a" * LARGEST_EVENT
    for endless in ("/dev/zero", str(file)):
        file.write_bytes(b"a" + b" " * LARGEST_EVENT + b"\r\na")
        with pytest.raises(Failure, match="larger than an event may be: 65536 bytes"):
            dead_letters._corrected(endless)


@given(st.binary(max_size=70), st.integers(0, 70))
def test_the_partitioner_is_that_of_the_library(key: bytes, at: int) -> None:
    key = key[:at] + b"\x1f" + key[at:]
    assert partition_of(key, 1_000_003) == (murmur2(key) & 0x7FFFFFFF) % 1_000_003


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
        "case.quarantine",
    }
    assert {topic.partitions for topic in by_name.values()} == {1, 12}


def test_events_are_kept_and_state_is_compacted() -> None:
    by_name = {topic.name: topic.settings for topic in topics(1)}
    assert by_name["case.events"]["retention.ms"] == "-1"
    assert by_name["case.events.dead-letter"]["retention.ms"] == str(30 * 24 * 3600 * 1000)
    for name in ("kpiwatch-cases-rows-changelog", "kpi.tallies", "kpi.values", "alert.cards", "case.verdicts"):
        assert by_name[name]["cleanup.policy"] == "compact"


def test_a_source_has_an_inbox_of_its_own() -> None:
    source = Source(id="/units/liangjiang-water", units=("liangjiang-water",))
    assert source.inbox == "inbox.units.liangjiang-water"
