"""Numbers of records in addresses: whoever asks may write anything there."""

from typing import Annotated, Final

from fastapi import Query

LARGEST: Final = 2**62
"""No record has a larger number, and every database takes it."""
Place = Annotated[int | None, Query(ge=1, le=LARGEST)]
"""Where a list goes on: the number of the last record of the page before."""


def number_of(text: str) -> int | None:
    """The number of a path; None: it is none of a record."""
    is_number = text.isascii() and text.isdecimal() and len(text) < 19
    return int(text) if is_number else None
