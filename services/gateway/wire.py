"""CloudEvents over HTTP: from a request to the bytes of its events, each as its sender wrote it.

Three modes, by the content type: structured (one event), batch (an array of events) and binary (the attributes are
headers `ce-…`, the body is the data). The content of an event is read by admission only.
"""

import zlib
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import takewhile
from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from services.gateway.problems import Problem

LARGEST_BODY: Final = 8 * 1024 * 1024
"""Bytes of one request, as it is sent and unpacked."""
MOST_EVENTS: Final = 1_000
"""Events of one batch."""
_MOST_MEMBERS: Final = 100
"""Files of gzip in one body: each is copied once for every one before it."""

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
BINARY: Final = "ce-specversion"
"""The header that every event in binary mode has."""

HttpHeaders = Sequence[tuple[bytes, bytes]]
"""Of a request, as ASGI has them: names in lower case."""


class Sent(NamedTuple):
    """One event as it was sent: the value and the headers of its record."""

    value: bytes | None
    """None: a record of Kafka without a value."""
    headers: Sequence[tuple[str, bytes | None]] = ()
    """Of an event in binary mode, its attributes."""


def header(headers: HttpHeaders, name: str) -> str | None:
    """The one value of a header; None where it is not there. Problem where it is there twice."""
    found = [value for given, value in headers if given == name.encode()]
    if len(found) > 1:
        raise Problem(400, "unreadable_body", f"the header {name} is there twice", "write it once")
    return found[0].decode("latin-1").strip() if found else None


def unpacked(body: bytes, headers: HttpHeaders) -> bytes:
    """The body without its gzip; never more than the largest body. Problem where it is none."""
    encoding = (header(headers, "content-encoding") or "identity").lower()
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise Problem(415, "unsupported_type", "the content encoding is not known", "send gzip, or nothing packed")
    return _gunzip(body)


def _gunzip(packed: bytes) -> bytes:
    plain = bytearray()
    for _ in range(_MOST_MEMBERS):  # gzip may be several files, one behind the other
        member = zlib.decompressobj(wbits=31)
        try:
            plain += member.decompress(packed, LARGEST_BODY + 1 - len(plain))
        except zlib.error:
            raise _broken_gzip() from None
        if len(plain) > LARGEST_BODY:
            raise too_large()
        if not member.eof:
            raise _broken_gzip()
        packed = member.unused_data
        if not packed:
            return bytes(plain)
    raise _broken_gzip()


def _broken_gzip() -> Problem:
    return Problem(400, "unreadable_body", "the body is not gzip, or not all of it", "send it again, whole")


def too_large() -> Problem:
    """The refusal of a body that is larger than allowed."""
    return Problem(
        413,
        "too_large",
        f"a body has at most {LARGEST_BODY} bytes, also unpacked",
        "send the events in several requests",
    )


def events_of(body: bytes, headers: HttpHeaders, most: int = MOST_EVENTS) -> list[Sent]:
    """The events of an unpacked body, so many at most. Problem where the mode is not known, or where a batch cannot be
    cut into events."""
    mode, parameters = _content_type(headers)
    if mode == BATCH:
        _refuse_other_charset(parameters)
        return [Sent(event) for event in _cut(body, most)]
    if mode == STRUCTURED:
        _refuse_other_charset(parameters)
        return [Sent(body)]
    if any(name == BINARY.encode() for name, _ in headers):
        return [Sent(body, tuple(_attributes(headers)))]
    raise Problem(
        415,
        "unsupported_type",
        "the content type is none of CloudEvents, and there is no header ce-specversion",
        f"send one event as {STRUCTURED}, several as {BATCH}, or one with its attributes as headers ce-…",
    )


def _content_type(headers: HttpHeaders) -> tuple[str, str]:
    mode, _, parameters = (header(headers, "content-type") or "").partition(";")
    return mode.strip().lower(), parameters.strip().lower()


def _refuse_other_charset(parameters: str) -> None:
    if "charset" in parameters and "utf-8" not in parameters:
        raise Problem(415, "unsupported_type", "the text is not in UTF-8", "write it in UTF-8")


def _cut(body: bytes, most: int) -> Sequence[bytes]:
    """The bytes of each element of a JSON array, as they are there. It stops at the first element too many."""
    try:
        found = _batch(most).decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        # of an array that can be read nothing but its length is checked
        if isinstance(error, msgspec.ValidationError) and body.lstrip().startswith(b"["):
            raise Problem(413, "too_large", f"a batch has at most {most} events", "send several batches") from None
        wrong = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise Problem(
            400, "unreadable_body", f"the body is no array of JSON: {wrong}", "send a JSON array of events in UTF-8"
        ) from None
    return list(takewhile(len, map(bytes, msgspec.structs.astuple(found))))


@cache
def _batch(most: int) -> "msgspec.json.Decoder[msgspec.Struct]":
    """Reads an array of at most so many elements. msgspec checks the length of a list only once all of it is there:
    8 MiB of `[0,0,…]` were 220 MB then. An element that is not there is empty; one that is has a byte at least."""
    elements = [(f"element_{place}", msgspec.Raw, msgspec.Raw()) for place in range(most)]
    return msgspec.json.Decoder(msgspec.defstruct("Batch", elements, array_like=True, forbid_unknown_fields=True))


def _attributes(headers: HttpHeaders) -> Iterable[tuple[str, bytes]]:
    """The attributes of an event in binary mode, as headers of a Kafka record: there `-` is `_`, and nothing is
    percent-encoded."""
    for name, value in headers:
        if name == b"content-type":
            yield "content-type", value
        elif name.startswith(b"ce-"):
            yield f"ce_{name[3:].decode('latin-1')}", unquote_to_bytes(value)
