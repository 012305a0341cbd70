"""Personal numbers: found however they are written and wherever they are, and little else is taken for one."""

import json
import random
import uuid
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.cn import ric, uscc

from services.domain.intake.admission import Admission
from services.domain.intake.personal_data import find_personal, may_be_personal, personal_number
from services.domain.intake.refusal import Reason, Refused
from services.messaging.codec import CODEC
from tests.unit.personal_patterns import kind_by_patterns
from tests.unit.registries import plan

MOBILE, IDENTITY, CARD = "mobile number", "identity-card number", "bank-card number"
HOSTILE = Path(__file__).parents[3] / "shared" / "cases" / "hostile"
SEPARATORS = {
    "dot": ".", "slash": "/", "low line": "_", "comma": ",", "hyphen": "-", "en dash": "–", "em dash": "—",
    "two em dashes": "——", "minus": "−", "tab": "\t", "newline": "\n", "two blanks": "  ", "no-break": "\u00a0",
    "narrow": "\u202f", "ideographic": "\u3000", "zero-width": "\u200b", "joiner": "\u2060", "soft hyphen": "\u00ad",
    "blank and dash": " - ", "middle dot": "·", "full-width comma": "，", "control": "\x01", "delete": "\x7f",
}  # fmt: skip
DIGITS = {
    "full-width": "０１２３４５６７８９",
    "Arabic-Indic": "٠١٢٣٤٥٦٧٨٩",
    "Chinese": "〇一二三四五六七八九",
    "Chinese, with 零": "零一二三四五六七八九",
    "financial": "零壹贰叁肆伍陆柒捌玖",
    "circled": "⓪①②③④⑤⑥⑦⑧⑨",
    "negative circled": "⓿❶❷❸❹❺❻❼❽❾",
    "mathematical": "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
    "superscript": "⁰¹²³⁴⁵⁶⁷⁸⁹",
}
NUMBERS = {
    "13800138000": MOBILE,
    "11010519491231002X": IDENTITY,
    "110105491231002": IDENTITY,
    "6222020200112345679": CARD,
}
GROUPINGS: dict[str, list[tuple[int, ...]]] = {
    "13800138000": [(3, 4, 4), (3, 3, 5), (3, 8), (1,) * 11],
    "11010519491231002X": [(6, 4, 4, 4), (6, 8, 4), (3, 3, 4, 4, 4)],
    "110105491231002": [(6, 6, 3)],
    "6222020200112345679": [(4, 4, 4, 4, 3), (6, 13), (4, 4, 4, 7), (5, 5, 5, 4)],
    "4111111111111111": [(4, 4, 4, 4), (6, 10), (8, 8)],
}


def grouped(number: str, lengths: tuple[int, ...], separator: str) -> str:
    rest = iter(number)
    return separator.join("".join(islice(rest, length)) for length in lengths)


@pytest.mark.parametrize("separator", SEPARATORS)
@pytest.mark.parametrize("number", GROUPINGS)
def test_separators_and_groupings_hide_nothing(number: str, separator: str) -> None:
    for lengths in GROUPINGS[number]:
        written = grouped(number, lengths, SEPARATORS[separator])
        for text in (written, f"电话{written}，", f"no {written}."):
            assert personal_number(text) == NUMBERS.get(number, CARD), ascii(text)


SHARDS = ("-", " ", " - ", ".", ")-", "--", "---", "  ", "- -", "", "x", "X", "-X", "a", ": ", "|")


@st.composite
def shredded(draw: st.DrawFn) -> str:
    """Numbers, personal and others, cut into groups at any places, in the usual groupings, or not at all."""
    text = ""
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.sampled_from(list(GROUPINGS)) | st.from_regex("[0-9]{1,22}", fullmatch=True))
        usual = GROUPINGS.get(number, [(len(number),)])
        lengths = draw(st.sampled_from([*usual, (len(number),)]) | st.lists(st.integers(1, 8), max_size=6).map(tuple))
        between = draw(st.sampled_from(SHARDS))
        groups = [one for one in (*grouped(number, lengths, "\0").split("\0"), number[sum(lengths) :]) if one]
        text += between.join(groups) + draw(st.sampled_from(SHARDS))
    return text


