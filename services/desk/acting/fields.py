"""The fields of a form: what is asked, and what is wrong with what was written."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from services.domain.plan.plan import Title


class Choice(NamedTuple):
    """One of several answers."""

    value: str
    label: Title


class Field(NamedTuple):
    """One field."""

    name: str
    label: Title
    kind: Literal["text", "day", "number", "radio", "select"]
    hint: Title | None = None
    required: bool = True
    choices: tuple[Choice, ...] = ()
    value: str = ""
    """What it begins with."""


class FieldError(Exception):
    """What was written into a field cannot be taken. The sentence says why, and what helps."""

    def __init__(self, field: str, text: Title, keep: str) -> None:
        """`keep`: what stays in the field."""
        super().__init__(text.en)
        self.field = field
        self.text = text
        self.keep = keep


Filled = Mapping[str, str]
"""Name of a field → what was written into it, once it is checked."""


class Checked(NamedTuple):
    """A form as it came."""

    filled: dict[str, str]
    """Of each field what it is shown with, or recorded by."""
    errors: dict[str, Title]
    """Field → what is wrong with it."""
