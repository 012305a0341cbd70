"""The edge: which events become facts, which are refused and why (docs/contract.md)."""

import json
import random
import re
from datetime import date
from typing import Any

import hypothesis
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.cn import ric

from services.domain.intake.admission import LARGEST_EVENT, Admission
from services.domain.intake.facts import FACT_TYPE_OF, Fact, digest_of
from services.domain.intake.json_text import repeats_a_name
from services.domain.intake.personal_data import may_be_personal, personal_number
from services.domain.intake.refusal import Reason, Refused
from services.domain.intake.serialize import serialize
from services.domain.time.rfc3339 import instant_from
from services.messaging.codec import CODEC, canonical, dumps
from services.messaging.records.case_events import line_of_record
from tests.unit.cases import promise
from tests.unit.registries import EXAMPLES, LIMIT, OPERATIONS, SEALS, WATER, event, example, plan, raw

ADMISSION = Admission(plan(), CODEC)
OPEN = Admission(plan(is_open=True), CODEC)
TRUSTING = Admission(plan(), CODEC, trust_receivedat=True)
ACCEPTED = EXAMPLES["case.accepted"]
IDENTITY_CARD = "11010519491231002X"  # the example of GB 11643
BANK_CARD = "6222020200112345679"


def fact_of(event_type: str, data: dict[str, Any], **attributes: Any) -> Fact:
    return ADMISSION.admit(raw(event_type, data, **attributes)).fact