@given(shredded())
@example("110105-491231-002X")
@example("1101051949 1231002-x, 6222020200112345679")
@example("1-" * 40)
def test_what_is_found_is_what_the_patterns_of_whole_numbers_find(text: str) -> None:
    assert personal_number(text) == kind_by_patterns(text), text


@pytest.mark.parametrize("script", DIGITS)
@pytest.mark.parametrize("number", NUMBERS)
def test_digits_of_any_script_are_digits(number: str, script: str) -> None:
    written = number.translate(dict(zip(map(ord, "0123456789"), DIGITS[script], strict=True)))
    assert personal_number(written) == NUMBERS[number]
    assert personal_number(f"证{written}号") == NUMBERS[number]


@pytest.mark.parametrize("prefix", ["0", "86", "+86", "0086", "+86-", "0086 ", "(+86)", "86–", "＋８６"])
@pytest.mark.parametrize("lengths", [(11,), (3, 4, 4), (3, 3, 5), (3, 8)])
def test_country_codes_hide_nothing(prefix: str, lengths: tuple[int, ...]) -> None:
    assert personal_number(prefix + grouped("13800138000", lengths, " ")) == MOBILE


@pytest.mark.parametrize(
    "text",
    [
        "①13800138000",
        "张三13800138000",
        "电话二：13800138000",
        "13800138000¹",
        "1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0️⃣",
        "⒈⒊⒏⒈⒉⒊⒋⒌⒍⒎⒏",
        "⑴⑶⑻⑴⑵⑶⑷⑸⑹⑺⑻",
        "⑬800138000",
        "幺三八零零幺三八零零零",
        "(138)0013-8000",
        "13800138000-1",
        "case_13800138000",
        "a 5 13800138000 7",
        f"{uuid.UUID(int=5)}/13800138000",
    ],
)
def test_what_is_beside_a_number_hides_nothing(text: str) -> None:
    assert personal_number(text) == MOBILE


def test_a_candidate_that_fails_does_not_cover_the_number_after_it() -> None:
    assert personal_number("5 11010519491231002X") == IDENTITY
    assert personal_number("62 6222020200112345679") == CARD


@given(
    st.dates(date(1900, 1, 1), date(2020, 12, 31)), st.integers(0, 999), st.sampled_from(sorted(SEPARATORS)), st.data()
)
def test_every_identity_card_number_is_found_in_any_grouping(
    birth: date, order: int, separator: str, data: st.DataObject
) -> None:
    start = f"500105{birth:%Y%m%d}{order:03}"
    number = start + ric.calc_check_digit(start + "0")
    cuts = data.draw(st.lists(st.booleans(), min_size=17, max_size=17))
    written = number[0] + "".join(cut * SEPARATORS[separator] + d for cut, d in zip(cuts, number[1:], strict=True))
    assert personal_number(written) == IDENTITY


@given(st.text("0123456789", min_size=9, max_size=9), st.sampled_from("3456789"))
def test_every_mobile_number_is_found(rest: str, second: str) -> None:
    assert personal_number(f"1{second}{rest}") == MOBILE


@given(
    st.sampled_from(
        [("62", 16), ("62", 17), ("62", 18), ("62", 19), ("9558", 19), ("4", 16), ("51", 16), ("3528", 16)]
    ),
    st.text("0123456789", min_size=19, max_size=19),
)
def test_every_bank_card_number_is_found(network: tuple[str, int], digits: str) -> None:
    prefix, length = network
    start = (prefix + digits)[: length - 1]
    assert personal_number(start + luhn.calc_check_digit(start)) is not None


@given(st.text("0123456789X -.", min_size=15, max_size=26))
def test_check_digits_are_those_of_an_independent_library(text: str) -> None:
    kind = personal_number(text)
    digits = "".join(c for c in text if c not in " -.")
    if kind == CARD:
        parts = digits.replace("X", " ").split()
        assert any(luhn.is_valid(p[i : i + n]) for p in parts for n in range(16, 20) for i in range(len(p) - n + 1))


