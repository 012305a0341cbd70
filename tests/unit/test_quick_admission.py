"""Admission by template against the plain admission: the same facts, digests and refusals, whatever is sent."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.domain.intake import admission as plain_admission
from services.domain.intake import quick_admission
from services.domain.intake.admission import LARGEST_EVENT, LONGEST_REMEMBERED, Admission, Admitted
from services.domain.intake.quick_admission import QuickAdmission
from services.domain.intake.refusal import Reason, Refused
from services.domain.plan.plan import Plan
from services.domain.time.rfc3339 import instant_from
from services.messaging.codec import CODEC, admission, read_envelope
from tests.mutations import mutated, shipped_plan
from tests.unit.registries import EXAMPLES, OPERATIONS, SEALS, WATER, event, example, plan, raw
from tests.unit.test_plain_envelope import GOOD, ODD

HOSTILE = Path(__file__).parents[3] / "shared" / "cases" / "hostile"
NUMBER = 1_000
HEADERS = [("receivedat", b"2021-12-01T00:00:00.123456Z")]
NOW = instant_from("2021-12-01T00:00:00Z")
CARRIED: tuple[dict[str, Any], ...] = (
    {},
    {"received": NOW, "now": NOW},
    {"now": instant_from("2021-09-01T00:00:00Z")},
    {"headers": HEADERS, "received": 1},
    {"headers": [("ce_specversion", b"1.0"), ("ce_id", b"1")]},
    {"headers": [("receivedat", b"soon")]},
    {"key": b"a\x1fb"},
)
Verdict = Admitted | tuple[str, ...]


def verdict(edge: Admission, line: bytes | None, **carried: Any) -> Verdict:
    try:
        return edge.admit(line, **carried)
    except Refused as refused:
        return str(refused.code), refused.path, refused.sentence, refused.remedy


class Ways:
    """Both ways of one plan. The quick one says how often it did not ask the plain one."""

    def __init__(self, of: Plan, *, trust: bool = True) -> None:
        self.plain = Admission(of, CODEC, trust_receivedat=trust)
        self.quick = admission(of, trust_receivedat=trust)
        self.by_template = 0
        filled = self.quick._filled

        def counted(*given: Any) -> Admitted | None:
            found = filled(*given)
            self.by_template += found is not None
            return found

        self.quick._filled = counted  # type: ignore[method-assign, assignment]  # it takes the same

    def learn(self, line: bytes) -> None:
        """A template is made when the same is there for the second time."""
        for _ in range(2):
            verdict(self.quick, line)

    def agree(self, line: bytes | None, **carried: Any) -> Verdict:
        """The verdict of both."""
        found = verdict(self.quick, line, **carried)
        assert found == verdict(self.plain, line, **carried), line
        return found


@pytest.mark.slow
def test_mutated_events_have_the_same_verdict_where_their_data_is_known() -> None:
    for trust in (True, False):
        ways = Ways(shipped_plan(), trust=trust)
        corpus = list(mutated(31, NUMBER))
        for one in corpus:
            ways.learn(one.line)
        before = ways.by_template
        for number, one in enumerate(corpus):
            ways.agree(one.line)
            ways.agree(one.line, **CARRIED[number % len(CARRIED)])
        assert ways.by_template - before > NUMBER // 2, "the corpus must try the templates"


def test_hostile_events_have_the_same_verdict() -> None:
    if not HOSTILE.exists():
        pytest.skip("the hostile cases are not beside the repository")
    ways = Ways(shipped_plan())
    lines = [line for file in sorted(HOSTILE.glob("*.jsonl")) for line in file.read_bytes().split(b"\n")]
    for line in lines * 2:
        for carried in CARRIED:
            ways.agree(line, **carried)


def compact(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content)


def spaced(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def sorted_by_name(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


def escaped(content: dict[str, Any]) -> bytes:
    """Some of its texts, data or not, in escapes."""
    line = orjson.dumps(content).decode()
    return re.sub(r"[a-d](?=[a-z])", lambda one: rf"\u{ord(one[0]):04x}", line).encode()


def twice(content: dict[str, Any]) -> bytes:
    """A name stands twice, in the envelope or in the data."""
    line = orjson.dumps(content)
    return line.replace(b'{"', b'{"id":"","', 1) if len(line) % 2 else line.replace(b'"data":{"', b'"data":{"a":1,"')


def bounded(content: dict[str, Any]) -> bytes:
    return b" \t" + orjson.dumps(content) + b"\r\n "


def broken(content: dict[str, Any]) -> bytes:
    return orjson.dumps(content) + b"x"


WRITINGS: tuple[Callable[[dict[str, Any]], bytes], ...] = (
    *(compact, compact, spaced, sorted_by_name, escaped, twice, bounded, broken),
)
NAMES = ("id", "source", "subject", "type", "time", "recordedat", "receivedat", "caseowner", "specversion")
MORE: list[Any] = [
    *('a"b', "a\\b", "\u202e", "13800138000", "138-0013-8000", "11010519491231002X", "e-2", "件", "é\u0301", WATER),
    *(OPERATIONS, SEALS, "case.accepted", "case.completed", "2021-09-16T09:12:00.123Z", "2021-09-16T09:12:00.123456Z"),
    *("2021-09-16T09:12:00.13800138000Z", "2021-09-16T09:12:00.1380013800+08:00", "2031-09-16T09:12:00Z"),
    *("550e8400-e29b-41d4-a716-446655440000", "1970-01-01T00:00:00Z", "2021-09-16t09:12:00z", "a\x7f", "a\u00adb"),
]


@given(
    st.sampled_from(sorted(EXAMPLES)),
    st.dictionaries(
        st.sampled_from((*NAMES, "datacontenttype", "traceparent")), st.sampled_from(ODD + MORE), max_size=3
    ),
    st.sets(st.sampled_from(NAMES), max_size=2),
    st.sampled_from(WRITINGS),
    st.sampled_from(CARRIED),
    st.booleans(),
)
def test_an_event_of_known_data_has_the_same_verdict(
    kind: str,
    changed: dict[str, Any],
    left_out: set[str],
    writing: Callable[[dict[str, Any]], bytes],
    carried: dict[str, Any],
    trust: bool,
) -> None:
    ways = Ways(plan(), trust=trust)
    known = example(kind)
    odd = {name: value for name, value in {**known, **changed}.items() if name not in left_out}
    for first in (known, {**known, "caseowner": WATER}, {**known, "datacontenttype": "application/json"}):
        ways.learn(compact(first))
        ways.learn(writing(first))
    ways.agree(compact(known), **carried)
    for _ in range(3):
        ways.agree(writing(odd), **carried)


@pytest.mark.parametrize("name", sorted({*GOOD, "receivedat", "caseowner", "datacontenttype", "data", "more"}))
def test_every_odd_attribute_is_judged_by_the_rule(name: str) -> None:
    ways = Ways(plan())
    for carried in CARRIED[:4]:
        for value in ODD + MORE:
            ways.learn(raw())
            assert isinstance(ways.agree(raw()), Admitted)
            ways.agree(orjson.dumps({**event(), name: value}), **carried)
        ways.agree(orjson.dumps({each: value for each, value in event().items() if each != name}), **carried)


def test_what_repeats_goes_by_template() -> None:
    """Otherwise all these tests compare the plain way with itself."""
    for kind in sorted(set(EXAMPLES) - {"correction", "case.justified", "case.confirmed"}):
        ways = Ways(plan())
        for number in range(5):
            found = ways.agree(compact({**example(kind), "id": f"e-{number}"}), headers=HEADERS)
            assert isinstance(found, Admitted)
        assert ways.by_template == 4, kind
    for kind in ("correction", "case.justified", "case.confirmed"):  # their data depends on the rest
        ways = Ways(plan())
        for number in range(5):
            ways.agree(compact({**example(kind), "id": f"e-{number}"}))
        assert not ways.by_template and not ways.quick._templates, kind


def test_a_personal_number_is_found_where_the_rest_is_known() -> None:
    ways = Ways(plan())
    ways.learn(raw())
    fraction = "2021-09-16T09:12:00.13800138000Z"
    for place, value in (
        ("id", "13800138000"),
        ("subject", "W 138 0013 8000"),
        ("time", fraction),
        ("recordedat", fraction),
    ):
        found = ways.agree(raw(**{place: value}))
        assert found[:2] == (Reason.PERSONAL_DATA, place)


def test_a_name_twice_is_refused_where_the_rest_is_known() -> None:
    ways = Ways(plan())
    for line in (raw(), raw(data={"service_item": "water.connection", "unit": "water", "attributes": {"note": "a:b"}})):
        ways.learn(line)
        for again in (b'{"id":"e-0",', b'{"subject":"",', b'{"source":"x","type":"y",'):
            assert ways.agree(again + line[1:])[0] == Reason.MALFORMED
        hidden = line.replace(b"a:b", rb"a\u003ab")
        ways.learn(hidden)
        assert ways.agree(b'{"id":"e-0", ' + hidden[1:])[0] == Reason.MALFORMED


def test_a_number_shorter_than_its_canonical_form_hides_no_name() -> None:
    """1e-4 is written 0.0001: an event can be as long as its canonical text although a name is in it twice."""
    data = b'{"service_item":"water.connection","unit":"water","attributes":{"fee":1e-6%s}}'
    line = raw().replace(orjson.dumps(event()["data"]), data)
    ways = Ways(plan())
    ways.learn(line % b"")
    assert isinstance(ways.agree(line % b""), Admitted)
    for more in (b',"fee":1e-6', b',"pipe":1,"pipe":1', b"    "):
        found = ways.agree(line % more)
        assert isinstance(found, Admitted) is (not more.strip()), more
    ways = Ways(plan(is_open=True))
    numbers = raw("case.completed", {"attributes": {"a": "@", "b": "@", "c": "@", "d": "@"}}).replace(b'"@"', b"1e-4")
    ways.learn(numbers)
    assert isinstance(ways.agree(numbers), Admitted)
    doubled = b'{"id":"",' + numbers[1:]
    for line in (doubled, doubled.replace(b'"id":"",', b'"id":"", ')):
        assert ways.agree(line)[0] == Reason.MALFORMED


def test_what_is_known_of_one_source_owner_or_plan_is_granted_to_no_other() -> None:
    ways = Ways(plan())
    seals = raw("case.accepted", {"service_item": "seal.issue", "unit": "seals"}, source=SEALS)
    for line in (raw(), seals):
        ways.learn(line)
    assert ways.agree(raw(source=SEALS))[:2] == (Reason.NOT_ENTITLED, "data.unit")
    assert ways.agree(raw(caseowner=SEALS))[:2] == (Reason.NOT_ENTITLED, "caseowner")
    assert ways.agree(raw(recordedat=None))[:2] == (Reason.INVALID_VALUE, "recordedat")
    of_water = raw("case.accepted", {"service_item": "seal.issue", "unit": "seals"}, source=SEALS, caseowner=WATER)
    ways.learn(of_water)
    assert isinstance(ways.agree(of_water), Admitted)
    assert ways.agree(of_water.replace(b"/units/water", b"/units/later"))[:2] == (Reason.NOT_ENTITLED, "caseowner")
    without = plan().model_copy(update={"units": {}})
    assert verdict(admission(without), raw())[0] == Reason.UNKNOWN_UNIT


@pytest.mark.parametrize("name", ["caseowner", "datacontenttype", "recordedat", "receivedat", "subject"])
def test_blanks_as_long_as_an_attribute_do_not_stand_for_it(name: str) -> None:
    values = {"caseowner": WATER, "datacontenttype": "application/json", "receivedat": "2021-09-16T09:13:00Z"}
    whole = {**event("source.heartbeat" if name == "subject" else "case.completed", source=SEALS), **values}
    without = {each: value for each, value in whole.items() if each != name}
    ways = Ways(plan())
    for line in (orjson.dumps(whole), orjson.dumps(without)):
        ways.learn(line)
        assert isinstance(ways.agree(line), Admitted)
        for blanks in range(len(orjson.dumps(whole)) - len(orjson.dumps(without)) + 2):
            assert isinstance(ways.agree(line + b" " * blanks), Admitted)


def test_only_a_trusted_feed_says_when_an_event_of_known_data_arrived() -> None:
    ways = Ways(plan(), trust=False)
    ways.learn(raw())
    assert ways.agree(raw(receivedat="2021-09-16T09:13:00Z"))[:2] == (Reason.UNKNOWN_FIELD, "receivedat")
    assert ways.agree(raw(), headers=HEADERS)[:2] == (Reason.UNKNOWN_FIELD, "receivedat")


def test_an_event_of_known_data_is_as_large_as_any() -> None:
    ways = Ways(plan())
    ways.learn(raw())
    assert isinstance(ways.agree(raw() + b" " * (LARGEST_EVENT - len(raw()))), Admitted)
    assert ways.agree(raw() + b" " * (LARGEST_EVENT + 1 - len(raw())))[0] == Reason.TOO_LARGE


def test_no_sender_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (plain_admission, quick_admission):
        monkeypatch.setattr(module, "MOST_REMEMBERED", 8)
    quick = QuickAdmission(plan(), CODEC, read_envelope)
    for number in range(50):
        for _ in range(2):
            quick.admit(raw("case.withdrawn", {"reason": f"reason {number}"}))
        assert len(quick._templates) <= 8 and len(quick._contents) <= 8 and len(quick._seen_once) <= 8
    assert quick._templates
    known = len(quick._templates), len(quick._contents)
    long = raw("case.withdrawn", {"reason": "x" * (LONGEST_REMEMBERED + 1)})
    for _ in range(3):
        quick.admit(long)
    assert (len(quick._templates), len(quick._contents)) == known