def refused(content: bytes | None, admission: Admission = ADMISSION, **arrival: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        admission.admit(content, **arrival)
    assert caught.value.sentence and caught.value.remedy
    return caught.value


# Each bad event, its reason code and the path that it is refused at; the event alone shows all of these.
ATTRIBUTES = {"service_item": "water.connection", "unit": "water"}
INNER = EXAMPLES["correction"]["event"]
FIGURE = {"quantity": "zero_material_filings", "unit": "water", "period": "2021-10", "numerator": 1, "denominator": 2}
BAD: dict[str, tuple[bytes | None, Reason, str]] = {
    "no value": (None, Reason.MALFORMED, ""),
    "no bytes": (b"", Reason.MALFORMED, ""),
    "no JSON": (b"case W-1 accepted", Reason.MALFORMED, ""),
    "cut off": (raw()[:-9], Reason.MALFORMED, ""),
    "no UTF-8": (raw().replace(b"W-2021", "件".encode("gbk")), Reason.MALFORMED, ""),
    "no object": (b"[1]", Reason.MALFORMED, ""),
    "no number": (raw().replace(b'"e-1"', b"NaN"), Reason.MALFORMED, ""),
    "no CloudEvent": (raw(specversion=None), Reason.MALFORMED, ""),
    "CloudEvent 0.3": (raw(specversion="0.3"), Reason.MALFORMED, ""),
    "deep": (raw(data={"a": orjson.Fragment(b"[" * 300 + b"]" * 300)}), Reason.MALFORMED, ""),
    "no type": (raw(type=None), Reason.INVALID_VALUE, "type"),
    "unknown type": (raw("case.teleported"), Reason.UNKNOWN_TYPE, "type"),
    "no id": (raw(id=None), Reason.INVALID_VALUE, "id"),
    "empty id": (raw(id=""), Reason.INVALID_VALUE, "id"),
    "no subject": (raw(subject=None), Reason.INVALID_VALUE, "subject"),
    "separator in a subject": (raw(subject="a\x1fb"), Reason.INVALID_VALUE, "subject"),
    "no time": (raw(time=None), Reason.INVALID_VALUE, "time"),
    "no date, in one system": (raw(time="0001-01-01T00:00:00+08:00"), Reason.INVALID_VALUE, "time"),
    "no date, in another": (raw(time="9999-12-31T23:59:59-08:00"), Reason.INVALID_VALUE, "time"),
    "recorded on no date": (raw(recordedat="0001-01-01T00:00:00+08:00"), Reason.INVALID_VALUE, "recordedat"),
    "due on no date": (
        raw("case.accepted", {**EXAMPLES["case.accepted"], "due_at": "9999-12-31T23:59:59Z"}),
        Reason.INVALID_VALUE,
        "data.due_at",
    ),
    "corrected to no date": (
        raw("correction", {"of": "e-0", "event": {**INNER, "time": "9999-12-31T23:59:59Z"}}),
        Reason.INVALID_VALUE,
        "data.event.time",
    ),
    "an hour that is none": (raw(time="2021-09-16T24:00:00+08:00"), Reason.INVALID_VALUE, "time"),
    "a number for a time": (raw(time=1631754720), Reason.INVALID_VALUE, "time"),
    "naive time": (raw(time="2021-09-16T09:12:00"), Reason.NAIVE_TIME, "time"),
    "naive recording": (raw(recordedat="2021-09-16T09:12:05"), Reason.NAIVE_TIME, "recordedat"),
    "no recording": (raw(recordedat=None), Reason.INVALID_VALUE, "recordedat"),
    "stamped from outside": (raw(receivedat="2021-09-16T09:12:00Z"), Reason.UNKNOWN_FIELD, "receivedat"),
    "unknown extension": (raw(colour="red"), Reason.UNKNOWN_FIELD, "colour"),
    "other content": (raw(datacontenttype="text/xml"), Reason.INVALID_VALUE, "datacontenttype"),
    "no data": (raw("case.milestone", specversion="1.0", data=[]), Reason.INVALID_VALUE, "data"),
    "ahead of its arrival": (raw(time="2021-09-16T09:17:06+08:00"), Reason.FROM_THE_FUTURE, "time"),
    "unknown source": (raw(source="/units/moon"), Reason.UNKNOWN_SOURCE, "source"),
    "no service item": (raw(data={"unit": "water"}), Reason.INVALID_VALUE, "data.service_item"),
    "unknown service item": (
        raw(data={"service_item": "moon.walk", "unit": "water"}),
        Reason.UNKNOWN_SERVICE_ITEM,
        "data.service_item",
    ),
    "unknown unit": (raw(data={**ATTRIBUTES, "unit": "moon"}), Reason.UNKNOWN_UNIT, "data.unit"),
    "another's unit": (raw(data={**ATTRIBUTES, "unit": "seals"}), Reason.NOT_ENTITLED, "data.unit"),
    "another's case": (raw(caseowner=SEALS), Reason.NOT_ENTITLED, "caseowner"),
    "another's decision": (
        raw("case.justified", {"kpi": "K06-1", "decision": "accepted"}),
        Reason.NOT_ENTITLED,
        "data.decision",
    ),
    "another's confirmation": (
        raw("case.confirmed", {"kpi": "K06-1", "decision": "rejected"}),
        Reason.NOT_ENTITLED,
        "data.decision",
    ),
    "unknown field": (raw(data={**ATTRIBUTES, "fax": "1"}), Reason.UNKNOWN_FIELD, "data.fax"),
    "unknown channel": (raw(data={**ATTRIBUTES, "channel": "fax"}), Reason.INVALID_VALUE, "data.channel"),
    "naive due date": (
        raw(data={**ATTRIBUTES, "due_at": "2021-09-16T09:12:00"}),
        Reason.NAIVE_TIME,
        "data.due_at",
    ),
    "limit of no unit": (
        raw(data={**ATTRIBUTES, "committed_limit": {"amount": 4, "unit": "moons"}}),
        Reason.INVALID_VALUE,
        "data.committed_limit.unit",
    ),
    "limit of a century": (
        raw(data={**ATTRIBUTES, "committed_limit": {"amount": 40000, "unit": "months"}}),
        Reason.INVALID_VALUE,
        "data.committed_limit",
    ),
    "negative limit": (
        raw(data={**ATTRIBUTES, "committed_limit": {"amount": -1, "unit": "months"}}),
        Reason.INVALID_VALUE,
        "data.committed_limit.amount",
    ),
    "parent of no owner": (raw(data={**ATTRIBUTES, "parent": "P-1"}), Reason.INVALID_VALUE, "data.parent"),
    "undeclared attribute": (
        raw(data={**ATTRIBUTES, "attributes": {"colour": "red"}}),
        Reason.UNKNOWN_FIELD,
        "data.attributes.colour",
    ),
    "attribute of another item": (
        raw(data={"service_item": "seal.issue", "unit": "water", "attributes": {"fee": 1}}),
        Reason.UNKNOWN_FIELD,
        "data.attributes.fee",
    ),
    "attribute declared by no item": (
        raw("case.completed", {"attributes": {"colour": "red"}}),
        Reason.UNKNOWN_FIELD,
        "data.attributes.colour",
    ),
    "nested attribute": (
        raw(data={**ATTRIBUTES, "attributes": {"note": {"a": 1}}}),
        Reason.INVALID_VALUE,
        "data.attributes.note",
    ),
    "21 codes": (
        raw(data={**ATTRIBUTES, "attributes": {"areas": ["a"] * 21}}),
        Reason.INVALID_VALUE,
        "data.attributes.areas",
    ),
    "code of another list": (
        raw(data={**ATTRIBUTES, "attributes": {"project_size": "tiny"}}),
        Reason.INVALID_VALUE,
        "data.attributes.project_size",
    ),
    "a text for a truth": (
        raw(data={**ATTRIBUTES, "attributes": {"external_line": "no"}}),
        Reason.INVALID_VALUE,
        "data.attributes.external_line",
    ),
    "a truth for a number": (
        raw(data={**ATTRIBUTES, "attributes": {"fee": True}}),
        Reason.INVALID_VALUE,
        "data.attributes.fee",
    ),
    "a number that readers disagree on": (
        raw(data={**ATTRIBUTES, "attributes": {"pipe": 2**53}}),
        Reason.INVALID_VALUE,
        "data.attributes.pipe",
    ),
    "an amount beyond 64 bits in millionths": (
        raw(data={**ATTRIBUTES, "attributes": {"fee": 9_223_372_036_855}}),
        Reason.INVALID_VALUE,
        "data.attributes.fee",
    ),
    "a fee of -1e308": (
        raw("case.measured", {"quantity": "visits", "value": -1e308}),
        Reason.INVALID_VALUE,
        "data.value",
    ),
    "a truth for a measured value": (
        raw("case.measured", {"quantity": "visits", "value": True}),
        Reason.INVALID_VALUE,
        "data.value",
    ),
    "a negative part": (raw("figure.reported", {**FIGURE, "numerator": -1}), Reason.INVALID_VALUE, "data.numerator"),
    "a negative whole": (
        raw("figure.reported", {**FIGURE, "denominator": -0.5}),
        Reason.INVALID_VALUE,
        "data.denominator",
    ),
    "a figure of 20 trillion": (
        raw("figure.reported", {**FIGURE, "numerator": 20_000_000_000_000, "denominator": 40_000_000_000_000}),
        Reason.INVALID_VALUE,
        "data.numerator",
    ),
    "the month before all": (
        raw("figure.reported", {**FIGURE, "period": "1900-12"}),
        Reason.INVALID_VALUE,
        "data.period",
    ),
    "month 0000-01": (
        raw("duty.fulfilled", {"duty": "report", "unit": "water", "period": "0000-01"}),
        Reason.INVALID_VALUE,
        "data.period",
    ),
    "month 9999-12": (raw("figure.reported", {**FIGURE, "period": "9999-12"}), Reason.INVALID_VALUE, "data.period"),
    "the Unix epoch": (raw(time="1970-01-01T08:00:00+08:00"), Reason.INVALID_VALUE, "time"),
    "the Unix epoch as a local date": (raw(time="1970-01-01T00:00:00+08:00"), Reason.INVALID_VALUE, "time"),
    "a local date of the epoch in UTC": (raw(time="1969-12-31T16:00:00Z"), Reason.INVALID_VALUE, "time"),
    "the zero of spreadsheets": (raw(time="1899-12-30T00:00:00+08:00"), Reason.INVALID_VALUE, "time"),
    "the epoch of spreadsheets": (raw(recordedat="1900-01-01T00:00:00+08:00"), Reason.INVALID_VALUE, "recordedat"),
    "an arrival of null": (raw().replace(b'"id"', b'"receivedat":null,"id"'), Reason.INVALID_VALUE, "receivedat"),
    "a subject that turns the text": (raw(subject="W-\u202e1202"), Reason.INVALID_VALUE, "subject"),
    "an id that cannot be seen whole": (raw(id="e\u200b-1"), Reason.INVALID_VALUE, "id"),
    "a C1 control in a subject": (raw(subject="W\x9b31m"), Reason.INVALID_VALUE, "subject"),
    "a line separator in a subject": (raw(subject="W\u20281"), Reason.INVALID_VALUE, "subject"),
    "a name twice": (raw().replace(b'"id"', b'"subject":"W-2","id"'), Reason.MALFORMED, ""),
    "a name twice in the data": (raw().replace(b'"unit"', b'"unit" : "seals","unit"'), Reason.MALFORMED, ""),
    "a name twice, once in escapes": (
        raw().replace(b'"id"', rb'"\u0069d"\u003a1,"id"', 1).replace(rb"\u003a", b":"),
        Reason.MALFORMED,
        "",
    ),
    "deep beside eleven digits": (
        raw("case.rated", {"reason": orjson.Fragment(b"[" * 980 + b"]" * 980)}, id="12345678901"),
        Reason.MALFORMED,
        "",
    ),
    "a deep subject": (raw(subject=orjson.Fragment(b"[" * 1015 + b"]" * 1015)), Reason.MALFORMED, ""),
    "17 levels": (raw("case.rated", {"reason": orjson.Fragment(b"[" * 15 + b"]" * 15)}), Reason.MALFORMED, ""),
    "16 levels": (
        raw("case.rated", {"score": orjson.Fragment(b"[" * 14 + b"]" * 14)}),
        Reason.INVALID_VALUE,
        "data.score",
    ),
    "a deep extension": (raw(traceparent=orjson.Fragment(b"[" * 300 + b"]" * 300)), Reason.MALFORMED, ""),
    "a lone surrogate": (raw().replace(b'"e-1"', rb'"\ud800"'), Reason.MALFORMED, ""),
    "a place of any length": (raw("case.withdrawn", {}, **{"x" * 30_000: 1}), Reason.UNKNOWN_FIELD, "x" * 199 + "…"),
    "milestone of no item": (
        raw("case.milestone", {"name": "landed", "unit": "water"}),
        Reason.INVALID_VALUE,
        "data.name",
    ),
    "milestone without unit": (raw("case.milestone", {"name": "connected"}), Reason.INVALID_VALUE, "data.unit"),
    "unregistered reason": (
        raw("case.suspended", {"reason": "nap", "unit": "water"}),
        Reason.INVALID_VALUE,
        "data.reason",
    ),
    "unknown promise": (
        raw("case.justified", {"kpi": "K99", "decision": "requested"}),
        Reason.INVALID_VALUE,
        "data.kpi",
    ),
    "unknown collection": (
        raw("item.upserted", {"collection": "moons", "unit": "water"}),
        Reason.INVALID_VALUE,
        "data.collection",
    ),
    "unknown duty": (
        raw("duty.fulfilled", {"duty": "song", "unit": "water", "period": "2021-10"}),
        Reason.INVALID_VALUE,
        "data.duty",
    ),
    "unknown figure": (
        raw(
            "figure.reported",
            {"quantity": "visits", "unit": "water", "period": "2021-10", "numerator": 1, "denominator": 2},
        ),
        Reason.INVALID_VALUE,
        "data.quantity",
    ),
    "no month": (
        raw("duty.fulfilled", {"duty": "report", "unit": "water", "period": "2021-13"}),
        Reason.INVALID_VALUE,
        "data.period",
    ),
    "six stars": (raw("case.rated", {"score": 6}), Reason.INVALID_VALUE, "data.score"),
    "a text for a score": (raw("case.rated", {"score": "5"}), Reason.INVALID_VALUE, "data.score"),
    "reopened without reason": (raw("case.reopened", {}), Reason.INVALID_VALUE, "data.reason"),
    "reclassified to nothing": (raw("case.reclassified", {}), Reason.INVALID_VALUE, "data"),
    "busy heartbeat": (raw("source.heartbeat", {"load": 1}), Reason.UNKNOWN_FIELD, "data.load"),
    "correction of itself": (
        raw("correction", {"of": "e-1", "event": None}),
        Reason.BAD_CORRECTION,
        "data.of",
    ),
    "correction of a correction": (
        raw("correction", {"of": "e-0", "event": {**INNER, "type": "correction"}}),
        Reason.BAD_CORRECTION,
        "data.event.type",
    ),
    "correction to another subject": (
        raw("correction", {"of": "e-0", "event": {**INNER, "subject": "W-2"}}),
        Reason.BAD_CORRECTION,
        "data.event.subject",
    ),
    "correction to another owner": (
        raw("correction", {"of": "e-0", "event": {**INNER, "caseowner": SEALS}}),
        Reason.BAD_CORRECTION,
        "data.event.caseowner",
    ),
    "correction by nothing": (raw("correction", {"of": "e-0"}), Reason.INVALID_VALUE, "data.event"),
    "correction to an unknown type": (
        raw("correction", {"of": "e-0", "event": {**INNER, "type": "case.lost"}}),
        Reason.UNKNOWN_TYPE,
        "data.event.type",
    ),
    "correction to an unknown unit": (
        raw("correction", {"of": "e-0", "event": {**INNER, "data": {**ATTRIBUTES, "unit": "moon"}}}),
        Reason.UNKNOWN_UNIT,
        "data.event.data.unit",
    ),
    "correction to a missing field": (
        raw("correction", {"of": "e-0", "event": {**INNER, "data": {"unit": "water"}}}),
        Reason.INVALID_VALUE,
        "data.event.data.service_item",
    ),
    "correction to the future": (
        raw("correction", {"of": "e-0", "event": {**INNER, "time": "2022-01-01T00:00:00Z"}}),
        Reason.FROM_THE_FUTURE,
        "data.event.time",
    ),
    "correction to a decision": (
        raw(
            "correction",
            {
                "of": "e-0",
                "event": {**INNER, "type": "case.confirmed", "data": {"kpi": "K06-1", "decision": "accepted"}},
            },
        ),
        Reason.NOT_ENTITLED,
        "data.event.data.decision",
    ),
    "a person as subject": (raw(subject=f"W-{IDENTITY_CARD}"), Reason.PERSONAL_DATA, "subject"),
    "a phone in a reason": (
        raw("case.withdrawn", {"reason": "call 138-1234-5678"}),
        Reason.PERSONAL_DATA,
        "data.reason",
    ),
    "a phone in full-width digits": (
        raw("case.withdrawn", {"reason": "１３８１２３４５６７８"}),
        Reason.PERSONAL_DATA,
        "data.reason",
    ),
    "a phone in escapes": (
        raw("case.withdrawn", {"reason": "13812345678"}).replace(b"138", rb"\u0031\u0033\u0038"),
        Reason.PERSONAL_DATA,
        "data.reason",
    ),
    "a bank card in an attribute": (
        raw(data={**ATTRIBUTES, "attributes": {"areas": ["a", BANK_CARD]}}),
        Reason.PERSONAL_DATA,
        "data.attributes.areas",
    ),
    "a bank card as a number": (
        raw(data={**ATTRIBUTES, "attributes": {"pipe": 4111111111111111}}),
        Reason.PERSONAL_DATA,
        "data.attributes.pipe",
    ),
    "a person in a correction": (
        raw("correction", {"of": "e-0", "event": {**INNER, "type": "case.refused", "data": {"reason": IDENTITY_CARD}}}),
        Reason.PERSONAL_DATA,
        "data.event.data.reason",
    ),
    "65 KiB": (raw("case.withdrawn", {"reason": "a" * LARGEST_EVENT}), Reason.TOO_LARGE, ""),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_event_is_refused_with_its_reason_and_place(name: str) -> None:
    content, reason, path = BAD[name]
    refusal = refused(content)
    assert (refusal.code, refusal.path) == (reason, path), str(refusal)


def test_every_reason_that_an_event_alone_can_have_is_tried() -> None:
    elsewhere = {Reason.ID_CONFLICT, Reason.SOURCE_MISMATCH, Reason.WRONG_KEY}
    assert {reason for _, reason, _ in BAD.values()} == set(Reason) - elsewhere


def test_a_record_under_another_key_is_refused() -> None:
    key = f"{WATER}\x1fW-2021-000123".encode()
    assert ADMISSION.admit(raw(), key=key).key.encode() == key
    assert refused(raw(), key=b"W-2021-000123").code is Reason.WRONG_KEY


@pytest.mark.parametrize("event_type", EXAMPLES)
def test_each_type_becomes_a_fact_that_survives_its_row(event_type: str) -> None:
    written = example(event_type)
    admitted = ADMISSION.admit(orjson.dumps(written))
    fact = admitted.fact
    assert (admitted.owner, admitted.subject) == (WATER, "W-2021-000123")
    assert fact[:4] == (instant_from(written["time"]), FACT_TYPE_OF[event_type], written["source"], "e-1")
    assert fact.recorded == fact.received == instant_from(written["recordedat"])
    assert Fact(*orjson.loads(orjson.dumps(tuple(fact)))) == fact


@pytest.mark.parametrize("event_type", EXAMPLES)
def test_an_event_written_again_from_its_fact_gives_that_fact(event_type: str) -> None:
    assert_the_same_written_again(example(event_type))


def test_a_due_date_and_another_owner_are_written_again() -> None:
    given = {**ATTRIBUTES, "due_at": "2021-09-30T18:00:00+08:00"}
    assert_the_same_written_again(event("case.accepted", given, source=OPERATIONS, caseowner=WATER))
    replaced = event("case.accepted", given, id="e-0")
    assert_the_same_written_again(event("correction", {"of": "e-0", "event": replaced}))


def assert_the_same_written_again(reported: dict[str, Any]) -> None:
    """But for the digest and the arrival: those are of the record it came in."""
    first = ADMISSION.admit(orjson.dumps(reported))
    again = ADMISSION.admit(orjson.dumps(serialize(first.key, first.fact)))
    assert again.fact._replace(digest="", received=0) == first.fact._replace(digest="", received=0)
    assert again._replace(fact=first.fact) == first


def test_a_fact_keeps_what_is_known_and_nothing_else() -> None:
    data: dict[str, Any] = {
        **ATTRIBUTES,
        "channel": "unknown",
        "applicant": "public",
        "statutory_limit": None,
        "attributes": {},
    }
    assert fact_of("case.accepted", data).data == {**ATTRIBUTES, "applicant": "public"}
    data = {**ATTRIBUTES, "due_at": "1970-01-01T08:00:01+08:00", "attributes": {"fee": None, "pipe": 0}}
    assert fact_of("case.accepted", data).data == {**ATTRIBUTES, "due_at": 1_000_000, "attributes": {"pipe": 0}}
    assert fact_of("case.reclassified", {"applicant": "unknown"}).data == {"applicant": "unknown"}


def test_a_suspension_without_a_reason_has_the_reason_unknown() -> None:
    assert fact_of("case.suspended", {"unit": "water"}).data == {"unit": "water", "reason": "unknown"}


def test_types_that_need_no_data_may_leave_it_out() -> None:
    for event_type in ("case.completed", "case.withdrawn", "case.refused", "source.heartbeat"):
        without = event(event_type)
        del without["data"]
        assert ADMISSION.admit(orjson.dumps(without)).fact.data == {}
    heartbeat = ADMISSION.admit(raw("source.heartbeat", subject=None))
    assert (heartbeat.key, heartbeat.subject) == (f"{WATER}\x1f", "")


def test_a_correction_keeps_its_replacement_as_a_fact_would() -> None:
    assert fact_of("correction", EXAMPLES["correction"]).data == {
        "of": "e-0",
        "event": {
            "type": "case.accepted",
            "time": instant_from("2021-09-16T08:00:00+08:00"),
            "recorded": instant_from("2021-09-16T08:00:00+08:00"),
            "data": ATTRIBUTES,
        },
    }
    assert fact_of("correction", {"of": "e-0", "event": None}).data == {"of": "e-0", "event": None}


def test_a_replacement_inherits_what_it_does_not_say_of_its_envelope() -> None:
    data = {"of": "e-0", "event": {"type": "case.withdrawn", "time": "2021-09-16T08:00:00+08:00"}}
    replacement = fact_of("correction", data).data["event"]
    assert replacement["recorded"] == instant_from(event()["recordedat"])
    assert replacement["data"] == {}


def test_arrival_is_the_stamp_else_the_carriers_word_else_the_recording_else_the_time() -> None:
    stamped = raw(receivedat="2021-09-17T00:00:00Z")
    trusting = Admission(plan(), CODEC, trust_receivedat=True)
    assert trusting.admit(stamped, received=1).fact.received == instant_from("2021-09-17T00:00:00Z")
    carried = instant_from("2021-09-18T00:00:00Z")
    assert ADMISSION.admit(raw(), received=carried).fact.received == carried
    assert ADMISSION.admit(raw()).fact.received == instant_from(event()["recordedat"])
    real_time = ADMISSION.admit(raw("case.withdrawn", source=SEALS, recordedat=None)).fact
    assert real_time.received == real_time.time
    assert real_time.recorded is None


@pytest.mark.parametrize("timestamp_ms", [2**63 - 1, -(2**62), 253_402_300_800_000])
def test_the_time_of_a_record_counts_only_where_an_arrival_is_written(timestamp_ms: int) -> None:
    """A time of no year, as a broken producer writes it, must not end an export."""
    whole = raw(receivedat="2021-09-17T00:00:00Z")
    assert line_of_record(whole, (), timestamp_ms) == whole
    assert line_of_record(b" ", (), timestamp_ms) is None
    assert line_of_record(b"{", (), timestamp_ms) == b"{"
    in_header = [("receivedat", b"2021-09-17T00:00:00Z")]
    assert line_of_record(raw(), in_header, timestamp_ms) == line_of_record(raw(), in_header, 0)
    assert (line_of_record(raw(), (), timestamp_ms) or b"").startswith(b'{"receivedat":"unreadable",')


@pytest.mark.parametrize(("characters", "is_good"), [(47, True), (48, False), (200, False)])
def test_an_arrival_that_no_export_can_write_is_refused_live_and_in_the_archive(characters: int, is_good: bool) -> None:
    trusting = Admission(plan(), CODEC, trust_receivedat=True)
    begin, end = "2021-09-17T00:00:00.", "+08:00"
    arrival = begin + "1" * (characters - len(begin) - len(end)) + end
    in_header = [("receivedat", arrival.encode())]
    line = line_of_record(raw(), in_header, 0)
    ways: tuple[tuple[bytes | None, Any], ...] = (
        (raw(), in_header),
        (line, ()),
        (raw(receivedat=arrival), ()),
        (raw(traceparent="x", receivedat=arrival), ()),
    )
    verdicts = set()
    for value, headers in ways:
        try:
            verdicts.add(str(trusting.admit(value, received=1, headers=headers).fact.received))
        except Refused as refusal:
            verdicts.add(f"{refusal.code} {refusal.path}")
    assert verdicts == ({str(instant_from(arrival))} if is_good else {"invalid_value receivedat"})


def test_a_source_may_be_five_minutes_ahead_of_us_and_no_more() -> None:
    happened = instant_from(event()["time"])
    ADMISSION.admit(raw(), received=happened - 300_000_000)
    assert refused(raw(), received=happened - 300_000_001).code is Reason.FROM_THE_FUTURE
    ADMISSION.admit(raw(), now=happened - 300_000_000)
    assert refused(raw(), now=happened - 300_000_001).path == "time"


def test_the_stamp_is_no_part_of_the_payload() -> None:
    trusting = Admission(plan(), CODEC, trust_receivedat=True)
    stamped = trusting.admit(raw(receivedat="2021-09-17T00:00:00Z")).fact
    assert stamped.digest == ADMISSION.admit(raw()).fact.digest == digest_of(canonical(event()))


def shuffled(value: Any, rng: random.Random) -> Any:
    if isinstance(value, dict):
        names = list(value)
        rng.shuffle(names)
        return {name: shuffled(value[name], rng) for name in names}
    return value


@given(st.sampled_from(sorted(EXAMPLES)), st.randoms(use_true_random=False), st.booleans())
def test_the_digest_knows_neither_the_order_of_keys_nor_blanks(
    event_type: str, rng: random.Random, indented: bool
) -> None:
    written = example(event_type)
    other = orjson.dumps(shuffled(written, rng), option=orjson.OPT_INDENT_2 if indented else 0)
    assert ADMISSION.admit(other) == ADMISSION.admit(dumps(written))
    changed = ADMISSION.admit(orjson.dumps({**written, "id": "e-2"})).fact
    assert changed.digest != ADMISSION.admit(dumps(written)).fact.digest


@given(st.sampled_from(sorted(EXAMPLES)), st.sampled_from(sorted(EXAMPLES)))
def test_what_was_admitted_before_changes_no_answer(first: str, then: str) -> None:
    remembering, fresh = Admission(plan(), CODEC), Admission(plan(), CODEC)
    remembering.admit(dumps(example(first)))
    assert remembering.admit(dumps(example(then))) == fresh.admit(dumps(example(then)))
    for name in ("another's unit", "undeclared attribute", "milestone without unit"):
        assert refused(BAD[name][0], remembering).code is BAD[name][1]


def test_data_learned_from_one_source_is_not_granted_to_another() -> None:
    admission = Admission(plan(), CODEC)
    admission.admit(raw())
    refusal = refused(raw(source=SEALS), admission)
    assert (refusal.code, refusal.path) == (Reason.NOT_ENTITLED, "data.unit")


def test_a_registered_partner_reports_on_another_owners_case() -> None:
    admitted = ADMISSION.admit(
        raw("case.milestone", {"name": "connected", "unit": "seals"}, source=SEALS, caseowner=WATER)
    )
    assert (admitted.key, admitted.owner) == (f"{WATER}\x1fW-2021-000123", WATER)


def test_the_operations_centre_decides_and_units_only_ask() -> None:
    decided = {"kpi": "K06-1", "decision": "accepted", "cycle": 1, "through": "2021-09-16T08:00:00+08:00"}
    ADMISSION.admit(raw("case.justified", decided, source=OPERATIONS, caseowner=WATER))
    ADMISSION.admit(raw("case.justified", {"kpi": "K06-1", "decision": "requested"}))
    ADMISSION.admit(raw("case.extended", {"limit": LIMIT}))


DECIDED = {"kpi": "K06-1", "decision": "accepted"}
SEEN = {"through": "2021-09-16T08:00:00+08:00"}


@pytest.mark.parametrize("event_type", ["case.justified", "case.confirmed"])
def test_a_decision_says_what_it_is_about_and_what_was_seen(event_type: str) -> None:
    def decision(**data: object) -> bytes:
        return raw(event_type, {**DECIDED, **data}, source=OPERATIONS, caseowner=WATER)

    kept = ADMISSION.admit(decision(cycle=2, **SEEN)).fact.data
    assert kept == {**DECIDED, "cycle": 2, "through": instant_from(SEEN["through"])}
    ADMISSION.admit(decision(unit="water", period="2021-09", **SEEN))
    for data, path in (
        ({"cycle": 1}, "data.through"),
        (SEEN, "data.cycle"),
        ({**SEEN, "cycle": 0}, "data.cycle"),
        ({**SEEN, "unit": "water"}, "data"),
        ({**SEEN, "period": "2021-09"}, "data"),
        ({**SEEN, "unit": "water", "period": "2021-09", "cycle": 1}, "data"),
        ({**SEEN, "unit": "nobody", "period": "2021-09"}, "data.unit"),
        ({"cycle": 1, "through": "2021-09-16"}, "data.through"),
        ({"cycle": 1, "through": "2021-09-16T08:00:00"}, "data.through"),
    ):
        refusal = refused(decision(**data))
        assert (refusal.path, bool(refusal.remedy)) == (path, True), data
    unseen = refused(decision(cycle=1, through="2021-09-16T09:30:00+08:00"))
    assert (unseen.code, unseen.path) == (Reason.FROM_THE_FUTURE, "data.through")


def test_decisions_that_were_stored_without_these_fields_are_admitted() -> None:
    fact = TRUSTING.admit(raw("case.confirmed", DECIDED, source=OPERATIONS, caseowner=WATER)).fact
    assert fact.data == DECIDED


def test_a_decision_keeps_what_was_seen_when_it_is_written_again() -> None:
    admitted = ADMISSION.admit(raw("case.confirmed", {**DECIDED, **SEEN, "cycle": 1}, source=OPERATIONS))
    written = orjson.dumps(serialize(admitted.key, admitted.fact))
    assert ADMISSION.admit(written).fact.data == admitted.fact.data


def test_an_open_plan_admits_any_source_unit_item_and_attribute() -> None:
    data = {"service_item": "Pothole", "unit": "Public Works", "attributes": {"colour": "red"}}
    admitted = OPEN.admit(raw(data=data, source="/boston", recordedat=None))
    assert admitted.fact.data == data
    OPEN.admit(raw("case.milestone", {"name": "landed", "unit": "moon"}, source="/boston", recordedat=None))
    assert refused(raw(data={**data, "fax": 1}), OPEN).code is Reason.UNKNOWN_FIELD
    assert refused(raw(data={**data, "attributes": {"a": {}}}), OPEN).path == "data.attributes.a"


def test_binary_mode_is_read_from_the_headers() -> None:
    written = event()
    headers = [
        (f"ce_{name}", written[name].encode())
        for name in ("specversion", "id", "source", "type", "subject", "time", "recordedat")
    ]
    headers.append(("content-type", b"application/json"))
    admitted = ADMISSION.admit(orjson.dumps(written["data"]), headers=headers)
    structured = ADMISSION.admit(orjson.dumps({**written, "datacontenttype": "application/json"}))
    assert admitted == structured
    assert ADMISSION.admit(raw(), headers=[("content-type", b"application/cloudevents+json")]).fact.id == "e-1"
    person = [(name, IDENTITY_CARD.encode() if name == "ce_subject" else value) for name, value in headers]
    assert refused(orjson.dumps(written["data"]), headers=person).path == "subject"


def test_only_the_first_problem_is_reported_and_no_value_is_quoted() -> None:
    refusal = refused(raw(subject=f"W-{IDENTITY_CARD}"))
    assert IDENTITY_CARD not in f"{refusal} {refusal.sentence} {refusal.remedy}"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (IDENTITY_CARD, "identity-card number"),
        ("no 110105 19491231 002x.", "identity-card number"),
        ("13812345678", "mobile number"),
        ("+86 138 1234 5678", "mobile number"),
        ("008613812345678", "mobile number"),
        (BANK_CARD, "bank-card number"),
        ("6222 0202 0011 2345 679", "bank-card number"),
        ("4111-1111-1111-1111", "bank-card number"),
    ],
)
def test_numbers_of_persons_are_reported(text: str, kind: str) -> None:
    assert personal_number(text) == kind
    assert may_be_personal(text.encode())


