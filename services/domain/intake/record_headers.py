"""What the headers of a Kafka record hold of its event: the attributes in binary mode, and the arrival."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from services.domain.intake.validation_messages import malformed

RECEIVED: Final = "receivedat"
"""The header with the arrival (RFC 3339), where a trusted feed knows it and the event does not have it."""

UNREADABLE: Final = "\ufffd"
"""Replaces what is not UTF-8 in the name of a header."""

_BINARY: Final = "ce_"
_SPECVERSION: Final = "ce_specversion"
_DATA: Final = "ce_data"
_CONTENT_TYPE: Final = "content-type"


class InHeaders(NamedTuple):
    """What the headers of one record hold."""

    attributes: dict[str, Any] | None
    """The attributes of an event in binary mode; None if the record is not in binary mode."""
    received: str | None
    """The arrival, as text."""


def read_headers(headers: Iterable[tuple[str, bytes | None]]) -> InHeaders:
    """The event's attributes and arrival in the headers; headers of others are ignored. Refused (`malformed`) where a
    header of the event has no value, is not UTF-8 or is there twice, and where the name of any header is not UTF-8:
    it could be the name of anything."""
    attributes: dict[str, Any] = {}
    received = None
    for given, value in headers:
        name = given if given == RECEIVED else given.lower() if type(given) is str else ""
        if name == RECEIVED:  # nearly all are
            received = (value or b"").decode(errors="replace")  # what is no time is refused as one
        elif UNREADABLE in name:
            raise malformed("the name of a header is not UTF-8", "write headers in UTF-8, their names, too")
        elif (attribute := _attribute_of(name)) is not None:
            _add(attributes, attribute, name, value)
    return InHeaders(attributes if "specversion" in attributes else None, received)


def headers_of_event(headers: Iterable[tuple[str, bytes | None]]) -> list[tuple[str, bytes]]:
    """The headers that hold an admitted event in binary mode; others may be anybody's. Of an event in structured mode
    there are none: nobody has checked what its headers say."""
    own = [(name, value) for name, value in headers if value is not None and _is_attribute(name.lower())]
    return own if any(name.lower() == _SPECVERSION for name, _ in own) else []


def _is_attribute(header: str) -> bool:
    return header == _CONTENT_TYPE or header.startswith(_BINARY)


def _attribute_of(header: str) -> str | None:
    """The attribute of an event in binary mode that a header holds; None where it holds none."""
    if header == _CONTENT_TYPE:
        return "datacontenttype"
    if not header.startswith(_BINARY):
        return None
    if header == _DATA:
        raise malformed(f"its header {header} is no attribute", "send the data as the record's value")
    return header[len(_BINARY) :]


def _add(attributes: dict[str, Any], attribute: str, header: str, value: bytes | None) -> None:
    if value is None:
        raise malformed(f"its header {header[:_SHOWN]} has no value", "write a value, or leave the header out")
    if attribute in attributes:
        raise malformed(f"its header {header[:_SHOWN]} is there twice", "write each header once")
    try:
        attributes[attribute] = value.decode()
    except UnicodeDecodeError:
        raise malformed(f"its header {header[:_SHOWN]} is not UTF-8", "write headers in UTF-8") from None


_SHOWN: Final = 40
"""Characters of a header's name that are shown."""
