"""Records that must be refused, or change nothing, and must stop nothing: each with a generator, none is a copy.

Whatever they are, a replay of the topic's archive decides what should have become of them.
"""

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from services.domain.intake.facts import case_key
from services.messaging.topics import partition_of
from services.simulator.simulation import Event

HOSTILE = Path(__file__).parents[2].parent / "shared" / "cases" / "hostile"
"""Records seen on a running system, where they are beside the project."""
_LARGE = 2_000_000
"""Bytes: just below what the broker takes."""
_DEEP = 1_000

Headers = list[tuple[str, bytes | None]]


class Poison(NamedTuple):
    """One record as it is sent."""

    name: str
    key: bytes | None
    value: bytes | None
    headers: Headers
    partition: int | None
    """None: the one of its key."""


class Source(NamedTuple):
    """What a record is made from."""

    rng: random.Random
    good: Event
    """An event of the district that is sent anyway, by the feed."""
    number: int
    partitions: int

    @property
    def event(self) -> dict[str, object]:
        """The good event, under an id of its own and of the same case."""
        event: dict[str, object] = orjson.loads(self.good.line)
        return event | {"id": f"poison-{self.number}"}

    @property
    def key(self) -> bytes:
        return self.good.key.encode()


def _of(name: str, source: Source, value: bytes | None) -> Poison:
    return Poison(name, source.key, value, [], None)


def nested(source: Source) -> Poison:
    """A value nested as deep as many readers of JSON go, with digits at its bottom."""
    deep = b"[" * _DEEP + b'"12345678901 \\u4e2d"' + b"]" * _DEEP
    return _of("nested 1,000 deep", source, orjson.dumps(source.event)[:-1] + b',"comment":' + deep + b"}")


def nested_without_end(source: Source) -> Poison:
    return _of("nested without an end", source, b'{"id":' + b"[" * 200_000)


def large(source: Source) -> Poison:
    """Its dead letter in base64 would be larger than the broker takes."""
    return _of("2 MB", source, orjson.dumps(source.event | {"comment": "x" * _LARGE}))


def large_bytes(source: Source) -> Poison:
    return _of("2 MB of no JSON", source, source.rng.randbytes(_LARGE))


def beyond_64_bits(source: Source) -> Poison:
    """Admitted once, and not to be packed: as millionths it needs more than 64 bits."""
    number = source.rng.choice((20_000_000_000_000, -10_000_000_000_000, 10**40, 1e300, -1e308))
    data = {"name": "amount", "value": number}
    return _of("a number beyond 64 bits", source, _written(source.event | {"type": "quantity.measured", "data": data}))


def _written(event: dict[str, object]) -> bytes:
    """JSON with integers of any size."""
    return json.dumps(event).encode()


def odd_period(source: Source) -> Poison:
    """A month in a year that no time may have."""
    period = source.rng.choice(("9999-12", "0000-01", "2021-13", "٢٠٢١-٠١"))
    event = source.event | {"type": "duty.fulfilled", "data": {"duty": "monthly_report", "period": period}}
    return _of("a period that no calendar has", source, orjson.dumps(event))


def odd_time(source: Source) -> Poison:
    time = source.rng.choice(("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999-23:59", "2021-02-30T09:00:00+08:00"))
    return _of("a time that is none", source, orjson.dumps(source.event | {"time": time}))


def null_header(source: Source) -> Poison:
    """A good event once more, with a header whose value is null."""
    return Poison("a null header", source.key, source.good.line, [("content-type", None)], None)


def odd_header(source: Source) -> Poison:
    headers: Headers = [("content-type", b"\xff\xfe"), ("", b""), ("ce_\u4e2d", b"\x00")]
    return Poison("odd headers", source.key, source.good.line, headers, None)


def wrong_partition(source: Source) -> Poison:
    """A good event once more, under its right key, in a partition that is not the key's."""
    right = partition_of(source.key, source.partitions)
    wrong = (right + source.rng.randrange(1, max(source.partitions, 2))) % source.partitions
    return Poison("the right key in a wrong partition", source.key, source.good.line, [], wrong)


def wrong_key(source: Source) -> Poison:
    """A good event once more, under another key. (One that is sent under a wrong key only is in the archive, too, and a
    file has no keys: a replay would take it.)"""
    return Poison("a wrong key", source.key + b"-elsewhere", source.good.line, [], None)


def no_key(source: Source) -> Poison:
    return Poison("no key", None, source.good.line, [], None)


def not_utf8(source: Source) -> Poison:
    return _of("not UTF-8", source, source.good.line.replace(b'"id":"', b'"id":"\xc3\x28\xff', 1))


def lone_surrogate(source: Source) -> Poison:
    return _of("half a character", source, source.good.line.replace(b'"id":"', b'"id":"\\ud800', 1))


def empty(source: Source) -> Poison:
    return _of("empty", source, b"")


def null(source: Source) -> Poison:
    return _of("null", source, None)


def no_object(source: Source) -> Poison:
    return _of("no object", source, source.rng.choice((b"[]", b"null", b"17", b'"text"', b"{}", b"\x00" * 64)))


def cut_off(source: Source) -> Poison:
    line = source.good.line
    return _of("cut off", source, line[: source.rng.randrange(1, len(line))])


def control_characters(source: Source) -> Poison:
    event = source.event | {"subject": "W-1\x1b[31m\u202e\u2028"}
    return _of("control characters in the subject", source, orjson.dumps(event))


MAKERS: tuple[Callable[[Source], Poison], ...] = (
    nested, nested_without_end, large, large_bytes, beyond_64_bits, odd_period, odd_time, null_header, odd_header,
    wrong_partition, wrong_key, no_key, not_utf8, lone_surrogate, empty, null, no_object, cut_off, control_characters,
)  # fmt: skip


def corpus(rng: random.Random, good: list[Event], partitions: int) -> Iterator[Poison]:
    """Poison without end: every generator and every record of `HOSTILE` in turn, each round in another order."""
    seen = [line for file in sorted(HOSTILE.glob("*.jsonl")) for line in file.read_bytes().splitlines() if line]
    number = 0
    while True:
        makers: list[Callable[[Source], Poison]] = [*MAKERS, *(_seen(line) for line in seen)]
        rng.shuffle(makers)
        for make in makers:
            number += 1
            yield make(Source(rng, rng.choice(good), number, partitions))


def _key(line: bytes) -> bytes:
    """The case key as far as there is one."""
    try:
        event = orjson.loads(line)
        owner, subject = event.get("caseowner") or event["source"], event.get("subject") or ""
    except (ValueError, KeyError, AttributeError):
        return b""
    return case_key(owner, subject).encode() if isinstance(owner, str) and isinstance(subject, str) else b""


_TIME = re.compile(rb'"(?:recordedat|time)" *: *"([^"]*)"')


def _seen(line: bytes) -> Callable[[Source], Poison]:
    """A record of `HOSTILE` in its own bytes. Only its arrival is added, which the carrier would give otherwise."""
    key = _key(line)
    found = _TIME.search(line)
    if found and b'"receivedat"' not in line:
        line = line.replace(b"{", b'{"receivedat":"' + found[1] + b'",', 1)

    def make(source: Source) -> Poison:
        return Poison("seen on a running system", key, line, [], None)

    return make


async def send(producer: Any, topic: str, record: Poison, partitions: int) -> None:
    """Returns once the broker has it. `producer`: one of aiokafka's."""
    partition = partition_of(record.key or b"", partitions) if record.partition is None else record.partition
    acknowledged = await producer.send(
        topic, key=record.key, value=record.value, partition=partition, headers=record.headers
    )
    await acknowledged