@pytest.mark.parametrize(
    "text",
    [
        "110105194912310021",  # its check digit is wrong
        "110105194913310024",  # there is no such day
        "101000295613",  # a service request of Boston
        "6222020200112345671",
        "12812345678",  # no network has 128
        "2021091600001234",  # a day and a serial number
        "15-2021-00123",
        "91500000203000000X",  # a unified social credit code
        "446655440000-e29b",
    ],
)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert personal_number(text) is None


def test_digits_that_are_escaped_are_looked_at() -> None:
    full_width = "１３９１２３４５６７８"
    for written in (json.dumps(full_width), json.dumps(full_width, ensure_ascii=False), r'"\u0031391234567８"'):
        assert may_be_personal(written.encode())


@given(st.text("0123456789 -件xX", max_size=24))
def test_no_personal_number_escapes_the_first_look(text: str) -> None:
    if personal_number(text) is not None:
        assert may_be_personal(text.encode())


@given(st.text("0123456789X", min_size=13, max_size=19))
@hypothesis.example("4812222243449618X")
def test_check_digits_are_those_of_an_independent_library(number: str) -> None:
    reported = personal_number(number)
    if reported == "identity-card number":
        assert any(ric.is_valid(part) for part in re.findall("(?=([0-9]{17}[0-9X]))", number))
    elif reported == "bank-card number":
        assert any(luhn.is_valid(part) for part in number.split("X") if part)