# ---- few false alarms ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "W-2021-000123",
        "渝(2021)江北区不动产权第000123456号",
        "(2021)渝0105民初13800号",
        "CQJB-GC-2021-0916-003",
        "500105001001GB00001F00010001",
        "20210916091205123",
        "2021-09-16T09:12:05.123456+08:00",
        "2021-09-16 09:12:05",
        "101000295613-accepted-1",
        "101000295613-accepted-2011-07-01 01:32:33",
        "1631754725123456",
        "150-20210916",
        "50010521091600A",
        "500105210916001",  # an area, a day of 2021 and a serial number of 15 digits
        "9f2c7a10-1",
        "138,001,380.00",
        "138****8000",
        "110105194912310021",  # its check digit is wrong
        "11010519491331002X",  # there is no such day
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "a13800138000f4d5e6b7c8d9e0f1a2b3",  # MD5
        "e13800138000f4d5e6b7c8d9e0f1a2b3" * 2,  # SHA-256
        "9a8b7c6d-1234-4abc-8def-13800138000f",
        "01FFABCDEFGHJKMNPQRSTVWXYZ",
        "二〇二一年九月十六日第一二三号",
    ],
)
def test_numbers_of_cases_are_left_alone(text: str) -> None:
    assert personal_number(text) is None


def test_a_unified_social_credit_code_names_an_organisation() -> None:
    rng = random.Random(7)
    for _ in range(5_000):
        kind = rng.choice(("91", "92", "93", "11", "12", "51", "52", "53"))
        area = rng.choice(("500105", "500119", "500120", "500000"))
        start = kind + area + "".join(rng.choices("0123456789", k=9))
        assert personal_number(start + uscc.calc_check_digit(start)) is None


def false_alarms(made: Any, count: int = 10_000) -> int:
    return sum(personal_number(made()) is not None for _ in range(count))


@pytest.mark.slow
def test_identifiers_that_systems_make_are_rarely_taken_for_a_person() -> None:
    rng = random.Random(7)
    assert false_alarms(lambda: str(uuid.UUID(int=rng.getrandbits(128), version=4)) + "-1") == 0
    assert false_alarms(lambda: f"{rng.getrandbits(256):064x}") <= 1
    assert false_alarms(lambda: f"{rng.getrandbits(128):032X}") <= 1
    assert false_alarms(lambda: "01FF" + "".join(rng.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=22))) <= 1
    assert false_alarms(lambda: str(rng.randrange(1_350_000_000_000_000_000, 2_200_000_000_000_000_000))) <= 1
    assert false_alarms(lambda: str(rng.randrange(10**17, 10**18))) <= 28  # 0.1 %
    assert false_alarms(lambda: str(rng.randrange(10**18, 2**63))) <= 30


# ---- places and writings -------------------------------------------------------------------------------------------

EVENT: dict[str, Any] = {
    "specversion": "1.0", "id": "e-1", "source": "/s", "type": "correction", "subject": "W-1",
    "time": "2021-09-16T09:12:00+08:00",
    "data": {"of": "e-0", "reason": "r", "event": {"type": "case.withdrawn", "data": {"attributes": {"a": ["b"]}}}},
}  # fmt: skip
PLACES = [
    "id",
    "subject",
    "source",
    "caseowner",
    "data.of",
    "data.reason",
    "data.authority",
    "data.parent",
    "data.node",
    "data.name",
    "data.unit",
    "data.unknown.deep",
    "data.event.data.reason",
    "data.event.data.attributes.a",
]


def with_value(path: str, value: object) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(json.dumps(EVENT))
    *parents, last = path.split(".")
    place = event
    for name in parents:
        place = place.setdefault(name, {})
    place[last] = value
    return event


@pytest.mark.parametrize("path", PLACES)
def test_every_place_is_looked_at_and_no_number_is_quoted(path: str) -> None:
    for value in ("138.0013.8000", ["x", "138.0013.8000"]):
        with pytest.raises(Refused) as caught:
            Admission(plan(), CODEC).admit(orjson.dumps(with_value(path, value)))
        assert (caught.value.code, caught.value.path) == (Reason.PERSONAL_DATA, path)
        assert "0013" not in str(caught.value)


