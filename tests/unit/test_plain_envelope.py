"""The quick ways in, an envelope read by hand and a time by its remembered hour, against the plain ones."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.domain.intake.events import LONGEST_NAME, Head
from services.domain.intake.plain_envelope import PlainHead, plain_head
from services.domain.time.rfc3339 import instant_from, read

GOOD: dict[str, Any] = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/units/jiangbei-water",
    "type": "case.accepted",
    "subject": "S-2021-0001",
    "time": "2021-09-16T09:12:00+08:00",
    "recordedat": "2021-09-16T09:13:59Z",
}
ODD: list[Any] = [
    *(None, True, 1, 1.0, [], {}, "", "1.0", "x", "件", "a b", "a\tb", "a\x7f", "a\u3000b", "a\n"),
    *("x" * LONGEST_NAME, "x" * (LONGEST_NAME + 1), "application/json", "application/cloudevents+json"),
    *("2021-09-16T09:12:00+08:00", "2021-09-16T09:12:00", "2021-09-16"),
]
TIMES = st.one_of(
    st.from_regex(r"20[0-9]{2}-[01][0-9]-[0-3][0-9][Tt ][0-2][0-9]:[0-6][0-9]:[0-6][0-9]", fullmatch=True),
    st.from_regex(r"2021-09-16T09.12.0[0-9]", fullmatch=True),
    st.from_regex(
        r"(1970-01-01|1969-12-31|1901-01-01|1900-12-31|2199-12-31|2200-01-01)T[0-2][0-9]:(00|15|59):00", fullmatch=True
    ),
)
REST = st.sampled_from(
    [
        *("", "Z", "z", "+08:00", "-00:30", "+0800", ".5Z", ".123456789+08:00", "+08:00:01", " ", "+", "x"),
        *(".123Z", ".000001+08:00", ".123456z", ".123.5Z", ".12\u0663Z", ".123456", ".-12Z", ",123Z", ".123x"),
        ".123456.5Z",
    ]
)


def by_hand(event: dict[str, Any]) -> tuple[Any, ...] | None:
    head = plain_head(event)
    return None if head is None else tuple(head)


def by_rule(event: dict[str, Any]) -> tuple[Any, ...] | None:
    try:
        head = Head.model_validate(event)
    except ValidationError:
        return None
    return tuple(getattr(head, name) for name in PlainHead._fields)


@pytest.mark.parametrize("name", sorted({*Head.model_fields, "more"} - {"type"}))  # admission looks at the type before
def test_an_envelope_read_by_hand_is_what_the_model_reads(name: str) -> None:
    for value in ODD:
        event = {**GOOD, name: value}
        found = by_hand(event)
        assert found is None or found == by_rule(event), value
    without = {each: value for each, value in GOOD.items() if each != name}
    assert by_hand(without) == by_rule(without)


@pytest.mark.parametrize(
    "more", [{}, {"caseowner": "/units/a"}, {"receivedat": "2021-09-16T01:15:00Z"}, {"data": {"a": 1}}]
)
def test_a_plain_envelope_needs_no_model(more: dict[str, Any]) -> None:
    assert by_hand({**GOOD, **more}) == by_rule({**GOOD, **more}) is not None


def reported(way: Any, text: object) -> object:
    try:
        return way(text)
    except ValueError as error:
        return error.type  # type: ignore[attr-defined]  # a PydanticCustomError


@given(TIMES, REST)
def test_a_time_by_its_remembered_hour_is_the_time_read_whole(time: str, rest: str) -> None:
    for _ in range(2):
        assert reported(instant_from, time + rest) == reported(read, time + rest)


@given(st.text("0123456789-:TtZz+. W", max_size=26))
def test_what_is_no_time_is_refused_alike(text: str) -> None:
    assert reported(instant_from, text) == reported(read, text)
