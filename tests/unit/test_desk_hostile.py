"""What somebody tries who wants to see or do what is not theirs, or to bring a page down."""

import base64
from pathlib import Path

import pytest

from services.desk.access import Role, Viewer
from services.desk.reading.cursor import BadCursor, key_of
from tests.unit.desk import client_of
from tests.unit.desk_reading import PROMISE, WATER_UNIT, reading_desk

UNIT = Viewer("unit", Role.UNIT, WATER_UNIT)
CENTRE = Viewer("centre", Role.OPERATIONS)
NUMBERS = ("-1", "0", "1e309", "9223372036854775808", "1" * 5000, "%00", "%ED%A0%80", "٣", "true")
_LISTS = ("/notices?before=", "/orders?before=", "/logs?before=", "/notices/", "/circulars/", "/texts/")


def _cursor(written: str) -> str:
    return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")


_CURSORS = [_cursor(f'[{number},"x"]') for number in (2**63, 2**64 - 1, -(2**63) - 1, 2**200, "1e309", "true", "null")]


def test_no_number_in_an_address_brings_a_page_down(tmp_path: Path) -> None:
    desk = reading_desk(tmp_path, [])
    for viewer in (UNIT, CENTRE):
        client = client_of(desk, viewer)
        addresses = [each + number for each in _LISTS for number in NUMBERS]
        addresses += [f"{each}?after={cursor}" for each in ("/cards", f"/promises/{PROMISE}") for cursor in _CURSORS]
        for address in addresses:
            assert client.get(address).status_code in (200, 403, 404, 422), address[:80]


@pytest.mark.parametrize("cursor", _CURSORS)
def test_a_cursor_has_no_number_that_a_database_does_not_take(cursor: str) -> None:
    with pytest.raises(BadCursor):
        key_of(cursor, int, str)


def test_a_length_of_thousands_of_digits_is_too_long(tmp_path: Path) -> None:
    answer = client_of(reading_desk(tmp_path, [])).post("/sign-in", content=b"x", headers={"Content-Length": "1" * 5000})
    assert answer.status_code == 413