def test_names_are_looked_at_and_not_quoted() -> None:
    for path in ("13800138000", "data.13800138000", "data.13800138000.reason", "data.138.0013.8000.reason"):
        found = find_personal(with_value(path.replace("138.0013.8000", "138"), "13900139000"))
        assert found is not None and "138001" not in found.path and "139001" not in found.path
    split = find_personal({"data": {"138": {"0013": {"8000": "13900139000"}}}})
    assert split is not None and split.path == "data"


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        ("13800138000", None),  # an amount may look like it
        ("13800138000.0", None),
        ("138.00138000", None),
        ("110105491231002", None),
        ("4111111111111111", CARD),
        ("4111111111111111.0", CARD),
        ("4.111111111111111e15", CARD),
        ("41111111.11111111E+8", CARD),
        ("110105194912310021", None),
        ("411111.1111111111", None),
        ("4000000000000000", None),
        ("true", None),
    ],
)
def test_whole_numbers_need_a_check_digit_however_they_are_written(number: str, kind: str | None) -> None:
    raw = f'{{"data":{{"attributes":{{"fee":{number}}}}}}}'.encode()
    found = find_personal(orjson.loads(raw))
    assert (found and found.kind) == kind
    assert found is None or may_be_personal(raw)


@pytest.mark.parametrize("name", ["encoding-as-fed", "encoding-escaped", "encoding-raw"])
def test_the_writings_that_had_two_verdicts_have_one(name: str) -> None:
    file = HOSTILE / f"{name}.jsonl"
    if not file.is_file():
        pytest.skip("the hostile records are not beside the project")
    for line in file.read_bytes().splitlines():
        with pytest.raises(Refused) as caught:
            Admission(plan(is_open=True), CODEC, trust_receivedat=True).admit(line)
        assert (caught.value.code, caught.value.path) == (Reason.PERSONAL_DATA, "data.reason")


def writings(event: dict[str, Any]) -> list[bytes]:
    """The same JSON event: raw and escaped, with blanks, in another order. (A name given twice is refused as such.)"""
    raw = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    text = json.dumps(event["subject"])
    escaped = '"' + "".join(f"\\u{int.from_bytes(pair, 'big'):04x}" for pair in _utf16(event["subject"])) + '"'
    return [
        raw.encode(),
        orjson.dumps(event),
        json.dumps(event).encode(),
        json.dumps(event, indent="\t").encode(),
        json.dumps(dict(reversed(event.items())), ensure_ascii=False).encode(),
        json.dumps(event).replace(text, escaped).encode(),
        raw.replace("/", r"\/").encode(),
    ]


def _utf16(text: str) -> list[bytes]:
    units = text.encode("utf-16-be")
    return [units[i : i + 2] for i in range(0, len(units), 2)]


TEXTS = st.text("0123468 -./_,)件三①１\u00a0\u200b\t\n\x7fxX", min_size=1, max_size=14).flatmap(
    lambda around: st.sampled_from(
        ["", "13800138000", "138\u00a00013\u200b8000", "138/0013/8000", "11010519491231002X"]
    ).map(lambda number: around[:7] + number + around[7:])
)


@given(TEXTS, TEXTS)
def test_the_verdict_does_not_depend_on_the_writing(subject: str, reason: str) -> None:
    event = {**EVENT, "type": "case.withdrawn", "subject": subject, "data": {"reason": reason}}
    admission = Admission(plan(is_open=True), CODEC)
    verdicts = set()
    for writing in writings(event):
        try:
            verdicts.add((admission.admit(writing).fact.digest, ""))
        except Refused as refusal:
            verdicts.add((str(refusal.code), refusal.path))
    assert len(verdicts) == 1
    if find_personal(event):
        assert all(map(may_be_personal, writings(event)))
        assert {code for code, _ in verdicts} == {"personal_data"}


# ---- time ----------------------------------------------------------------------------------------------------------


def test_deep_events_take_no_recursion() -> None:
    deep: Any = "13800138000"
    for _ in range(50_000):
        deep = {"a": [deep]}
    found = find_personal(deep)
    assert found is not None and found.kind == MOBILE
