"""Mutated events, from a seed: what a source, a proxy or a slip of the keyboard can make of the shipped samples.

Each case is a sample of a promise under a subject of its own; most of its events are changed in one way, the others
stay, so that what is admitted is judged among good facts. No line holds a line feed: it can stand in a file.
"""

import copy
import json
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from random import Random
from typing import Any, NamedTuple

from services.catalog.load.calendars import calendar_of
from services.catalog.load.plan_folder import load_plan
from services.catalog.samples.promise_samples import samples_of
from services.domain.intake.admission import LARGEST_EVENT
from services.domain.plan.plan import Plan
from services.domain.plan.statutory_time import Law
from services.runtime.settings import Settings

Event = dict[str, Any]

AS_IT_IS = 0.2
"""The share of events that stay as they are."""


class Mutated(NamedTuple):
    """An event as it is sent."""

    how: str
    """Name of the mutation; `good`: none."""
    line: bytes


def mutated(seed: int, number: int) -> Iterator[Mutated]:
    """So many mutated events, and good ones between them."""
    rng = Random(seed)
    histories = _histories()
    for case in count():
        for event in _case(rng, histories[case % len(histories)], f"m{seed}c{case}"):
            if rng.random() < AS_IT_IS:
                yield Mutated("good", _compact(event))
                continue
            how = rng.choice(_WAYS)
            line = how(rng, event).replace(b"\n", b" ")
            if not line or line.isspace():
                continue
            yield Mutated(how.__name__.strip("_"), line)
            number -= 1
            if not number:
                return


@cache
def shipped_plan() -> Plan:
    """The plan whose samples are mutated. Read once: it takes a sixth of a second."""
    return load_plan(Settings().plan)


@cache
def _histories() -> list[list[Event]]:
    plan = shipped_plan()
    law = Law(plan, calendar_of(plan))
    found = []
    for promise in plan.promises:
        for sample in samples_of(promise, law):
            events = [json.loads(json.dumps(event)) for event in sample.events]
            found.append([*events, *_more(events)])
    return found


def _more(events: list[Event]) -> list[Event]:
    """What samples do not have: a correction, a rating, a withdrawal, a heartbeat."""
    last = events[-1]
    about = {name: value for name, value in last.items() if name not in ("type", "data")}
    replacement = {name: last[name] for name in ("type", "time", "data")}
    more = [
        {**about, "id": "k", "type": "correction", "data": {"of": last["id"], "event": replacement}},
        {**about, "id": "h", "type": "source.heartbeat"},
    ]
    if last["type"].startswith("case."):
        more += [
            {**about, "id": "r", "type": "case.rated", "data": {"score": 4}},
            {**about, "id": "w", "type": "case.withdrawn", "data": {"reason": "申请人撤回"}},
        ]
    return more


def _case(rng: Random, events: list[Event], subject: str) -> Iterator[Event]:
    chosen = [event for event in events if rng.random() < 0.8]
    for number, event in enumerate(map(copy.deepcopy, chosen)):
        event["subject"] = subject
        event["id"] = f"{subject}-{event['id']}-{number}"
        yield event


