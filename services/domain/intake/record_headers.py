"""What the headers of a Kafka record say of its event: its attributes in binary mode, and when it arrived."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from services.domain.intake.validation_messages import malformed

RECEIVED: Final = "receivedat"
"""The header that holds the arrival (RFC 3339) where a trusted feed knows it and the event does not say it."""

UNREADABLE: Final = "\ufffd"
"""Stands in a header's name for what is no UTF-8."""

_BINARY: Final = "ce_"
_CONTENT_TYPE: Final = "content-type"


class InHeaders(NamedTuple):
    """What was read off the headers."""

    attributes: dict[str, Any] | None
    """The attributes of an event in binary mode; None if the record is not in binary mode."""
    received: str | None
    """The arrival as the header says it."""


def read_headers(headers: Iterable[tuple[str, bytes | None]]) -> InHeaders:
    """What the headers say; those of others are left alone. Refused (`malformed`) where a header of the event has no
    value, is not UTF-8, or is there twice, and where the name of any is not UTF-8: whose it is cannot be known."""
    attributes: dict[str, Any] = {}
    received = None
    for given, value in headers:
        name = given.lower() if type(given) is str else ""
        if UNREADABLE in name:
            raise malformed("the name of a header is not UTF-8", "write headers in UTF-8, their names, too")
        if name == RECEIVED:
            received = (value or b"").decode(errors="replace")  # what is no time is refused as one
            continue
        if name.startswith(_BINARY):
            attribute = name[len(_BINARY) :]
        elif name == _CONTENT_TYPE:
            attribute = "datacontenttype"
        else:
            continue
        if attribute == "data":
            raise malformed(f"its header {name} is no attribute", "send the data as the record's value")
        if value is None:
            raise malformed(f"its header {name[:_SHOWN]} has no value", "write a value, or leave the header out")
        if attribute in attributes:
            raise malformed(f"its header {name[:_SHOWN]} is there twice", "write each header once")
        try:
            attributes[attribute] = value.decode()
        except UnicodeDecodeError:
            raise malformed(f"its header {name[:_SHOWN]} is not UTF-8", "write headers in UTF-8") from None
    return InHeaders(attributes if "specversion" in attributes else None, received)


_SHOWN: Final = 40
"""So much of a header's name is shown."""