@given(st.dates(date(1900, 1, 1), date(2020, 12, 31)), st.integers(0, 999))
def test_every_valid_identity_card_number_is_reported(birth: date, order: int) -> None:
    start = f"110105{birth:%Y%m%d}{order:03}"
    number = start + ric.calc_check_digit(start + "0")
    assert personal_number(number) == "identity-card number"
    assert personal_number(f"证{number.lower()}号") == "identity-card number"


def test_data_that_is_null_is_not_data_left_out() -> None:
    admission = Admission(plan(), CODEC)
    without = event("case.withdrawn")
    del without["data"]
    admission.admit(orjson.dumps(without))
    assert refused(orjson.dumps({**without, "data": None}), admission).path == "data"


def test_a_part_that_is_more_than_its_whole_is_refused_where_one_report_has_both() -> None:
    def admission(denominator: str) -> Admission:
        figure = promise(
            kind="figure", select={}, numerator="records", denominator=denominator, statistic="share", period="month",
            owed_by=("water",), objective=">= 100 %",
        )  # fmt: skip
        declared = plan()
        head = declared.head.model_copy(update={"figures": {}})
        return Admission(declared.model_copy(update={"promises": (figure,), "head": head}), CODEC)

    said = {"quantity": "records", "unit": "water", "period": "2021-10", "numerator": 11, "denominator": 10}
    found = refused(raw("figure.reported", said), admission("records"))
    assert (found.code, found.path) == (Reason.INVALID_VALUE, "data.numerator")
    assert admission("records").admit(raw("figure.reported", said | {"numerator": 10}))
    assert admission("another").admit(raw("figure.reported", said | {"denominator": 0}))


