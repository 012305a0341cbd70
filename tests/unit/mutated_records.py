"""Records of our topics that are not what they were: of older versions, of strangers, damaged. Seeded."""

import random
from collections.abc import Callable, Iterator
from typing import Any

import orjson

Pair = tuple[bytes | None, bytes | None]

STRANGERS: list[Pair] = [
    (None, None),
    (None, b"{}"),
    (b"", b""),
    (b"key", b"null"),
    (b"key", b"[]"),
    (b"key", b'"text"'),
    (b"key", b"17"),
    (b"key", b"{}"),
    (b"\xff\xfe", b"\xff\xfe"),
    (b"key", b"[" * 3_000),
    (b"key", b'{"a":' * 900 + b"1" + b"}" * 900),
    (b"signal|", b"{}"),
    (b"arrivals|", b"{}"),
    (b"arrivals|", b'{"published_ms": 1, "arrivals": [[1]]}'),
    (b"progress|", b"{}"),
    (b"progress|\xd9\xa3", b"{}"),
    (b"progress|-1", None),
    (b"row|", b"{}"),
    (b"row|0|1|", b"{}"),
    (b"row|0|99999999999999999999999|x", b"{}"),
    (b"claim|0", b'{"type":"claim","partition":0,"worker":"cases-1"}'),  # before claims had an epoch
]
"""Keys and values that nobody of ours writes."""

ODD: list[Any] = [
    None, True, False, 0, -1, 1, 0.5, -0.0, 2**53, 2**63 - 1, -(2**63), 2**64 - 1, 10**30, 1e308, -1e-300, "", " ", "x",
    "-1", "١٢", "1e999", "nan", "inf", "1_000", "9" * 5_000, "0000-01-01", "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00", "2021-10-01T00:00:00", "2021-13-40", "\u2028\x1b[31m", "\U0001f600" * 50, [], [[]], {},
    {"a": {"b": []}}, [1, 2, 3, 4], [[99, 1]], [[0, True]], [[0, "x"]], [[-1, 1]],
]  # fmt: skip


def mutated(record: Pair, rng: random.Random) -> Pair:
    """The record with one thing wrong."""
    key, value = record
    assert key is not None and value is not None
    how: Callable[[], Pair] = rng.choice(
        [
            lambda: (key, _bytes(value, rng)),
            lambda: (_bytes(key, rng), value),
            lambda: (key, _field(value, rng)),
            lambda: (key, _field(value, rng)),
            lambda: (key, _field(_field(value, rng), rng)),
            lambda: (key, value[: rng.randrange(len(value))]),
            lambda: (None, value),
            lambda: (key, None),
        ]
    )
    return how()


def _bytes(content: bytes, rng: random.Random) -> bytes:
    place = rng.randrange(len(content))
    return content[:place] + bytes([rng.randrange(256)]) + content[place + rng.randrange(2) :]


def _field(value: bytes, rng: random.Random) -> bytes:
    """One field is missing, odd, or new, wherever it is."""
    body = orjson.loads(value)
    places = list(_places(body))
    if places:
        holder, name = rng.choice(places)
        match rng.randrange(3):
            case 0:
                del holder[name]
            case 1:
                holder[name] = rng.choice(ODD)
            case _ if isinstance(holder, dict):
                holder["what a newer version adds"] = rng.choice(ODD)
    return _dumps(body)


def _dumps(body: Any) -> bytes:
    try:
        return orjson.dumps(body)
    except TypeError:  # an integer beyond 64 bits
        return b'{"kpi": 1000000000000000000000000000000}'


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    names: Any = content if isinstance(content, dict) else range(len(content)) if isinstance(content, list) else ()
    for name in names:
        yield content, name
        yield from _places(content[name])
