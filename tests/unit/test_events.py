"""The form of events (docs/contract.md)."""

from datetime import UTC, datetime, timedelta, timezone

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.domain.intake.events import EVENT, MODELS, text_of
from services.domain.intake.facts import FACT_TYPE_OF
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import instant_of
from services.messaging.codec import canonical
from tests.unit.registries import EXAMPLES, event, example

SCALARS = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=12)
JSON_VALUES = st.recursive(
    SCALARS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def test_every_type_of_the_contract_has_a_model_and_an_example() -> None:
    assert set(MODELS) == set(FACT_TYPE_OF) == set(EXAMPLES)


@pytest.mark.parametrize("event_type", EXAMPLES)
def test_an_event_written_and_read_again_is_the_same(event_type: str) -> None:
    read = EVENT.validate_python(example(event_type))
    assert type(read) is MODELS[event_type]
    assert EVENT.validate_json(read.model_dump_json(exclude_unset=True)) == read


@pytest.mark.parametrize("event_type", [name for name in EXAMPLES if EXAMPLES[name]])
def test_no_field_is_converted_or_invented(event_type: str) -> None:
    for field in EXAMPLES[event_type]:
        with pytest.raises(ValidationError):
            EVENT.validate_python(event(event_type, {**EXAMPLES[event_type], field: object()}))
    with pytest.raises(ValidationError, match="extra_forbidden"):
        EVENT.validate_python(event(event_type, {**EXAMPLES[event_type], "fax": "1"}))


@given(st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_a_time_is_the_instant_that_its_offset_says(wall: datetime, offset_minutes: int) -> None:
    moment = wall.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert instant_from(moment.isoformat()) == instant_of(moment)
    assert instant_from(text_of(instant_of(moment))) == instant_of(moment)


@pytest.mark.parametrize(
    "text",
    [
        "2021-09-16",
        "20210916T091200+0800",
        "2021-09-16T09:12+08:00",
        "2021-09-16T09:12:00+08",
        "2021-09-16T09:12:00+0800",
        "2021-W37-4T09:12:00+08:00",
        "2021-09-16T24:12:00Z",
        "2021-02-30T09:12:00Z",
        "soon",
        "",
        1631754720,
        None,
    ],
)
def test_what_is_not_rfc_3339_is_no_time(text: object) -> None:
    with pytest.raises(ValueError, match="not an RFC 3339 time"):
        instant_from(text)


def test_a_time_without_offset_names_no_instant() -> None:
    with pytest.raises(ValueError, match="offset"):
        instant_from("2021-09-16T09:12:00")


def test_times_of_different_offsets_can_be_one_instant() -> None:
    assert instant_from("2021-09-16T09:12:00+08:00") == instant_from("2021-09-16 01:12:00.000000z")
    assert instant_from("1970-01-01T00:00:00.000001Z") == 1
    assert text_of(instant_of(datetime(2021, 9, 16, tzinfo=UTC))) == "2021-09-16T00:00:00Z"


@given(st.integers(-14 * 4, 12 * 4))
def test_the_unix_epoch_is_no_time_in_any_zone(quarters: int) -> None:
    """What a system writes for an empty date: 1970-01-01 at midnight of some zone, in any notation."""
    sign, (hours, quarter) = "-" if quarters > 0 else "+", divmod(abs(quarters), 4)
    midnight = f"1970-01-01T00:00:00{sign}{hours:02}:{15 * quarter:02}"
    in_utc = text_of(quarters * 15 * 60 * 1_000_000)
    for text in (midnight, in_utc):
        with pytest.raises(ValueError, match="not known"):
            instant_from(text)
    assert instant_from(midnight[:17] + "01" + midnight[19:]) == quarters * 15 * 60 * 1_000_000 + 1_000_000


@given(st.dictionaries(st.text(max_size=6), JSON_VALUES, max_size=6))
def test_the_fast_canonical_form_is_that_of_the_rfc(content: dict[str, object]) -> None:
    assert canonical(content) == rfc8785.dumps(content)  # type: ignore[arg-type]  # JSON values
    assert canonical(orjson.loads(orjson.dumps(content))) == canonical(content)


def test_keys_sort_by_utf_16_as_the_rfc_says() -> None:
    assert canonical({"\ue000": 1, "\U0001f600": 2}) == '{"\U0001f600":2,"\ue000":1}'.encode()
    assert canonical({"a": 1e21, "b": 1.0, "c": "\x7f\u2028/"}) == '{"a":1e+21,"b":1,"c":"\x7f\u2028/"}'.encode()


def test_an_integer_that_readers_disagree_on_has_no_canonical_form() -> None:
    with pytest.raises(ValueError, match=r"2\*\*53|exceeds"):
        canonical({"a": 2**53})
