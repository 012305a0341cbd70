"""Text from outside as a person may see it, and as a cell of a CSV."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.intake.visible_text import LINES, cell, cell_text, first_unsafe, visible

ANY_TEXT = st.text(st.characters())  # halves of surrogate pairs, too


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("渝北区自来水公司 (Yubei) – №7 é", "渝北区自来水公司 (Yubei) – №7 é"),
        ("a\x1b[31mred", "a\\u001b[31mred"),
        ("\x9b2J", "\\u009b2J"),
        ("a\u202eb\u2066c\u200fd\u061ce", "a\\u202eb\\u2066c\\u200fd\\u061ce"),
        ("one\u2028two\u2029", "one\\u2028two\\u2029"),
        ("a\r\n\tb", "a\\r\\n\\tb"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("\udc80", "\\udc80"),
        ("zero\u200bwidth\ufeff\u00ad\u3164", "zero\\u200bwidth\\ufeff\\u00ad\\u3164"),
        ("𠮷野家 \ue000 葛\U000e0100", "𠮷野家 \ue000 葛\U000e0100"),  # rare, private and variant characters of names
        ("全　角\u00a0空", "全　角\u00a0空"),
    ],
)
def test_what_bites_is_shown_as_its_escape(text: str, seen: str) -> None:
    assert visible(text) == seen
    assert bool(first_unsafe(text)) == (text != seen)


def test_a_text_with_lines_keeps_them_and_nothing_else() -> None:
    assert visible("a\n\tb\r\x1b", keep=LINES) == "a\n\tb\\r\\u001b"


@given(ANY_TEXT)
def test_nothing_that_bites_is_left_and_twice_is_once(text: str) -> None:
    seen = visible(text)
    assert not any(unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") for one in seen)
    assert visible(seen) == seen
    seen.encode()


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
        ("-1+2", "'-1+2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1+1", "' =1+1"),
        ("＝1+1", "'＝1+1"),
        ("\t=1", "\\t=1"),
        ("\r=1", "\\r=1"),
        ("'=1", "''=1"),
        ("-", "-"),
        ("--", "'--"),
        ("-0.25", "-0.25"),
        ("+8", "+8"),
        ("-1e-06", "-1e-06"),
        ("", ""),
        (" ", " "),
        ("JB-2021-0001", "JB-2021-0001"),
        ("/units/water x", "/units/water x"),
    ],
)
def test_no_cell_is_a_formula_and_numbers_stay_numbers(text: str, written: str) -> None:
    assert cell(text) == written


@given(ANY_TEXT)
def test_a_cell_can_be_read_back(text: str) -> None:
    assert cell_text(cell(text)) == visible(text)
