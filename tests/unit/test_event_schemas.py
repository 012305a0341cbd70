"""The published schemas of events agree with the admission, and the AsyncAPI document holds together."""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from services.catalog.load.plan_folder import load_plan
from services.catalog.samples.promise_samples import samples_of
from services.domain.intake.events import MODELS
from services.domain.intake.refusal import Reason
from services.domain.results.published import Card, ValueRow, Verdict
from services.domain.results.value_rows import Valuer
from services.messaging import topics
from services.messaging.records.dead_letters import DeadLetter
from services.messaging.records.values import Times, row_record
from services.runtime.settings import Settings
from tests.golden.test_admission import EVENTS, expected
from tests.verdicts import judge_of, shipped

DOCS = Path(__file__).parents[2] / "docs"
DOCUMENT: dict[str, Any] = json.loads((DOCS / "asyncapi.json").read_text(encoding="utf-8"))
WRONG_FORM = {("unknown_field", "data.fax"), ("invalid_value", "data.channel"), ("invalid_value", "data.service_item")}
"""Of the refusals of the golden file those that need no plan."""


def schema_of(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DOCS / f"schema/events/{name}.schema.json").read_text(encoding="utf-8"))
    return found


@lru_cache
def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(schema_of(name))


def faults(event: dict[str, Any]) -> list[str]:
    return [f"{each.json_path}: {each.message}" for each in validator(event["type"]).iter_errors(event)]


@pytest.mark.parametrize("name", MODELS)
def test_the_schema_of_a_type_is_one_and_knows_its_type(name: str) -> None:
    schema = schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert schema["properties"]["type"]["const"] == name and re.search("[\u4e00-\u9fff]", schema["description"])
    assert not re.search(r"\\U", json.dumps(schema).replace(r"\\u", ""))  # ECMAScript has no such escape


@pytest.mark.parametrize("folder", ["jiangbei-2021", "example-permits"])
def test_each_sample_event_of_each_promise_keeps_to_its_schema(folder: str) -> None:
    law = judge_of(load_plan(Settings().plan.parent / folder)).law
    seen = {
        orjson.dumps(event)
        for promise in law.plan.promises
        for each in samples_of(promise, law)
        for event in each.events
    }
    assert seen
    for event in map(orjson.loads, seen):
        assert faults(event) == [], event


def test_what_is_accepted_keeps_to_its_schema_and_what_has_a_wrong_form_does_not() -> None:
    refused = {line: (reason, path) for line, reason, path in expected()}
    for number, line in enumerate(EVENTS.read_bytes().splitlines(), 1):
        if line.strip() and (number not in refused or refused[number] in WRONG_FORM):
            assert bool(faults(orjson.loads(line))) == (number in refused), number
    assert set(refused.values()) >= WRONG_FORM


def test_extensions_of_cloudevents_are_accepted_and_others_are_not() -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/a",
        "type": "source.heartbeat",
        "time": "2021-09-16T09:00:00Z",
    }
    assert faults(event | {"traceparent": "00-1", "sequence": 7}) == []
    assert len(faults(event | {"traceparents": "00-1"})) == 1
    assert len(faults(event | {"id": "a\u202eb"})) == 1 and len(faults(event | {"id": "a\U000e0041b"})) == 1


# ---- AsyncAPI ------------------------------------------------------------------------------------------------
def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_everything_that_the_document_refers_to_is_there() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 2 * len(MODELS)
    for reference in found:
        if not reference.startswith("#/"):
            assert (DOCS / reference).is_file(), reference
            continue
        place: Any = DOCUMENT
        for key in reference.removeprefix("#/").split("/"):
            place = place[key]


def test_the_channels_are_topics_with_their_settings() -> None:
    known = {topic.name: topic for topic in (*topics.topics(1), topics.inbox("inbox.{source}"))}
    channels = DOCUMENT["channels"].values()
    assert {channel["address"] for channel in channels} == {
        "inbox.{source}", topics.CASE_EVENTS, topics.DEAD_LETTER, topics.ALERT_CARDS, topics.CASE_VERDICTS,
        topics.KPI_VALUES,
    }  # fmt: skip
    for channel in channels:
        for name, value in channel["bindings"]["kafka"]["topicConfiguration"].items():
            assert known[channel["address"]].settings[name] == str(value[0] if isinstance(value, list) else value)
    assert [each["action"] for each in DOCUMENT["operations"].values()].count("receive") == 1
    assert {each["channel"]["$ref"] for each in DOCUMENT["operations"].values()} == {
        f"#/channels/{name}" for name in DOCUMENT["channels"]
    }


def test_what_kpiwatch_writes_keeps_to_the_document() -> None:
    row = Valuer(shipped()).rows({}, shipped().law.zone.midnight(738_000), {}, kpis={"K06-1"})[0]
    _, value = row_record(row, Times("2021-10-01T00:00:00+08:00", ""), "no_data")
    letter = DeadLetter(Reason.MALFORMED, "", "It is no JSON.", "Send JSON.", b"{", "2021-09-16T09:00:00Z", "t", 0, 1)
    card = Card("K06-1", "/a b", 1, "-", "red", "u", "", "", "", "")
    verdict = Verdict("K06-1", "/a b", 1, "u", "i", "missed", "", "", "", "", "clause")
    schemas = DOCUMENT["components"]["schemas"]
    for name, written in {
        "ValueRow": value, "DeadLetter": letter.encode(), "Card": orjson.dumps(card._asdict()),
        "Verdict": orjson.dumps(verdict._asdict()),
    }.items():  # fmt: skip
        assert written is not None
        fields = orjson.loads(written)
        Draft202012Validator(schemas[name]).validate(fields)
        assert fields.keys() <= schemas[name]["properties"].keys()
    assert set(ValueRow._fields) < schemas["ValueRow"]["properties"].keys()