def _compact(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


# ---- places in an event ----------------------------------------------------------------------------------------
def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, name) in it."""
    named = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for name, value in named:
        yield content, name
        yield from _places(value)


def _place(rng: Random, event: Event) -> tuple[Any, Any]:
    return rng.choice(list(_places(event)))


def _texts(event: Event) -> list[tuple[Any, Any]]:
    return [(holder, name) for holder, name in _places(event) if isinstance(holder[name], str)]


_TIMES = (
    *("1970-01-01T00:00:00Z", "1970-01-01T08:00:00+08:00", "1900-01-01T00:00:00+08:00", "0001-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59Z", "2199-12-31T23:59:59.999999Z", "2200-01-01T00:00:00Z", "1901-01-01T00:00:00Z"),
    *("1901-01-01T00:00:00+08:00", "2021-09-16T09:12:00", "2021-09-16 09:12:00z", "2021-09-16T24:00:00Z"),
    *("2021-09-16T09:12:60Z", "2021-02-30T00:00:00Z", "2021-09-16T09:12:00+99:99", "2021-09-16", "soon"),
)
_EXTREMES: tuple[Any, ...] = (
    *(None, True, False, "", " ", 0, -1, 1, 7, 0.1, -0.0, 1e-320, 1e21, 1e308, -1e308, 1.85e13, -9.3e12),
    *(9_223_372_036_854, 9_223_372_036_855, -9_223_372_036_854, 20_000_000_000_000, 2**53 - 1, 2**53, 2**63, 2**64 - 1),
    *(10**25, [], {}, [[]], [None], ["a"] * 21, {"a": {"b": []}}, "a" * 256, "a" * 257, "a" * 2001),
    *("0000-01", "1900-12", "1901-01", "2199-12", "2200-01", "9999-12", "2021-13"),
    *("138 0013 8000", "11010519491231002X", "4111111111111111", "a\x1fb", "\x00", "件", "\U0001f600", "\ue000"),
    *({"amount": 36600, "unit": "working_days"}, {"amount": 0, "unit": "months"}, {"amount": 2**60, "unit": "minutes"}),
    *_TIMES,
)
_ODD_TEXTS = (
    *("\x00", "\t", "\r", "\x1b[31m", "\x7f", "\x85", "\u200b", "\u200d", "\u202e", "\u2066", "\u2028", "\ufeff"),
    *(
        "\u00a0",
        "\u3000",
        "\ue000",
        "\ufdd0",
        "\uffff",
        "\U0001f600",
        "\U000e0041",
        "é",
        "e\u0301",
        "=1+1",
        "'",
        '"',
        "\\",
    ),
    *("１２３", "١٢٣", "①"),
)


# ---- what goes wrong with the content -----------------------------------------------------------------------------
def _swapped(rng: Random, event: Event) -> bytes:
    holder, name = _place(rng, event)
    holder[name] = copy.deepcopy(rng.choice(_EXTREMES))
    return _compact(event)


def _swapped_data(rng: Random, event: Event) -> bytes:
    places = list(_places(event.get("data")))
    if places:
        holder, name = rng.choice(places)
        holder[name] = copy.deepcopy(rng.choice(_EXTREMES))
    return _compact(event)


def _other_time(rng: Random, event: Event) -> bytes:
    event[rng.choice(("time", "recordedat", "receivedat"))] = rng.choice(_TIMES)
    return _compact(event)


def _left_out(rng: Random, event: Event) -> bytes:
    holder, name = _place(rng, event)
    del holder[name]
    return _compact(event)


def _added(rng: Random, event: Event) -> bytes:
    holders = [event, *(holder[name] for holder, name in _places(event) if isinstance(holder[name], dict))]
    name = rng.choice(("colour", "", "x" * 300, "件", "\u202e", "receivedat", "caseowner", "data", "attributes"))
    rng.choice(holders)[name] = copy.deepcopy(rng.choice(_EXTREMES))
    return _compact(event)


def _extended(rng: Random, event: Event) -> bytes:
    for name in rng.sample(("traceparent", "tracestate", "partitionkey", "sequence", "dataschema", "dataref"), 2):
        event[name] = copy.deepcopy(rng.choice(("00-4bf9-01", "1", *_EXTREMES)))
    return _compact(event)


def _odd_text(rng: Random, event: Event) -> bytes:
    holder, name = rng.choice(_texts(event))
    at = rng.randrange(len(holder[name]) + 1)
    holder[name] = holder[name][:at] + rng.choice(_ODD_TEXTS) + holder[name][at:]
    return _compact(event)


def _deep(rng: Random, event: Event) -> bytes:
    holder, name = _place(rng, event)
    depth = rng.choice((2, 14, 15, 16, 17, 100, 253, 254, 255, 300, 970, 1020, 1024, 1100))
    opening, closing = rng.choice((("[", "]"), ('{"a":', "}"), ('[{"b":', "}]")))
    holder[name] = "@DEEP@"
    inner = rng.choice(("", "1", '"13800138000"', r'"\u0031"')) if opening == "[" else "1"
    return _compact(event).replace(b'"@DEEP@"', (opening * depth + inner + closing * depth).encode())


def _large(rng: Random, event: Event) -> bytes:
    data = event.setdefault("data", {})
    if isinstance(data, dict):
        data[rng.choice(("reason", "x" * 40_000, "attributes"))] = ""
    size = LARGEST_EVENT + rng.choice((-1, 0, 1, 2, 40, 46, 64, 1_000, 700_000))
    line = _compact(event)
    if rng.random() < 0.5:
        return line + b" " * (size - len(line))
    return line.replace(b':""', b':"' + b"a" * max(0, size - len(line)) + b'"', 1)


# ---- what goes wrong with the writing ------------------------------------------------------------------------------
def _escaped(rng: Random, event: Event) -> bytes:
    line = json.dumps(event)
    if rng.random() < 0.5:
        line = "".join(rf"\u{ord(c):04x}" if c.isdigit() and rng.random() < 0.1 else c for c in line)
    return line.encode()


def _spaced(rng: Random, event: Event) -> bytes:
    blank = rng.choice((" ", "\t", "\r", "   "))
    line = json.dumps(event, ensure_ascii=False, separators=(f"{blank},{blank}", f"{blank}:{blank}"))
    return (blank + line + rng.choice(("", blank, "\r", "\x0b", "\x00"))).encode()


def _indented(rng: Random, event: Event) -> bytes:
    return json.dumps(event, indent=rng.randrange(4), sort_keys=True, ensure_ascii=rng.random() < 0.5).encode()


def _encoded(rng: Random, event: Event) -> bytes:
    text = json.dumps(event, ensure_ascii=False)
    return text.encode(rng.choice(("gbk", "gb18030", "utf-16", "utf-16-le", "utf-8-sig", "utf-32", "big5")), "replace")


def _flipped(rng: Random, event: Event) -> bytes:
    line = bytearray(_compact(event))
    for _ in range(rng.choice((1, 1, 1, 2, 5))):
        line[rng.randrange(len(line))] ^= 1 << rng.randrange(8)
    return bytes(line)


def _cut(rng: Random, event: Event) -> bytes:
    line = _compact(event)
    begin, end = sorted(rng.randrange(len(line) + 1) for _ in range(2))
    return rng.choice((line[:end], line[begin:], line[:begin] + line[end:]))


def _twice(rng: Random, event: Event) -> bytes:
    """A name stands twice in an object, or the event in the line."""
    holder, name = rng.choice([(holder, name) for holder, name in _places(event) if isinstance(holder, dict)])
    value = holder[name]
    other = rng.choice((value, "", None, "13800138000", 1))
    holder[name] = "@TWICE@"
    first = json.dumps(other)
    written = json.dumps(name) if rng.random() < 0.7 else "".join(rf"\u{ord(c):04x}" for c in str(name)).join('""')
    blank = rng.choice(("", " "))
    again = f"{first},{written}{blank}:{json.dumps(value)}"
    line = _compact(event).replace(b'"@TWICE@"', again.encode())
    return line if rng.random() < 0.9 else line + line


def _odd_number(rng: Random, event: Event) -> bytes:
    numbers = [(holder, name) for holder, name in _places(event) if type(holder[name]) in (int, float)]
    holder, name = rng.choice(numbers or list(_places(event)))
    holder[name] = "@NUMBER@"
    odd = ["1E2", "1.0", "1.50", "-0", "-0.0", "01", "+1", "1.", ".5", "0x10", "1e400", "-1e400", "1e-400", "NaN"]
    odd += ["Infinity", "-Infinity", "1" * 400, "1" * 5000, "0." + "1" * 400, "1e5", "4e0", "9007199254740993", "1_0"]
    return _compact(event).replace(b'"@NUMBER@"', rng.choice(odd).encode())


def _no_event(rng: Random, event: Event) -> bytes:
    line = _compact(event)
    odd = (b"[%s]", b"%s,", b"\xef\xbb\xbf%s", b"%s%s", b'"%s"', b"// %s", b"null%s", b"[[%s]]")
    chosen = rng.choice(odd)
    return (
        chosen.replace(b"%s", line) if rng.random() < 0.7 else rng.choice((b"null", b"0", b"{}", b"[]", b'""', b"\x00"))
    )


def _surrogate(rng: Random, event: Event) -> bytes:
    holder, name = rng.choice(_texts(event))
    holder[name] += "@LONE@"
    return _compact(event).replace(b"@LONE@", rng.choice((rb"\ud800", rb"\udc00", b"\xed\xa0\x80", rb"\ud83d\ude00")))


_WAYS: tuple[Callable[[Random, Event], bytes], ...] = (
    *(_swapped, _swapped, _swapped_data, _swapped_data, _swapped_data, _other_time, _left_out, _added, _extended),
    *(_odd_text, _odd_text, _deep, _large, _escaped, _spaced, _indented, _encoded, _flipped, _cut, _twice, _odd_number),
    *(_no_event, _surrogate),
)
