"""Whatever the bytes, the key and the headers are: an event is admitted or refused, the same by every way in, and what
is admitted can be kept, judged, published and replayed."""

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.load.calendars import calendar_of
from services.catalog.samples.promise_samples import samples_of
from services.domain.intake.admission import Admission, Admitted
from services.domain.intake.refusal import Refused
from services.domain.intake.serialize import serialize
from services.domain.judging.judge import Judge
from services.domain.plan.statutory_time import Law
from services.domain.results.cards import RETRACTED, written_card
from services.domain.results.case_partition import CasePartition, Effects
from services.domain.results.value_rows import Valuer
from services.domain.results.verdicts import written_verdict
from services.domain.sums.tally import Tally
from services.domain.time.rfc3339 import instant_from
from services.messaging.codec import CODEC
from services.messaging.records import tallies as tally_records
from services.messaging.records.case_events import line_of_record, record_of_line
from services.messaging.records.rows import dump_row, load_row
from services.replay.find_case import find_case
from services.replay.replay import replay
from services.runtime.settings import Settings
from tests.mutations import Mutated, mutated, shipped_plan

NUMBER = 3_000
JUDGED = 1_000
SEED = 20
STAMP_MS = 1_640_000_000_000
"""When the broker took the records: after all of it happened."""
TIMES = [instant_from(f"{day}T00:00:00+08:00") for day in ("2021-09-01", "2021-10-15", "2022-03-01")]
Verdict = tuple[Any, ...]


@cache
def corpus() -> list[Mutated]:
    return list(mutated(SEED, NUMBER))


@cache
def admissions() -> tuple[Admission, Admission]:
    """Of an export or the service's own topic, and of events from outside."""
    plan = shipped_plan()
    return Admission(plan, CODEC, trust_receivedat=True), Admission(plan, CODEC)


def verdict(line: bytes, admission: Admission | None = None, **record: Any) -> Admitted | Verdict:
    """The event as it is admitted, or code, path and sentence of the refusal. Any other exception is a defect, and so
    is the last resort."""
    try:
        return (admission or admissions()[0]).admit(line, **record)
    except Refused as refused:
        assert "this version cannot" not in refused.sentence, (line[:300], refused.__cause__)
        assert refused.sentence and refused.remedy, line
        assert len(str(refused)) < 5_000
        return (refused.code, refused.path, refused.sentence)


def test_a_mutated_event_is_admitted_or_refused_by_its_content() -> None:
    reasons: Counter[str] = Counter()
    for event in corpus():
        found = verdict(event.line)
        reasons["admitted" if isinstance(found, Admitted) else str(found[0])] += 1
        assert event.how != "good" or isinstance(found, Admitted), found
        verdict(event.line, admissions()[1], received=TIMES[1], now=TIMES[2])
    assert set(reasons) >= {
        "admitted", "malformed", "unknown_type", "unknown_field", "invalid_value", "naive_time", "from_the_future",
        "unknown_source", "unknown_unit", "unknown_service_item", "not_entitled", "too_large", "personal_data",
    }  # fmt: skip
    assert reasons["admitted"] > NUMBER // 5, "the corpus must try what comes after admission, too"


def test_file_topic_and_export_give_the_same_verdict_on_the_same_bytes() -> None:
    for event in corpus():
        by_file = verdict(event.line)
        key, headers = record_of_line(event.line)
        by_topic = verdict(event.line, key=key, headers=headers, received=STAMP_MS * 1000)
        assert by_topic == by_file, event
        line = line_of_record(event.line, headers, STAMP_MS)
        assert line is not None and b"\n" not in line
        assert verdict(line) == by_file, event
        assert verdict(line, key=key, received=1) == by_file, "sent again, an export says the same"


def test_binary_mode_says_what_the_structured_event_says() -> None:
    for event in corpus():
        try:
            content = orjson.loads(event.line)
            data = orjson.dumps(content.pop("data")) if "data" in content else b""
        except (ValueError, TypeError, AttributeError):  # no JSON, nested too deeply for it, or no object
            continue
        if type(content) is not dict or not content or not all(type(value) is str for value in content.values()):
            continue
        headers = [(f"ce_{name}", value.encode()) for name, value in content.items()]
        found = verdict(data, headers=headers, received=STAMP_MS * 1000)
        line = line_of_record(data, headers, STAMP_MS)
        if line is None:  # of nothing but blanks there is no line
            assert not data and found[0] == "malformed"
            continue
        assert verdict(line) == found, (event.how, line[:300])


@given(
    st.binary(max_size=80) | st.text(max_size=40).map(str.encode) | st.none(),
    st.lists(
        st.tuples(
            st.sampled_from(["ce_specversion", "CE_Type", "ce_id", "ce_data", "ce_", "content-type", "receivedat", "x"])
            | st.text(max_size=5)
            | st.binary(max_size=5),
            st.none() | st.binary(max_size=5) | st.sampled_from([b"1.0", b"case.rated", b"\xff", b"x" * 70_000]),
        ),
        max_size=6,
    ),
    st.none() | st.binary(max_size=5),
)
def test_no_record_raises_anything_but_a_refusal(value: bytes | None, headers: Any, key: bytes | None) -> None:
    for admission in admissions():
        assert not isinstance(verdict(value, admission, key=key, headers=headers), Admitted)  # type: ignore[arg-type]


@pytest.mark.parametrize("header", ["content-type", "ce_id", "CE_Subject"])
def test_a_header_without_value_or_twice_is_refused(header: str) -> None:
    good = next(event.line for event in corpus() if event.how == "good")
    for headers in ([(header, None)], [(header, b"a"), (header.lower(), b"b")], [(header, b"\xff")]):
        found = verdict(good, headers=headers)
        assert found[0] == "malformed" and header.lower() in found[2]
    assert isinstance(verdict(good, headers=[("traceparent", None), ("x", b"\xff")]), Admitted), "not of the event"