def test_a_figure_that_is_no_share_may_be_more_than_what_it_is_divided_by() -> None:
    def admission(objective: str | None, is_open: bool = False) -> Admission:
        figure = promise(
            kind="figure", select={}, numerator="records", denominator="records", statistic="share", period="month",
            owed_by=("water",), objective=objective,
        )  # fmt: skip
        declared = plan(is_open=is_open)
        head = declared.head.model_copy(update={"figures": {}})
        return Admission(declared.model_copy(update={"promises": (figure,), "head": head}), CODEC)

    content = raw("figure.reported", {**FIGURE, "quantity": "records", "numerator": 3})
    assert admission("<= 28 minutes").admit(content)
    for objective, is_open in ((None, False), (">= 80 %", False), (">= 80 %", True)):
        assert refused(content, admission(objective, is_open)).path == "data.numerator"


def test_ignored_extensions_are_no_part_of_the_payload() -> None:
    for event_type in EXAMPLES:
        written = example(event_type)
        plainly = ADMISSION.admit(dumps(written))
        more = {**written, "traceparent": "00-4bf9", "dataschema": 5, "sequence": None, "dataref": "urn:a"}
        assert ADMISSION.admit(dumps(more)) == plainly
    corrected = example("correction")
    traced = {**corrected, "data": {**corrected["data"], "event": {**corrected["data"]["event"], "tracestate": "a=1"}}}
    assert ADMISSION.admit(dumps(traced)) == ADMISSION.admit(dumps(corrected))
    assert refused(dumps({**corrected, "authid": "a"})).path == "authid"


@given(st.dictionaries(st.text(max_size=4), st.text(max_size=4) | st.integers(0, 9), min_size=1, max_size=5), st.data())
def test_a_name_that_is_there_twice_is_found_however_it_is_written(
    content: dict[str, Any], data: st.DataObject
) -> None:
    for ascii_only in (True, False):
        for blank in ("", " "):
            text = json.dumps(content, ensure_ascii=ascii_only, separators=(f"{blank},", f"{blank}:"))
            assert not repeats_a_name(text.encode(), dumps(content))
            name = data.draw(st.sampled_from(sorted(content)))
            written = data.draw(st.sampled_from([json.dumps(name), "".join(rf"\u{ord(c):04x}" for c in name)]))
            if not written.startswith('"'):
                written = f'"{written}"' if all(ord(c) < 0x10000 for c in name) else json.dumps(name)
            again = f'{text[:-1]},{written}{blank}:"a:b"}}'.encode()
            assert repeats_a_name(again, dumps(orjson.loads(again)))