def test_only_a_trusted_feed_says_when_an_event_arrived() -> None:
    good = next(event.line for event in corpus() if event.how == "good")
    headers = [("receivedat", b"2021-12-01T00:00:00Z")]
    found = verdict(good, headers=headers, received=1)
    assert isinstance(found, Admitted) and found.fact.received == instant_from("2021-12-01T00:00:00Z")
    assert verdict(good, admissions()[1], headers=headers)[:2] == ("unknown_field", "receivedat")
    for odd in (b"soon", b"", b"\xff", None, b"2021-12-01T00:00:00"):
        assert verdict(good, headers=[("receivedat", odd)])[:2] == ("invalid_value", "receivedat")


def test_an_event_at_the_limit_of_size_is_exported_within_it() -> None:
    good = next(event.line for event in corpus() if event.how == "good")
    for size, fits in ((65_536, True), (65_537, False)):
        event = good + b" " * (size - len(good))
        line = line_of_record(event, (), STAMP_MS)
        assert line is not None
        assert isinstance(verdict(event), Admitted) is isinstance(verdict(line), Admitted) is fits
        assert (len(line) > size) is fits
    outside = admissions()[1]
    assert verdict(good + b" " * (65_537 - len(good)), outside)[0] == "too_large"


# ---- what is admitted ------------------------------------------------------------------------------------------
def reported(judge: Judge, effects: list[Effects], now: int) -> None:
    """Written as the worker publishes it."""
    for effect in effects:
        key = effect.key.decode()
        for card in effect.cards:
            if card.reason != RETRACTED:
                orjson.dumps(written_card(card, key, judge.law.zone)._asdict())
        for verdict in effect.verdicts:
            if verdict.verdict != RETRACTED:
                orjson.dumps(written_verdict(verdict, key, judge, now)._asdict())


def test_what_is_admitted_is_kept_judged_published_and_replayed(tmp_path: Path) -> None:
    plan = shipped_plan()
    judge = Judge(plan, calendar_of(plan))
    rows: dict[bytes, bytes] = {}
    partition = CasePartition(judge, rows, loads=load_row, dumps=dump_row)
    lines = []
    for event in corpus()[:JUDGED]:
        found = verdict(event.line)
        if not isinstance(found, Admitted):
            continue
        lines.append(event.line)
        assert CODEC.loads(orjson.dumps(serialize(found.key, found.fact)))
        effects = partition.take(found.key.encode(), found.fact, TIMES[0])
        reported(judge, [effects] if effects else [], TIMES[0])
    for now in TIMES[1:]:
        reported(judge, list(partition.sweep(now)), now)
    published: dict[Any, Tally] = {}
    for key, tally in partition.tallies.items():
        _, value = tally_records.row(0, 1, key, tally)
        assert value is not None
        published[key] = Tally.unpacked(orjson.loads(value)["tally"])
    values = Valuer(judge).rows(published, now + 1, partition.last_events)
    for row in values:
        orjson.dumps(row._asdict())
    file = tmp_path / "admitted.jsonl"
    file.write_bytes(b"\n".join(lines))
    replayed = replay([str(file)], Settings().plan, [now + 1], processes=1)
    assert not [each for each in replayed.rejected if each.reason not in ("id_conflict", "bad_correction")]
    assert values == list(replayed.rows)
    reported(judge, list(partition.sweep(instant_from("2199-12-31T23:59:59Z"))), now)


def test_a_sum_beyond_64_bits_is_kept_in_its_row_and_published(tmp_path: Path) -> None:
    """Each amount fits, but not all of them together."""
    plan = shipped_plan()
    judge = Judge(plan, calendar_of(plan))
    promise = next(each for each in plan.promises if getattr(each, "measure", "") == "ratio:prepayment/contract_value")
    lines = [orjson.dumps(event) for event in samples_of(promise, Law(plan, judge.law.calendar))[0].events]
    measured = orjson.loads(next(line for line in lines if b'"case.measured"' in line))
    for number in range(3):
        more = {**measured, "id": f"more-{number}", "data": {**measured["data"], "value": 9_223_372_036_854}}
        lines.append(orjson.dumps(more))
    rows: dict[bytes, bytes] = {}
    partition = CasePartition(judge, rows, loads=load_row, dumps=dump_row)
    now = TIMES[-1]
    for line in lines:
        admitted = verdict(line)
        assert isinstance(admitted, Admitted)
        partition.take(admitted.key.encode(), admitted.fact, now)
    assert any(abs(cell) >= 2**64 for tally in partition.tallies.values() for cell in tally.cells)
    partition.forget_empty()
    again = CasePartition(judge, dict(rows), loads=load_row, dumps=dump_row)
    again.rebuild(now)
    assert again.tallies == partition.tallies
    file = tmp_path / "case.jsonl"
    file.write_bytes(b"\n".join(lines))
    replayed = replay([str(file)], Settings().plan, [now + 1], processes=1)
    assert Valuer(judge).rows(partition.tallies, now + 1, partition.last_events) == list(replayed.rows)


def test_a_case_is_found_among_mutated_events(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    file.write_bytes(b"\n".join(event.line for event in corpus()))
    plan = shipped_plan()
    for event in corpus()[:200:50]:
        found = find_case([str(file)], plan, event.line.split(b'"subject":"')[-1].split(b'"')[0].decode())
        assert found.lines
